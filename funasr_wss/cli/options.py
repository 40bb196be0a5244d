"""The command line, checked and turned into what the client works with."""

from __future__ import annotations

import argparse
import ssl as ssl_module
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from funasr_wss.client import StreamSettings, unverified_tls

from .hotwords import load_hotwords
from .parser import DEFAULT_PORT, build_parser
from .texts import Pick, UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, checked."""

    url: str
    settings: StreamSettings
    inputs: tuple[str, ...]
    """Files, lists, ``-`` for standard input; empty = microphone."""
    streams: int
    speed: float
    outputs: tuple[Path, ...]
    output_dir: Path | None
    log_dir: Path | None
    log_flush_every: int
    words_max_print: int
    token: str
    final_timeout: float
    tls: ssl_module.SSLContext | None
    """None for ws://."""
    unverified_by_default: bool
    """TLS without certificate check that nobody asked for: worth a note."""


def parse_options(
    argv: Sequence[str] | None, pick: Pick, environ: Mapping[str, str], program: str | None = None
) -> Options:
    """Read and check the command line. Raises ``UsageError``; ``--help`` exits."""
    values = build_parser(pick, program).parse_args(argv)
    if values.mic and values.audio_in:
        raise UsageError(
            "--mic and --audio_in exclude each other; give one of them.",
            "--mic 和 --audio_in 只能二选一。",
        )
    url = _url(values)
    offline = values.mode == "offline"
    speed = values.speed if values.speed is not None else (0.0 if offline else 1.0)
    tls = _tls(values) if url.startswith("wss:") else None
    return Options(
        url=url,
        settings=StreamSettings(
            mode=values.mode,
            audio_fs=values.audio_fs,
            chunk_size=values.chunk_size,
            chunk_interval=values.chunk_interval,
            encoder_chunk_look_back=values.encoder_chunk_look_back,
            decoder_chunk_look_back=values.decoder_chunk_look_back,
            hotwords=load_hotwords(values.hotword),
            itn=bool(values.itn),
            language=values.language,
        ),
        inputs=tuple(values.audio_in or ()),
        streams=values.thread_num,
        speed=0.0 if values.send_without_sleep else speed,
        outputs=tuple(values.output),
        output_dir=values.output_dir,
        log_dir=values.log_dir,
        log_flush_every=values.log_flush_every,
        words_max_print=values.words_max_print,
        token=_token(values.token or environ.get("FUNASR_WSS_TOKEN", "")),
        final_timeout=values.result_timeout,
        tls=tls,
        unverified_by_default=tls is not None and values.verify is None and not values.ca_file,
    )


def _url(values: argparse.Namespace) -> str:
    """Return the server address; page addresses (http, https) are understood as well."""
    text = str(values.url or values.host).strip()
    bare = "://" not in text
    if bare and text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    if bare:
        text = ("wss://" if values.ssl else "ws://") + text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname or any(map(str.isspace, text)):
        raise UsageError(
            f"{values.url or values.host!r} is not a server address; use HOST or ws://HOST:PORT.",
            f"{values.url or values.host!r} 不是服务器地址，请写成 主机 或 ws://主机:端口。",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if values.url is None or bare:
        port = port or values.port or DEFAULT_PORT
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{scheme}://{host}" + (f":{port}" if port else "") + path


def _tls(values: argparse.Namespace) -> ssl_module.SSLContext:
    if values.ca_file and values.verify != 0:
        try:
            return ssl_module.create_default_context(cafile=values.ca_file)
        except (OSError, ssl_module.SSLError):
            raise UsageError(
                f"{values.ca_file} is not a readable PEM certificate file.",
                f"{values.ca_file} 不是可读的 PEM 证书文件。",
            ) from None
    return ssl_module.create_default_context() if values.verify else unverified_tls()


def _token(text: str) -> str:
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        raise UsageError(
            "The token may contain printable ASCII characters only.",
            "令牌只能包含可打印的 ASCII 字符。",
        )
    return text
