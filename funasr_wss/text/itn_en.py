"""English number words as digits, where people write digits."""

from __future__ import annotations

import re

from funasr_wss.text.itn_library import convert

ONES = "one|two|three|four|five|six|seven|eight|nine"
TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SCALE = "hundred|thousand|million|billion|trillion"
# "second" is left out: a twenty second break is no 22nd break.
_ORDINAL = "first|third|fourth|fifth|sixth|seventh|eighth|ninth"
_START = f"zero|{ONES}|{TEENS}|{TENS}"
NUMBER_WORDS = re.compile(
    rf"(?<![A-Za-z0-9_'’-])(?:{_START})"
    rf"(?:[ -](?:and (?=(?:{_START})\b))?"
    rf"(?:{_START}|{_SCALE}|oh|point(?=[ ](?:zero|oh|{ONES})\b)))*"
    rf"(?:(?<=ty)[ -](?:{_ORDINAL}))?(?![A-Za-z0-9_'’]|-\w)",
    re.IGNORECASE,
)
"""A run of number words; what it means is wetext's business."""

_AND = re.compile(r"(?<!hundred)(?<!thousand)(?<!million)(?<!billion) and ", re.IGNORECASE)
_PLAIN = re.compile(r"\d+(?:\.\d+)?(?: (?:million|billion|trillion))?|\d+(?:st|nd|rd|th)")
_TIME = re.compile(r"0?(\d{1,2}):(\d\d)")
_CLOCK_AHEAD = re.compile(r" ?(?:[ap]\.?m\b|o'clock)", re.IGNORECASE)
_PERCENT_AHEAD = re.compile(r" percent\b", re.IGNORECASE)
_SECOND_AHEAD = re.compile(r"[ -]second\b", re.IGNORECASE)
_CENTURY = re.compile(r"(?:sixteen|seventeen|eighteen|nineteen|twenty)\b")
_COUNTING = "one two three four five six seven eight nine ten"


def written_en(text: str) -> str:
    """Return ``text`` with English number words as digits where people write digits.

    Ten and above become digits, smaller numbers only with percent, a decimal point or as part of
    a spelled-out number (four digits and more). Units and currencies stay words: ten meters ->
    10 meters; percent becomes %.
    """
    parts: list[str] = []
    position = 0
    for match in NUMBER_WORDS.finditer(text):
        for start, end in _split(match):
            result = _write(text, start, end)
            if result is not None:
                parts += (text[position:start], result[0])
                position = result[1]
    parts.append(text[position:])
    return "".join(parts)


def _split(match: re.Match[str]) -> list[tuple[int, int]]:
    """Spans between the ``and`` that is no part of a number (ten and twenty)."""
    spans = []
    start = match.start()
    for joint in _AND.finditer(match.string, match.start(), match.end()):
        spans.append((start, joint.start()))
        start = joint.end()
    return [*spans, (start, match.end())]


def _write(text: str, start: int, end: int) -> tuple[str, int] | None:
    words = text[start:end].lower().replace("-", " ")
    percent = _PERCENT_AHEAD.match(text, end)
    count = len(words.split())
    if _SECOND_AHEAD.match(text, end) and words.endswith("ty"):
        return None
    if count == 1 and re.fullmatch(f"zero|{ONES}", words) and not percent:
        return None
    if re.fullmatch(rf"(?:(?:zero|oh|{ONES}) ?)+", words) and count > 1:
        if count < 4 or words in _COUNTING:
            return _clock(text, words, end)
        return "".join(_DIGITS[word] for word in words.split()), end
    value = _DIGITS.get(words) or convert(words, "en", "itn")
    if value == words and words in ("ten", "eleven", "twelve"):
        value = {"ten": "10", "eleven": "11", "twelve": "12"}[words]
    if value is None or not _PLAIN.fullmatch(value):
        return _clock(text, words, end)
    # Two numbers side by side are read as one only where they make a year.
    paired = count > 1 and len(value) == 4 and value.isdecimal()
    if paired and not re.search(_SCALE, words) and not _CENTURY.match(words):
        return _clock(text, words, end)
    return (f"{value}%", percent.end()) if percent else (value, end)


def _clock(text: str, words: str, end: int) -> tuple[str, int] | None:
    """Hour and minute, only where a.m. or p.m. says that they are a time."""
    if not _CLOCK_AHEAD.match(text, end):
        return None
    match = _TIME.fullmatch(convert(words, "en", "itn") or "")
    return (f"{match[1]}:{match[2]}", end) if match else None


_DIGITS = {word: str(value) for value, word in enumerate(f"zero|{ONES}".split("|"))} | {"oh": "0"}
