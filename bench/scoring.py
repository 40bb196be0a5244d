"""Error rates of recognised text against a reference.

Both sides are brought to one form first, because published references differ in style (numbers as
spoken or as digits, with or without punctuation and case), and a style is no recognition error:

- NFKC, lower case, traditional characters as simplified ones, punctuation removed;
- numbers as digits: 两千四百九十九, 二零一四年, 百分之五, 两百万 and "sixty four billion",
  "twenty five percent", "$25" meet their digit forms. Every Chinese numeral is mapped, idioms
  included; that is the same on both sides and changes no score;
- Mr, Mrs and Dr as words; contractions and fillers (uh, um) stay as they are.

``wer`` counts words. ``cer`` is the mixed error rate that is usual for Mandarin with English in it:
a CJK character, a Latin word or a single digit is one token.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from funasr_wss.text.itn_en import NUMBER_WORDS, ONES, TEENS, TENS
from funasr_wss.text.itn_library import convert
from funasr_wss.text.numerals import DIGIT, DIGITS, NUMERAL, cardinal, decimal, read_digits
from funasr_wss.text.script import to_simplified
from funasr_wss.text.tokens import CJK

_SCALES = {
    "万": 10**4, "亿": 10**8, "thousand": 10**3, "million": 10**6,
    "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "元"}
_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
_ENGLISH_DIGITS = {
    **{word: str(value) for value, word in enumerate(f"zero|{ONES}|{TEENS}".split("|"))},
    **{word: str(value) for value, word in zip(range(20, 100, 10), TENS.split("|"), strict=True)},
}

_ZH_PERCENT = re.compile(rf"百分之([{NUMERAL}]+(?:点[{DIGIT}]+)?|\d+(?:\.\d+)?)")
_ZH_NUMBER = re.compile(rf"(?<![\d.])[{NUMERAL}]+(?:点[{DIGIT}]+(?![{DIGIT}十百千])[万亿]?)?")
_SCALED = re.compile(
    r"(\d+(?:\.\d+)?)(?:\s*(亿|万)(?!\d)|\s+(thousand|million|billion|trillion)\b)"
)
_MIXED_SCALE = re.compile(r"(\d+)亿(\d+)万")
_CURRENCY = re.compile(
    r"([$€£¥])\s*(\d+(?:\.\d+)?)((?:\s+(?:thousand|million|billion|trillion)\b|[万亿])?)"
)
_TOKEN = re.compile(rf"\d+(?:\.\d+)?%?|[{CJK}]|[^\W\d_{CJK}]+(?:'[^\W\d_{CJK}]+)*|%")


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Edits that turn a reference into a hypothesis; add counts to pool several clips."""

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    length: int = 0
    """Tokens of the reference."""

    @property
    def edits(self) -> int:
        """Substitutions, insertions and deletions together."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def rate(self) -> float:
        """Edits per reference token; against an empty reference 0.0 without edits, else 1.0."""
        return self.edits / self.length if self.length else float(self.edits > 0)

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.length + other.length,
        )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCount:
    """Count the operations of a shortest edit path; of equal paths one with most substitutions."""
    # A cell is (edits, insertions, deletions, substitutions); fewer insertions win ties.
    row = [(j, j, 0, 0) for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], (i, 0, i, 0)
        for j, other in enumerate(hypothesis, 1):
            edits, inserted, deleted, changed = diagonal
            differs = int(word != other)
            up, left = row[j], row[j - 1]
            diagonal = up
            row[j] = min(
                (edits + differs, inserted, deleted, changed + differs),
                (up[0] + 1, up[1], up[2] + 1, up[3]),
                (left[0] + 1, left[1] + 1, left[2], left[3]),
            )
    _, inserted, deleted, changed = row[-1]
    return ErrorCount(changed, inserted, deleted, len(reference))


def cer(reference: str, hypothesis: str) -> ErrorCount:
    """Mixed error rate: CJK characters, Latin words and single digits are the tokens."""
    return align(mixed_tokens(reference), mixed_tokens(hypothesis))


def wer(reference: str, hypothesis: str) -> ErrorCount:
    """Word error rate; a number is one word. CJK characters count as one word each."""
    return align(word_tokens(reference), word_tokens(hypothesis))


def mixed_tokens(text: str) -> list[str]:
    """Tokens of ``cer``; a hyphen inside a word joins it (wi-fi = wifi)."""
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", "", unicodedata.normalize("NFKC", text))
    tokens: list[str] = []
    for token in _TOKEN.findall(normalise(text)):
        tokens += token.replace(".", "点") if token[0].isdigit() else [token]
    return tokens


def word_tokens(text: str) -> list[str]:
    """Tokens of ``wer``; a hyphen inside a word parts it (twenty-five = twenty five)."""
    return _TOKEN.findall(normalise(text))


def normalise(text: str) -> str:
    """Return ``text`` in the one form that both sides are compared in (see the module)."""
    text = to_simplified(unicodedata.normalize("NFKC", text).lower())
    text = text.replace("’", "'").replace("‘", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text)
    text = _english_numbers(text)
    text = _chinese_numbers(text)
    text = _CURRENCY.sub(lambda m: f"{m[2]}{m[3]} {_CURRENCIES[m[1]]}", text)
    text = _MIXED_SCALE.sub(lambda m: str(int(m[1]) * 10**8 + int(m[2]) * 10**4), text)
    text = _SCALED.sub(lambda m: _plain(Decimal(m[1]) * _SCALES[m[2] or m[3]]), text)
    text = re.sub(r"(?<=\d):(\d\d)(?!\d)", lambda m: _minutes(text, m), text)
    text = re.sub(r"(\d) percent\b", r"\1%", text)
    words = re.sub(r"[^\w%'.]|(?<!\d)\.|\.(?!\d)", " ", text).split()
    return " ".join(_TITLES.get(word, word) for word in words)


def _plain(value: Decimal) -> str:
    return str(int(value)) if value == value.to_integral_value() else str(value.normalize())


def _minutes(text: str, match: re.Match[str]) -> str:
    """3:30 as it is said: 3点30 in Chinese text, "3 30" elsewhere."""
    return ("点" if re.search(rf"[{CJK}]", text) else " ") + match[1]


def _chinese_numbers(text: str) -> str:
    def percent(match: re.Match[str]) -> str:
        number = match[1]
        value = number if number[0].isdecimal() else decimal(number)
        return match.group() if value is None else f"{value}%"

    def number(match: re.Match[str]) -> str:
        run = match.group()
        value = decimal(run)
        if value is None and run[-1] in "万亿":  # 一点五万 is read by the scale rule
            value = decimal(run[:-1])
            value = None if value is None else value + run[-1]
        if value is not None:
            return value
        whole, point, fraction = run.partition("点")
        head = cardinal(whole)
        return (read_digits(whole) if head is None else str(head)) + (
            f".{read_digits(fraction)}" if point and whole[-1] in DIGITS else point + fraction
        )

    return _ZH_NUMBER.sub(number, _ZH_PERCENT.sub(percent, text))


def _english_numbers(text: str) -> str:
    def number(match: re.Match[str]) -> str:
        words = match.group()
        value = _ENGLISH_DIGITS.get(words) or convert(words, "en", "itn") or words
        if re.fullmatch(r"\d+(\.\d+)?( (million|billion|trillion))?|\d+(st|nd|rd|th)", value):
            return value
        return " ".join(_ENGLISH_DIGITS.get(word, word) for word in words.split())

    return NUMBER_WORDS.sub(number, text)
