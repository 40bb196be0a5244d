"""Telling text that was recognised from text that a model made up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from funasr_wss.text.numerals import DIGIT
from funasr_wss.text.punctuation import strip_punctuation
from funasr_wss.text.script import to_simplified
from funasr_wss.text.tokens import Token, is_cjk, tokenize

MAX_CJK_PER_SECOND = 12.0
"""CJK characters a second nobody reaches over a sentence. Measured speech means are 5.2 syllables
a second for Mandarin and 7.8 for Japanese, 6.2 for English (Pellegrino, Coupé and Marsico, Language
87(3), 2011); a character is at least one syllable, so this is twice the mean rate of Mandarin."""

MAX_WORDS_PER_SECOND = 8.0
"""Latin words a second nobody reaches: at 1.4 syllables a word about twice the English mean."""

_SLACK_S = 0.4
"""Speech that an endpointer may have cut off, s; keeps one-word answers out of ``too_dense``."""

_MAX_UNIT = 40
"""Longest phrase, in tokens, that is looked for as a loop."""

# Whole-text matches: what models trained on subtitled video write for silence, music and noise.
_SILENCE_TEXTS = """
谢谢观看|感谢观看|谢谢收看|感谢收看|谢谢大家观看|感谢大家观看|感谢您的观看|谢谢您的观看|感谢你的观看|谢谢你的观看
|谢谢大家收看|感谢您的收看|谢谢观赏|多谢收睇|多谢您嘅观看|多谢观看|请订阅我的频道|记得订阅我的频道|优优独播剧场|未完待续
|thanks for watching|thank you for watching|thank you so much for watching
|thank you very much for watching|thanks for watching and see you next time
|please subscribe|please subscribe to my channel|like and subscribe|please like and subscribe
|don't forget to like and subscribe|see you in the next video|i'll see you in the next video
|ご視聴ありがとうございました|ご視聴いただきありがとうございます|ご清聴ありがとうございました
|最後までご視聴ありがとうございました|最後までご視聴いただきありがとうございます
|最後までご覧いただきありがとうございました|チャンネル登録お願いします|チャンネル登録よろしくお願いします
|高評価とチャンネル登録よろしくお願いします|チャンネル登録をお願いいたします
|시청해주셔서감사합니다|시청해주셔서고맙습니다|구독과좋아요부탁드립니다|다음영상에서만나요
"""

# Polite phrases that are real speech in their own language and inventions in another one.
_FOREIGN_TEXTS = {
    "en": "thank you|thank you very much|thank you so much|you|the end",
    "zh": "谢谢|谢谢大家",
    "ja": "ありがとうございました|ありがとうございます",
    "ko": "감사합니다|고맙습니다",
}

# Credits nobody says count wherever they stand, the others where a text starts with them.
_CREDITS = re.compile(
    "amaraorg|字幕志愿者|索兰娅|不吝点赞|点赞订阅转发打赏|明镜与点点|中文字幕提供"
    "|^(?:字幕(?:由|by|组|提供|制作|校对|製作)|中文字幕|한글자막|자막제공)"
    "|^(?:subtitles?|captions?|captioned|subtitled|transcribed|transcription|translated)by"
)
_NOISE_TAG = re.compile(r"\s*(?:[♪♫\s]+|[♪♫\s]*[\[(（【*][^\])）】*]*[\])）】*][♪♫\s.。]*)")


def _flat(text: str) -> str:
    """Text as the lists above are compared with: no case, marks, spaces, traditional characters."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return to_simplified("".join(char for char in text if char.isalnum()))


@lru_cache(maxsize=16)
def _flat_set(items: str) -> frozenset[str]:
    return frozenset(flat for item in items.split("|") if (flat := _flat(item)))


def _repeats_wanted(unit: Sequence[str]) -> int:
    """How often a phrase has to follow itself before no speaker can be meant.

    People do say 哈哈哈哈哈, "no no no no", 加油加油加油, and read numbers with eight equal digits.
    """
    if all(key.isdigit() or key in DIGIT for key in unit):
        return 16
    return {1: 10, 2: 6, 3: 5}.get(len(unit), 4)


