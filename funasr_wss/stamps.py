"""Word times as FunASR clients read them: the ``timestamp`` string and ``stamp_sents``.

Both count tokens: one for each CJK character, digit and Latin word. The words of an engine are
matched with the final text by their letters and digits; where the two differ (numbers rewritten,
characters converted) there are no word times rather than wrong ones.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .protocol import valid_text

if TYPE_CHECKING:
    from .engines.base import Word

Pair = tuple[int, int]
"""Start and end of a token, ms."""


@dataclass(frozen=True, slots=True)
class SentenceInfo:
    """One recognised sentence; all times are ms from the start of the utterance."""

    text: str
    start_ms: int
    end_ms: int
    words: tuple[Word, ...] = ()


# --- tokens: one for each CJK character, digit and Latin word ------------------------------------

_SINGLE: Final = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]"
)
"""Scripts that are counted by character: Han, kana, Bopomofo, Hangul."""
_BREAKS: Final = frozenset("。，、？！；：…,.?!;:")
# "3.5", "1,000", "10:30" and "example.com": no ends of anything.
_INSIDE_NUMBER: Final = re.compile(r"(?<=[0-9])[,:](?=[0-9])|(?<=[0-9A-Za-z])\.(?=[0-9A-Za-z])")
# Over the classes of _class(): a word (apostrophes and hyphens inside it) or a single character.
_TOKEN: Final = re.compile(r"L[LM]*(?:JL[LM]*)*|SM*")


@dataclass(slots=True)
class _Token:
    text: str
    """The token with the marks that cling to it, such as a currency or per cent sign."""
    spoken: list[str]
    """Its letters and digits, lower case: what word times are matched by."""
    punc: str = ""
    """Punctuation that follows it."""


@lru_cache(maxsize=1 << 16)
def _class(char: str) -> str:
    """Return the class of a character: L letter of a word, S single token, M combining mark,
    J joins letters to one word, B breaks a sentence, O opens a bracket, space, P anything else."""
    category = unicodedata.category(char)
    if category[0] == "N":
        return "S"
    if category[0] == "L":
        return "S" if _SINGLE.match(char) else "L"
    if category[0] == "M":
        return "P" if char in "\ufe0e\ufe0f" else "M"
    if char in _BREAKS:
        return "B"
    if char in "'’-":
        return "J"
    if category in ("Ps", "Pi", "Sc"):
        return "O"
    return " " if char.isspace() else "P"


def _classes(text: str) -> str:
    classes = list(map(_class, text))
    for match in _INSIDE_NUMBER.finditer(text):
        classes[match.start()] = "P"
    return "".join(classes)


def _spoken(text: str) -> list[str]:
    if len(text) == 1:  # nearly all of Chinese
        return [text.lower()] if _class(text) in "LSM" else []
    return [char.lower() for char in text if _class(char) in "LSM"]


def _tokens(text: str) -> list[_Token]:
    classes = _classes(text)
    tokens: list[_Token] = []
    end = 0
    for match in _TOKEN.finditer(classes):
        start, gap = match.start(), end
        opening = _attach_gap(tokens, text[gap:start], classes[gap:start]) if gap < start else ""
        end = match.end()
        core = text[start:end]
        tokens.append(_Token(opening + core, _spoken(core)))
    if tokens:
        rest = _attach_gap(tokens, text[end:], classes[end:])
        if tokens[-1].punc:
            tokens[-1].punc += rest
        else:
            tokens[-1].text += rest
    return tokens


def _attach_gap(tokens: list[_Token], gap: str, classes: str) -> str:
    """Give the marks between two tokens to the one before; return those that open the next."""
    marks = [(c, kind) for c, kind in zip(gap, classes, strict=True) if kind != " "]
    cut = len(marks) if tokens else 0
    while cut and marks[cut - 1][1] == "O":
        cut -= 1
    for char, kind in marks[:cut]:
        if kind == "B" or tokens[-1].punc:
            tokens[-1].punc += char
        else:
            tokens[-1].text += char
    return "".join(char for char, _ in marks[cut:])


# --- times ---------------------------------------------------------------------------------------


def _spoken_times(words: Iterable[Word]) -> Iterator[tuple[str, Pair]]:
    """Yield every letter and digit of the words; a word's time is divided evenly among its own."""
    for word in words:
        spoken = _spoken(word.text)
        start, span = word.start_ms, max(0, word.end_ms - word.start_ms)
        for i, char in enumerate(spoken):
            edges = (start + span * i // len(spoken), start + span * (i + 1) // len(spoken))
            yield char, edges


def _align(tokens: Sequence[_Token], words: Iterable[Word]) -> list[Pair] | None:
    """Return the time of every token, or ``None`` if the words spell something else."""
    times = list(_spoken_times(words))
    if [char for char, _ in times] != [char for token in tokens for char in token.spoken]:
        return None
    pairs = []
    position = 0
    for token in tokens:
        last = position + len(token.spoken) - 1
        start, end = times[position][1][0], times[last][1][1]
        pairs.append((start, max(start, end)))
        position = last + 1
    return pairs


def timestamp_string(text: str, sentences: Sequence[SentenceInfo], policy: str) -> str | None:
    """Return the times of all tokens of ``text`` as ``"[[start,end],...]"``, or ``None``.

    ``policy`` is the ``timestamp`` switch: ``safe`` gives a string only if the words of the
    sentences spell ``text`` and html5 readers can take it; ``always`` gives one whenever there are
    words, counted by the words if they do not spell the text; ``off`` never.
    """
    words = [word for sentence in sentences for word in sentence.words]
    if policy == "off" or not words:
        return None
    pairs = _align(_tokens(text), words)
    if policy == "always":
        if pairs is None:
            pairs = _align([t for word in words for t in _tokens(word.text)], words)
    elif pairs and not readable_by_html5(text, len(pairs)):
        return None
    return json.dumps(pairs, separators=(",", ":")) if pairs else None


_HTML5_BREAKS: Final = re.compile("[。？，、?., ]")


def readable_by_html5(text: str, pairs: int) -> bool:
    """Whether FunASR's html5 page can walk through ``text`` with this many word times.

    The page cuts the text into pieces and looks up the time of each by a running count: one for a
    piece of ASCII letters, the number of UTF-16 units for any other. A look-up past the end throws
    and the text is lost; a piece "undefined" is skipped.
    """
    count = 0
    for piece in _HTML5_BREAKS.split(text):
        if not piece:
            continue
        if count >= pairs or piece == "undefined":
            return False
        word = piece.isascii() and piece.isalpha()
        count += 1 if word else len(piece.encode("utf-16-le", "surrogatepass")) // 2
    return True


def stamp_entries(sentence: SentenceInfo) -> list[dict[str, Any]]:
    """Return the ``stamp_sents`` entries of a sentence: one for each of its clauses if the words
    tell their times, else a single one with the times of the sentence."""
    text = valid_text(sentence.text)
    tokens = _tokens(text)
    pairs = _align(tokens, sentence.words) if sentence.words else None
    if tokens and pairs:
        return list(_clauses(tokens, pairs))
    if not text.strip():
        return []
    seg = [token.text + token.punc for token in tokens[:-1]] + [t.text for t in tokens[-1:]]
    return [
        {
            "text_seg": " ".join(seg) if tokens else text.strip(),
            "punc": tokens[-1].punc if tokens else "",
            "start": sentence.start_ms,
            "end": sentence.end_ms,
            "ts_list": [],
        }
    ]


def _clauses(tokens: Sequence[_Token], pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    first = 0
    for i, token in enumerate(tokens):
        if token.punc or i == len(tokens) - 1:
            yield {
                "text_seg": " ".join(t.text for t in tokens[first : i + 1]),
                "punc": token.punc,
                "start": pairs[first][0],
                "end": max(pairs[first][0], pairs[i][1]),
                "ts_list": [list(pair) for pair in pairs[first : i + 1]],
            }
            first = i + 1
