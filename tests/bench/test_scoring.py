from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scoring import ErrorCount, align, cer, mixed_tokens, wer, word_tokens


@pytest.mark.parametrize(
    ("reference", "hypothesis", "count"),
    [
        # one substitution each
        ("abcd", "abxd", ErrorCount(1, 0, 0, 4)),
        ("abcd", "abcde", ErrorCount(0, 1, 0, 4)),
        ("abcd", "acd", ErrorCount(0, 0, 1, 4)),
        ("", "ab", ErrorCount(0, 2, 0, 0)),
        ("ab", "", ErrorCount(0, 0, 2, 2)),
        # kitten -> sitting: k/s, e/i, +g
        ("kitten", "sitting", ErrorCount(2, 1, 0, 6)),
        # 甲乙丙丁 -> 甲丙丁戊戊: -乙, +戊, +戊
        ("甲乙丙丁", "甲丙丁戊戊", ErrorCount(0, 2, 1, 4)),
        ("", "", ErrorCount(0, 0, 0, 0)),
    ],
)
def test_operations(reference: str, hypothesis: str, count: ErrorCount) -> None:
    assert align(list(reference), list(hypothesis)) == count


def test_rates_and_pooling() -> None:
    first, second = ErrorCount(1, 2, 3, 10), ErrorCount(0, 0, 1, 10)
    assert (first.edits, first.rate) == (6, 0.6)
    assert first + second == ErrorCount(1, 2, 4, 20)
    assert (first + second).rate == 0.35
    assert ErrorCount().rate == 0.0
    assert ErrorCount(insertions=1).rate == 1.0


SAME_ZH = [
    ("万科在二零一四年年报中", "万科在2014年年報中。"),
    ("四G加六十四G的话，在两千四百九十九左右。", "4G加64G的话在2,499左右"),
    ("五月份以来", "5月份以来"),
    ("一三四七五二七四三零九", "13475274309"),
    ("幺三八零零一三八零零零", "13800138000"),
    ("百分之三点五", "3.5%"),
    ("两百万", "200万"),
    ("两百万", "2000000"),
    ("一点五亿", "1.5亿"),
    ("一亿两千万", "1亿2000万"),
    ("早上9点至下午5点", "早上九点至下午五点"),
    ("下午三点三十分", "下午3:30分"),
    ("一百米和二百米", "100米和200米"),
    ("统一万一三心二意", "统一万一三心二意"),
    ("Wi-Fi门铃", "wifi門鈴"),
    ("Ｊａｖａ 它", "java,它"),
]
SAME_EN = [
    ("go forward ten meters", "Go forward 10 meters."),
    ("64 billion", "sixty-four billion"),
    ("$64 billion", "64 billion dollars"),
    ("over 17 billion Euros", "over seventeen billion euros"),
    ("in two thousand twenty one", "in 2021"),
    ("in twenty twenty one", "in 2021"),
    ("IT WAS", "It was"),
    ("don't stop", "don’t stop!"),
    ("mister john dashwood", "Mr. John Dashwood"),
    ("two dogs", "2 dogs"),
    ("twenty first", "21st"),
    ("five percent", "5%"),
    ("three thirty", "3:30"),
    ("1,234 people", "1234 people"),
    ("$2.50", "2.50 dollars"),
]


@pytest.mark.parametrize(("reference", "hypothesis"), SAME_ZH)
def test_style_is_no_error_in_chinese(reference: str, hypothesis: str) -> None:
    assert cer(reference, hypothesis).edits == 0
    assert cer(hypothesis, reference).edits == 0


@pytest.mark.parametrize(("reference", "hypothesis"), SAME_EN)
def test_style_is_no_error_in_english(reference: str, hypothesis: str) -> None:
    assert wer(reference, hypothesis).edits == 0
    assert wer(hypothesis, reference).edits == 0


def test_counts_on_sentences() -> None:
    # 北/背 substituted, 的 inserted, 广 deleted; 10 characters
    assert cer("我从北京到广州坐高铁", "我从背京到州坐高的铁") == ErrorCount(1, 1, 1, 10)
    # one word of English is one token of three
    assert cer("用Java写", "用Jawa写") == ErrorCount(1, 0, 0, 3)
    # a digit is a token: two of 11 digits wrong
    assert cer("一三四七五二七四三零九", "13475274398") == ErrorCount(2, 0, 0, 11)
    # sat/sit, the deleted
    assert wer("the cat sat on the mat", "the cat sit on mat") == ErrorCount(1, 0, 1, 6)
    # contractions are not expanded: it's -> it + is
    assert wer("it's fine", "it is fine") == ErrorCount(1, 1, 0, 2)


def test_tokens() -> None:
    assert mixed_tokens("四G加六十四G") == ["4", "g", "加", "6", "4", "g"]
    assert mixed_tokens("三点五") == ["3", "点", "5"]
    assert word_tokens("Well, twenty-five percent!") == ["well", "25%"]
    assert word_tokens("水を") == ["水", "を"]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_alignment_is_consistent(left: list[str], right: list[str]) -> None:
    there, back = align(left, right), align(right, left)
    assert there.edits == back.edits
    assert len(left) - there.deletions + there.insertions == len(right)
    assert abs(len(left) - len(right)) <= there.edits <= max(len(left), len(right))


@given(st.text("一二十百万亿点0123456789.,:%$ abc百分之", max_size=30))
def test_a_text_has_no_errors_against_itself(text: str) -> None:
    assert cer(text, text).edits == wer(text, text).edits == 0
