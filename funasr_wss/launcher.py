"""The server's command line: settings, logging, signals and what a person is told at the start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

from .config import ConfigError, ServerConfig, load_config
from .engines.registry import EngineError, build_engines, choose_profile
from .server import RecognitionServer

logger = logging.getLogger(__name__)


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("websockets").setLevel(logging.CRITICAL)


def _own_address(host: str) -> str:
    """The address others reach this machine by, as far as it knows; no packet is sent."""
    if host not in ("0.0.0.0", "::", ""):
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address reserved for documentation
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _banner(config: ServerConfig, profile: str, ports: Sequence[int]) -> str:
    host = _own_address(config.host)
    http = "https" if config.certfile else "http"
    ssl_flag = " --ssl 1" if config.certfile else ""
    lines = [
        *(
            f"  WebSocket   {config.scheme if listener.tls else 'ws'}://{host}:{port}"
            for listener, port in zip(config.listeners, ports, strict=True)
        ),
        *([f"  Page 网页   {http}://{host}:{ports[0]}/"] if config.web else []),
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
