"""The package ``funasr-python``: it returns the text of the final alone, which must be all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import WHOLE, recording, use_client

pytestmark = pytest.mark.clients

FILES = """
import asyncio, json, sys
from funasr_client import AsyncFunASRClient
from funasr_client.callbacks import SimpleCallback
from funasr_client.models import RecognitionMode

async def main(uri, mode, *paths):
    partials, errors, texts = [], [], []
    callback = SimpleCallback(
        on_partial=lambda result: partials.append(result.text),
        on_error=lambda error: errors.append(str(error)),
    )
    client = AsyncFunASRClient(server_url=uri, mode=RecognitionMode(mode))
    for path in paths:
        texts.append((await client.recognize_file(path, callback)).text)
    await client.close()
    print(json.dumps({"texts": texts, "partials": partials, "errors": errors}))

asyncio.run(main(*sys.argv[1:]))
"""
"""Files one after the other, on a pooled connection."""

PRESET = """
import json, sys
from funasr_client import create_client

uri, preset, path = sys.argv[1:]
client = create_client(server_url=uri, preset=preset)
print(json.dumps(client.recognize_file(path).text))
"""
"""The synchronous interface with a preset: ``low_latency`` is online in packets of 5 ms."""


@pytest.fixture
def run(client_python: Callable[[str], Path], tmp_path: Path) -> Callable[..., Any]:
    def run(program: str, *arguments: str | Path) -> Any:
        return use_client([client_python("funasr-python"), "-c", program], *arguments)

    return run


@pytest.mark.parametrize("mode", ["2pass", "online", "offline"])
def test_files_give_the_whole_text(run: Callable[..., Any], mode: str, tmp_path: Path) -> None:
    with_tail = recording(tmp_path / "with_tail.wav")
    without = recording(tmp_path / "without.wav", tail=False)
    result = run(FILES, mode, with_tail, without)
    assert result["texts"] == [WHOLE, WHOLE]
    assert result["errors"] == []


def test_a_preset_gives_the_whole_text(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run(PRESET, "low_latency", recording(tmp_path / "speech.wav")) == WHOLE
