"""Input that no honest client sends: one clear answer, and the server lives."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from tests.fakes import SENTENCES, conversation, silence, speech
from tests.serving import (
    END,
    divide,
    everything,
    offline_texts,
    one_final,
    serving,
    start,
    talk,
    url,
    utter,
)

SPOKEN = conversation(0)


async def still_lives(server: Any) -> None:
    async with connect(url(server)) as socket:
        assert offline_texts(await utter(socket, [SPOKEN], start())) == [SENTENCES[0]]


def refused(frames: list[str | bytes], code: int, close: int, **options: Any) -> dict[str, Any]:
    """Send frames until the server closes; return the final after checking it."""

    async def run() -> dict[str, Any]:
        async with serving(**options) as server:
            async with connect(url(server)) as socket:
                reading = asyncio.create_task(everything(socket))
                try:
                    for frame in frames:
                        await socket.send(frame)
                except Exception:
                    pass  # closed while sending, which is the point
                messages = await reading
                assert socket.close_code == close
            await still_lives(server)
            return one_final(messages)

    final = asyncio.run(run())
    assert final["error_code"] == code
    assert final["error_message"].endswith(".")
    return final


def test_garbage_of_every_kind() -> None:
    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        for garbage in (os.urandom(3), "\x00\x01", "{" * 1000, b"", "", os.urandom(1), "你好"):
            await socket.send(garbage)
        one_final(await utter(socket, []))
        messages = await utter(socket, [SPOKEN], start())
        assert offline_texts(messages) == [SENTENCES[0]]

    talk(converse)


@pytest.mark.parametrize("mode", ["2pass", "offline"])
def test_binary_that_is_no_audio_is_some_audio(mode: str) -> None:
    """Raw audio has no signature, so any bytes are audio; the answer is a final all the same."""

    async def converse(socket: ClientConnection) -> None:
        frames = divide(os.urandom(100_001), 1000)
        assert "error_code" not in one_final(await utter(socket, frames, start(mode=mode)))

    talk(converse)


@pytest.mark.parametrize("mode", ["2pass", "offline"])
def test_frames_of_one_byte(mode: str) -> None:
    async def converse(socket: ClientConnection) -> None:
        frames = divide(speech(0, 0.1), 1)
        messages = await utter(socket, frames, start(mode=mode))
        text = "".join(m["text"] for m in messages if m["mode"] != "2pass-online")
        assert (len(frames), text) == (3200, SENTENCES[0])

    talk(converse)


@pytest.mark.parametrize("size", [2**20 + 1, 40 * 2**20])
def test_message_above_the_cap(size: int) -> None:
    final = refused(
        [start(wav_name="big"), SPOKEN, bytes(size), END], "message_too_big", 1009,
        max_message_mb=1,
    )  # fmt: skip
    assert final["wav_name"] == "big"


def test_first_message_above_the_cap() -> None:
    final = refused([bytes(2**21)], "message_too_big", 1009, max_message_mb=1)
    assert (final["text"], final["wav_name"]) == ("", "microphone")


def test_message_above_the_cap_in_fragments() -> None:
    async def run() -> None:
        async with serving(max_message_mb=1) as server:
            async with connect(url(server)) as socket:
                reading = asyncio.create_task(everything(socket))
                with pytest.raises(Exception, match="1009"):
                    await socket.send([bytes(2**19)] * 400)
                assert one_final(await reading)["error_code"] == "message_too_big"
            await still_lives(server)

    asyncio.run(run())


def test_message_at_the_cap() -> None:
    frames = [silence(2**20 / 32000 - 2) + speech(0, 2)]
    assert len(frames[0]) == 2**20

    async def converse(socket: ClientConnection) -> None:
        assert offline_texts(await utter(socket, frames, start())) == [SENTENCES[0]]

    talk(converse, max_message_mb=1)


def test_long_text_frame_is_ignored() -> None:
    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send('{"is_speaking":false,"x":"' + "x" * 2**19 + '"}')
        assert offline_texts(await utter(socket, [SPOKEN])) == [SENTENCES[0]]

    talk(converse)


def test_text_that_is_not_utf_8() -> None:
    async def run() -> None:
        async with serving() as server:
            async with connect(url(server)) as socket:
                await socket.send(start(wav_name="odd"))
                await socket.send(SPOKEN)
                async with socket.send_context():
                    socket.protocol.send_frame(Frame(Opcode.TEXT, b'{"wav_name":"\xff\xfe"}'))
                messages = await everything(socket)
                assert socket.close_code == 1007
            final = one_final(messages)
            assert (final["error_code"], final["wav_name"]) == ("invalid_text", "odd")
            await still_lives(server)

    asyncio.run(run())


def test_broken_websocket_frame() -> None:
    async def run() -> None:
        async with serving() as server:
            async with connect(url(server)) as socket:
                await socket.send(start())
                await socket.send(SPOKEN)
                socket.transport.write(b"\xff\xff\xff\xff\xff\xff")  # reserved bits and opcode
                messages = await everything(socket)
                assert socket.close_code == 1002
            assert one_final(messages)["error_code"] == "protocol_error"
            await still_lives(server)

    asyncio.run(run())


@pytest.mark.parametrize("mode", ["2pass", "offline"])
@pytest.mark.parametrize("size", [1920, 1 << 20])
def test_utterance_longer_than_allowed(mode: str, size: int) -> None:
    """What was heard before is answered; the client need not send an end."""
    frames = [start(mode=mode, wav_name="long"), *divide(SPOKEN + silence(30), size)]
    final = refused(frames, "audio_too_long", 1009, max_utterance_s=5.0)
    assert final["wav_name"] == "long"


def test_utterance_as_long_as_allowed() -> None:
    async def converse(socket: ClientConnection) -> None:
        for _ in range(2):  # the limit is that of an utterance, not of a connection
            frames = divide(SPOKEN + silence(5.0 - len(SPOKEN) / 32000), 1920)
            messages = await utter(socket, frames, start())
            assert "error_code" not in one_final(messages)

    talk(converse, max_utterance_s=5.0)
