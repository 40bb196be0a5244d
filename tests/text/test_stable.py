from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.stable import StablePrefix
from funasr_wss.text.tokens import tokenize

WORDS = st.sampled_from(["今", "天", "气", "hello", "world", "12", "3.5", "don't", "𠮷"])
MARKS = st.sampled_from(["", " ", "，", ", ", "。", ". "])
HYPOTHESES = st.lists(
    st.lists(st.tuples(WORDS, MARKS)).map(lambda parts: "".join(w + m for w, m in parts)),
    max_size=12,
)


def run(*hypotheses: str) -> list[str]:
    prefix = StablePrefix()
    return [prefix.push(hypothesis) for hypothesis in hypotheses]


def test_words_are_shown_when_two_hypotheses_agree() -> None:
    assert run("今天", "今天天", "今天天气怎么", "今天天气怎么样？") == ["", "今天", "天", "气怎么"]


def test_a_growing_word_is_never_cut() -> None:
    assert run("hel", "hello", "hello wor", "hello world") == ["", "", "hello", ""]


def test_deltas_keep_their_spaces() -> None:
    prefix = StablePrefix()
    deltas = [prefix.push(h) for h in ("hello", "hello world", "hello world", "hello world")]
    assert deltas == ["", "hello", " world", ""]
    assert prefix.shown == "hello world"


def test_numbers_and_surrogate_pairs_stay_whole() -> None:
    assert run("1,23", "1,234", "1,234 𠮷", "1,234 𠮷野") == ["", "", "1,234", " 𠮷"]


def test_trailing_punctuation_waits_for_the_next_word() -> None:
    assert run("你好。", "你好。", "你好，我", "你好，我们") == ["", "你好", "", "，我"]


def test_contradicted_text_stays_and_the_continuation_follows() -> None:
    prefix = StablePrefix()
    for hypothesis in ("今天天七", "今天天七", "今天天气怎么样", "今天天气怎么样你"):
        prefix.push(hypothesis)
    assert prefix.shown == "今天天七怎么样"
    assert prefix.finish("今天天气怎么样？") == "？"


def test_a_dropped_or_added_word_is_aligned() -> None:
    prefix = StablePrefix()
    for hypothesis in ("a b c d", "a b c d", "a c d e", "a c d e f", "a b b c d e f g"):
        prefix.push(hypothesis)
    assert prefix.shown == "a b c d e f"
    assert prefix.finish() == " g"


def test_early_flips_do_not_hold_back_the_end() -> None:
    deltas = run("他说好", "他说好", "她说好的", "他说好的吗", "她说好的吗我")
    assert deltas == ["", "他说好", "", "的", "吗"]


def test_finish_without_partials_gives_the_whole_sentence_without_leading_marks() -> None:
    assert StablePrefix().finish("，你好。 ") == "你好。"
    assert StablePrefix().finish("。") == ""
    assert StablePrefix().finish() == ""


def test_after_finish_nothing_follows() -> None:
    prefix = StablePrefix()
    assert prefix.finish("好") == "好"
    assert (prefix.push("好的"), prefix.finish("好的"), prefix.shown) == ("", "", "好")


def test_words_of_two_scripts_are_not_glued_by_a_contradiction() -> None:
    prefix = StablePrefix()
    for hypothesis in ("the cat", "the cat", "the 猫dog", "the 猫dog x"):
        prefix.push(hypothesis)
    assert prefix.shown == "the cat dog"


@given(HYPOTHESES, st.none() | st.text(max_size=20))
def test_deltas_are_append_only(hypotheses: list[str], last: str | None) -> None:
    prefix = StablePrefix()
    shown = ""
    for hypothesis in hypotheses:
        shown += prefix.push(hypothesis)
        assert prefix.shown == shown
        assert shown == shown.rstrip("，。., ")
    shown += prefix.finish(last)
    assert prefix.shown == shown


@given(st.lists(st.tuples(WORDS, MARKS), min_size=1))
def test_the_same_hypothesis_twice_is_shown(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + mark for word, mark in parts)
    prefix = StablePrefix()
    assert prefix.push(text) == ""
    assert prefix.push(text) == text[: tokenize(text)[-1].end]
    assert prefix.finish(text) == text[tokenize(text)[-1].end :].rstrip()


@given(st.lists(WORDS, min_size=1, max_size=30))
def test_hypotheses_that_only_grow_are_shown_unchanged(words: list[str]) -> None:
    prefix = StablePrefix()
    for count in range(1, len(words) + 1):
        prefix.push(" ".join(words[:count]))
    prefix.finish()
    assert prefix.shown == " ".join(words)


@pytest.mark.parametrize("count", [100, 300])
def test_long_sentences_are_aligned_too(count: int) -> None:
    words = [f"w{i}" for i in range(count)]
    prefix = StablePrefix()
    prefix.push(" ".join(words))
    prefix.push(" ".join(words))
    changed = ["x", *words[1:], "end"]
    assert prefix.push(" ".join(changed)) == ""
    assert prefix.push(" ".join(changed)) == " end"
    assert prefix.shown.split() == [*words, "end"]
