"""Switches for clients that contradict the default dialect, and the rules that recognise them.

A switch can come from four places; ``resolve`` puts them in order: the config frame beats the URL
query, which beats a fingerprint, which beats the profile of the listener.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from .protocol import Mode, TextFrame, describe, to_bool

logger = logging.getLogger(__name__)

MAX_QUERY_FIELDS: Final = 50


@dataclass(frozen=True, slots=True)
class Switches:
    """How results are shaped for one connection; the first value of each is the default."""

    is_final: Literal["session", "segment"] = "session"
    """Which messages carry ``is_final:true``: the last of the utterance, or every sentence too."""
    final_text: Literal["tail", "full"] = "tail"
    """Text of the last message: what was still pending, or the whole utterance."""
    close_after_final: bool = False
    """Close the connection (1000) after the final is flushed."""
    online: Literal["upgrade", "native"] = "upgrade"
    """Whether ``mode:"online"`` is served as 2pass or with the first pass alone."""
    partial: Literal["delta", "cumulative"] = "delta"
    """Text of a partial: what is new, or the whole sentence so far."""
    timestamp: Literal["safe", "off", "always"] = "safe"
    """Whether word times go out: only where html5 readers can take them, never, or always."""


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "is_final": ("session", "segment"),
    "final_text": ("tail", "full"),
    "online": ("upgrade", "native"),
    "partial": ("delta", "cumulative"),
    "timestamp": ("safe", "off", "always"),
}
_NAMES: Final = frozenset({*_CHOICES, "close_after_final"})


def _switch(name: str, value: object) -> object:
    if name == "close_after_final":
        return to_bool(value)
    choice = value.strip().lower() if isinstance(value, str) else ""
    if choice not in _CHOICES[name]:
        raise ValueError(f"expected one of {', '.join(_CHOICES[name])}")
    return choice


def parse_switches(raw: Mapping[str, object]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the valid overrides in ``raw`` and one printable warning for each that is not.

    Never raises; of unknown names only a few are reported.
    """
    overrides: dict[str, Any] = {}
    warnings: list[str] = []
    for name in sorted(_NAMES & raw.keys()):
        try:
            overrides[name] = _switch(name, raw[name])
        except ValueError as problem:
            warnings.append(f"compat {name}={describe(raw[name])}: {problem}")
    unknown = [name for name in raw if name not in _NAMES]
    warnings += [f"compat {describe(name)}: unknown switch" for name in unknown[:5]]
    return overrides, tuple(warnings)


def query_switches(path: str) -> dict[str, Any]:
    """Return the valid overrides in the query of a request path such as ``/x?is_final=segment``.

    Other parameters (a token, say) are left alone; bad values are logged and ignored.
    """
    query = path.partition("?")[2].partition("#")[0]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        logger.warning("URL query ignored: more than %d parameters", MAX_QUERY_FIELDS)
        return {}
    overrides, warnings = parse_switches({k: v for k, v in pairs if k in _NAMES})
    for warning in warnings:
        logger.warning("URL query: %s", warning)
    return overrides


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A client recognised by its first config frame."""

    rule: str
    """``R1`` to ``R6``."""
    switches: dict[str, Any] = field(default_factory=dict)
    mode: Mode | None = None
    """Mode to use in place of the default, where the client sends none."""


_UUID: Final = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE
)


def _named(name: str) -> Callable[[TextFrame], bool]:
    return lambda frame: frame.changes.get("wav_name") == name


def _named_by_uuid(frame: TextFrame) -> bool:
    return _UUID.fullmatch(str(frame.changes.get("wav_name", ""))) is not None


def _is_offline(frame: TextFrame) -> bool:
    return frame.changes.get("mode") is Mode.OFFLINE


def _any(frame: TextFrame) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rule:
    test: Callable[[TextFrame], bool]
    present: frozenset[str]
    absent: frozenset[str]
    result: Fingerprint


def _rule(
    test: Callable[[TextFrame], bool],
    present: str,
    absent: str,
    name: str,
    mode: Mode | None = None,
    **switches: object,
) -> _Rule:
    result = Fingerprint(name, switches, mode)
    return _Rule(test, frozenset(present.split()), frozenset(absent.split()), result)


_RULES: Final = (
    # Web page of the one-file servers: true commits a sentence, anything else replaces the line.
    _rule(_named("web_mic"), "", "", "R1", is_final="segment", partial="cumulative"),
    # xiaozhi Java: takes the text of the final alone and waits for the server to close.
    _rule(
        _named("voice.wav"), "chunk_size", "chunk_interval audio_fs", "R2",
        final_text="full", close_after_final=True,
    ),
    # xiaozhi Go: takes the text of the final alone.
    _rule(
        _named("stream"), "wav_format audio_fs chunk_interval", "encoder_chunk_look_back", "R3",
        final_text="full",
    ),
    # funasr-python: returns the text of the final alone.
    _rule(
        _named_by_uuid, "svs_itn encoder_chunk_look_back wav_format", "", "R4", final_text="full"
    ),
    # FunASR's C++ offline client: sends no mode and stops at the first message of any kind.
    _rule(_any, "chunk_interval wav_format", "mode", "R5", Mode.OFFLINE),
    # FunASR's C# offline client: indexes word times more strictly than the html5 page.
    _rule(_is_offline, "", "chunk_size itn", "R6", timestamp="off"),
)  # fmt: skip


def fingerprint(frame: TextFrame) -> Fingerprint | None:
    """Return the first rule that ``frame`` matches; for the first config of a connection only."""
    for rule in _RULES:
        if rule.present <= frame.keys and not rule.absent & frame.keys and rule.test(frame):
            return Fingerprint(rule.result.rule, dict(rule.result.switches), rule.result.mode)
    return None


def resolve(
    *,
    compat: Mapping[str, Any],
    query: Mapping[str, Any],
    fingerprint: Mapping[str, Any],
    listener: Mapping[str, Any],
) -> Switches:
    """Return the switches in force; every argument holds validated overrides, strongest first."""
    return Switches(**{**listener, **fingerprint, **query, **compat})
