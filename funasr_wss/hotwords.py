"""Hotword lists in the many forms that clients send them. Pure functions, no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_HOTWORDS: Final = 500
MAX_ITEMS_READ: Final = 4 * MAX_HOTWORDS
"""Items looked at, repeated and empty ones included: a frame full of commas must stay cheap."""
MAX_HOTWORD_CHARS: Final = 64
MAX_HOTWORD_WEIGHT: Final = 1000
DEFAULT_HOTWORD_WEIGHT: Final = 20
"""The weight FunASR's own examples give to every hotword."""


@dataclass(frozen=True, slots=True)
class Hotword:
    """A word the speaker is likely to use; ``weight`` is in -1000..1000, usually 20."""

    word: str
    weight: int


_ITEM_BREAKS: Final = re.compile(r"[\r\n,，;；、]")
_WEIGHT_OF_ITEM: Final = re.compile(r"(.*[^\s:：])(?:\s*[:：]\s*|\s+)([+-]?[0-9]{1,6})", re.DOTALL)
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,6}")
# White space, control characters and lone surrogates: no part of a word, unfit for a prompt.
_UNSAFE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def parse_hotwords(value: object) -> tuple[Hotword, ...]:
    """Read the hotwords of a frame in whatever form they came; never raises.

    Accepted: an object word -> weight, a list of words or [word, weight] pairs, either of them as
    a JSON string, or plain text (see ``_from_text``). Repeated words count once, with their last
    weight. At most ``MAX_HOTWORDS`` words of at most ``MAX_HOTWORD_CHARS`` are kept.
    """
    return collect_hotwords(value)[0]


def collect_hotwords(value: object) -> tuple[tuple[Hotword, ...], int]:
    """Like ``parse_hotwords``; also return how many words the limits left out (at least)."""
    weights: dict[str, int] = {}
    dropped = 0
    for count, (raw, weight) in enumerate(_pairs(value)):
        if count >= MAX_ITEMS_READ:
            dropped += 1
            break
        word = _UNSAFE.sub(" ", raw).strip()
        if not word:
            continue
        if len(word) > MAX_HOTWORD_CHARS or (word not in weights and len(weights) >= MAX_HOTWORDS):
            dropped += 1
            continue
        weights[word] = max(-MAX_HOTWORD_WEIGHT, min(MAX_HOTWORD_WEIGHT, weight))
    return tuple(Hotword(word, weight) for word, weight in weights.items()), dropped


def _pairs(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, str):
        text = value.strip()
        if text.startswith(("{", "[")):
            try:
                parsed = json.loads(text)
            except (ValueError, RecursionError):
                pass
            else:
                yield from _from_json(parsed)
                return
        yield from _from_text(text)
    else:
        yield from _from_json(value)


def _from_json(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for word, weight in value.items():
            yield word, _weight(weight)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield _with_weight(item)
            elif isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
                yield item[0], _weight(item[1])
            elif isinstance(item, dict) and isinstance(item.get("word"), str):
                yield item["word"], _weight(item.get("weight"))
            elif isinstance(item, dict):
                yield from ((word, _weight(weight)) for word, weight in item.items())


def _from_text(text: str) -> Iterator[tuple[str, int]]:
    """Split plain text. With a separator an item may contain spaces and end in its weight;
    without one the items are single words and a whole number is the weight of the word before."""
    if _ITEM_BREAKS.search(text):
        # The brackets and quotes are what is left of broken JSON.
        yield from (_with_weight(item.strip(" \t{}[]\"'")) for item in _ITEM_BREAKS.split(text))
        return
    word = ""
    for item in text.split():
        if _WHOLE_NUMBER.fullmatch(item):
            if word:
                yield word, int(item)
        else:
            word, weight = _with_weight(item.strip("{}[]\"'"))
            yield word, weight


def _with_weight(item: str) -> tuple[str, int]:
    match = _WEIGHT_OF_ITEM.fullmatch(item.strip())
    # "10:30" or "2024 10" is no word with a weight.
    if match and not _WHOLE_NUMBER.fullmatch(match[1]):
        return match[1].strip("\"'"), int(match[2])
    return item, DEFAULT_HOTWORD_WEIGHT


def _weight(value: object) -> int:
    try:
        return int(float(value)) if isinstance(value, (str, int, float)) else DEFAULT_HOTWORD_WEIGHT
    except (ValueError, OverflowError):
        return DEFAULT_HOTWORD_WEIGHT
