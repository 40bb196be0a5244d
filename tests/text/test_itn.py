from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.text import itn_library
from funasr_wss.text.itn import spoken, written

WRITTEN = [
    # dates, times
    ("今天是二零二四年五月二十号", "今天是2024年5月20号"),
    ("二零零八年八月八日晚上八点", "2008年8月8日晚上8点"),
    ("万科在二零一四年年报中如此感叹", "万科在2014年年报中如此感叹"),
    ("二〇二二年", "2022年"),
    ("九八年，八零后，九十年代", "98年，80后，90年代"),
    ("三月到五月份", "3月到5月份"),
    ("下午三点半", "下午3点半"),
    ("三点十五分", "3点15分"),
    ("三点零五分", "3点05分"),
    ("早上九点至下午五点", "早上9点至下午5点"),
    ("从九点到五点", "从9点到5点"),
    ("晚上七点四十五开会", "晚上7点45开会"),
    ("周三下午两点", "周三下午2点"),
    ("下午三点一起去", "下午3点一起去"),
    # amounts
    ("两千四百九十九块", "2499块"),
    ("一百万零五", "1000005"),
    ("两亿元", "2亿元"),
    ("两百万美元", "200万美元"),
    ("一亿两千万", "1亿2000万"),
    ("一千五百亿", "1500亿"),
    ("一点五亿", "1.5亿"),
    ("一千多人", "1000多人"),
    ("三点一四", "3.14"),
    ("百分之五", "5%"),
    ("百分之三点五", "3.5%"),
    ("百分之百", "100%"),
    ("三比二", "3比2"),
    ("第二十三届", "第23届"),
    ("三十一个省", "31个省"),
    # units stay words
    ("请打开空调调到二十六度", "请打开空调调到26度"),
    ("零下五度", "零下5度"),
    ("四G加六十四G", "4G加64G"),
    ("一百米和二百米", "100米和200米"),
    ("六英里", "6英里"),
    ("十分钟", "10分钟"),
    ("三十岁", "30岁"),
    # digit by digit
    ("一三四七五二七四三零九", "13475274309"),
    ("电话幺三八零零一三八零零零", "电话13800138000"),
    # English
    ("it costs twenty five dollars", "it costs 25 dollars"),
    ("there were one hundred and twenty people", "there were 120 people"),
    ("Go forward ten meters, then stop!", "Go forward 10 meters, then stop!"),
    ("in two thousand twenty one", "in 2021"),
    ("in twenty twenty one", "in 2021"),
    ("nineteen eighty four", "1984"),
    ("almost sixty four billion", "almost 64 billion"),
    ("at three thirty pm", "at 3:30 pm"),
    ("twenty first century", "21st century"),
    ("five percent", "5%"),
    ("three point one four", "3.14"),
    ("five five five one two one two", "5551212"),
    ("I'd say twenty-five, he said.", "I'd say 25, he said."),
    ("ten and twenty", "10 and 20"),
    # both scripts in one text
    ("他有twenty five个apple和三十个梨。", "他有25个apple和30个梨。"),
]
UNCHANGED = """
一个人|三心二意|他十分高兴一点也不难过|一起|万一|统一|一下|第一|三四个人|七八十年代|二十几个人|两三百人
|二十七八岁|三分之一|我有一只猫，两条狗|星期五|张三李四|百度|三亚|九江|四川|千千万万|十万八千里
|不管三七二十一|一二三|二百五|一时|一刻钟|四个半小时|三五年|十个人|八月十五|大年三十|五一假期|双十一
|百分之二三十|二十一起|第三号|千万不要|一点一滴|2000万|3亿|两点一线
|one of them|no one knows|half past three|three thirty|a hundred people|one two three go|two dogs
|the first great sorrow|twenty second break|fifty fifty|twenty-two-year-old|one or two
|今日は三十人です|二十三을 세다
"""
SPOKEN = [
    ("2499元", "两千四百九十九元"),
    ("13475274309", "一三四七五二七四三零九"),
    ("2014年年报", "二零一四年年报"),
    ("2024年5月20号", "二零二四年五月二十号"),
    ("增长3.5%。", "增长百分之三点五。"),
    ("26度，6英里", "二十六度，六英里"),
    ("100米和200米", "一百米和两百米"),
    ("下午3:30", "下午三点三十分"),
    ("1,234,567人", "一百二十三万四千五百六十七人"),
    ("第2个，2个", "第二个，两个"),
    ("3-5个", "三到五个"),
    ("16GB内存，4G网络", "十六GB内存，四G网络"),
    ("-5度", "负五度"),
    ("我的iPhone15很好", "我的iPhone十五很好"),
    ("it's 2021.", "it's twenty twenty one."),
    ("$64 billion", "sixty four billion dollars"),
    ("over 17 billion Euros", "over seventeen billion Euros"),
    ("at 3:30 pm", "at three thirty pm"),
    ("10 meters, 5%", "ten meters, five percent"),
    ("the 21st", "the twenty first"),
    ("in the 1990s", "in the nineteen nineties"),
    ("1,234 people", "one thousand two hundred and thirty four people"),
    ("call 5551212", "call five five five one two one two"),
    ("没有数字", "没有数字"),
    ("9時に3人です", "9時に3人です"),
    ("", ""),
]


