"""What the server needs of sockets beyond the WebSocket library: TLS, lost peers, last words."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State as SocketState
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from .config import ConfigError, ServerConfig

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 4}
"""Finds half-open connections after about 140 s without WebSocket pings, which would kill
clients that do not read while they upload."""

TCP_ESTABLISHED = 1
"""First byte of Linux's ``struct tcp_info`` while both ends are open."""


class Connection(ServerConnection):
    """A WebSocket connection that can say last words when the library closes it for a fault."""

    last_words: Callable[[int, list[str]], list[str]] | None = None
    """Given the close code and the text frames not read yet, returns what to send before it."""
    on_lost: Callable[[ServerConnection], None] | None = None

    def __init__(self, protocol: ServerProtocol, server: WebSocketServer, **options: Any) -> None:
        super().__init__(protocol, server, **options)
        fail = protocol.fail

        def fail_politely(code: CloseCode | int, reason: str = "") -> None:
            if self.last_words is not None and protocol.state is SocketState.OPEN:
                for message in self.last_words(int(code), self._unread_texts()):
                    protocol.send_text(message.encode())
            fail(code, reason)

        protocol.fail = fail_politely  # type: ignore[method-assign]

    def _unread_texts(self) -> list[str]:
        # A fault shows while a frame's header is parsed, before the config that came just ahead
        # of it was read. The queue is not public in websockets 17.
        frames = [*self.recv_messages.frames.queue, *self.protocol.events]
        texts = [f for f in frames if isinstance(f, Frame) and f.opcode is Opcode.TEXT and f.fin]
        return [bytes(frame.data).decode(errors="replace") for frame in texts]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turn on TCP keepalive."""
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEPALIVE.items():
                if hasattr(socket, name):
                    raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the client's place."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost(self)


def select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Echo ``binary`` to those who offer it; never refuse anyone for what they offer."""
    return Subprotocol("binary") if "binary" in offered else None


def tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    """Return the TLS settings of ``--certfile`` and ``--keyfile``, or None without them.

    Raises:
        ConfigError: the two cannot be used together.
    """
    if not config.certfile:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password instead of OpenSSL's prompt, at which a service would wait for ever.
        context.load_cert_chain(config.certfile, config.keyfile, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"cannot use --certfile {config.certfile} with --keyfile {config.keyfile}: "
            f"{error.strerror or error}; give a PEM certificate and its own key"
        ) from None
    return context


def explain_bind(host: str, port: int, error: OSError) -> str:
    """Return a sentence that says why a port cannot be opened and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is already in use; stop the other program or choose another port"
    if error.errno == errno.EACCES:
        return f"no permission to open port {port}; choose a port above 1023"
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"cannot listen on {host}:{port}: {reason}; check --host"


def peer_gone(transport: asyncio.Transport) -> bool:
    """Whether the other end closed a connection that is not being read."""
    raw = transport.get_extra_info("socket")
    if transport.is_closing() or transport.is_reading() or not hasattr(socket, "TCP_INFO"):
        return False
    state: int = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != TCP_ESTABLISHED
