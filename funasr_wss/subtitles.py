"""Sentences with times to TXT, SRT, WebVTT and JSON text. Pure functions.

Long sentences become several cues of at most two lines, divided at punctuation and pauses and
timed by their words; where a sentence has no word times they are interpolated.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Protocol

from .cues import Cue, TimedWord, divide, width

MIN_CUE_MS = 700
"""A shorter cue cannot be read; it stays on the screen until here or until the next one."""
COLUMN_MS = 75
"""Reading (and speaking) time of one column, ms; used where no time is known."""

_TAG = re.compile(r"<(?=[A-Za-z/])|\{(?=\\)")
_FULL_WIDTH = {"<": "＜", "{": "｛"}


class TimedSentence(Protocol):
    """A sentence, times in ms or None where they are unknown."""

    @property
    def text(self) -> str: ...
    @property
    def start_ms(self) -> int | None: ...
    @property
    def end_ms(self) -> int | None: ...
    @property
    def words(self) -> Sequence[TimedWord]: ...


def to_txt(sentences: Iterable[TimedSentence]) -> str:
    """Return one sentence a line."""
    return "".join(f"{text}\n" for text in map(_clean, sentences) if text)


def to_json(sentences: Sequence[TimedSentence], **facts: object) -> str:
    """Return an object with ``facts``, ``text`` and ``sentences``; times in ms, null if unknown."""
    return json.dumps(document(sentences, **facts), ensure_ascii=False, indent=2) + "\n"


def document(sentences: Sequence[TimedSentence], **facts: object) -> dict[str, Any]:
    """Return what ``to_json`` writes."""
    rows: list[Mapping[str, object]] = [
        {
            "index": index,
            "text": sentence.text.strip(),
            "start_ms": sentence.start_ms,
            "end_ms": sentence.end_ms,
            "words": [
                {"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms}
                for word in sentence.words
            ],
        }
        for index, sentence in enumerate(sentences)
    ]
    return {**facts, "text": "".join(s.text for s in sentences).strip(), "sentences": rows}


def to_srt(sentences: Iterable[TimedSentence]) -> str:
    """Return SubRip text.

    SubRip has no escapes: what a player would take for a tag is written full-width, and ``-->``
    loses a dash.
    """
    blocks = []
    for number, cue in enumerate(cues(sentences), 1):
        text = "\n".join(cue.lines).replace("-->", "->")
        text = _TAG.sub(lambda match: _FULL_WIDTH[match.group()], text)
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{text}\n")
    return "\n".join(blocks)


def to_vtt(sentences: Iterable[TimedSentence]) -> str:
    """Return WebVTT text."""
    blocks = ["WEBVTT\n"]
    for cue in cues(sentences):
        text = html.escape("\n".join(cue.lines), quote=False)
        blocks.append(f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{text}\n")
    return "\n".join(blocks)


def cues(sentences: Iterable[TimedSentence]) -> list[Cue]:
    """Return the cues of all sentences: in order, without overlap, each with a positive length."""
    result: list[Cue] = []
    for sentence, start, end in _with_times(sentences):
        result += divide(_clean(sentence), sentence.words, start, end)
    # Sentences may overlap by the silence that endpointing leaves around them.
    starts = list(accumulate((cue.start_ms for cue in result), lambda a, b: max(a + 1, b)))
    for index, (cue, start) in enumerate(zip(result, starts, strict=True)):
        end = max(cue.end_ms, start + MIN_CUE_MS)
        if index + 1 < len(result):
            end = min(end, starts[index + 1])
        result[index] = replace(cue, start_ms=start, end_ms=end)
    return result


def _clean(sentence: TimedSentence) -> str:
    return " ".join(sentence.text.split())


def _clock(ms: int, mark: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{ms:03}"


def _with_times(sentences: Iterable[TimedSentence]) -> list[tuple[TimedSentence, int, int]]:
    """Fill in unknown times: after the sentence before, as long as it takes to read.

    Starts never go backwards, so that the cues stay in order.
    """
    kept = [sentence for sentence in sentences if _clean(sentence)]
    starts = [_known(sentence.start_ms) for sentence in kept]
    timed, before = [], 0
    last_start = -1
    for index, sentence in enumerate(kept):
        start = starts[index]
        start = max(before if start is None else start, last_start + 1)
        end = _known(sentence.end_ms)
        if end is None or end <= start:
            end = start + max(MIN_CUE_MS, width(sentence.text) * COLUMN_MS)
            later = next((known for known in starts[index + 1 :] if known is not None), None)
            if later is not None and later > start:
                end = min(end, later)
        timed.append((sentence, start, end))
        before, last_start = end, start
    return timed


def _known(ms: int | None) -> int | None:
    return ms if ms is not None and ms >= 0 else None
