"""Layout of one sentence as subtitle cues: where to divide it, how to break its lines.

Text is measured in terminal columns, so that Latin and CJK text get lines of the same width.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

LINE_COLUMNS = 42
"""Widest line: 42 Latin or 21 CJK characters, the usual subtitle limits."""
CUE_COLUMNS = 2 * LINE_COLUMNS
CUE_MS = 7000
"""Longest wanted cue, ms."""
PAUSE_MS = 300
"""A silence of this length inside a sentence is a good place to divide it."""

SENTENCE_END = frozenset("。！？!?.…")
CLAUSE_END = frozenset("，、；：,;:")
OPENING = frozenset({"Ps", "Pi"})
"""Unicode categories that stay with the character after them."""
CLOSING = frozenset({"Po", "Pe", "Pf", "Pd", "Mn", "Me", "Cf"})
"""Unicode categories that stay with the character before them."""


class TimedWord(Protocol):
    """A word of a sentence, times in ms."""

    @property
    def text(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from ``start_ms`` to ``end_ms``, in one or two lines."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece of text that is never divided: a CJK character or a word, with its punctuation."""

    text: str
    start: int
    """Position of its first character in the sentence."""
    spaced: bool
    """White space stands before it."""


def width(text: str) -> int:
    """Return how many terminal columns ``text`` takes."""
    return sum(map(_columns, text))


def divide(text: str, words: Sequence[TimedWord], start: int, end: int) -> list[Cue]:
    """Return the cues of a sentence spoken from ``start`` to ``end``, ms.

    ``text`` is not empty and has no white space but single spaces. Starts of cues increase.
    """
    units = _units(text)
    clock = _Clock(text, words, start, end)
    spans = [clock.span(unit) for unit in units]
    cues: list[Cue] = []
    first = 0
    for last in _Layout(units, spans).breaks():
        begin = start if first == 0 else round(spans[first][0])
        finish = end if last == len(units) else round(spans[last - 1][1])
        if cues:
            begin = max(begin, cues[-1].start_ms + 1)
        cues.append(Cue(begin, max(finish, begin + 1), _lines(units[first:last])))
        first = last
    return cues


def _columns(symbol: str) -> int:
    if unicodedata.category(symbol) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(symbol) in "WF" else 1


def _units(text: str) -> list[_Unit]:
    """Split text everywhere a line may be broken."""
    units: list[_Unit] = []
    before = " "
    for position, symbol in enumerate(text):
        if symbol != " ":
            if before != " " and _stick(before, symbol):
                units[-1] = replace(units[-1], text=units[-1].text + symbol)
            else:
                units.append(_Unit(symbol, position, before == " " and position > 0))
        before = symbol
    return units


def _stick(left: str, right: str) -> bool:
    """Say whether no line may be broken between two neighbours."""
    if unicodedata.category(left) in OPENING or unicodedata.category(right) in CLOSING:
        return True
    narrow = _columns(left) < 2 and _columns(right) < 2
    return narrow and unicodedata.category(right) not in OPENING


class _Clock:
    """Times of positions in a sentence, interpolated between those that words give."""

    def __init__(self, text: str, words: Sequence[TimedWord], start: int, end: int) -> None:
        self._places, self._times = [0], [start]
        folded, position = text.casefold(), 0
        if len(folded) != len(text):
            folded = text
        for word in words:
            token = word.text.casefold()
            # A token that was rewritten (numbers as digits) is not there: do not look far.
            limit = position + len(token) + 12
            found = folded.find(token, position, limit) if token else -1
            if found >= 0:
                position = found + len(token)
                self._add(found, word.start_ms, end)
                self._add(position, word.end_ms, end)
        self._places.append(len(text))
        self._times.append(end)

    def _add(self, place: int, ms: int, end: int) -> None:
        if self._times[-1] <= ms <= end:
            self._places.append(place)
            self._times.append(ms)

    def span(self, unit: _Unit) -> tuple[float, float]:
        """Start and end of what is spoken in ``unit``: its punctuation belongs to the pause."""
        spoken = [index for index, symbol in enumerate(unit.text) if symbol.isalnum()]
        first, last = (spoken[0], spoken[-1]) if spoken else (0, len(unit.text) - 1)
        return self._start_of(unit.start + first), self._end_of(unit.start + last + 1)

    def _start_of(self, place: int) -> float:
        """Time at which what follows ``place`` starts, after a pause that stands there."""
        after = bisect_right(self._places, place)
        if after and self._places[after - 1] == place:
            return self._times[after - 1]
        return self._between(after, place)

    def _end_of(self, place: int) -> float:
        """Time at which what stands before ``place`` ends, before a pause that stands there."""
        at = bisect_left(self._places, place)
        if self._places[at] == place:
            return self._times[at]
        return self._between(at, place)

    def _between(self, after: int, place: int) -> float:
        left, right = self._places[after - 1], self._places[after]
        left_ms, right_ms = self._times[after - 1], self._times[after]
        return left_ms + (right_ms - left_ms) * (place - left) / (right - left)


