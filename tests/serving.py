"""A real server on a real port with fake engines, and a minimal client, for the tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from funasr_wss.config import ServerConfig
from funasr_wss.recognition import EngineSet
from funasr_wss.server import RecognitionServer
from tests.fakes import fake_engines

DEADLINE = 20.0
"""Seconds after which a test that waits for something fails."""

END = json.dumps({"is_speaking": False})


@asynccontextmanager
async def serving(
    engines: EngineSet | None = None, **options: Any
) -> AsyncIterator[RecognitionServer]:
    """Run a server on a free port; ``server.ports`` tells which."""
    config = ServerConfig(**{"port": 0, "host": "127.0.0.1", **options})
    server = RecognitionServer(config, lambda: engines or fake_engines())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def url(server: RecognitionServer, path: str = "/", listener: int = 0) -> str:
    """Return the address of one of the server's ports."""
    return f"ws://127.0.0.1:{server.ports[listener]}{path}"


def start(**fields: Any) -> str:
    """Return a start config as common clients send it."""
    config = {"mode": "2pass", "chunk_size": [5, 10, 5], "wav_name": "t", "is_speaking": True}
    return json.dumps({**config, **fields}, ensure_ascii=False)


def read(raw: str | bytes) -> dict[str, Any]:
    """Parse a message of the server; it must be text and have the four keys, rightly typed."""
    assert isinstance(raw, str), "results are text frames"
    message = json.loads(raw)
    types = {key: type(message.get(key)) for key in ("mode", "text", "wav_name", "is_final")}
    assert types == {"mode": str, "text": str, "wav_name": str, "is_final": bool}, raw
    assert isinstance(message.get("timestamp", ""), str)
    return dict(message)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message, checked; fails after the deadline."""
    async with asyncio.timeout(DEADLINE):
        return read(await socket.recv())


async def everything(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return the messages that are left until the server closes the connection."""
    messages = []
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionClosed):
            while True:
                messages.append(read(await socket.recv()))
    return messages


async def eventually(condition: Callable[[], object]) -> None:
    """Return once a condition that nothing announces is true; fails after the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.002)


async def until_final(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return all messages up to and including the first with ``is_final`` true."""
    messages = []
    while True:
        messages.append(await receive(socket))
        if messages[-1]["is_final"]:
            return messages


async def nothing_more(socket: ClientConnection) -> None:
    """Assert that no message came after those read: everything sent before a pong has arrived."""
    async with asyncio.timeout(DEADLINE):
        await (await socket.ping())
    try:
        async with asyncio.timeout(0.05):
            message = await socket.recv()
    except TimeoutError:
        return
    raise AssertionError(f"unexpected message {message!r}")


async def utter(
    socket: ClientConnection, frames: Iterable[bytes], config: str | None = None, end: str = END
) -> list[dict[str, Any]]:
    """Send one whole utterance and return its messages."""
    if config is not None:
        await socket.send(config)
    for frame in frames:
        await socket.send(frame)
    await socket.send(end)
    return await until_final(socket)


def divide(data: bytes, size: int) -> list[bytes]:
    """Cut bytes into frames of ``size``."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def talk(
    conversation: Callable[[ClientConnection], Awaitable[Any]],
    *,
    engines: EngineSet | None = None,
    path: str = "/",
    **options: Any,
) -> Any:
    """Run one conversation with a fresh server and return its result."""

    async def run() -> Any:
        async with serving(engines, **options) as server, connect(url(server, path)) as socket:
            return await conversation(socket)

    return asyncio.run(run())


def one_final(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the final; assert that it is the only one and the last message."""
    assert [m["is_final"] for m in messages] == [False] * (len(messages) - 1) + [True], messages
    return messages[-1]


def offline_texts(messages: Iterable[dict[str, Any]]) -> list[str]:
    """Return the texts of second-pass results, empty ones left out."""
    return [m["text"] for m in messages if m["mode"] == "2pass-offline" and m["text"]]
