"""Sentences of a result message: text, times, words.

Servers write times in three ways (``stamp_sents``, ``start_time``/``end_time``, ``timestamp``) and
leave out any of them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CLAUSE_MARKS = frozenset("，、；：,;:")
"""Punctuation after which a sentence goes on."""
OPENING_MARKS = frozenset(" ([{“‘「『（《【")
"""What stands between two sentences and belongs to the second."""


@dataclass(frozen=True, slots=True)
class Word:
    """A CJK character, a digit group or a Latin word; times in ms of the utterance."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Second-pass text of one sentence; it replaces the partial text shown before.

    ``text`` may begin with the space that separates it from the sentence before.
    """

    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    words: tuple[Word, ...] = ()


def sentences_of(message: Mapping[str, Any], text: str) -> list[Sentence]:
    """Return the sentences of one result message, with times where the message has them.

    A live result is one sentence. A whole-file result is divided by its ``stamp_sents``, whose
    clauses are put together again up to the next full stop.
    """
    if not text.strip():
        return []
    stamps = [stamp for stamp in _list(message.get("stamp_sents")) if isinstance(stamp, dict)]
    if not stamps:
        start, end = _times_without_stamps(message)
        return [Sentence(text, start, end)]
    if message.get("mode") != "offline":
        return [_sentence(text, stamps)]
    groups = _group(stamps)
    pieces = _divide(text, groups)
    return [_sentence(piece, group) for piece, group in zip(pieces, groups, strict=True) if piece]


def _group(stamps: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    groups: list[list[Mapping[str, Any]]] = [[]]
    for stamp in stamps:
        groups[-1].append(stamp)
        if str(stamp.get("punc", "")).strip() not in CLAUSE_MARKS:
            groups.append([])
    return [group for group in groups if group]


def _divide(text: str, groups: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Cut ``text`` where the groups end; if the two do not match, spell the groups themselves."""
    cuts, position = [0], 0
    for group in groups:
        for symbol in _core("".join(str(stamp.get("text_seg", "")) for stamp in group)):
            while position < len(text) and not text[position].isalnum():
                position += 1
            if position == len(text) or text[position].casefold() != symbol:
                return [_spell(group) for group in groups]
            position += 1
        while position < len(text) and not (
            text[position].isalnum() or text[position] in OPENING_MARKS
        ):
            position += 1
        cuts.append(position)
    cuts[-1] = len(text)
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


def _core(text: str) -> list[str]:
    return [symbol.casefold() for symbol in text if symbol.isalnum()]


def _spell(group: Sequence[Mapping[str, Any]]) -> str:
    text = ""
    for stamp in group:
        for token in str(stamp.get("text_seg", "")).split():
            glue = text and text[-1].isascii() and token[0].isascii()
            text += (" " if glue else "") + token
        text += str(stamp.get("punc", ""))
    return text


def _sentence(text: str, stamps: Sequence[Mapping[str, Any]]) -> Sentence:
    words: list[Word] = []
    for stamp in stamps:
        tokens, pairs = str(stamp.get("text_seg", "")).split(), _pairs(stamp.get("ts_list"))
        if len(tokens) == len(pairs):
            words += [Word(token, *pair) for token, pair in zip(tokens, pairs, strict=True)]
    start, end = _ms(stamps[0].get("start")), _ms(stamps[-1].get("end"))
    return Sentence(text, start, end, tuple(words))


def _times_without_stamps(message: Mapping[str, Any]) -> tuple[int | None, int | None]:
    start, end = _ms(message.get("start_time")), _ms(message.get("end_time"))
    if start is not None and end is not None:
        return start, end
    stamps = message.get("timestamp")
    if isinstance(stamps, str):
        try:
            stamps = json.loads(stamps)
        except ValueError:
            stamps = None
    pairs = _pairs(stamps)
    return (pairs[0][0], pairs[-1][1]) if pairs else (None, None)


def _pairs(value: object) -> list[tuple[int, int]]:
    """Return ``[[start, end], ...]`` as tuples; an empty list if any pair is malformed."""
    pairs = []
    for pair in _list(value):
        ends = [_ms(item) for item in pair] if isinstance(pair, list) else []
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return []
        pairs.append((ends[0], ends[1]))
    return pairs


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _ms(value: object) -> int | None:
    """Return a time in ms, None for anything else; servers write -1 for an unknown time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return int(value)
