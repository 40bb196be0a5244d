"""Chinese numerals as numbers.

Written here because wetext's inverse normaliser loses the zeros after 万 and 亿 (一百万零五 becomes
"100万5") and gives nothing at all for 〇 and for a lone digit.
"""

from __future__ import annotations

import re

DIGITS = {
    **{char: value for value, char in enumerate("零一二三四五六七八九")},
    "〇": 0,
    "幺": 1,
    "两": 2,
}
"""Chinese digit -> value."""

DIGIT = "零〇一二三四五六七八九两幺"
"""Inside of a regex character class: every Chinese digit."""

NUMERAL = DIGIT + "十百千万亿"
"""Inside of a regex character class: every character of a Chinese number."""

_UNITS = {"十": 10, "百": 100, "千": 1000}
_D = "[一二三四五六七八九两]"
_Z = "[零〇]"
# 三千五百零二; 十五; 一百一 (110): the last digit may leave its unit unsaid.
_SECTION = re.compile(
    rf"(?=.)(?:({_D})千)?(?:{_Z}?({_D})百)?(?:{_Z}?({_D}?)(十))?(?:({_Z}?)({_D}))?"
)


def read_digits(text: str) -> str:
    """Return numerals said digit by digit (二零一四) as digits; other characters stay."""
    return "".join(str(DIGITS[char]) if char in DIGITS else char for char in text)


def _section(text: str) -> int | None:
    """Value of a number below 10,000."""
    match = _SECTION.fullmatch(text)
    if match is None:
        return None
    thousands, hundreds, tens, ten, zero, ones = match.groups()
    value = (DIGITS[thousands] * 1000 if thousands else 0) + (
        DIGITS[hundreds] * 100 if hundreds else 0
    )
    if ten:
        value += (DIGITS[tens] if tens else 1) * 10
    if ones:
        # 三千五 is 3500 and 一百一 is 110; 三千零五 is 3005 and 五十五 is 55.
        unit = 1
        if not zero and not ten and (thousands or hundreds):
            unit = 10 if hundreds else 100
        value += DIGITS[ones] * unit
    return value


def cardinal(text: str) -> int | None:
    """Value of a whole Chinese number with units (两千四百九十九, 十五, 一亿两千万, 三万五).

    ``None`` when ``text`` is not one well-formed number: digit strings of two and more (二零一四),
    approximations (三四十), units alone (百, 万).
    """
    if text in ("零", "〇"):
        return 0
    total = 0
    rest = text
    for unit, scale in (("亿", 10**8), ("万", 10**4)):
        head, found, tail = rest.rpartition(unit)
        if not found:
            continue
        value = cardinal(head) if unit == "亿" else _section(head.lstrip("零〇"))
        if not value:
            return None
        total += value * scale
        rest = tail
        if len(tail) == 1 and tail in DIGITS and DIGITS[tail]:
            return total + DIGITS[tail] * scale // 10  # 三万五 = 35000
    if not rest:
        return total or None
    value = _section(rest.lstrip("零〇") if total else rest)
    return None if value is None else total + value


def decimal(text: str) -> str | None:
    """A number with or without 点 (三点一四, 零点五, 十二) as digits; ``None`` if it is none."""
    whole, point, fraction = text.partition("点")
    value = cardinal(whole)
    if value is None or (point and (not fraction or not set(fraction) <= set(DIGITS))):
        return None
    return f"{value}.{read_digits(fraction)}" if point else str(value)
