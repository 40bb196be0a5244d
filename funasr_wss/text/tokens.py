"""The units text is compared and counted by: a CJK character or a word of letters and digits."""

from __future__ import annotations

import re
from dataclasses import dataclass

CJK = (
    r"\u3005\u3007"  # 々 〇
    r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"  # kana
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs
)
"""Inside of a regex character class: scripts that are written without spaces. Hangul is not one
of them, so that a Korean word stays whole."""

_LETTER = rf"[^\W_{CJK}]"
_WORD = re.compile(
    rf"[{CJK}]"
    # A word keeps its inner apostrophe, hyphen or dot ("don't", "e-mail", "3.5"), a number its
    # inner comma, colon and slash ("1,234", "3:30").
    rf"|{_LETTER}+(?:(?:['’.\-](?={_LETTER})|(?<=\d)[,:/](?=\d)){_LETTER}+)*"
)
_CJK_CHAR = re.compile(rf"[{CJK}]")
_JAPANESE_OR_KOREAN = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d\uac00-\ud7a3]")


@dataclass(frozen=True, slots=True)
class Token:
    """One CJK character or one word, with its place in the text it was found in."""

    key: str
    """The token case-folded; what tokens are compared by."""
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """Split ``text`` into tokens; punctuation, symbols and spaces between them are left out."""
    return [Token(m.group().casefold(), m.start(), m.end()) for m in _WORD.finditer(text)]


def is_cjk(char: str) -> bool:
    """Whether ``char`` (one character) is an ideograph or kana."""
    return _CJK_CHAR.match(char) is not None


def has_cjk(text: str) -> bool:
    """Whether any character of ``text`` is an ideograph or kana."""
    return _CJK_CHAR.search(text) is not None


def is_japanese_or_korean(text: str) -> bool:
    """Whether ``text`` contains kana or Hangul."""
    return _JAPANESE_OR_KOREAN.search(text) is not None
