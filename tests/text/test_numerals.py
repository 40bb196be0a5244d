from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.numerals import cardinal, decimal, read_digits

UNITS = ["", "十", "百", "千"]


def say(value: int) -> str:
    """Standard reading of a whole number."""
    if value >= 10**8:
        head, rest = divmod(value, 10**8)
        gap = "零" if 0 < rest < 10**7 else ""
        return say(head) + "亿" + gap + (say(rest) if rest else "")
    if value >= 10**4:
        head, rest = divmod(value, 10**4)
        gap = "零" if 0 < rest < 10**3 else ""
        return say(head) + "万" + gap + (say(rest) if rest else "")
    out, gap = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            out += ("零" if gap and out else "") + "零一二三四五六七八九"[digit] + UNITS[place]
            gap = False
        else:
            gap = True
    return out or "零"


@given(st.integers(0, 10**12))
def test_every_standard_reading_is_understood(value: int) -> None:
    assert cardinal(say(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("十", 10),
        ("十五", 15),
        ("一百一", 110),
        ("三千五", 3500),
        ("三万五", 35000),
        ("两千四百九十九", 2499),
        ("一百万零五", 1000005),
        ("一亿两千万", 120000000),
        ("三百亿零五", 30000000005),
        ("一百二十", 120),
        ("〇", 0),
        ("二零一四", None),
        ("三四十", None),
        ("百", None),
        ("万", None),
        ("万万", None),
        ("十百", None),
        ("", None),
        ("好", None),
    ],
)
def test_cardinal(text: str, value: int | None) -> None:
    assert cardinal(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("三点一四", "3.14"), ("零点五", "0.5"), ("十二", "12"), ("三点", None), ("三点十", None)],
)
def test_decimal(text: str, value: str | None) -> None:
    assert decimal(text) == value


def test_read_digits() -> None:
    assert read_digits("幺三八〇零两x") == "138002x"


@given(st.text("零一二两十百千万亿点好", max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    value = cardinal(text)
    assert decimal(text) == (None if value is None else str(value)) or "点" in text
