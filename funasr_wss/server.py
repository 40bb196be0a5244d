"""Accepts clients: ports, TLS, limits, health, start and stop. All recognition is elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State as SocketState
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from .compat import query_switches
from .config import ConfigError, Listener, ServerConfig, load_config
from .connection import SHUTDOWN, ClientConnection
from .engines.registry import EngineError, build_engines, choose_profile
from .recognition import EngineSet, Recognition
from .results import ErrorInfo
from .web import WEB_CLIENT, Pages, text_response

logger = logging.getLogger(__name__)

RECEIVE_QUEUE = 2
"""Messages buffered for a connection before reading pauses; each may be max_message_mb."""

DECODER_THREADS = 64
"""Compressed uploads decoded at the same time; further ones take turns."""

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 4}
"""Finds half-open connections after about 140 s without WebSocket pings, which would kill
clients that do not read while they upload."""


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
        tls = _tls_context(self.config)
        for listener in self.config.listeners:
            self._servers.append(await self._listen(listener, tls))
        engines = await asyncio.to_thread(self._load)
        self._recognition = Recognition(engines)

    async def stop(self) -> None:
        """Refuse new clients, finish what is open within the deadline, close with 1001."""
        self._draining = True
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
        await asyncio.gather(*(server.wait_closed() for server in self._servers))
        if self._recognition is not None:
            await asyncio.to_thread(self._recognition.close)

    async def _listen(self, listener: Listener, tls: ssl.SSLContext | None) -> WebSocketServer:
        async def handle(connection: ServerConnection) -> None:
            await self._serve(connection, listener.switches)

        try:
            return await serve(
                handle,
                self.config.host,
                listener.port,
                ssl=tls,
                select_subprotocol=_select_subprotocol,
                process_request=self._admit,
                create_connection=Connection,
                compression=None,
                ping_interval=None,
                max_size=self.config.max_message_mb * 2**20,
                max_queue=RECEIVE_QUEUE,
                server_header=None,
            )
        except OSError as error:
            await self._close_ports()
            raise ConfigError(_explain_bind(self.config.host, listener.port, error)) from None

    async def _close_ports(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, refuse clients that cannot be served, admit the others."""
        if "upgrade" not in ",".join(request.headers.get_all("Connection")).lower():
            return self._pages.respond(request.path)
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


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Echo ``binary`` to those who offer it; never refuse anyone for what they offer."""
    return Subprotocol("binary") if "binary" in offered else None


def _tls_context(config: ServerConfig) -> ssl.SSLContext | None:
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


def _explain_bind(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is already in use; stop the other program or choose another --port"
    if error.errno == errno.EACCES:
        return f"no permission to open port {port}; choose a --port above 1023"
    return f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; check --host"


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("websockets").setLevel(logging.CRITICAL)


def _banner(config: ServerConfig, profile: str, ports: Sequence[int]) -> str:
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::", "") else config.host
    http = "https" if config.certfile else "http"
    ssl_flag = " --ssl 1" if config.certfile else ""
    lines = [
        f"  WebSocket   {config.scheme}://{host}:{ports[0]}",
        f"  Page 网页   {http}://{host}:{ports[0]}/",
        f"  Profile 配置  {profile}",
        f"  Try 试一试   {_python()} funasr_wss_client.py --host {host} --port {ports[0]}"
        f"{ssl_flag} --audio_in example.wav",
    ]
    if config.host in ("127.0.0.1", "localhost", "::1"):
        lines.append(
            "  Only this machine can connect; for others add --host 0.0.0.0\n"
            "  目前仅本机可连接；要让其他机器访问，请加 --host 0.0.0.0"
        )
    return "\n".join(["", "Ready. 服务已就绪。", *lines, ""])


def _python() -> str:
    """How to call the interpreter of this environment from here."""
    path = os.path.relpath(sys.executable)
    return sys.executable if path.startswith("..") else path


async def _run(config: ServerConfig) -> None:
    profile, reason = choose_profile(config)
    logger.info("profile %s: %s", profile, reason)
    server = RecognitionServer(config, lambda: build_engines(config, profile))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopped.set)
    starting = asyncio.create_task(server.start())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        print(_banner(config, profile, server.ports), flush=True)
        await waiting
    logger.info("stopping")
    await server.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit status (0 stopped, 1 cannot start, 2 usage)."""
    try:
        config = load_config(argv)
    except ConfigError as error:
        print(f"funasr_wss_server: {error}", file=sys.stderr)
        return 2
    _configure_logging(config.log_level)
    try:
        asyncio.run(_run(config))
    except (ConfigError, EngineError) as error:
        print(f"funasr_wss_server: {error}", file=sys.stderr)
        return 1
    return 0
