"""Text frames of the FunASR dialect -> typed settings. Pure functions, no I/O.

Clients disagree about the form of nearly every field, so each field has a small normaliser in
``_FIELDS``. A value that cannot be used never raises to the caller: the setting keeps its current
value and the frame carries a warning that is safe to log.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from .hotwords import Hotword, collect_hotwords, parse_hotwords

__all__ = [
    "Hotword",
    "Mode",
    "Settings",
    "TextFrame",
    "describe",
    "parse_hotwords",
    "parse_text_frame",
    "to_bool",
    "valid_text",
]

MAX_FRAME_CHARS: Final = 1 << 18
"""Longer text frames are ignored: parsing them would hold up the event loop."""
MAX_NAME_CHARS: Final = 1024
MAX_FORMAT_CHARS: Final = 32
FRAME_MS: Final = 60
"""Unit of ``chunk_size``, ms."""


class Mode(StrEnum):
    """What an utterance is answered with."""

    OFFLINE = "offline"
    ONLINE = "online"
    TWO_PASS = "2pass"


@dataclass(frozen=True, slots=True)
class Settings:
    """Normalised settings of an utterance; the defaults are those of a client that sends none."""

    mode: Mode = Mode.TWO_PASS
    wav_name: str = "microphone"
    """Echoed in every result; valid UTF-8, at most ``MAX_NAME_CHARS``; never a path."""
    wav_format: str = "pcm"
    """Lower case. ``pcm`` is raw 16-bit audio, anything else a container."""
    audio_fs: int = 16000
    """Rate of raw audio, Hz."""
    chunk_size: tuple[int, int, int] = (5, 10, 5)
    """Look-back, chunk and look-ahead in units of 60 ms."""
    chunk_interval: int = 10
    """Divisor by which clients cut a chunk into packets; informative only."""
    encoder_chunk_look_back: int = 4
    decoder_chunk_look_back: int = 0
    hotwords: tuple[Hotword, ...] = ()
    itn: bool = True
    language: str = "auto"
    """``auto``, ``zh``, ``en``, ``ja``, ``ko`` or ``yue``."""
    svs_itn: bool = True
    """``False`` = no punctuation and numbers as spoken."""
    vad_events: bool = False

    @property
    def partial_interval_ms(self) -> int:
        """Wanted time between two partials, ms of audio."""
        return self.chunk_size[1] * FRAME_MS

    def updated(self, changes: Mapping[str, object], *, mid_utterance: bool = False) -> Settings:
        """Return the settings after ``changes`` (``TextFrame.changes``).

        While an utterance is running (``mid_utterance``) only the fields that may change from
        one sentence to the next are taken over. Names that are no field are ignored.
        """
        allowed = _MID_UTTERANCE if mid_utterance else _SETTINGS
        taken: dict[str, object] = {k: v for k, v in changes.items() if k in allowed}
        return replace(self, **taken)  # type: ignore[arg-type]


_SETTINGS: Final = frozenset(field.name for field in fields(Settings))
_MID_UTTERANCE: Final = frozenset({"hotwords", "itn", "language", "svs_itn", "wav_name"})


@dataclass(frozen=True, slots=True)
class TextFrame:
    """One JSON object from a client, normalised."""

    changes: Mapping[str, object]
    """``Settings`` field name -> normalised value; fields that were absent or bad are missing."""
    is_end: bool
    """The utterance ends here."""
    wants_ack: bool
    """The client waits for an acknowledgement after the final (``is_end:true``)."""
    keys: frozenset[str]
    """Top-level keys of the object, for fingerprints."""
    compat: Mapping[str, object]
    """The raw ``compat`` object."""
    warnings: tuple[str, ...]
    """One line for each bad value: printable ASCII, bounded length."""


class _BadValue(ValueError):
    """The value cannot be used; ``instead`` (if any) is what the setting becomes."""

    def __init__(self, reason: str, instead: object = None) -> None:
        super().__init__(reason)
        self.instead = instead


def describe(value: object) -> str:
    """Short printable ASCII form of client data, safe to write into a log line."""
    try:
        text = _SHORT.repr(value)
    except (ValueError, RecursionError):
        text = f"<{type(value).__name__}>"
    # repr escapes control characters; the rest (surrogates, right-to-left marks) goes here.
    text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text if len(text) <= 80 else text[:77] + "..."


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 2
_SHORT.maxdict = _SHORT.maxlist = 4


def valid_text(text: str) -> str:
    """Return ``text`` with lone surrogates replaced, so that it can be encoded in UTF-8."""
    return _SURROGATES.sub("\ufffd", text)


_SURROGATES: Final = re.compile("[\ud800-\udfff]")

# --- one small normaliser a kind of field; each raises _BadValue ---------------------------------

_WORDS_FOR_BOOL: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.0*)?")


def to_bool(value: object) -> bool:
    """Accept true/false, 0/1 and their spellings as text; raise ``ValueError`` otherwise."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (found := _WORDS_FOR_BOOL.get(value.strip().lower())) is not None:
        return found
    raise _BadValue("expected true or false")