@pytest.mark.parametrize(("words", "digits"), WRITTEN)
def test_written(words: str, digits: str) -> None:
    assert written(words, "auto") == digits
    assert written(digits, "auto") == digits


@pytest.mark.parametrize("text", UNCHANGED.replace("\n", "").split("|"))
def test_what_people_write_in_words_stays(text: str) -> None:
    assert written(text, "auto") == text


@pytest.mark.parametrize(("digits", "words"), SPOKEN)
def test_spoken(digits: str, words: str) -> None:
    assert spoken(digits, "auto") == words
    assert spoken(words, "auto") == words


def test_language_decides_for_bare_numbers() -> None:
    assert spoken("5", "en") == "five"
    assert spoken("5", "zh") == spoken("5", "yue") == "五"
    for language in ("ja", "ko"):
        assert spoken("5", language) == "5"
        assert written("三十人", language) == "三十人"


NUMBERS = st.lists(
    st.sampled_from(
        [*"零一二三四五六七八九十百千万亿两点半年月日号分个度米第比几", "百分之", "下午", "GB",
         "，", " twenty", " five", " hundred", " point", " and", " 3", "."]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(NUMBERS)
def test_written_is_idempotent(text: str) -> None:
    once = written(text, "auto")
    assert written(once, "auto") == once
    assert len(once) <= 2 * len(text) + 12


@given(st.text() | st.text("0123456789.,:-/%$年月 a点", max_size=40))
def test_nothing_raises(text: str) -> None:
    assert isinstance(written(text, "auto"), str)
    assert len(spoken(text, "auto")) <= 24 * len(text)


def test_a_run_too_long_for_a_number_stays() -> None:
    text = " ".join(["twenty five"] * 50)
    assert written(text, "en") == text
    assert spoken("1" * 300, "en").split() == ["one"] * 300


def test_a_library_failure_leaves_the_text_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> object:
        raise OSError("no transducers")

    itn_library.convert.cache_clear()
    itn_library._log_once.cache_clear()
    monkeypatch.setattr(itn_library, "_normalizer_class", broken)
    try:
        assert written("it costs seventy seven dollars", "en") == "it costs seventy seven dollars"
        assert written("it costs ninety nine dollars", "en") == "it costs ninety nine dollars"
        assert spoken("it costs 77 dollars", "en") == "it costs 77 dollars"
        assert spoken("花了77元", "zh") == "花了七七元"
    finally:
        itn_library.convert.cache_clear()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_threads_share_the_library() -> None:
    itn_library.convert.cache_clear()
    expected = {f"共{n}元": f"共{n}元" for n in range(1100, 1140)}
    wrong: list[str] = []

    def work() -> None:
        for text in expected:
            there = spoken(text, "zh")
            if written(there, "zh") != text:
                wrong.append(there)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_the_library_is_loaded_on_first_use_only() -> None:
    code = (
        "import sys; from funasr_wss.text.itn import written; written('二十六度', 'zh');"
        "assert 'wetext' not in sys.modules; written('twenty five', 'en');"
        "assert 'wetext' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
