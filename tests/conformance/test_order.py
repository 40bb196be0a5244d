"""The order of messages, clients that do not read, and clients that vanish."""

from __future__ import annotations

import asyncio
import gc
import socket as sockets
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.asyncio.client import connect

from funasr_wss.engines.base import OfflineRequest, Transcript
from funasr_wss.pipeline import UtterancePipeline
from tests.conformance.recorders import RecordingOnline, only
from tests.fakes import (
    SENTENCES,
    FakeOffline,
    Gate,
    conversation,
    fake_engines,
    recognise,
    silence,
    speech,
)
from tests.serving import (
    END,
    divide,
    eventually,
    one_final,
    serving,
    start,
    talk,
    until_final,
    url,
    utter,
)


@pytest.mark.parametrize("mode", ["2pass", "online"])
def test_no_partial_of_a_sentence_before_the_one_ahead_is_settled(mode: str) -> None:
    gate, online = Gate(), RecordingOnline()
    engines = fake_engines(FakeOffline(only(SENTENCES[0], gate)), online=online)

    async def converse(socket: Any) -> list[dict[str, Any]]:
        await socket.send(start(mode=mode))
        for frame in divide(conversation(0) + speech(3, 2.0), 1920):
            await socket.send(frame)
        await eventually(lambda: online.has_heard(SENTENCES[3]) and gate.entered.is_set())
        await (await socket.ping())
        gate.open()
        await socket.send(silence(0.6))
        await socket.send(END)
        return await until_final(socket)

    messages = talk(converse, engines=engines)
    one_final(messages)
    modes = [m["mode"] for m in messages]
    settled = modes.index("2pass-offline")
    assert messages[settled]["text"] == SENTENCES[0]
    before = "".join(m["text"] for m in messages[:settled])
    assert SENTENCES[0].startswith(before)
    after = [m["text"] for m in messages[settled + 1 :] if m["mode"] == "2pass-online"]
    assert after and SENTENCES[3].startswith("".join(after))


def test_sentences_come_in_the_order_they_were_spoken_whichever_is_ready_first() -> None:
    gate = Gate()
    offline = FakeOffline(only(SENTENCES[0], gate))

    async def converse(socket: Any) -> list[dict[str, Any]]:
        await socket.send(start())
        await socket.send(conversation(0, 1, 2, 3, 4, 5))
        await socket.send(END)
        await eventually(lambda: SENTENCES[5] in [recognise(r.samples) for r in offline.requests])
        gate.open()
        return await until_final(socket)

    messages = talk(converse, engines=fake_engines(offline))
    texts = [m["text"].strip() for m in messages if m["mode"] == "2pass-offline"]
    assert [text for text in texts if text] == SENTENCES
    assert [m["index"] for m in messages if "index" in m] == list(range(6))
    one_final(messages)


def test_no_partial_of_a_sentence_after_its_second_pass() -> None:
    async def converse(socket: Any) -> list[dict[str, Any]]:
        return await utter(socket, divide(conversation(3, 0, 3, 0, 4), 3200), start())

    shown = ""
    for message in talk(converse):
        if message["mode"] == "2pass-online":
            shown += message["text"]
        else:
            assert message["text"].startswith(shown), "a partial that its sentence does not have"
            shown = ""
    assert shown == ""


class Verbose(FakeOffline):
    """A second pass with very long texts."""

    def run(self, batch: Sequence[OfflineRequest]) -> list[Transcript | Exception]:
        self.requests += batch
        return [Transcript("😀" * 50_000) for _ in batch]


def test_client_that_does_not_read_while_it_uploads_gets_everything_later() -> None:
    """More results than the connection can hold wait in the server, and it goes on reading."""
    sentences = 40
    offline = Verbose()
    upload = divide((speech(0, 0.3) + silence(0.5)) * sentences, 1920)

    async def run() -> list[dict[str, Any]]:
        async with serving(fake_engines(offline), idle_timeout_s=0.3) as server:
            raw = sockets.socket()
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 8192)
            raw.connect(("127.0.0.1", server.ports[0]))
            async with connect(url(server), sock=raw, max_queue=1, ping_interval=None) as socket:
                await socket.send(start())
                for frame in upload:
                    await socket.send(frame)
                await socket.send(END)
                await eventually(lambda: len(offline.requests) >= sentences)
                (client,) = server._clients.values()
                assert client._outbox.unfinished, "the connection was large enough for everything"
                await asyncio.sleep(0.5)  # longer than the idle timeout
                return await until_final(socket)

    messages = asyncio.run(run())
    one_final(messages)
    texts = [m["text"] for m in messages if m["mode"] == "2pass-offline" and m["text"]]
    assert [len(text) for text in texts] == [50_000] * sentences


CYCLES = 200


def test_open_and_close_leave_nothing_behind() -> None:
    async def cycle(address: str, kind: int) -> None:
        socket = await connect(address, close_timeout=5)
        if kind == 0:  # says nothing
            await socket.close()
        elif kind == 1:  # one whole utterance
            one_final(await utter(socket, [conversation(0)], start()))
            await socket.close()
        elif kind == 2:  # closes in the middle
            await socket.send(start())
            await socket.send(speech(0))
            await socket.close()
        elif kind == 3:  # vanishes in the middle
            await socket.send(start())
            await socket.send(speech(0))
            socket.transport.abort()
        else:  # vanishes with audio held and results due
            await socket.send(speech(0))
            await socket.send(END)
            await socket.send(speech(1))
            socket.transport.abort()

    async def run() -> None:
        async with serving() as server:
            for kind in range(5):
                await cycle(url(server), kind)
            await eventually(lambda: not server._accepted and not server._clients)
            tasks = len(asyncio.all_tasks())
            for i in range(CYCLES):
                await cycle(url(server), i % 5)
            await eventually(lambda: not server._accepted and not server._clients)
            await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
            assert not server._handlers
            assert server.health()["waiting"] == 0
            gc.collect()
            left = [item for item in gc.get_objects() if isinstance(item, UtterancePipeline)]
            assert len(left) <= 2, "pipelines of closed connections are still referenced"

    asyncio.run(run())


def test_client_that_vanishes_frees_its_place_and_its_work() -> None:
    gate = Gate()
    offline = FakeOffline(gate)

    async def run() -> None:
        engines = fake_engines(offline, workers=1)
        async with serving(engines, max_connections=1) as server:
            socket = await connect(url(server))
            await socket.send(start())
            await socket.send(conversation(0, 1, 2, 3))
            await eventually(lambda: gate.entered.is_set() and server.health()["waiting"] >= 2)
            socket.transport.abort()
            await eventually(lambda: not server._clients and not server._accepted)
            assert server.health()["waiting"] == 0
            gate.open()
            async with connect(url(server)) as other:
                one_final(await utter(other, [conversation(5)], start()))
            heard = [recognise(request.samples) for request in offline.requests]
            assert heard == [SENTENCES[0], SENTENCES[5]]

    asyncio.run(run())


def test_one_slow_engine_call_does_not_hold_up_other_clients() -> None:
    gate = Gate()

    async def run() -> None:
        engines = fake_engines(FakeOffline(only(SENTENCES[0], gate)))
        async with (
            serving(engines) as server,
            connect(url(server)) as slow,
            connect(url(server)) as other,
        ):
            await slow.send(start())
            await slow.send(conversation(0))
            await slow.send(END)
            await eventually(gate.entered.is_set)
            assert (await utter(other, [conversation(1)], start()))[-1]["is_final"]
            gate.open()
            assert one_final(await until_final(slow))

    asyncio.run(run())
