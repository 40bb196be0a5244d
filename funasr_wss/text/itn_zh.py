"""Chinese number words as digits, where people write digits.

Every run of numerals is tried with the rules below, in order; the first that answers decides. What
no rule wants stays in words: single digits with ordinary measure words, fractions, approximations
and set phrases.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from funasr_wss.text.numerals import DIGIT, NUMERAL, cardinal, decimal, read_digits

_Result = tuple[str, int]
"""What to write, and where in the text to go on."""

# Words and phrases whose numerals are not numbers.
_FIXED = re.compile(
    "三七二十一|三百六十行|三十六计|七十二变|七十二行|九九八十一难|二百五(?![十])|十万八千里"
    "|十万火急|八九不离十|一千零一夜|三十而立|四十不惑|五十知天命|(?<=大年)三十|(?<=过年)三十"
    "|百分百|千千万万|万万|千万(?=不|别|要|记|注意|小心|得|莫|勿|可)"
    "|九一八|一二八|一二九|七七事变|(?<=双)十[一二]|十一(?=黄金周|假期|长假|国庆)|(?<=国庆)十一"
    "|一五一十|十之八九|十有八九|百里挑一|万里挑一|十万个为什么|一二一|两点一线"
    "|一点(?=滴|点|儿|也|都|不|没|就|一点|一滴)|一点一[点滴]|八月十五|一百八十度大"
)
_DAY_PART = re.compile(
    "(?:凌晨|清晨|清早|早晨|早上|早间|上午|中午|正午|午后|下午|傍晚|晚上|晚间|夜里|夜间|夜晚|半夜"
    "|深夜|午夜|今早|明早|今晚|明晚|昨晚|当晚|(?:周|星期|礼拜)[一二三四五六日天])$"
)
_RUN = re.compile(f"[{NUMERAL}]+")
_PERCENT = re.compile(f"百分之([{NUMERAL}]+(?:点[{DIGIT}]+)?)")
_FRACTION = re.compile(f"[{NUMERAL}]+分之[{NUMERAL}]+")
_SCORE = re.compile(f"([{NUMERAL}]+)比([{NUMERAL}]+)")
_DECIMAL = re.compile(rf"[{NUMERAL}]+点([{DIGIT}]+)(?![{NUMERAL}]|点)")
_SCALED_DECIMAL = re.compile(rf"([{NUMERAL}]+点[{DIGIT}]+)([万亿]+)(?![{NUMERAL}])")
_CLOCK = re.compile(
    f"(?P<hour>[{NUMERAL}]+)(?P<sign>[点时])"
    "(?:(?P<minute>[二三四五]?十[一二三四五六七八九]?|[零〇][一二三四五六七八九])(?P<unit>分(?!之)|"
    f"(?![{NUMERAL}点])))?(?P<rest>钟|半(?!点)|整|[一三]刻)?"
)
_RANGE_BEFORE = re.compile("[点时半分钟][到至]$")
_RANGE_AHEAD = re.compile(f"[到至][{NUMERAL}]+点")
_APPROXIMATE = re.compile(
    "[一二三四五六七八九两]{2,}[十百千万亿]|[十百千万亿](?:一二|两三|二三|三四|三五|四五|五六|六七|七八|八九)$"
)
_COUNTING = "一二三四五六七八九"
# 二十一起: the last 一 may start the next word.
_WORD_WITH_ONE = frozenset("起样直定般边旦切致共向再些")

# Behind these even a single digit is usually written as one.
_UNIT = (
    "毫米|厘米|分米|千米|公里|英里|海里|英尺|英寸|平方米|立方米|公斤|千克|毫克|毫升|公顷|摄氏度|华氏度"
    "|分钟|小时|毫秒|赫兹|千瓦|兆瓦|美元|欧元|英镑|日元|港币|港元|个百分点|岁|月份"
    "|[KMGTkmg][Bb]?(?![A-Za-z])|[DP](?![A-Za-z])"
    "|米(?![饭粉线])|吨|升(?![级职学起值])|克(?![拉服制隆己])|元(?![旦首素老件气宵帅凶])|秒"
    "|月(?![亮饼光球台票薪牙])"
)
_UNIT_AFTER_DIGIT = re.compile(f"(?:{_UNIT}|号(?![召称码角令]))")
_UNIT_AFTER_ONE = re.compile(f"(?:{_UNIT})")
_UNIT_AFTER_TEN = re.compile(f"(?:{_UNIT}|号(?![召称码角令])|[度块日]|个月)")
_ORDINAL = re.compile("(?:第|周|星期|礼拜|初)$")


def written_zh(text: str) -> str:
    """Return ``text`` with Chinese number words as digits where people write digits.

    Units stay words: 二十六度 -> 26度, 一百米 -> 100米; dates and times keep 年月日点分
    (下午三点半 -> 下午3点半).
    """
    parts: list[str] = []
    position = 0
    while run := _RUN.search(text, position):
        parts.append(text[position : run.start()])
        for rule in _RULES:
            if (result := rule(text, run)) is not None:
                break
        else:
            result = run.group(), run.end()
        parts.append(result[0])
        position = result[1]
    parts.append(text[position:])
    return "".join(parts)


def _starts_word(number: str, text: str, end: int) -> bool:
    """Whether the last 一 of ``number`` may belong to the word behind it (三点一起)."""
    return number[-1] == "一" and text[end : end + 1] in _WORD_WITH_ONE


def _amount(value: int) -> str:
    """A whole number as people write it: 2000000 -> 200万, 120000000 -> 1亿2000万."""
    millions, rest = divmod(value, 10**8)
    if millions and rest % 10**4 == 0:
        return f"{_amount(millions)}亿{_amount(rest) if rest else ''}"
    if value >= 10**4 and value % 10**4 == 0:
        return f"{value // 10**4}万"
    return str(value)


def _keep(text: str, run: re.Match[str]) -> _Result | None:
    """Set phrases, fractions, and numerals that continue digits (2000万)."""
    before = text[run.start() - 1 : run.start()]
    if before and (before.isdigit() or before == "."):
        return run.group(), run.end()
    if match := _FIXED.match(text, run.start()):
        return match.group(), match.end()
    if text.startswith("百分之", run.start()):
        return None
    if match := _FRACTION.match(text, run.start()):
        return match.group(), match.end()
    return None


def _percent(text: str, run: re.Match[str]) -> _Result | None:
    match = _PERCENT.match(text, run.start())
    if match is None:
        return None
    number = match[1]
    value = "100" if number == "百" else decimal(number)
    if value is None or _APPROXIMATE.search(number):
        return match.group(), match.end()
    return f"{value}%", match.end()


def _clock(text: str, run: re.Match[str]) -> _Result | None:
    match = _CLOCK.match(text, run.start())
    if match is None:
        return None
    before = text[max(0, run.start() - 4) : run.start()]
    hour, minute, rest = cardinal(match["hour"]), match["minute"], match["rest"] or ""
    if hour is None or hour > 24:
        return None
    ranged = match["sign"] == "点" and (
        _RANGE_BEFORE.search(before) or _RANGE_AHEAD.match(text, match.end())
    )
    if not (minute or rest or ranged or _DAY_PART.search(before)):
        return None
    if match["sign"] == "时" and not (minute or rest) and match["hour"] == "一":
        return None
    digits = ""
    if minute:
        digits = f"{cardinal(minute.lstrip('零〇'))}".rjust(2 if minute[0] in "零〇" else 0, "0")
    return f"{hour}{match['sign']}{digits}{match['unit'] or ''}{rest}", match.end()


def _score(text: str, run: re.Match[str]) -> _Result | None:
    match = _SCORE.match(text, run.start())
    if match is None:
        return None
    left, right = cardinal(match[1]), cardinal(match[2])
    if left is None or right is None or _starts_word(match[2], text, match.end()):
        return None
    return f"{left}比{right}", match.end()


def _decimal(text: str, run: re.Match[str]) -> _Result | None:
    if match := _SCALED_DECIMAL.match(text, run.start()):
        value = decimal(match[1])
        return (f"{value}{match[2]}", match.end()) if value else None
    match = _DECIMAL.match(text, run.start())
    if match is None or _starts_word(match[1], text, match.end()):
        return None
    value = decimal(match.group())
    return (value, match.end()) if value else None


def _digit_string(text: str, run: re.Match[str]) -> _Result | None:
    """Telephone numbers, codes and years: three digits and more, or two before 年 and 后."""
    digits, ahead = run.group(), text[run.end() :][:1]
    if not set(digits) <= set(DIGIT) or len(digits) < 2:
        return None
    if len(digits) == 2:
        year = ahead in ("年", "后") and (
            "零" in digits or "〇" in digits or (digits[0] in "九八" and digits not in _COUNTING)
        )
        return (read_digits(digits), run.end()) if year else None
    if digits in _COUNTING or "两" in digits or ahead == "几":
        return None
    return read_digits(digits), run.end()


def _cardinal(text: str, run: re.Match[str]) -> _Result | None:
    number, end = run.group(), run.end()
    if _starts_word(number, text, end):
        return None
    if len(number) < 2 or _APPROXIMATE.search(number) or text[end : end + 1] == "几":
        return None
    value = cardinal(number)
    return None if value is None else (_amount(value), end)


def _single(text: str, run: re.Match[str]) -> _Result | None:
    number = run.group()
    value = cardinal(number)
    if len(number) > 1 or value is None or _ORDINAL.search(text[: run.start()][-2:]):
        return None
    before, ahead = text[: run.start()][-2:], text[run.end() : run.end() + 1]
    unit = {"一": _UNIT_AFTER_ONE, "十": _UNIT_AFTER_TEN}.get(number, _UNIT_AFTER_DIGIT)
    day = before[-1:] == "月" and ahead in ("日", "号")
    below_zero = before == "零下" and ahead == "度"
    if day or below_zero or unit.match(text, run.end()):
        return str(value), run.end()
    return None


_RULES: tuple[Callable[[str, re.Match[str]], _Result | None], ...] = (
    _keep, _percent, _clock, _score, _decimal, _digit_string, _cardinal, _single,
)  # fmt: skip
