"""Punctuation marks: removing them, and making them fit the script they stand in."""

from __future__ import annotations

import re
import unicodedata

from funasr_wss.text.tokens import CJK

ASCII_MARKS = ",.?!;:\"'()[]{}<>-"
"""Half-width marks that recognisers write."""

CJK_MARKS = "，。？！、；：“”‘’（）《》〈〉「」『』【】〔〕…—～·・"
"""Full-width marks and marks used in Chinese and Japanese text only."""

_MARK = f"[{re.escape(ASCII_MARKS + CJK_MARKS + '¿¡‐‑–«»‹›„‚`´|_*^♪♫')}]"
# Marks that belong to the number or word they stand in: 3.5, 1,234, 3:30, -5, don't, e-mail.
_INNER = (
    r"(?:(?<=[A-Za-z0-9])[.\-](?=[A-Za-z0-9])"
    r"|(?<=[^\W\d_])['’](?=[^\W\d_])"
    r"|(?<=[0-9])[,:](?=[0-9])"
    r"|(?<![\w.])-(?=[0-9]))"
)
_REMOVABLE = rf"(?!{_INNER}){_MARK}"
_RUN = re.compile(rf"\s*{_REMOVABLE}(?:{_REMOVABLE}|\s)*")
_CJK_CHAR = re.compile(rf"[{CJK}]")

_FULL_WIDTH = {",": "，", "?": "？", "!": "！", ";": "；", ":": "：", ".": "。"}
_OPENING = "“‘（《〈「『【"
_CLOSING = "”’）》〉」』】"
_STOPS = "，。？！、；："
_AFTER_CJK = re.compile(rf"(?<=[{CJK}{_CLOSING}])[ \t]*([,?!;:])")
_BEFORE_CJK = re.compile(rf"(?<=[^\s,.?!;:])([,?!;:])(?=[ \t]*[{CJK}{_OPENING}])")
_FULL_STOP = re.compile(rf"(?<=[{CJK}{_CLOSING}])\.(?=\s|$|[{CJK}{_OPENING}])")
_SPACE = re.compile(
    rf"(?<=[{CJK}{_CLOSING}{_OPENING}])[ \t\u3000]+(?=[{CJK}{_OPENING}{_CLOSING}])"
    rf"|(?<=[{_STOPS}])[ \t\u3000]+|[ \t\u3000]+(?=[{_STOPS}])"
)
_STARTERS = frozenset("\"'¿¡%&@#§")
"""Marks that Unicode counts as other punctuation, but that may start a sentence."""
_DOUBLED = re.compile(r"([，。、；：])[，。、；：]+|([？！])[，。、；：]+")


def strip_leading(text: str) -> str:
    """Cut spaces and punctuation off the start; opening quotes and brackets and signs stay."""
    for index, char in enumerate(text):
        if char in _STARTERS or (char == "-" and text[index + 1 : index + 2].isdecimal()):
            return text[index:]
        category = unicodedata.category(char)
        if category[0] not in "ZC" and category not in ("Po", "Pe", "Pf", "Pd", "Pc"):
            return text[index:]
    return ""


def strip_punctuation(text: str) -> str:
    """Return ``text`` without punctuation marks.

    Kept: decimal points, separators and signs of numbers, apostrophes, hyphens and dots inside
    words, and symbols that are spoken (%, $, +, &). A removed mark leaves one space between words
    and nothing beside a CJK character.
    """

    def replace(match: re.Match[str]) -> str:
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        beside_cjk = _CJK_CHAR.match(before) or _CJK_CHAR.match(after)
        return "" if beside_cjk else " "

    return _RUN.sub(replace, text).strip()


def normalise_punctuation(text: str, language: str = "auto") -> str:
    """Return ``text`` with full-width marks and without spaces where it is Chinese or Japanese.

    A half-width ``,?!;:`` beside a CJK character and a full stop after one become full-width
    (the comma ``、`` when ``language`` is ``ja``); spaces between CJK characters go; doubled
    stops become one. Marks inside numbers and between Latin words are left alone.
    """
    comma = "、" if language == "ja" else "，"

    def widen(match: re.Match[str]) -> str:
        mark = match.group(match.lastindex or 0)
        return comma if mark == "," else _FULL_WIDTH[mark]

    if not _CJK_CHAR.search(text):
        return text
    for pattern in (_AFTER_CJK, _BEFORE_CJK, _FULL_STOP):
        text = pattern.sub(widen, text)
    text = _SPACE.sub("", text)
    return _DOUBLED.sub(lambda m: m.group(1) or m.group(2), text)
