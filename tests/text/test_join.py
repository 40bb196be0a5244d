from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.join import SentenceJoiner, join


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        ([], ""),
        (["你好。", "，再见。"], "你好。再见。"),
        (["Hello.", "World."], "Hello. World."),
        (["Hello.", "2 dogs."], "Hello. 2 dogs."),
        (["Hello.", "你好。", "World."], "Hello.你好。World."),
        (["你好。", "World."], "你好。World."),
        (["Hello.", "", "，。", "World."], "Hello. World."),
        ([" , Hello ", "- ok"], "Hello ok"),
        (["零下", "-5度"], "零下-5度"),
        (["说", "“好”"], "说“好”"),
        (["ok.", "Élan"], "ok. Élan"),
    ],
)
def test_join(texts: list[str], whole: str) -> None:
    assert join(texts) == whole


def test_prefix_for_a_partial_changes_nothing() -> None:
    joiner = SentenceJoiner()
    assert joiner.prefix_for("Hi") == ""
    assert joiner.add("Hi there.") == "Hi there."
    assert [joiner.prefix_for(text) for text in ("again", "3", "你", "", "“x")] == [
        " ", " ", "", "", "",
    ]  # fmt: skip
    assert joiner.add("again") == " again"


@given(st.lists(st.text()))
def test_no_sentence_starts_with_a_stop(texts: list[str]) -> None:
    joiner = SentenceJoiner()
    for text in texts:
        sent = joiner.add(text)
        assert sent.lstrip(" ")[:1] not in tuple("，。？！、；：,.?!;:)）】")
        assert sent == "" or unicodedata.category(sent.lstrip(" ")[0])[0] not in "Z"