def _to_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(float(value))
    raise _BadValue("expected a whole number")


def _integer(low: int, high: int) -> Callable[[object], int]:
    def normalise(value: object) -> int:
        number = _to_int(value)
        if not low <= number <= high:
            raise _BadValue(f"expected {low} to {high}")
        return number

    return normalise


def _mode(value: object) -> Mode:
    try:
        return Mode(value.strip().lower() if isinstance(value, str) else "")
    except ValueError:
        raise _BadValue("unknown mode, using 2pass", Mode.TWO_PASS) from None


def _name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _BadValue("expected text")
    # Some clients number their utterances; the echo has to be a string all the same.
    return valid_text(str(value)[:MAX_NAME_CHARS])


def _format(value: object) -> str:
    text = valid_text(value).strip().lower()[:MAX_FORMAT_CHARS] if isinstance(value, str) else ""
    if not text:
        raise _BadValue("expected a format name such as pcm")
    return text


def _chunk_size(value: object) -> tuple[int, int, int]:
    if isinstance(value, str):
        value = value.strip().strip("[]()").split(",", 3)
    if not isinstance(value, list) or len(value) != 3:
        raise _BadValue("expected three numbers such as [5,10,5]")
    back, chunk, ahead = (_to_int(item) for item in value)
    if not 1 <= chunk <= 500 or max(back, ahead) > 500:
        raise _BadValue("chunk sizes out of range")
    return max(back, 0), chunk, max(ahead, 0)


_LANGUAGES: Final = {
    **dict.fromkeys(("", "auto"), "auto"),
    **dict.fromkeys(("zh", "zh-cn", "zh-tw", "cn", "chinese", "mandarin"), "zh"),
    **dict.fromkeys(("en", "en-us", "en-gb", "english"), "en"),
    **dict.fromkeys(("ja", "ja-jp", "jp", "japanese"), "ja"),
    **dict.fromkeys(("ko", "ko-kr", "kr", "korean"), "ko"),
    **dict.fromkeys(("yue", "zh-hk", "cantonese"), "yue"),
}


def _language(value: object) -> str:
    if isinstance(value, str):
        found = _LANGUAGES.get(value.strip().lower().replace("_", "-"))
        if found is not None:
            return found
    raise _BadValue("expected auto, zh, en, ja, ko or yue")


def _hotwords(value: object) -> tuple[Hotword, ...]:
    if value is not None and not isinstance(value, (str, dict, list)):
        raise _BadValue("expected text, an object or a list")
    words, dropped = collect_hotwords(value)
    if dropped:
        raise _BadValue(f"{dropped} or more hotwords over the limits left out", words)
    return words


# --- the frame -----------------------------------------------------------------------------------

_FIELDS: Final[tuple[tuple[str, str, Callable[[object], object]], ...]] = (
    # (key on the wire, Settings field, normaliser); of two keys for a field the later one wins
    ("mode", "mode", _mode),
    ("wav_name", "wav_name", _name),
    ("wav_format", "wav_format", _format),
    ("audio_fs", "audio_fs", _integer(2000, 384_000)),
    ("chunk_size", "chunk_size", _chunk_size),
    ("chunk_interval", "chunk_interval", _integer(1, 10_000)),
    ("encoder_chunk_look_back", "encoder_chunk_look_back", _integer(-1, 1000)),
    ("decoder_chunk_look_back", "decoder_chunk_look_back", _integer(-1, 1000)),
    ("hotword", "hotwords", _hotwords),
    ("hotwords", "hotwords", _hotwords),
    ("itn", "itn", to_bool),
    ("svs_lang", "language", _language),
    ("svs_itn", "svs_itn", to_bool),
    ("vad_events", "vad_events", to_bool),
)


def parse_text_frame(data: str) -> TextFrame | None:
    """Read a text frame; ``None`` if it is not a JSON object (to be ignored). Never raises."""
    if len(data) > MAX_FRAME_CHARS:
        return None
    try:
        raw = json.loads(data.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    warnings: list[str] = []

    def read(key: str, normalise: Callable[[object], object]) -> object:
        try:
            return normalise(raw[key])
        except (ValueError, OverflowError) as problem:
            reason = problem if isinstance(problem, _BadValue) else "unusable value"
            warnings.append(f"{key}={describe(raw[key])}: {reason}")
            return problem.instead if isinstance(problem, _BadValue) else None

    changes = {
        field: value
        for key, field, normalise in _FIELDS
        if key in raw and (value := read(key, normalise)) is not None
    }
    flags = {
        key: read(key, to_bool) for key in ("is_speaking", "is_finished", "is_end") if key in raw
    }
    compat = raw.get("compat", {})
    if not isinstance(compat, dict):
        warnings.append(f"compat={describe(compat)}: expected an object")
        compat = {}
    ended = flags.get("is_finished") is True or flags.get("is_end") is True
    return TextFrame(
        changes=changes,
        is_end=ended or flags.get("is_speaking") is False,
        wants_ack=flags.get("is_end") is True,
        keys=frozenset(raw),
        compat=compat,
        warnings=tuple(warnings),
    )