class _Layout:
    """Finds the cue ends with the least cost: equal lengths, natural places."""

    def __init__(self, units: Sequence[_Unit], spans: Sequence[tuple[float, float]]) -> None:
        self._units, self._spans = units, spans
        self._offsets = [0, *accumulate(width(unit.text) + unit.spaced for unit in units)]

    def breaks(self) -> list[int]:
        """Return how many units stand before the end of each cue."""
        count = len(self._units)
        duration = self._spans[-1][1] - self._spans[0][0]
        wanted = max(self._offsets[-1] / CUE_COLUMNS, duration / CUE_MS)
        target = max(1.0, self._offsets[-1] / max(1, math.ceil(wanted)))
        costs, origin = [0.0] + [math.inf] * count, [0] * (count + 1)
        for last in range(1, count + 1):
            for first in range(last - 1, -1, -1):
                if not self._fits(first, last):
                    break
                columns = self._columns(first, last)
                cost = costs[first] + ((columns - target) / target) ** 2 + self._cost(last)
                if cost < costs[last]:
                    costs[last], origin[last] = cost, first
        ends = [count]
        while origin[ends[-1]]:
            ends.append(origin[ends[-1]])
        return ends[::-1]

    def _columns(self, first: int, last: int) -> int:
        return self._offsets[last] - self._offsets[first] - self._units[first].spaced

    def _fits(self, first: int, last: int) -> bool:
        """Say whether the units fill at most two lines; one unit alone may be too wide."""
        if last - first == 1 or self._columns(first, last) <= LINE_COLUMNS:
            return True
        limit = self._offsets[first] + self._units[first].spaced + LINE_COLUMNS
        middle = max(bisect_right(self._offsets, limit, first, last) - 1, first + 1)
        return self._columns(middle, last) <= LINE_COLUMNS or last - middle == 1

    def _cost(self, last: int) -> float:
        if last == len(self._units):
            return 0.0
        mark = self._units[last - 1].text[-1]
        if mark in SENTENCE_END:
            return 0.02
        paused = self._spans[last][0] - self._spans[last - 1][1] >= PAUSE_MS
        return 0.05 if mark in CLAUSE_END or paused else 0.6


def _lines(units: Sequence[_Unit]) -> tuple[str, ...]:
    """Return one line, or two of about equal width, broken at punctuation where it costs little.

    A single unit wider than a line stays whole.
    """
    whole = _join(units)
    if width(whole) <= LINE_COLUMNS or len(units) == 1:
        return (whole,)

    def cost(lines: tuple[str, str]) -> float:
        upper, lower = map(width, lines)
        overflow = max(0, upper - LINE_COLUMNS) + max(0, lower - LINE_COLUMNS)
        natural = lines[0][-1] in SENTENCE_END | CLAUSE_END
        return 1000 * overflow + abs(upper - lower) + (0 if natural else 12)

    return min(((_join(units[:at]), _join(units[at:])) for at in range(1, len(units))), key=cost)


def _join(units: Sequence[_Unit]) -> str:
    return "".join(" " * unit.spaced + unit.text for unit in units).lstrip()
