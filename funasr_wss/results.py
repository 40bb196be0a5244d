"""Results -> the JSON messages that FunASR clients read. Pure functions, no I/O.

The rules behind this module: the four keys ``mode``, ``text``, ``wav_name`` and ``is_final`` are
in every message; ``timestamp`` is a string and only sent where readers can take it; no other key
contains that word; a message stays under ``MAX_MESSAGE_BYTES``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .protocol import valid_text
from .stamps import SentenceInfo, stamp_entries, timestamp_string

__all__ = [
    "ErrorInfo",
    "SentenceInfo",
    "ack_message",
    "partial_message",
    "result_message",
    "vad_message",
]

MAX_MESSAGE_BYTES: Final = 900_000
"""Clients built on Python's websockets refuse messages over 1 MiB."""


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """Why an utterance failed: a short token for programs, one sentence for people."""

    code: str
    message: str


# --- messages ------------------------------------------------------------------------------------


def partial_message(wav_name: str, text: str, *, mode: str = "2pass-online") -> str:
    """Return a first-pass result; ``text`` is sent as it is (a delta, spaces included)."""
    return _dump(_head(mode, text, wav_name, False))


def result_message(
    *,
    mode: str,
    text: str,
    wav_name: str,
    is_final: bool,
    sentences: Sequence[SentenceInfo] = (),
    timestamp: str = "safe",
    index: int | None = None,
    slice_type: int | None = None,
    error: ErrorInfo | None = None,
) -> str:
    """Return a second-pass result or a final.

    ``sentences`` are those that ``text`` was made of; ``timestamp`` is the switch of that name
    (``safe``, ``off``, ``always``). Times that would make the message too long are left out.
    """
    text = valid_text(text)
    message = _head(mode, text, wav_name, is_final)
    stamp = timestamp_string(text, sentences, timestamp)
    if stamp is not None:
        message["timestamp"] = stamp
    if sentences or mode == "offline":
        message["stamp_sents"] = [entry for s in sentences for entry in stamp_entries(s)]
    if index is not None:
        message["index"] = index
    if slice_type is not None:
        message["slice_type"] = slice_type
    if sentences:
        message["start_time"] = sentences[0].start_ms
        message["end_time"] = sentences[-1].end_ms
    if error is not None:
        message["error_code"] = error.code
        message["error_message"] = error.message
    return _dump_limited(message)


def ack_message(*, mode: str, wav_name: str, error: str | None = None) -> str:
    """Return the acknowledgement of ``is_end:true``; ``error`` says why the utterance failed."""
    message: dict[str, Any] = {"mode": mode, "wav_name": wav_name, "text": ""}
    message |= {"is_final": error is None, "is_end": True}
    if error is not None:
        message["error"] = error
    return _dump(message)


def vad_message(*, wav_name: str, event: str) -> str:
    """Return a voice activity event: ``speech_start`` or ``speech_end``."""
    message = {"mode": "vad", "event": event, "text": "", "wav_name": wav_name, "is_final": False}
    return _dump(message)


def _head(mode: str, text: str, wav_name: str, is_final: bool) -> dict[str, Any]:
    return {"mode": mode, "text": text, "wav_name": wav_name, "is_final": is_final}


def _dump(message: dict[str, Any]) -> str:
    raw = valid_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
    if "timestamp" not in message:
        # Some clients search the raw message for this word and then insist on the key. The escape
        # stands in the middle because a serialised tab before "imestamp" reads the same.
        raw = raw.replace("timestamp", r"times\u0074amp")
    return raw


def _dump_limited(message: dict[str, Any]) -> str:
    """Serialise ``message``; while it is too long leave out times, the least useful first."""

    def drop_word_times() -> None:
        for entry in message.get("stamp_sents", ()):
            entry["ts_list"] = []

    steps = (
        lambda: message.pop("timestamp", None),
        drop_word_times,
        lambda: message.pop("stamp_sents", None),
    )
    raw = _dump(message)
    for step in steps:
        if len(raw) * 4 < MAX_MESSAGE_BYTES or len(raw.encode()) < MAX_MESSAGE_BYTES:
            break
        step()
        raw = _dump(message)
    return raw
