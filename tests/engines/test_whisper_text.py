from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.engines.base import RecognitionOptions
from funasr_wss.engines.whisper_text import (
    CHINESE_PROMPT,
    TimedText,
    decoder_prompt,
    readable,
    timed_words,
    with_end_mark,
)
from funasr_wss.text.punctuation import strip_punctuation

PLAIN = RecognitionOptions()


def pieces(text: str) -> list[TimedText]:
    """One piece a character, 0.1 s each."""
    return [TimedText(c, i / 10, (i + 1) / 10) for i, c in enumerate(text)]


def test_the_prompt_steers_chinese_only() -> None:
    assert decoder_prompt("zh", ()) == CHINESE_PROMPT
    assert decoder_prompt("en", ()) == decoder_prompt("ja", ()) == ""


@pytest.mark.parametrize("language", ["zh", "en", "ja"])
def test_hotwords_are_in_the_prompt(language: str) -> None:
    prompt = decoder_prompt(language, ["达摩院", "Fun  ASR", " "])
    assert "达摩院" in prompt and "Fun ASR" in prompt


def test_only_the_first_hotwords_fit_the_prompt() -> None:
    words = [f"word{i:04}" for i in range(500)]
    prompt = decoder_prompt("en", words)
    assert "word0000" in prompt and "word0400" not in prompt and len(prompt) < 200


def test_chinese_comes_out_simplified_with_full_width_marks() -> None:
    assert readable(" 這是電腦,對嗎?", "zh", PLAIN) == "这是电脑，对吗？"


def test_japanese_keeps_its_characters() -> None:
    assert "議" in readable("会議室です。", "ja", PLAIN)


def test_numbers_by_the_options() -> None:
    assert "26" in readable("把空调调到二十六度。", "zh", PLAIN)
    assert "二十六" in readable("把空调调到26度。", "zh", RecognitionOptions(itn=False))


def test_marks_by_the_options() -> None:
    assert readable("你好，世界。", "zh", RecognitionOptions(punctuation=False)) == "你好世界"


def test_marks_alone_are_no_text() -> None:
    assert readable(" 。…", "zh", PLAIN) == ""


def test_chinese_words_are_characters_with_their_times() -> None:
    words = timed_words("今天，好。", pieces("今天，好。"))
    assert [(w.text, w.start_ms, w.end_ms) for w in words] == [
        ("今", 0, 100),
        ("天", 100, 200),
        ("好", 300, 400),
    ]


def test_latin_words_stay_whole() -> None:
    words = timed_words("Hello world, ok.", [TimedText(" Hello world", 0, 1.2), *pieces(", ok.")])
    assert [w.text for w in words] == ["Hello", "world", "ok"]


def test_a_rewritten_number_takes_the_time_of_its_words() -> None:
    words = timed_words("调到26度。", pieces("调到二十六度。"))
    assert [w.text for w in words] == ["调", "到", "26", "度"]
    assert (words[2].start_ms, words[2].end_ms) == (200, 500)


def test_a_pause_is_not_part_of_the_word_after_it() -> None:
    words = timed_words("好吧", [TimedText("好", 0.0, 3.0), TimedText("吧", 3.0, 3.2)])
    assert words[0].end_ms - words[0].start_ms <= 500


def test_traditional_pieces_time_simplified_text() -> None:
    words = timed_words("电脑", pieces("電腦"))
    assert [(w.text, w.start_ms) for w in words] == [("电", 0), ("脑", 100)]


@given(
    st.text("今天二十六26 abc,.。，%A股", max_size=30),
    st.lists(st.tuples(st.text("今天二六26 abc,。", max_size=4), st.floats(0, 1)), max_size=12),
)
def test_words_join_to_the_text_and_run_forward(text: str, heard: list[tuple[str, float]]) -> None:
    clock = 0.0
    timed = []
    for piece, seconds in heard:
        timed.append(TimedText(piece, clock, clock + seconds))
        clock += seconds
    words = timed_words(text, timed)
    if words:
        assert "".join(w.text for w in words) == "".join(strip_punctuation(text).split())
    times = [t for w in words for t in (w.start_ms, w.end_ms)]
    assert times == sorted(times)
    assert all(0 <= t <= round(clock * 1000) + 1 for t in times)


@pytest.mark.parametrize(
    ("text", "language", "closed"),
    [
        ("再见", "zh", "再见。"),
        ("1380013800", "yue", "1380013800。"),
        ("see you", "en", "see you."),
        ("好吗？", "zh", "好吗？"),
        ("well...", "en", "well..."),
        ("", "zh", ""),
    ],
)
def test_open_sentences_are_closed(text: str, language: str, closed: str) -> None:
    assert with_end_mark(text, language) == closed
