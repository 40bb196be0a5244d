"""Accepts clients: ports, TLS, limits, health, start and stop. All recognition is elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar, cast

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Origin

from .auth import Tokens
from .compat import query_switches
from .config import ConfigError, Listener, ServerConfig
from .connection import SHUTDOWN, ClientConnection
from .recognition import EngineSet, Recognition
from .results import ErrorInfo
from .sockets import (
    Connection,
    explain_bind,
    peer_gone,
    select_subprotocol,
    tls_context,
)
from .web import WEB_CLIENT, Pages, text_response

logger = logging.getLogger(__name__)

T = TypeVar("T")

RECEIVE_QUEUE = 2
"""Messages buffered for a connection before reading pauses; each may be max_message_mb."""

PEER_CHECK_S = 2.0
"""Seconds between two looks for clients that vanished while they were not read."""

DECODER_THREADS = 64
"""Compressed uploads decoded at the same time; further ones take turns."""

class RecognitionServer:
    """Serves FunASR clients on all configured ports.

    Args:
        config: the server's settings.
        load: returns the engines; called once, in a thread, while the ports already answer.
    """

    def __init__(self, config: ServerConfig, load: Callable[[], EngineSet]) -> None:
        self.config = config
        self._load = load
        self._recognition: Recognition | None = None
        self._servers: list[WebSocketServer] = []
        self._accepted: set[ServerConnection] = set()
        self._clients: dict[ServerConnection, ClientConnection] = {}
        self._handlers: set[asyncio.Task[Any]] = set()
        self._draining = False
        self._tokens: Tokens | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._pages = Pages(WEB_CLIENT if config.web else None, self.health)

    @property
    def ports(self) -> list[int]:
        """The ports really bound, in the order of the configured listeners."""
        return [server.sockets[0].getsockname()[1] for server in self._servers]

    def health(self) -> dict[str, Any]:
        """What ``/readyz`` reports."""
        recognition = self._recognition
        return {
            "ready": recognition is not None and not self._draining,
            "state": self._state,
            "engines": recognition.description if recognition else "",
            "connections": len(self._accepted),
            "max_connections": self.config.max_connections,
            "waiting": recognition.waiting if recognition else 0,
        }

    @property
    def _state(self) -> str:
        if self._draining:
            return "stopping"
        return "ready" if self._recognition else "loading models"

    async def start(self) -> None:
        """Open the ports, then load the models.

        Raises:
            ConfigError: a port cannot be opened or the certificate cannot be used.
            EngineError: the engines cannot be loaded.
        """
        # Each compressed upload may occupy one thread while its decoder is busy.
        threads = ThreadPoolExecutor(DECODER_THREADS, thread_name_prefix="decoder")
        asyncio.get_running_loop().set_default_executor(threads)
        tls = tls_context(self.config)
        if self.config.auth_token_file:
            try:
                self._tokens = Tokens.read(Path(self.config.auth_token_file))
            except ValueError as error:
                raise ConfigError(f"--auth_token_file: {error}") from None
        for listener in self.config.listeners:
            self._servers.append(await self._listen(listener, tls))
        self._watcher = asyncio.create_task(self._drop_lost_clients())
        self._recognition = Recognition(await in_daemon_thread(self._load))

    async def stop(self) -> None:
        """Refuse new clients, finish what is open within the deadline, close with 1001."""
        self._draining = True
        if self._watcher is not None:
            self._watcher.cancel()
        for server in self._servers:
            server.close(close_connections=False)
        for client in self._clients.values():
            client.stop()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=self.config.drain_timeout_s)
        if self._clients:
            logger.warning("%d clients were not finished in time", len(self._clients))
            goodbyes = [_say_goodbye(*pair) for pair in self._clients.items()]
            await asyncio.gather(*goodbyes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):  # not for connections that never asked for anything
                await asyncio.gather(*(server.wait_closed() for server in self._servers))
        if self._recognition is not None:
            await asyncio.to_thread(self._recognition.close)

    async def _listen(self, listener: Listener, tls: ssl.SSLContext | None) -> WebSocketServer:
        async def handle(connection: ServerConnection) -> None:
            await self._serve(connection, listener.switches)

        def admit(connection: ServerConnection, request: Request) -> Response | None:
            return self._admit(connection, request, listener)

        pages = [Origin(page.strip()) for page in self.config.origins.split(",") if page.strip()]

        try:
            return await serve(
                handle,
                self.config.host,
                listener.port,
                ssl=tls if listener.tls else None,
                # Programs send no Origin header; only web pages are asked for theirs.
                origins=[*pages, None] if pages else None,
                select_subprotocol=select_subprotocol,
                process_request=admit,
                create_connection=Connection,
                compression=None,
                ping_interval=None,
                max_size=self.config.max_message_mb * 2**20,
                max_queue=RECEIVE_QUEUE,
                server_header=None,
            )
        except OSError as error:
            await self._close_ports()
            raise ConfigError(explain_bind(self.config.host, listener.port, error)) from None

    async def _drop_lost_clients(self) -> None:
        """While an upload is slowed by not reading, nobody else notices that its client died."""
        while True:
            await asyncio.sleep(PEER_CHECK_S)
            for connection in list(self._clients):
                if peer_gone(connection.transport):
                    logger.info("a client vanished while its upload waited")
                    connection.transport.abort()

    async def _close_ports(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()

    def _admit(
        self, connection: ServerConnection, request: Request, listener: Listener
    ) -> Response | None:
        """Answer plain HTTP, refuse clients that cannot be served, admit the others."""
        if "upgrade" not in ",".join(request.headers.get_all("Connection")).lower():
            return self._pages.respond(request.path)
        if self._tokens is not None and listener.auth:
            shown = request.headers.get_all("Authorization")
            query = request.path.partition("?")[2]
            if not self._tokens.admit(shown[0] if shown else "", query):
                logger.info("refused a client without a valid token")
                text = "A valid token is needed: send it as 'Authorization: Bearer TOKEN'."
                return text_response(HTTPStatus.UNAUTHORIZED, text, WWW_Authenticate="Bearer")
        refusal = None
        if self._draining:
            refusal = "The server is stopping; try again later."
        elif self._recognition is None:
            refusal = "The models are still loading; try again in a few seconds."
        elif len(self._accepted) >= self.config.max_connections:
            refusal = "The server is busy; try again later."
        if refusal is not None:
            logger.info("refused a client: %s", refusal)
            return text_response(HTTPStatus.SERVICE_UNAVAILABLE, refusal, Retry_After="5")
        self._accepted.add(connection)
        if isinstance(connection, Connection):
            connection.on_lost = self._accepted.discard
        return None

    async def _serve(self, connection: ServerConnection, switches: Mapping[str, Any]) -> None:
        assert self._recognition is not None and connection.request is not None
        client = ClientConnection(
            connection,
            self._recognition,
            self.config,
            listener=switches,
            query=query_switches(connection.request.path),
        )
        self._clients[connection] = client
        if self._draining:
            client.stop()
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        if isinstance(connection, Connection):
            connection.last_words = lambda code, unread: client.abort(
                self._fault(code), always=True, unread=unread
            )
        try:
            await client.run()
        except Exception:
            logger.exception("a connection failed")
            await _say_goodbye(connection, client, CloseCode.INTERNAL_ERROR)
        finally:
            del self._clients[connection]

    def _fault(self, code: int) -> ErrorInfo:
        if code == CloseCode.MESSAGE_TOO_BIG:
            limit = self.config.max_message_mb
            return ErrorInfo(
                "message_too_big", f"A message was larger than {limit} MiB; send smaller frames."
            )
        if code == CloseCode.INVALID_DATA:
            return ErrorInfo("invalid_text", "A text frame was not UTF-8; send JSON as UTF-8.")
        return ErrorInfo("protocol_error", "The client broke the WebSocket protocol.")


async def _say_goodbye(
    connection: ServerConnection, client: ClientConnection, code: int = CloseCode.GOING_AWAY
) -> None:
    with contextlib.suppress(ConnectionClosed, TimeoutError):
        async with asyncio.timeout(1):
            error = SHUTDOWN if code == CloseCode.GOING_AWAY else _INTERNAL
            for message in client.abort(error):
                await connection.send(message)
            await connection.close(code)
    connection.transport.abort()  # does nothing to a connection that is closed


_INTERNAL = ErrorInfo("internal_error", "The server failed; its log says why.")


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread that does not keep the process alive when it is stopped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(T, result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="load", daemon=True).start()
    return await future
