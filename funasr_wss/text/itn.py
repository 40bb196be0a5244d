"""Numbers in recognised text: as digits (inverse text normalisation) or as spoken."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from funasr_wss.text.itn_en import written_en
from funasr_wss.text.itn_library import convert
from funasr_wss.text.itn_zh import written_zh
from funasr_wss.text.tokens import CJK, is_japanese_or_korean

logger = logging.getLogger(__name__)

_SPAN = re.compile(
    r"(?:(?<![\w.)])[-−])?[$¥￥€£]?"
    r"(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}(?!\d)|\d+(?:[.,:/~-]\d+)*)"
    r"(?P<tail>\s?(?:%|％|‰|°C|°F|℃|°)|(?:km/h|km|kg|cm|mm|mg|ml)(?![A-Za-z])|(?:st|nd|rd|th)\b|0?s\b)?"
)
_SCALE = re.compile(r"\s(?:thousand|million|billion|trillion)\b", re.IGNORECASE)
_LETTER = re.compile(rf"[{CJK}]|[A-Za-z]")
_CJK_CHAR = re.compile(rf"[{CJK}]")
_SHORT_UNIT = re.compile(rf"[A-Za-z]{{1,2}}(?=[{CJK}])")
_CONTEXT = re.compile(r"[\u4e00-\u9fff]{1,2}")
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)")
_RANGE = re.compile(r"(?<=\d)-(?=\d)")
_ORDINAL_BEFORE = re.compile("(?:第|周|星期|礼拜|初|[A-Za-z])$")
# Behind these a long number is an amount, otherwise it is a telephone number or a code.
_COUNTED = re.compile("[元块个人美欧万亿次名位件公米吨年度日港]")
_CODE_LENGTH = 7
_DECADE = re.compile(r"(\d{4}|\d0)s")
_ZH_DIGITS = str.maketrans("0123456789.", "零一二三四五六七八九点")
_EN_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def written(text: str, language: str) -> str:
    """Return ``text`` with numbers as digits where people write digits.

    Chinese and English rules both apply, each to its own script; Japanese and Korean text
    (``language`` ``ja``/``ko``, or kana or Hangul in it) comes back unchanged. Never raises.
    """
    if not _wanted(text, language):
        return text
    try:
        return written_en(written_zh(text))
    except Exception as error:
        _log_once(f"{type(error).__name__}: {error}")
        return text


def spoken(text: str, language: str) -> str:
    """Return ``text`` with digits as the words they are spoken with.

    Each number is read in the language of the letters next to it, a text without letters in
    ``language``. Japanese and Korean text comes back unchanged. Never raises.
    """
    if not _wanted(text, language) or not any(char.isdecimal() for char in text):
        return text
    try:
        return _spoken(text, language)
    except Exception as error:
        _log_once(f"{type(error).__name__}: {error}")
        return text


def _wanted(text: str, language: str) -> bool:
    return bool(text) and language not in ("ja", "ko") and not is_japanese_or_korean(text)


@lru_cache(maxsize=8)
def _log_once(message: str) -> None:
    logger.error("numbers stay as recognised: %s", message)


def _spoken(text: str, language: str) -> str:
    parts: list[str] = []
    position = 0
    while match := _SPAN.search(text, position):
        parts.append(text[position : match.start()])
        say = _say_zh if _in_chinese(text, match, language) else _say_en
        words, position = say(text, match)
        parts.append(words)
    parts.append(text[position:])
    return "".join(parts)


def _in_chinese(text: str, match: re.Match[str], language: str) -> bool:
    """Whether the nearest letter is Chinese; ties go to Chinese, a short unit (4G) is passed."""
    unit = _SHORT_UNIT.match(text, match.end())
    after = _LETTER.search(text, unit.end() if unit else match.end())
    before = list(_LETTER.finditer(text, max(0, match.start() - 40), match.start()))[-1:]
    near = [(m.start() - match.end(), m) for m in (after,) if m]
    near += [(match.start() - m.end(), m) for m in before]
    if not near:
        return language != "en"
    distance = min(gap for gap, _ in near)
    return any(gap == distance and _CJK_CHAR.match(m.group()) for gap, m in near)


def _say_zh(text: str, match: re.Match[str]) -> tuple[str, int]:
    span = _THOUSANDS.sub(lambda m: m.group().replace(",", ""), match.group())
    if span.count("-") == 1 and not span.startswith("-"):
        span = _RANGE.sub("~", span)  # wetext reads a hyphen between two numbers as minus
    context = _CONTEXT.match(text, match.end())
    ahead = context.group() if context else ""
    if span.isdecimal() and (
        (len(span) >= _CODE_LENGTH and not _COUNTED.match(ahead)) or len(span) > 16
    ):
        return span.translate(_ZH_DIGITS), match.end()
    if _ORDINAL_BEFORE.search(text[: match.start()][-2:]) and len(span) < 4:
        ahead = ""  # 第2个 is 第二个, not 第两个
    for tail in dict.fromkeys((ahead, "")):
        words = convert(span + tail, "zh", "tn")
        if words and words.endswith(tail) and not any(char.isdecimal() for char in words):
            return words[: len(words) - len(tail)].replace("幺", "一"), match.end()
    return span.translate(_ZH_DIGITS), match.end()


def _say_en(text: str, match: re.Match[str]) -> tuple[str, int]:
    span, end = match.group(), match.end()
    if span[:1] in "$€£" and (scale := _SCALE.match(text, end)):
        span, end = span + scale.group().lower(), scale.end()
    before = " " if text[: match.start()][-1:].isalpha() else ""
    after = " " if text[end : end + 1].isalpha() else ""
    digits = span.replace(",", "")
    if digits.isdecimal() and len(span) >= _CODE_LENGTH:
        words: str | None = " ".join(_EN_DIGITS[int(digit)] for digit in digits)
    elif decade := _DECADE.fullmatch(span):
        words = re.sub("y$", "ie", convert(decade[1], "en", "tn") or "") + "s"
    else:
        words = convert(span, "en", "tn")
    if not words or any(char.isdecimal() for char in words):
        return match.group(), match.end()
    words = re.sub("^(?=thousand|million)", "one ", words)  # wetext drops it behind a comma
    return before + words + after, end
