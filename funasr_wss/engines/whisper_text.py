"""From what Whisper wrote to what the client reads: script, numbers, marks and word times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..text.itn import spoken, written
from ..text.punctuation import normalise_punctuation, strip_punctuation
from ..text.script import to_simplified
from ..text.tokens import is_cjk
from .base import RecognitionOptions, Word

CHINESE_PROMPT = "以下是普通话的句子。"
"""Steers Whisper to simplified characters and to writing punctuation."""

_HOTWORD_TOKENS = 100
# Alignment gives a pause to the word after it; no single word is spoken slower than this.
_LONGEST_CJK = 0.5
_LONGEST_WORD = 0.4
_LONGEST_LETTER = 0.1


def decoder_prompt(
    language: str, hotwords: Sequence[str], count_tokens: Callable[[str], int] = len
) -> str:
    """Text given to the decoder as if it came before the sentence.

    Hotwords stand in a sentence of the language, as many of the first ones as a token budget
    allows: prompt and answer share the decoder's context, and a longer prompt costs time.
    """
    chosen: list[str] = []
    room = _HOTWORD_TOKENS
    for word in hotwords:
        word = " ".join(word.split())
        room -= count_tokens(word) + 1
        if room < 0:
            break
        if word:
            chosen.append(word)
    if language == "zh":
        if not chosen:
            return CHINESE_PROMPT
        return f"{CHINESE_PROMPT[:-1]}，其中提到{'、'.join(chosen)}。"
    if not chosen:
        return ""
    if language == "ja":
        return f"{'、'.join(chosen)}について話します。"
    return f"This is about {', '.join(chosen)}."


def readable(text: str, language: str, options: RecognitionOptions) -> str:
    """Text as the client asked for it: simplified Chinese, numbers and marks by the options."""
    text = text.strip()
    if not any(char.isalnum() for char in text):
        return ""
    if language in ("zh", "yue", "en"):
        text = to_simplified(text)
    text = normalise_punctuation(text, language)
    text = written(text, language) if options.itn else spoken(text, language)
    return text if options.punctuation else strip_punctuation(text)


def with_end_mark(text: str, language: str) -> str:
    """Close a sentence that the model left open, so that the next one does not run into it."""
    if not text or not text[-1].isalnum():
        return text
    return text + ("." if language in ("en", "ko") else "。")


@dataclass(frozen=True, slots=True)
class TimedText:
    """A piece of text as the decoder wrote it, seconds from the first sample."""

    text: str
    start: float
    end: float


def timed_words(text: str, pieces: Sequence[TimedText]) -> tuple[Word, ...]:
    """Words of ``text`` with times from the decoder's pieces, which may be written differently.

    Equal characters take their own time; where numbers were rewritten, the new characters share
    the time of the old ones. The words joined are ``text`` without spaces and punctuation.
    """
    words = _split_words(strip_punctuation(text))
    heard = _characters(pieces)
    if not words or not heard:
        return ()
    target = "".join(words)
    spans = _transfer(target, heard)
    timed: list[Word] = []
    at = 0
    clock = 0
    for word in words:
        covered = spans[at : at + len(word)]
        at += len(word)
        longest = _LONGEST_CJK if is_cjk(word[0]) else _LONGEST_WORD + _LONGEST_LETTER * len(word)
        end = max(end for _, end in covered)
        start = max(min(start for start, _ in covered), end - longest)
        start_ms = max(clock, round(start * 1000))
        clock = max(start_ms, round(end * 1000))
        timed.append(Word(word, start_ms, clock))
    return tuple(timed)


def _split_words(text: str) -> list[str]:
    """CJK characters one by one, anything else between them and spaces in one piece."""
    words: list[str] = []
    glue = False
    for char in text:
        if char.isspace():
            glue = False
        elif glue and not is_cjk(char):
            words[-1] += char
        else:
            words.append(char)
            glue = not is_cjk(char)
    return words


def _characters(pieces: Sequence[TimedText]) -> list[TimedText]:
    """Letters and digits one by one; those of a piece share its time evenly."""
    result: list[TimedText] = []
    for piece in pieces:
        text = to_simplified("".join(c for c in piece.text if c.isalnum()))
        step = (piece.end - piece.start) / max(1, len(text))
        result += [
            TimedText(c.casefold()[:1], piece.start + i * step, piece.start + (i + 1) * step)
            for i, c in enumerate(text)
        ]
    return result


def _transfer(target: str, heard: Sequence[TimedText]) -> list[tuple[float, float]]:
    """Time of every character of ``target``; both sides agree but for rewritten stretches."""
    source = "".join(piece.text for piece in heard)
    folded = "".join(c.casefold()[:1] for c in target)
    spans: list[tuple[float, float]] = []
    matcher = SequenceMatcher(None, source, folded, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            spans += [(piece.start, piece.end) for piece in heard[i1:i2]]
            continue
        # An inserted character (a sign, a unit) has no time of its own: a point at its place.
        start = heard[i1].start if i1 < len(heard) else heard[-1].end
        end = heard[i2 - 1].end if i2 > i1 else start
        step = (end - start) / max(1, j2 - j1)
        spans += [(start + k * step, start + (k + 1) * step) for k in range(j2 - j1)]
    return spans
