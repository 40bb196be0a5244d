"""Opening a WebSocket connection, with every failure as one clear exception."""

from __future__ import annotations

import contextlib
import socket
import ssl as ssl_module
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.typing import Subprotocol

from .errors import ConnectError, ServerBusy, TlsError, Unauthorized

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
PING_INTERVAL_S = 30.0
"""Keeps address translators awake. Pongs are not demanded: a server that slows an upload down by
not reading answers late."""


def unverified_tls() -> ssl_module.SSLContext:
    """Return a TLS context that accepts every certificate, for servers with self-made ones."""
    context = ssl_module.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl_module.CERT_NONE
    return context


async def open_connection(
    url: str, context: ssl_module.SSLContext | None, token: str, timeout: float
) -> ClientConnection:
    """Connect and shake hands within ``timeout`` seconds. Raises ``ConnectError``."""
    try:
        parts = urlsplit(url)
        secure, host = parts.scheme == "wss", parts.hostname or ""
    except ValueError:
        raise ConnectError("bad_url", url=url) from None
    headers = {"Authorization": f"Bearer {token}"} if token else None
    try:
        connection = await connect(
            url,
            ssl=(context or ssl_module.create_default_context()) if secure else None,
            subprotocols=[Subprotocol("binary")],
            additional_headers=headers,
            open_timeout=timeout,
            close_timeout=2,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=None,
            compression=None,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=None,
            # A proxy of the environment never leads back to this machine.
            proxy=None if host in ("localhost", "127.0.0.1", "::1") else True,
        )
    except (OSError, InvalidURI, InvalidProxy, InvalidHandshake, EOFError) as error:
        raise _connect_error(error, url, timeout) from None
    _keep_alive(connection)
    return connection


def _connect_error(error: Exception, url: str, timeout: float) -> ConnectError:
    """Word the failure of an opening handshake; the order follows the class hierarchy."""
    match error:
        case InvalidURI():
            return ConnectError("bad_url", url=url)
        case InvalidStatus():
            status = error.response.status_code
            if status == 503:
                return ServerBusy("busy", url=url)
            if status in (401, 403):
                return Unauthorized("unauthorized", url=url, status=status)
            return ConnectError("http_status", url=url, status=status)
        case ProxyError() | InvalidProxy():
            return ConnectError("proxy", url=url, detail=str(error))
        case ssl_module.SSLCertVerificationError():
            return TlsError("bad_certificate", url=url, detail=error.verify_message)
        case ssl_module.SSLError():
            return TlsError("bad_tls", url=url, detail=error.reason or "handshake failed")
        case InvalidMessage() | InvalidHandshake() | EOFError():
            return ConnectError("not_websocket", url=url)
        case TimeoutError():
            return ConnectError("timeout", url=url, seconds=timeout)
        case socket.gaierror():
            return ConnectError("unresolved", url=url)
        case ConnectionResetError() if url.startswith("wss:"):
            return TlsError("bad_tls", url=url, detail="connection reset")
        case ConnectionRefusedError():
            return ConnectError("unreachable", url=url, detail="connection refused")
    detail = getattr(error, "strerror", None) or str(error)
    return ConnectError("unreachable", url=url, detail=detail)


def _keep_alive(connection: ClientConnection) -> None:
    """Let the system notice a peer that vanished without closing."""
    raw = connection.transport.get_extra_info("socket")
    options = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    with contextlib.suppress(OSError, AttributeError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
