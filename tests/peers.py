"""Scripted servers for the tests of the client: well-behaved, foreign and broken ones."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

SENTENCES = ("今天天气怎么样？", "我们出发吧。", "Hello there.", " Number four.")
SECOND = bytes(32000)
"""One second of 16 kHz PCM, recognised as the next of ``SENTENCES``."""


@dataclass(slots=True)
class Utterance:
    """What a server received for one utterance."""

    config: dict[str, Any]
    audio: bytes = b""
    packets: list[int] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)


class Peer:
    """One scripted connection: reads like a server, remembers everything."""

    def __init__(self, socket: ServerConnection, seen: list[Utterance]) -> None:
        self.socket, self.seen = socket, seen

    async def say(self, mode: str, text: str, *, final: bool = False, **more: object) -> None:
        name = self.seen[-1].config.get("wav_name", "") if self.seen else ""
        message = {"mode": mode, "text": text, "wav_name": name, "is_final": final, **more}
        await self.socket.send(json.dumps(message, ensure_ascii=False))

    async def acknowledge(self, **more: object) -> None:
        await self.say("2pass", "", **{"final": True, "is_end": True, **more})

    async def utterance(
        self, *, each_second: Callable[[int], Awaitable[None]] | None = None
    ) -> Any:
        """Read up to the end frame; call ``each_second`` for every second of audio."""
        utterance = Utterance(json.loads(await self.socket.recv()))
        self.seen.append(utterance)
        async for frame in self.socket:
            if isinstance(frame, str):
                utterance.end = json.loads(frame)
                return utterance
            before = len(utterance.audio) // len(SECOND)
            utterance.audio += frame
            utterance.packets.append(len(frame))
            for second in range(before, len(utterance.audio) // len(SECOND)):
                if each_second is not None:
                    await each_second(second)
        raise ConnectionResetError


Script = Callable[[Peer], Awaitable[None]]


def stamps(text: str, start: int) -> dict[str, object]:
    """Return the time fields of a sentence: 100 ms for every character or word."""
    core = text.strip().rstrip("。？.")
    tokens = core.split() if core.isascii() else list(core)
    pairs = [[start + 100 * i, start + 100 * i + 100] for i in range(len(tokens))]
    stamp = {
        "text_seg": " ".join(tokens),
        "punc": text[-1],
        "start": start,
        "end": pairs[-1][1],
        "ts_list": pairs,
    }
    return {"stamp_sents": [stamp]}


async def proper(peer: Peer) -> None:
    """Two partials and a sentence a second; the last sentence is the final; acknowledges."""

    async def partials(second: int) -> None:
        if second:
            await sentence(second - 1, final=False)
        text = SENTENCES[second % len(SENTENCES)]
        await peer.say("2pass-online", text[:2])
        await peer.say("2pass-online", text[2:-1])

    async def sentence(second: int, *, final: bool) -> None:
        text = SENTENCES[second % len(SENTENCES)]
        await peer.say("2pass-offline", text, final=final, **stamps(text, second * 1000))

    while True:
        utterance = await peer.utterance(each_second=partials)
        offline = utterance.config["mode"] == "offline"
        seconds = len(utterance.audio) // len(SECOND)
        if not seconds:
            await peer.say("offline" if offline else "2pass-offline", "", final=True)
        else:
            await sentence(seconds - 1, final=True)
        if utterance.end.get("is_end"):
            await peer.acknowledge()


async def whole_file(peer: Peer) -> None:
    """Answer an offline upload with one message of two sentences."""
    utterance = await peer.utterance()
    assert utterance.config["mode"] == "offline"
    texts = SENTENCES[:2]
    times = [stamps(text, 1000 * index)["stamp_sents"] for index, text in enumerate(texts)]
    await peer.say("offline", "".join(texts), final=True, stamp_sents=[*times[0], *times[1]])
    await peer.acknowledge()


@asynccontextmanager
async def peer_server(
    script: Script = proper,
    *,
    tls: ssl.SSLContext | None = None,
    status: int = 0,
    requests: list[Headers] | None = None,
) -> AsyncIterator[tuple[str, list[Utterance]]]:
    """Run a scripted server on a free port; yields its address and what it received.

    ``status``: refuse every handshake with this HTTP status.
    """
    seen: list[Utterance] = []

    async def handle(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed, ConnectionResetError):
            await script(Peer(socket, seen))

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        if requests is not None:
            requests.append(request.headers)
        return connection.respond(status, "no\n") if status else None  # type: ignore[arg-type]

    async with serve(
        handle, "127.0.0.1", 0, ssl=tls, process_request=refuse, max_size=None, ping_interval=None,
        select_subprotocol=lambda _, offered: "binary" if "binary" in offered else None,  # type: ignore[arg-type, return-value]
    ) as server:  # fmt: skip
        port = server.sockets[0].getsockname()[1]
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/", seen


@contextmanager
def peer_thread(script: Script = proper, **options: Any) -> Iterator[tuple[str, list[Utterance]]]:
    """Like ``peer_server``, in a thread of its own."""
    ready = threading.Event()
    started: list[Any] = []

    async def run() -> None:
        done = asyncio.Event()
        async with peer_server(script, **options) as server:
            started.extend((server, asyncio.get_running_loop(), done))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    server, loop, done = started
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        assert not thread.is_alive()
