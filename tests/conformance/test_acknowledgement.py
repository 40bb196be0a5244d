"""The acknowledgement of ``is_end:true``: after the final, on request only."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conformance.recorders import fail
from tests.fakes import SENTENCES, FakeOffline, conversation, fake_engines
from tests.serving import END, nothing_more, one_final, receive, start, talk, utter

END_ACK = json.dumps({"is_speaking": False, "is_end": True})
MODES = {"2pass": "2pass", "online": "2pass", "offline": "offline"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", [END_ACK, '{"is_end":true}'])
def test_success(mode: str, end: str) -> None:
    async def converse(socket: ClientConnection) -> None:
        messages = await utter(socket, [conversation(0)], start(mode=mode, wav_name="a"), end)
        final = one_final(messages)
        assert "is_end" not in final
        assert "".join(m["text"] for m in messages if m["mode"] != "2pass-online") == SENTENCES[0]
        assert await receive(socket) == {
            "mode": MODES[mode], "wav_name": "a", "text": "", "is_final": True, "is_end": True,
        }  # fmt: skip
        await nothing_more(socket)

    talk(converse)


@pytest.mark.parametrize("mode", MODES)
def test_failure(mode: str) -> None:
    async def converse(socket: ClientConnection) -> None:
        config = start(mode=mode, wav_name="a")
        final = one_final(await utter(socket, [conversation(0)], config, END_ACK))
        assert (final["text"], final["error_code"]) == ("", "recognition_failed")
        assert await receive(socket) == {
            "mode": MODES[mode], "wav_name": "a", "text": "", "is_final": False, "is_end": True,
            "error": "decode failed",
        }  # fmt: skip
        await nothing_more(socket)

    talk(converse, engines=fake_engines(FakeOffline(fail)))


def test_failure_to_read_the_audio() -> None:
    async def converse(socket: ClientConnection) -> None:
        config = start(mode="offline", wav_format="mp3")
        one_final(await utter(socket, [b"no audio" * 999], config, END_ACK))
        assert (await receive(socket))["error"] == "decode failed"

    talk(converse)


def test_without_audio() -> None:
    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [], start(), END_ACK))
        assert (await receive(socket))["is_end"] is True
        await nothing_more(socket)

    talk(converse)


def test_every_repeated_end_is_acknowledged() -> None:
    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [conversation(0)], start(), END_ACK))
        assert (await receive(socket))["is_end"] is True
        for _ in range(2):
            await socket.send(END_ACK)
            assert (await receive(socket))["is_end"] is True
        await socket.send(END)
        await nothing_more(socket)

    talk(converse)


def test_an_error_of_one_utterance_is_not_told_of_the_next() -> None:
    calls: list[object] = []

    def fail_once(request: object) -> None:
        calls.append(request)
        if len(calls) == 1:
            raise RuntimeError("second pass broken on purpose")

    async def converse(socket: ClientConnection) -> None:
        for error in ("decode failed", None):
            messages = await utter(socket, [conversation(0)], start(), END_ACK)
            assert ("error_code" in one_final(messages)) == bool(error)
            assert (await receive(socket)).get("error") == error

    talk(converse, engines=fake_engines(FakeOffline(fail_once)))
