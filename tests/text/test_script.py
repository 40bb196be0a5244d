from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.script import to_simplified


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("他說著話", "他说着话"),
        ("著名的著作很顯著", "著名的著作很显著"),
        ("皇后後來乾杯幹活，乾隆皇帝的樹幹", "皇后后来干杯干活，乾隆皇帝的树干"),
        ("這裡有頭髮和發展", "这里有头发和发展"),
        ("隻有一隻貓，於是於先生", "只有一只猫，于是于先生"),
        ("呢幾個字都表達唔到我想講嘅意思", "呢几个字都表达唔到我想讲嘅意思"),
        ("简体字没有变化，他说着。", "简体字没有变化，他说着。"),
        ("Hello, world 123", "Hello, world 123"),
        ("", ""),
        ("😀測試", "😀测试"),
    ],
)
def test_characters(traditional: str, simplified: str) -> None:
    assert to_simplified(traditional) == simplified


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.characters()))
def test_length_is_kept_and_nothing_raises(text: str) -> None:
    assert len(to_simplified(text)) == len(text)


def test_lone_surrogate_is_left_alone() -> None:
    assert to_simplified("說\ud800") == "說\ud800"