def _loops(keys: Sequence[str]) -> list[tuple[int, int, int]]:
    """Repetitions as (start, unit length, end) in tokens; ``end`` includes a cut last copy."""
    found = []
    start = 0
    while start < len(keys):
        for length in range(1, min(_MAX_UNIT, (len(keys) - start) // 4) + 1):
            end = start + length
            while end < len(keys) and keys[end] == keys[end - length]:
                end += 1
            if (end - start) // length >= _repeats_wanted(keys[start : start + length]):
                break
        else:
            start += 1
            continue
        if end < len(keys):  # what goes on differently keeps its first words
            end -= (end - start) % length
        found.append((start, length, end))
        start = end
    return found


def _letter_loops(text: str) -> str:
    """Collapse a short piece repeated inside one long word (hahahaha... for pages)."""
    return re.sub(r"([^\W\d_]{1,4}?)\1{15,}", r"\1\1\1", text)


def remove_loops(text: str) -> str:
    """Return ``text`` with each endless repetition cut to one copy (single words to three).

    Works on tokens and ignores punctuation between them; text without a loop is not changed.
    """
    if len(text) < 10:
        return text
    tokens = tokenize(text)
    loops = _loops([token.key for token in tokens])
    for start, length, end in reversed(loops):
        keep = start + length * (3 if length == 1 else 1)
        text = text[: tokens[keep - 1].end] + text[tokens[end - 1].end :]
    return _letter_loops(text)


def is_loop(text: str) -> bool:
    """Whether more than half of ``text`` is an endless repetition."""
    tokens: list[Token] = tokenize(text)
    looped = sum(end - start for start, _, end in _loops([token.key for token in tokens]))
    return 2 * looped > len(tokens) > 0 or 2 * len(_letter_loops(text)) < len(text)


def is_silence_text(text: str, language: str = "auto") -> bool:
    """Whether ``text`` is a known invention for silence, music or noise.

    Video farewells count as whole texts only, subtitle credits anywhere or at the start. A plain
    "thank you" counts when ``language`` names another language than its own. A text that is only
    a bracketed tag ("[Music]") or a note sign counts too; an empty text does not.
    """
    if not text.strip():
        return False
    flat = _flat(text)
    if _CREDITS.search(flat) or _NOISE_TAG.fullmatch(text) or flat in _flat_set(_SILENCE_TEXTS):
        return True
    spoken = "zh" if language == "yue" else language
    return spoken != "auto" and any(
        flat in _flat_set(items) for own, items in _FOREIGN_TEXTS.items() if own != spoken
    )


def leaks_hotwords(text: str, hotwords: Sequence[str]) -> bool:
    """Whether ``text`` is the hotword list itself: three or more of it, in its order, nothing else.

    The list may start anywhere, start over, and break off inside a word.
    """
    words = [flat for word in hotwords if (flat := _flat(word))]
    rest = _flat(text)
    if len(set(words)) < 3 or not rest:
        return False
    return any(_is_recital(rest, words[first:] + words[:first]) for first in range(len(words)))


def _is_recital(text: str, words: Sequence[str]) -> bool:
    position = count = 0
    while position < len(text):
        word = words[count % len(words)]
        if not text.startswith(word, position):
            return count >= 3 and word.startswith(text[position:])
        position += len(word)
        count += 1
    return count >= 3


def too_dense(text: str, seconds: float) -> bool:
    """Whether ``text`` is more than anybody can say in ``seconds`` of audio.

    CJK characters and digits are counted as syllables, everything else as words.
    """
    syllables = words = 0
    for token in tokenize(strip_punctuation(text)):
        digits = sum(char.isdecimal() for char in token.key)
        if digits:
            syllables += digits
        elif is_cjk(token.key):
            syllables += 1
        else:
            words += 1
    needed = syllables / MAX_CJK_PER_SECOND + words / MAX_WORDS_PER_SECOND
    return needed > max(seconds, 0.0) + _SLACK_S
