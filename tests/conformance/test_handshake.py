"""Whoever offers whatever in the handshake is served."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_sync
from websockets.typing import Subprotocol

from funasr_wss.server import RecognitionServer
from tests.fakes import SENTENCES, conversation
from tests.serving import END, divide, one_final, read, serving, start, until_final, url

OFFERS = [
    (None, None),
    (["binary"], "binary"),
    (["chat"], None),
    (["chat", "binary"], "binary"),
    (["binary", "chat"], "binary"),
    (["base64", "v1.other"], None),
]
PATHS = ["/", "", "/ws", "/3f2a9c1e-77aa/deep/er", "/?token=x", "/%E4%BD%A0?a=b&a=c"]
SPEECH = conversation(0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return {"certfile": str(folder / "cert.pem"), "keyfile": str(folder / "key.pem")}


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def unverified() -> ssl.SSLContext:
    """What most clients of these servers use."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def served(address: str, offer: Sequence[str] | None, **options: Any) -> str | None:
    """Recognise something on a new connection; return the subprotocol that was chosen."""
    async with connect(
        address, subprotocols=offer and [Subprotocol(name) for name in offer], **options
    ) as socket:
        for frame in [start(), *divide(SPEECH, 1920), END]:
            await socket.send(frame)
        messages = await until_final(socket)
        assert one_final(messages) and SENTENCES[0] in [m["text"] for m in messages]
        return socket.subprotocol


def served_sync(address: str, offer: Sequence[str] | None, **options: Any) -> str | None:
    """The same with a client that blocks."""
    with connect_sync(
        address, subprotocols=offer and [Subprotocol(name) for name in offer], **options
    ) as socket:
        for frame in [start(), *divide(SPEECH, 1920), END]:
            socket.send(frame)
        messages = [read(socket.recv(timeout=20))]
        while not messages[-1]["is_final"]:
            messages.append(read(socket.recv(timeout=20)))
        assert SENTENCES[0] in [m["text"] for m in messages]
        return socket.subprotocol


def test_every_subprotocol_offer_is_accepted_and_binary_is_echoed() -> None:
    async def run() -> None:
        async with serving() as server:
            for offer, expected in OFFERS:
                assert await served(url(server), offer) == expected, offer
                chosen = await asyncio.to_thread(served_sync, url(server), offer)
                assert chosen == expected, offer

    asyncio.run(run())


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_accepted(path: str) -> None:
    async def run() -> None:
        async with serving() as server:
            await served(url(server, path), ["binary"])

    asyncio.run(run())


def test_wss(certificate: dict[str, str], authority: trustme.CA) -> None:
    async def run() -> None:
        async with serving(**certificate) as server:
            address = url(server, "/any").replace("ws://", "wss://")
            for context in (trusting(authority), unverified()):
                for offer, expected in OFFERS[:4]:
                    assert await served(address, offer, ssl=context) == expected
            chosen = await asyncio.to_thread(
                served_sync, address, ["binary"], ssl=trusting(authority)
            )
            assert chosen == "binary"

    asyncio.run(run())


def test_plain_client_at_the_wss_port_does_no_harm(
    certificate: dict[str, str], authority: trustme.CA
) -> None:
    async def run() -> None:
        async with serving(**certificate) as server:
            with pytest.raises((OSError, EOFError, Exception)):
                async with connect(url(server), open_timeout=2):
                    pass
            address = url(server).replace("ws://", "wss://")
            assert await served(address, None, ssl=trusting(authority)) is None

    asyncio.run(run())


async def handshake(server: RecognitionServer, *headers: str, target: str = "/") -> str:
    """Send a handshake with these header lines and return the status line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{server.ports[0]}",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    writer.write("".join(line + "\r\n" for line in [*lines, ""]).encode())
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.transport.abort()
    return status.decode().strip()


@pytest.mark.parametrize(
    "headers",
    [
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Origin: null"),
        ("connection: upgrade", "upgrade: websocket", "Origin: https://elsewhere.example"),
        ("Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket"),
        (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol: a, b",
            "Sec-WebSocket-Protocol: binary",
        ),
    ],
    ids=["plain", "firefox", "lower case", "two connection headers", "extensions"],
)
def test_header_variants_of_browsers_and_libraries(headers: tuple[str, ...]) -> None:
    async def run() -> None:
        async with serving() as server:
            assert "101" in await handshake(server, *headers)

    asyncio.run(run())


def test_compression_may_be_offered_or_not() -> None:
    async def run() -> None:
        async with serving() as server:
            await served(url(server), None, compression="deflate")
            await served(url(server), None, compression=None)

    asyncio.run(run())
