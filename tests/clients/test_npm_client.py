"""The npm package ``funasr-client``: every sentence once, and closing returns at the final."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import WHOLE, recording, use_client

pytestmark = pytest.mark.clients

STREAM = """
import { readFileSync } from 'node:fs'
import WebSocket from 'ws'
import { FunASRClient } from 'funasr-client'

globalThis.WebSocket ??= WebSocket
const [url, path, mode] = process.argv.slice(2)
const messages = []
const onMessage = message => messages.push(message)
const config = mode ? { mode } : undefined
const client = new FunASRClient({ url, decode: true, startTime: 1000000, config, onMessage })
await client.connect()
const audio = readFileSync(path).subarray(44)
for (let at = 0; at < audio.length; at += 1920) {
  client.send(Uint8Array.from(audio.subarray(at, at + 1920)))
}
await client.close()
console.log(JSON.stringify(messages))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the program, where Node finds the installed package."""
    installed = Path(sys.prefix) / "clients" / "npm" / "node_modules"
    if shutil.which("npm") is None and not installed.is_dir():
        pytest.skip("optional: npm not found, which installs the client for Node.js")
    assert installed.is_dir(), "the npm client is not installed: run ./run_tests.sh"
    (tmp_path / "node_modules").symlink_to(installed)
    (tmp_path / "program.mjs").write_text(STREAM)
    return tmp_path


def stream(folder: Path, mode: str) -> Any:
    command = ["node", folder / "program.mjs"]
    return use_client(command, recording(folder / "speech.wav"), mode, cwd=folder)


@pytest.mark.parametrize("mode", ["2pass", "online", ""])
def test_a_stream_gives_every_sentence_once(folder: Path, mode: str) -> None:
    messages = stream(folder, mode)
    assert "".join(m["text"] for m in messages if m["mode"] == "2pass-offline") == WHOLE
    assert [m["is_final"] for m in messages] == [False] * (len(messages) - 1) + [True]
    assert any(m.get("real_timestamp") for m in messages)


def test_offline_gives_one_message(folder: Path) -> None:
    (message,) = stream(folder, "offline")
    assert (message["mode"], message["text"], message["is_final"]) == ("offline", WHOLE, True)
