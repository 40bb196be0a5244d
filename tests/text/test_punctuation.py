from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.punctuation import normalise_punctuation, strip_leading, strip_punctuation


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("你好，世界。", "你好世界"),
        ("Hello, world. It's 3.5!", "Hello world It's 3.5"),
        ("Java，它是 e-mail.", "Java它是 e-mail"),
        ("1,234 at 3:30, -5度", "1,234 at 3:30 -5度"),
        ("《红楼梦》…… “好”", "红楼梦好"),
        ("增长5%，花$3。", "增长5%花$3"),
        ("rock 'n' roll", "rock n roll"),
        ("don’t stop", "don’t stop"),
        ("。，", ""),
        ("", ""),
    ],
)
def test_strip(text: str, plain: str) -> None:
    assert strip_punctuation(text) == plain


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("你们知道吗?", "zh", "你们知道吗？"),
        ("中派战争,不断 增长", "zh", "中派战争，不断增长"),
        ("Java,它是 good, thing.", "auto", "Java，它是 good, thing."),
        ("下午 3:30, 见 3,000 人.", "zh", "下午 3:30，见 3,000 人。"),
        ("你好。，再见，，", "zh", "你好。再见，"),
        ("他说: 好! 真的", "zh", "他说：好！真的"),
        ("Hello, world: 3?", "en", "Hello, world: 3?"),
        ("はい,そうです.", "ja", "はい、そうです。"),
        ("안녕, 하세요?", "ko", "안녕, 하세요?"),
        ("用 Java 写", "zh", "用 Java 写"),
        ("", "zh", ""),
    ],
)
def test_normalise(text: str, language: str, expected: str) -> None:
    assert normalise_punctuation(text, language) == expected
    assert normalise_punctuation(expected, language) == expected


@pytest.mark.parametrize(
    ("text", "rest"),
    [("，。 好。", "好。"), ("-5度", "-5度"), ("- 5", "5"), ("（好）", "（好）"), (").", "")],
)
def test_strip_leading(text: str, rest: str) -> None:
    assert strip_leading(text) == rest


@given(st.text("你好ab1, .，。-'?！3"))
def test_stripping_loses_no_letters(text: str) -> None:
    for function in (strip_punctuation, normalise_punctuation):
        assert [c for c in function(text) if c.isalnum()] == [c for c in text if c.isalnum()]
    assert not set(strip_punctuation(text)) & set("，。?！")
