"""Results depend on the samples, never on how they were cut into frames."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection

from tests.conformance.recorders import RecordingOnline
from tests.fakes import SENTENCES, conversation, fake_engines, silence, speech
from tests.serving import (
    END,
    divide,
    one_final,
    receive,
    start,
    talk,
    until_final,
    utter,
)

SPOKEN = conversation(0, 2, 4, 1, 3)
TEXTS = [
    "今天天气怎么样？", "Hello there.", " Number five is here.", "我们出发吧。",
    "第四句话在这里，说完了。",
]  # fmt: skip
FRAMES = {"10 ms": 320, "20 ms": 640, "60 ms": 1920, "1 MB": 1 << 20, "odd": 641, "one": 1 << 30}


def results(frames: list[bytes], mode: str = "2pass") -> list[Any]:
    """Return text, times and words of every second-pass result of one utterance."""

    async def converse(socket: ClientConnection) -> list[dict[str, Any]]:
        return await utter(socket, frames, start(mode=mode))

    messages = talk(converse)
    one_final(messages)
    return [
        [m["text"], m.get("start_time"), m.get("end_time"), m.get("stamp_sents")]
        for m in messages
        if m["mode"] != "2pass-online" and m["text"]
    ]


@pytest.mark.parametrize("name", FRAMES)
def test_2pass_is_the_same_for_every_frame_size(name: str) -> None:
    found = results(divide(SPOKEN, FRAMES[name]))
    assert [text for text, *_ in found] == TEXTS
    assert [(begin, end) for _, begin, end, _ in found] == [
        (400 + 1600 * i, 1600 + 1600 * i) for i in range(5)
    ]
    assert found == results(divide(SPOKEN, 1920))


@pytest.mark.parametrize("name", FRAMES)
def test_offline_is_the_same_for_every_frame_size(name: str) -> None:
    found = results(divide(SPOKEN, FRAMES[name]), "offline")
    assert [text for text, *_ in found] == ["".join(TEXTS)]
    assert found == results(divide(SPOKEN, 1920), "offline")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(SPOKEN)), max_size=60))
def test_2pass_is_the_same_for_random_frames(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SPOKEN)]
    frames = [SPOKEN[a:b] for a, b in pairwise(edges)]
    assert [row[:3] for row in results(frames)] == [
        [text, 400 + 1600 * i, 1600 + 1600 * i] for i, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize("chunk", [10, 15, 20])
@pytest.mark.parametrize("frame", [320, 640, 641, 1920, 12800])
def test_partials_are_counted_in_samples(frame: int, chunk: int) -> None:
    """Whatever the frame size, the first pass gets 60 ms times the middle chunk size; a third of it
    for the first words, as nobody else keeps the engines busy."""
    online = RecordingOnline()
    interval = chunk * 960
    spoken = silence(0.5) + speech(3, 2.5)
    beginning = 8000 - 1600  # the padding before the first loud sample

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start(chunk_size=[5, chunk, 5]))
        sent, heard, shown = 0, beginning, ""
        for piece in divide(spoken, frame):
            await socket.send(piece)
            sent += len(piece)
            if sent // 2 - heard >= (interval if shown else interval // 3):
                heard = sent // 2
                # The text is longer than what is heard of it, so every request has an answer.
                message = await receive(socket)
                assert message["mode"] == "2pass-online" and message["text"]
                shown += message["text"]
                assert SENTENCES[3].startswith(shown)
        await socket.send(END)
        await until_final(socket)

    talk(converse, engines=fake_engines(online=online))
    first, *others = online.sizes
    assert interval // 3 <= first < interval // 3 + frame
    assert all(interval <= size < interval + frame for size in others)
    assert others
