from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text.guards import (
    is_loop,
    is_silence_text,
    leaks_hotwords,
    remove_loops,
    too_dense,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "哈哈哈哈哈哈哈",
        "好好好",
        "no no no no no",
        "13800138000",
        "一三八零零一三八零零零",
        "零零零零零零零零",
        "加油加油加油加油",
        "对不起对不起对不起",
        "I love you. I love you. I love you.",
        "滴答滴答滴答，时间过得很快",
        "Hahahahaha",
    ],
)
def test_real_repetition_survives(text: str) -> None:
    assert remove_loops(text) == text
    assert not is_loop(text)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("今天天气很好" * 6 + "今天", "今天天气很好"),
        ("我说" + "的" * 40, "我说的的的"),
        ("the cat " * 20 + "sat", "the cat sat"),
        ("是的，" * 12 + "对。", "是的，对。"),
        ("a" * 200, "aaa"),
        ("0 " * 30, "0 0 0 "),
        ("开头。" + "谢谢大家的支持。" * 5 + "结尾。", "开头。谢谢大家的支持。结尾。"),
    ],
)
def test_loops_are_cut(text: str, cut: str) -> None:
    assert remove_loops(text) == cut
    assert is_loop(text)


def test_a_loop_in_a_long_text_does_not_condemn_it() -> None:
    text = "这是一段很长的讲话，里面什么都有，而且没有任何重复的地方，直到最后" + "嗯" * 12
    assert not is_loop(text)
    assert remove_loops(text).endswith("最后嗯嗯嗯")


@given(st.text("今天ab ，。1", max_size=200))
def test_removing_loops_never_adds(text: str) -> None:
    once = remove_loops(text)
    assert len(once) <= len(text)
    assert (once == text) == (len(once) == len(text))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("字幕由Amara.org社区提供", "zh"),
        ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "zh"),
        ("謝謝觀看！", "auto"),
        ("Thanks for watching!", "en"),
        ("Don't forget to like and subscribe.", "en"),
        ("Subtitles by the Amara.org community", "en"),
        ("ご視聴ありがとうございました。", "ja"),
        ("시청해 주셔서 감사합니다.", "ko"),
        ("[Music]", "en"),
        ("（音乐）", "zh"),
        ("♪♪", "auto"),
        ("Thank you.", "zh"),
        ("谢谢大家。", "en"),
    ],
)
def test_inventions(text: str, language: str) -> None:
    assert is_silence_text(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "zh"),
        ("Thank you.", "en"),
        ("Thank you.", "auto"),
        ("谢谢。", "zh"),
        ("谢谢。", "yue"),
        ("谢谢观看我们的演出", "zh"),
        ("I said thanks for watching the kids", "en"),
        ("我在字幕组工作", "zh"),
        ("a book translated by my father", "en"),
        ("他说（笑）好", "zh"),
        ("Okay.", "zh"),
    ],
)
def test_speech_is_no_invention(text: str, language: str) -> None:
    assert not is_silence_text(text, language)


HOTWORDS = ["阿里巴巴", "达摩院", "通义实验室", "Fun ASR"]


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("阿里巴巴 达摩院 通义实验室", True),
        ("达摩院，通义实验室，fun asr，阿里巴巴，达摩", True),
        ("阿里巴巴达摩院", False),
        ("阿里巴巴通义实验室达摩院", False),
        ("我在阿里巴巴达摩院通义实验室", False),
        ("阿里巴巴达摩院通义实验室工作", False),
        ("", False),
    ],
)
def test_hotword_leak(text: str, leaks: bool) -> None:
    assert leaks_hotwords(text, HOTWORDS) is leaks


def test_short_lists_cannot_leak() -> None:
    assert not leaks_hotwords("小爱小爱小爱", ["小爱"])
    assert not leaks_hotwords("好好好", [])


@pytest.mark.parametrize(
    ("text", "seconds", "dense"),
    [
        ("今天天气很好", 1.0, False),
        ("今天天气很好我们去公园玩" * 3, 1.0, True),
        ("yes", 0.1, False),
        ("one two three four five six seven eight nine ten", 1.0, False),
        ("one two three four five six seven eight nine ten eleven twelve", 1.0, True),
        ("13475274309", 2.0, False),
        ("13475274309", 0.4, True),
        ("", 0.0, False),
        ("，。！？" * 50, 0.5, False),
        ("今天天气很好今天", -1.0, True),
    ],
)
def test_density(text: str, seconds: float, dense: bool) -> None:
    assert too_dense(text, seconds) is dense
