from __future__ import annotations

import pytest

from funasr_wss.text.tokens import has_cjk, is_japanese_or_korean, tokenize


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("今天好。", ["今", "天", "好"]),
        ("I don't know", ["i", "don't", "know"]),
        ("4G加64G", ["4g", "加", "64g"]),
        ("3.5 and 1,234 at 3:30.", ["3.5", "and", "1,234", "at", "3:30"]),
        ("e-mail, Java它", ["e-mail", "java", "它"]),
        ("𠮷野家😀", ["𠮷", "野", "家"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        ("", []),
        ("。，!", []),
    ],
)
def test_tokens(text: str, keys: list[str]) -> None:
    assert [token.key for token in tokenize(text)] == keys


def test_scripts() -> None:
    assert has_cjk("abc中") and has_cjk("カ") and not has_cjk("abc，")
    assert (
        is_japanese_or_korean("水を")
        and is_japanese_or_korean("안")
        and not (is_japanese_or_korean("水abc"))
    )
