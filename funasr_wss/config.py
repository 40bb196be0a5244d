"""The server's settings: one frozen dataclass, its command line and its environment variables.

Every field is an option ``--name`` and an environment variable ``FUNASR_WSS_NAME``; the command
line wins. Options keep the names that FunASR's own servers use.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .compat import parse_switches

ENV_PREFIX = "FUNASR_WSS_"
PROFILES = ("auto", "embedded", "nano")
LANGUAGES = ("auto", "zh", "en", "ja", "ko", "yue")


class ConfigError(Exception):
    """A setting is wrong; the message says which one and what to write instead."""


def _option(
    default: Any,
    group: str,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    kind: type | None = None,
) -> Any:
    metadata = {"group": group, "help": help, "choices": choices, "kind": kind or type(default)}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Listener:
    """One port and the compatibility switches of the clients that use it."""

    port: int
    switches: Mapping[str, Any] = field(default_factory=dict)
    tls: bool = True
    """Uses the certificate if there is one; ``tls=0`` is for clients that only speak ws."""
    auth: bool = True
    """Asks for a token if there are any; ``auth=0`` is for clients that cannot send one."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything the server can be told. Times in seconds unless the name says otherwise."""

    profile: str = _option(
        "auto",
        "models",
        "engines to load; nano, for a CUDA device, is not in this version yet",
        choices=PROFILES,
    )
    models_dir: str = _option("", "models", "folder of the model files (default: ./models)")
    asr_model: str = _option(
        "", "models", "second-pass model: name or path (default: Whisper base)"
    )
    asr_model_revision: str = _option(
        "", "models", "revision of the second-pass model (nano profile only)"
    )
    asr_model_online: str = _option(
        "", "models", "none = no partial text (default: Whisper base, re-decoding)"
    )
    asr_model_online_revision: str = _option(
        "", "models", "revision of the first-pass model (nano profile only)"
    )
    vad_model: str = _option(
        "", "models", "voice activity model (default: Silero VAD; nano profile only)"
    )
    vad_model_revision: str = _option(
        "", "models", "revision of the voice activity model (nano profile only)"
    )
    punc_model: str = _option("", "models", "punctuation model (nano profile only)")
    punc_model_revision: str = _option(
        "", "models", "revision of the punctuation model (nano profile only)"
    )
    ngpu: int = _option(1, "models", "0 = do not use a GPU")
    device: str = _option("auto", "models", "auto, cpu or cuda", choices=("auto", "cpu", "cuda"))
    ncpu: int = _option(0, "models", "recognition threads, 0 = one per core, at most 4")
    fp16: bool = _option(False, "models", "half precision on the GPU (nano profile only)")

    language: str = _option(
        "auto", "recognition", "language when the client names none", choices=LANGUAGES
    )
    itn: bool = _option(True, "recognition", "write numbers as digits when the client says nothing")

    host: str = _option(
        "127.0.0.1", "network", "address to listen on; 0.0.0.0 = every network of this machine"
    )
    port: int = _option(10095, "network", "port for WebSocket, web page and health checks")
    listener: str = _option(
        "",
        "network",
        "more ports with their own compatibility switches, separated by ';', "
        "such as '10096,is_final=segment'; tls=0 and auth=0 free a port from those",
    )
    certfile: str = _option("", "network", "TLS certificate (PEM); serves wss instead of ws")
    keyfile: str = _option("", "network", "TLS private key (PEM)")
    auth_token_file: str = _option(
        "", "network", "file of accepted tokens, one a line; without it everybody is admitted"
    )
    origins: str = _option(
        "", "network", "web pages that may connect, separated by ','; empty = all"
    )
    web: bool = _option(True, "network", "serve the web page at /")
    fingerprints: bool = _option(True, "network", "recognise clients that need special replies")

    max_connections: int = _option(200, "limits", "further clients get HTTP 503")
    max_message_mb: int = _option(64, "limits", "largest WebSocket message, MiB")
    max_utterance_s: float = _option(4 * 3600.0, "limits", "longest utterance, seconds of audio")
    max_backlog_s: float = _option(
        60.0, "limits", "audio waiting for the second pass before an upload is slowed, seconds"
    )
    idle_timeout_s: float = _option(600.0, "limits", "close a connection silent for so long")
    drain_timeout_s: float = _option(
        8.0, "limits", "time to finish open utterances when the server is stopped"
    )
    log_level: str = _option(
        "info", "logging", "lowest level to log", choices=("debug", "info", "warning", "error")
    )

    def __post_init__(self) -> None:
        _validate(self)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The main port first, then those of ``--listener``.

        Raises:
            ConfigError: ``--listener`` is malformed.
        """
        return (Listener(self.port), *_parse_listeners(self.listener))

    @property
    def scheme(self) -> str:
        """``ws`` or ``wss``."""
        return "wss" if self.certfile else "ws"


def _validate(config: ServerConfig) -> None:
    ports = [listener.port for listener in config.listeners]
    for port in ports:
        if not 0 <= port <= 65535:
            raise ConfigError(f"port {port} is not between 0 and 65535")
    busy = [port for port in ports if port]
    if len(set(busy)) != len(busy):
        raise ConfigError(f"--port and --listener name the same port twice: {ports}")
    if bool(config.certfile) != bool(config.keyfile):
        raise ConfigError("TLS needs both --certfile and --keyfile; only one was given")
    for name in ("certfile", "keyfile", "auth_token_file"):
        path = getattr(config, name)
        if path and not Path(path).is_file():
            raise ConfigError(f"--{name}: there is no file {path!r}")
    for name in ("max_connections", "max_message_mb"):
        if getattr(config, name) < 1:
            raise ConfigError(f"--{name} must be at least 1")
    for name in ("max_utterance_s", "max_backlog_s", "idle_timeout_s", "drain_timeout_s"):
        if not getattr(config, name) > 0:
            raise ConfigError(f"--{name} must be above 0")
    if config.ncpu < 0:
        raise ConfigError("--ncpu must be 0 or more")


def _parse_listeners(text: str) -> tuple[Listener, ...]:
    listeners = []
    for item in filter(None, (part.strip() for part in text.split(";"))):
        port, *pairs = (part.strip() for part in item.split(","))
        example = "write it like 10096,is_final=segment"
        if not port.isdecimal():
            raise ConfigError(f"--listener: {port!r} is not a port; {example}")
        raw = dict(pair.partition("=")[::2] for pair in pairs)
        flags = {name: raw.pop(name) != "0" for name in ("tls", "auth") if name in raw}
        switches, warnings = parse_switches(raw)
        if warnings or len(switches) != len(raw):
            raise ConfigError(f"--listener {item!r}: unknown switch or value; {example}")
        listeners.append(Listener(int(port), switches, **flags))
    return tuple(listeners)


def _to_bool(text: str) -> bool:
    value = text.strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor 0")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of printing the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; --help shows all options")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the server's command line, grouped, with defaults in the help."""
    parser = _Parser(
        prog="funasr_wss_server.py",
        description="FunASR-compatible WebSocket speech recognition server. "
        "兼容 FunASR 客户端协议的实时语音识别服务。",
        epilog=f"Every option can also be set as {ENV_PREFIX}<NAME>, e.g. {ENV_PREFIX}PORT=10096. "
        "Example: funasr_wss_server.py --host 0.0.0.0 --port 10095",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    groups: dict[str, Any] = {}
    for item in dataclasses.fields(ServerConfig):
        meta = item.metadata
        group = groups.setdefault(meta["group"], parser.add_argument_group(meta["group"]))
        options: dict[str, Any] = {"help": meta["help"], "choices": meta["choices"]}
        if meta["kind"] is bool:
            options |= {"type": _to_bool, "nargs": "?", "const": True, "metavar": "0|1"}
        else:
            options |= {"type": meta["kind"]}
            if not meta["choices"]:
                options["metavar"] = {int: "N", float: "S"}.get(meta["kind"], "TEXT")
        # An empty default would print as "(default: )"; the help text of those names its own.
        default = argparse.SUPPRESS if item.default == "" else item.default
        group.add_argument(f"--{item.name}", default=default, **options)
    return parser


def load_config(
    argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> ServerConfig:
    """Read the settings from the command line and the environment.

    Raises:
        ConfigError: a value is wrong or an option unknown.
        SystemExit: ``--help`` or ``--version`` was answered.
    """
    environ = os.environ if environ is None else environ
    parser = build_parser()
    base = argparse.Namespace()
    for item in dataclasses.fields(ServerConfig):
        variable = ENV_PREFIX + item.name.upper()
        if value := environ.get(variable):
            try:
                parser.parse_args([f"--{item.name}={value}"], namespace=base)
            except ConfigError as error:
                raise ConfigError(f"{variable} in the environment: {error}") from None
    arguments = list(argv) if argv is not None else None
    return ServerConfig(**vars(parser.parse_args(arguments, namespace=base)))
