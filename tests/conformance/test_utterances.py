"""Several utterances on one connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conformance.recorders import only, wav
from tests.fakes import SENTENCES, FakeOffline, Gate, conversation, fake_engines, silence, speech
from tests.serving import (
    END,
    divide,
    eventually,
    nothing_more,
    offline_texts,
    one_final,
    receive,
    start,
    talk,
    until_final,
    utter,
)


@pytest.mark.parametrize("mode", ["2pass", "offline", "online"])
@pytest.mark.parametrize("count", [2, 10])
def test_one_after_the_other(count: int, mode: str) -> None:
    async def converse(socket: ClientConnection) -> None:
        for i in range(count):
            frames = divide(conversation(i % 2), 1920)
            messages = await utter(socket, frames, start(mode=mode, wav_name=f"n{i}"))
            one_final(messages)
            assert {m["wav_name"] for m in messages} == {f"n{i}"}
            assert SENTENCES[i % 2] in [m["text"] for m in messages]
            times = {m["start_time"] for m in messages if m.get("start_time") is not None}
            assert times == {400}, "the clock starts anew"
        await nothing_more(socket)

    talk(converse)


def test_settings_persist_without_a_new_config() -> None:
    async def converse(socket: ClientConnection) -> None:
        for config in (start(mode="offline", wav_name="kept"), None, '{"is_speaking":true}'):
            messages = await utter(socket, [conversation(1)], config)
            assert [(m["mode"], m["wav_name"], m["text"]) for m in messages] == [
                ("offline", "kept", SENTENCES[1])
            ]

    talk(converse)


@pytest.mark.parametrize("count", [2, 10, 40])
def test_next_one_may_start_before_the_final_of_the_previous(count: int) -> None:
    gate = Gate()
    offline = FakeOffline(only(SENTENCES[0], gate))

    async def converse(socket: ClientConnection) -> None:
        for i in range(count):
            await socket.send(start(wav_name=f"n{i}"))
            await socket.send(speech(0 if i == 0 else 1 + i % 2))
            await socket.send(END)
            if i == min(count - 1, 12):
                # The others are recognised, but the first one must be answered first.
                await eventually(lambda i=i: len(offline.requests) > i)  # type: ignore[misc]
                gate.open()
        names = []
        for i in range(count):
            messages = await until_final(socket)
            one_final(messages)
            names += [{m["wav_name"] for m in messages}]
            texts = "".join(offline_texts(messages))
            assert texts == SENTENCES[0 if i == 0 else 1 + i % 2]
        assert names == [{f"n{i}"} for i in range(count)]
        await nothing_more(socket)

    talk(converse, engines=fake_engines(offline))


def test_a_header_is_looked_for_in_every_utterance() -> None:
    async def converse(socket: ClientConnection) -> None:
        for data in (wav(conversation(0)), conversation(0), wav(conversation(0))):
            messages = await utter(socket, divide(data, 960), start())
            assert offline_texts(messages) == [SENTENCES[0]]

    talk(converse)


def test_repeated_end_is_ignored() -> None:
    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [conversation(0)], start()))
        for _ in range(3):
            await socket.send(END)
        await nothing_more(socket)
        one_final(await utter(socket, [conversation(1)], start(wav_name="b")))
        await nothing_more(socket)

    talk(converse)


def test_end_twice_in_a_row() -> None:
    async def converse(socket: ClientConnection) -> None:
        for frame in (start(), conversation(0), END, END):
            await socket.send(frame)
        one_final(await until_final(socket))
        await nothing_more(socket)

    talk(converse)


def test_config_and_end_without_audio_every_time() -> None:
    async def converse(socket: ClientConnection) -> None:
        for i in range(3):
            (final,) = await utter(socket, [], start(wav_name=f"n{i}"))
            assert (final["wav_name"], final["text"], final["is_final"]) == (f"n{i}", "", True)
        await nothing_more(socket)

    talk(converse)


def test_speech_after_the_end_is_an_utterance_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funasr_wss.connection.HOLD_SECONDS", 0.05)

    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [conversation(0)], start(wav_name="kept")))
        for frame in divide(conversation(1, 2), 1920):
            await socket.send(frame)
        messages = [await receive(socket)]
        while messages[-1]["mode"] == "2pass-online":
            messages.append(await receive(socket))
        assert messages[-1]["text"] == SENTENCES[1]
        assert messages[-1]["wav_name"] == "kept"
        await socket.send(END)
        one_final(await until_final(socket))
        await nothing_more(socket)

    talk(converse)


@pytest.mark.parametrize("hold", [0.02, 1.0])
def test_silence_after_the_end_gives_no_message(
    hold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funasr_wss.connection.HOLD_SECONDS", hold)

    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [conversation(0)], start()))
        for frame in divide(silence(0.3), 1920):
            await socket.send(frame)
        await nothing_more(socket)
        await nothing_more(socket)
        messages = await utter(socket, [conversation(1)], start(wav_name="next"))
        one_final(messages)
        assert {m["wav_name"] for m in messages} == {"next"}
        assert offline_texts(messages) == [SENTENCES[1]]
        assert [m["start_time"] for m in messages if "start_time" in m] == [400]
        await nothing_more(socket)

    talk(converse)


def test_silence_after_the_end_gives_no_message_at_the_goodbye(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither now nor at the goodbye: nobody asked for a second final."""
    monkeypatch.setattr("funasr_wss.connection.HOLD_SECONDS", 0.02)

    async def converse(socket: ClientConnection) -> list[Any]:
        one_final(await utter(socket, [conversation(0)], start()))
        await socket.send(silence(0.1))
        return [json.loads(message) async for message in socket]

    assert talk(converse, idle_timeout_s=0.2) == []
