"""The package ``funasr-client``, asyncio interface: its users get the whole text and all times.

Its synchronous interface waits for a lock that it holds itself when it closes, with any server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.running import WHOLE, recording, use_client

pytestmark = pytest.mark.clients

FILE = """
import asyncio, json, sys
from funasr_client import async_file_asr

uri, path, mode = sys.argv[1:]
result = async_file_asr(path, uri, mode=mode or None, start_time=1_000_000)
print(json.dumps(asyncio.run(result)))
"""
"""A file through the function that joins the messages."""

STREAM = """
import asyncio, json, sys, wave
from funasr_client import async_funasr_client

async def main(uri, path, mode):
    messages, heard = [], asyncio.Event()

    async def receive(message):
        messages.append(message)
        heard.set()

    client = async_funasr_client(uri, mode=mode, callback=receive)
    await client.connect()
    with wave.open(path) as file:
        await client.send(file.readframes(20000))
        if mode != "offline":
            await asyncio.wait_for(heard.wait(), 30)
        while data := file.readframes(960):
            await client.send(data)
    await client.close()
    print(json.dumps(messages))

asyncio.run(main(*sys.argv[1:]))
"""
"""A stream with a callback, whose first words are answered before it goes on; closing waits for
the final."""


@pytest.fixture
def run(client_python: Callable[[str], Path], tmp_path: Path) -> Callable[..., Any]:
    def run(program: str, mode: str, *, tail: bool = True) -> Any:
        path = recording(tmp_path / "speech.wav", tail=tail)
        return use_client([client_python("funasr-client"), "-c", program], path, mode)

    return run


@pytest.mark.parametrize("mode", ["2pass", "online", ""])
@pytest.mark.parametrize("tail", [True, False])
def test_a_file_gives_the_whole_text(run: Callable[..., Any], mode: str, tail: bool) -> None:
    result = run(FILE, mode, tail=tail)
    assert result["text"] == WHOLE
    assert result["wav_name"] == "speech.wav"


def test_a_file_gives_the_times_of_all_sentences(run: Callable[..., Any]) -> None:
    result = run(FILE, "2pass")
    stamps = result["stamp_sents"]
    assert [stamp["punc"] for stamp in stamps] == ["？", ".", ".", "。"]
    assert [stamp["start"] for stamp in stamps] == sorted(stamp["start"] for stamp in stamps)
    assert [stamp["start"] + 1_000_000 for stamp in stamps] == [
        stamp["start"] for stamp in result["real_stamp_sents"]
    ]
    assert all(start <= end for start, end in result["timestamp"])


def test_a_stream_gives_partials_and_every_sentence_once(run: Callable[..., Any]) -> None:
    messages = run(STREAM, "2pass")
    sentences = [m["text"] for m in messages if m["mode"] == "2pass-offline"]
    assert "".join(sentences) == WHOLE
    assert messages[0]["mode"] == "2pass-online"
    assert [m["is_final"] for m in messages] == [False] * (len(messages) - 1) + [True]


def test_offline_gives_one_message(run: Callable[..., Any]) -> None:
    (message,) = run(STREAM, "offline")
    assert (message["mode"], message["text"], message["is_final"]) == ("offline", WHOLE, True)
