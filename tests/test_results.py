"""The messages that clients read, above all those that the html5 page must be able to read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.engines.base import Word
from funasr_wss.results import (
    MAX_MESSAGE_BYTES,
    ErrorInfo,
    SentenceInfo,
    ack_message,
    partial_message,
    result_message,
    vad_message,
)


def sentence(text: str, *spoken: str, start: int = 1000, step: int = 300) -> SentenceInfo:
    """A sentence whose words follow each other every ``step`` ms."""
    words = tuple(
        Word(word, start + i * step, start + (i + 1) * step) for i, word in enumerate(spoken)
    )
    return SentenceInfo(text, start, start + max(1, len(words)) * step, words)


def result(*sentences: SentenceInfo, text: str | None = None, **options: Any) -> dict[str, Any]:
    joined = "".join(s.text for s in sentences) if text is None else text
    arguments = {"mode": "2pass-offline", "wav_name": "demo", "is_final": False, **options}
    return json.loads(result_message(text=joined, sentences=sentences, **arguments))


def html5_view(raw: str) -> str:
    """The words that FunASR's html5 page shows for a message of the second pass.

    It raises where the page would throw: on a look-up past the last pair.
    """
    message = json.loads(raw)
    text, stamp = message["text"], message.get("timestamp")
    if stamp is None or not text:
        return text
    assert isinstance(stamp, str)
    pairs = json.loads(stamp)
    shown = []
    position = 0
    for piece in re.split("[,。？，、?. ]", text):
        if piece in ("", "undefined"):
            continue
        assert pairs[position][0] / 1000 >= 0
        shown.append(piece)
        latin = re.fullmatch("[a-zA-Z]+", piece)
        position += 1 if latin else len(piece.encode("utf-16-le")) // 2
    return "\n".join(shown)


def test_the_html5_view_throws_like_the_page() -> None:
    for stamp in ("[]", "[[0,1]]"):
        with pytest.raises(IndexError):
            html5_view(json.dumps({"text": "共123元，好", "timestamp": stamp}))
    with pytest.raises(ValueError, match="Expecting value"):
        html5_view(json.dumps({"text": "好", "timestamp": ""}))


# --- shapes --------------------------------------------------------------------------------------


def test_a_partial_is_sent_as_it_is() -> None:
    assert partial_message("demo", " 今天") == (
        '{"mode":"2pass-online","text":" 今天","wav_name":"demo","is_final":false}'
    )
    assert json.loads(partial_message("d", "x", mode="online"))["mode"] == "online"


def test_a_sentence_carries_its_times() -> None:
    raw = result_message(
        mode="2pass-offline", text="今天？", wav_name="demo", is_final=False,
        sentences=[sentence("今天？", "今", "天", start=430, step=170)], index=0, slice_type=2,
    )  # fmt: skip
    assert raw == (
        '{"mode":"2pass-offline","text":"今天？","wav_name":"demo","is_final":false,'
        '"timestamp":"[[430,600],[600,770]]","stamp_sents":[{"text_seg":"今 天","punc":"？",'
        '"start":430,"end":770,"ts_list":[[430,600],[600,770]]}],'
        '"index":0,"slice_type":2,"start_time":430,"end_time":770}'
    )


def test_an_empty_offline_final_has_an_empty_array() -> None:
    assert result_message(mode="offline", text="", wav_name="a", is_final=True) == (
        '{"mode":"offline","text":"","wav_name":"a","is_final":true,"stamp_sents":[]}'
    )


def test_an_empty_2pass_final_is_bare() -> None:
    assert result_message(mode="2pass-offline", text="", wav_name="a", is_final=True) == (
        '{"mode":"2pass-offline","text":"","wav_name":"a","is_final":true}'
    )


def test_an_error_is_a_final_without_the_key_error() -> None:
    raw = result_message(
        mode="offline", text="", wav_name="a", is_final=True,
        error=ErrorInfo("unsupported_format", "Unknown format."),
    )  # fmt: skip
    message = json.loads(raw)
    assert message["error_code"] == "unsupported_format"
    assert message["error_message"] == "Unknown format."
    assert "error" not in message


def test_acknowledgements() -> None:
    assert ack_message(mode="2pass", wav_name="demo") == (
        '{"mode":"2pass","wav_name":"demo","text":"","is_final":true,"is_end":true}'
    )
    assert ack_message(mode="2pass", wav_name="demo", error="decode failed") == (
        '{"mode":"2pass","wav_name":"demo","text":"","is_final":false,"is_end":true,'
        '"error":"decode failed"}'
    )


def test_voice_activity_events() -> None:
    assert json.loads(vad_message(wav_name="d", event="speech_start")) == {
        "mode": "vad", "event": "speech_start", "text": "", "wav_name": "d", "is_final": False,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["say timestamp", "tab\timestamp", "\\timestamp", "\\\timestamp"])
def test_the_word_timestamp_is_only_in_the_key(text: str) -> None:
    for raw in (
        partial_message("timestamp.wav", text),
        result_message(mode="offline", text=text, wav_name="timestamp", is_final=True),
    ):
        assert "timestamp" not in raw
        assert json.loads(raw)["text"] == text


def test_lone_surrogates_do_not_reach_the_socket() -> None:
    raw = result_message(
        mode="offline", text="a\ud800b", wav_name="\udfff", is_final=True,
        sentences=[sentence("a\ud800b", "a\ud800b")], error=ErrorInfo("x", "\ud801"),
    )  # fmt: skip
    assert raw.encode()
    assert json.loads(raw)["text"] == "a\ufffdb"


# --- stamp_sents ---------------------------------------------------------------------------------


def entry(seg: str, punc: str, *pairs: tuple[int, int]) -> dict[str, Any]:
    times = [list(pair) for pair in pairs]
    start, end = times[0][0], times[-1][1]
    return {"text_seg": seg, "punc": punc, "start": start, "end": end, "ts_list": times}


def test_a_sentence_is_split_at_its_punctuation() -> None:
    message = result(sentence("你好，hello world。", "你", "好", "hello", "world"))
    assert message["stamp_sents"] == [
        entry("你 好", "，", (1000, 1300), (1300, 1600)),
        entry("hello world", "。", (1600, 1900), (1900, 2200)),
    ]


def test_a_group_of_digits_is_divided_evenly() -> None:
    message = result(sentence("共123元", "共", "123", "元"))
    assert message["timestamp"] == "[[1000,1300],[1300,1400],[1400,1500],[1500,1600],[1600,1900]]"
    assert message["stamp_sents"][0]["text_seg"] == "共 1 2 3 元"


@pytest.mark.parametrize(
    ("text", "spoken", "segments"),
    [
        ("iPhone15好", ("iPhone", "15", "好"), [("iPhone 1 5 好", "")]),
        ("Don't stop", ("don't", "STOP"), [("Don't stop", "")]),
        ("don’t", ("don", "t"), [("don’t", "")]),
        ("3.5%，对", ("3", "5%", "对"), [("3. 5%", "，"), ("对", "")]),
        ("$20 at 10:30.", ("$20", "at", "10:30"), [("$2 0 at 1 0: 3 0", ".")]),
        ("example.com is up. Yes", ("example.com", "is", "up.", "Yes"),
         [("example. com is up", "."), ("Yes", "")]),
        ("他说：“好。”再见……", ("他", "说", "好", "再", "见"),
         [("他 说", "："), ("“好", "。”"), ("再 见", "……")]),
        ("。你好", ("你", "好"), [("。你 好", "")]),
        ("안녕 カード", ("안녕", "カード"), [("안 녕 カ ー ド", "")]),
        ("caf\u0301e", ("caf\u0301e",), [("caf\u0301e", "")]),
        ("好(a)", ("好", "a"), [("好 (a)", "")]),
        ("好$", ("好",), [("好$", "")]),
    ],
)  # fmt: skip
def test_tokens(text: str, spoken: tuple[str, ...], segments: list[tuple[str, str]]) -> None:
    message = result(sentence(text, *spoken), timestamp="off")
    entries = message["stamp_sents"]
    assert [(e["text_seg"], e["punc"]) for e in entries] == segments
    assert all(len(e["ts_list"]) == len(e["text_seg"].split(" ")) for e in entries)


def test_without_words_there_is_one_entry_with_the_times_of_the_sentence() -> None:
    message = result(SentenceInfo("你好，world。", 430, 1810))
    assert "timestamp" not in message
    assert message["stamp_sents"] == [
        {"text_seg": "你 好， world", "punc": "。", "start": 430, "end": 1810, "ts_list": []}
    ]


def test_words_that_spell_something_else_give_no_word_times() -> None:
    message = result(sentence("共123元。", "共", "一", "百", "二", "十", "三", "元"))
    assert "timestamp" not in message
    assert message["stamp_sents"] == [
        {"text_seg": "共 1 2 3 元", "punc": "。", "start": 1000, "end": 3100, "ts_list": []}
    ]


def test_text_without_any_token() -> None:
    assert result(sentence(" ♪ "))["stamp_sents"][0]["text_seg"] == "♪"
    assert result(sentence(" ", "x"))["stamp_sents"] == []


def test_an_offline_result_covers_all_sentences() -> None:
    message = result(
        sentence("你好。", "你", "好"), sentence(" 再见。", "再", "见", start=5000), mode="offline"
    )
    assert message["text"] == "你好。 再见。"
    assert json.loads(message["timestamp"]) == [
        [1000, 1300], [1300, 1600], [5000, 5300], [5300, 5600],
    ]  # fmt: skip
    assert [e["start"] for e in message["stamp_sents"]] == [1000, 5000]
    assert (message["start_time"], message["end_time"]) == (1000, 5600)


# --- timestamp -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spoken", "sent"),
    [
        ("今天天气。", tuple("今天天气"), True),
        ("hello world", ("hello", "world"), True),
        ("I have 3 apples", ("I", "have", "3", "apples"), True),
        ("iPhone15", ("iPhone", "15"), True),  # the only look-up is at 0
        ("iPhone15 好", ("iPhone", "15", "好"), False),
        ("don't do that", ("don't", "do", "that"), False),
        ("你好！再见", tuple("你好再见"), True),
        ("你好！！！ 再见", tuple("你好再见"), False),
        ("it is undefined here", ("it", "is", "undefined", "here"), False),
        ("♪ 好", ("好",), False),
        ("", ("好",), False),
    ],
)
def test_timestamp_only_where_html5_can_take_it(
    text: str, spoken: tuple[str, ...], sent: bool
) -> None:
    message = result(sentence(text, *spoken))
    assert ("timestamp" in message) is sent


def test_timestamp_follows_the_text_that_is_sent() -> None:
    message = result(sentence("你好。", "你", "好"), text="别的话。你好。")
    assert "timestamp" not in message
    assert message["stamp_sents"][0]["ts_list"]


def test_the_timestamp_switch() -> None:
    unsafe = sentence("iPhone15 好", "iPhone", "15", "好")
    assert "timestamp" not in result(sentence("好", "好"), timestamp="off")
    assert len(json.loads(result(unsafe, timestamp="always")["timestamp"])) == 4
    rewritten = sentence("12", "十", "二", "。")
    assert len(json.loads(result(rewritten, timestamp="always")["timestamp"])) == 2
    assert "timestamp" not in result(SentenceInfo("好", 0, 1), timestamp="always")


PIECES = st.sampled_from(
    ["今", "天", "。", "，", "！", "、", " ", ".", ",", "?", "'", "-", "123", "7", "3.5", "%", "“",
     "iPhone", "hello", "don't", "undefined", "ｈｉ", "안", "カ", "é", "𠮷", "😀", "\u0301",
     "\ufe0f", "\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20)


@st.composite
def sentences(draw: st.DrawFn) -> SentenceInfo:
    """A text with the words that spell it, with other words, or with none."""
    text = draw(TEXTS)
    spoken = draw(st.sampled_from(["own", "other", "none"]))
    source = {"own": text, "other": draw(TEXTS), "none": ""}[spoken]
    pieces = re.findall(r"[^\W\d_]+|\d+|\S", source)
    cut = draw(st.booleans())
    words = [char for piece in pieces for char in piece] if cut else pieces
    times = sorted(draw(st.lists(st.integers(0, 10**7), min_size=len(words) + 1,
                                 max_size=len(words) + 1)))  # fmt: skip
    return SentenceInfo(text, times[0], times[-1], tuple(map(Word, words, times, times[1:])))


@settings(deadline=None)
@given(st.lists(sentences(), max_size=4), st.sampled_from(["2pass-offline", "offline"]))
def test_html5_never_throws_and_loses_nothing(parts: list[SentenceInfo], mode: str) -> None:
    text = "".join(part.text for part in parts)
    raw = result_message(mode=mode, text=text, wav_name="h5", is_final=True, sentences=parts)
    raw.encode()
    shown = html5_view(raw)
    for piece in re.split("[,。？，、?. ]", text):
        assert piece in shown


@settings(deadline=None)
@given(st.lists(sentences(), max_size=4), st.sampled_from(["safe", "off", "always"]))
def test_times_are_whole_and_ordered(parts: list[SentenceInfo], policy: str) -> None:
    message = result(*parts, timestamp=policy, mode="offline")
    keys = [key for key in message if "timestamp" in key]
    assert keys in ([], ["timestamp"])
    if keys:
        pairs = json.loads(message["timestamp"])
        assert pairs
        assert all(start <= end for start, end in pairs)
    for item in message["stamp_sents"]:
        assert list(item) == ["text_seg", "punc", "start", "end", "ts_list"]
        assert 0 <= item["start"] <= item["end"]
        assert len(item["ts_list"]) in (0, len(item["text_seg"].split(" ")))
    sent = "".join(item["text_seg"] + item["punc"] for item in message["stamp_sents"])
    assert re.sub(r"\s", "", sent) == re.sub(r"\s", "", message["text"])


# --- size ----------------------------------------------------------------------------------------


def long_result(count: int, *, words: bool) -> str:
    part = sentence("今天。", "今", "天") if words else SentenceInfo("今天。", 1000, 1600)
    text, parts = part.text * count, [part] * count
    return result_message(mode="offline", text=text, wav_name="a", is_final=True, sentences=parts)


@pytest.mark.parametrize(
    ("count", "words", "has_timestamp", "has_ts_list", "has_stamp_sents"),
    [
        (3000, True, True, True, True),
        (7500, True, False, True, True),
        (9500, True, False, False, True),
        (20000, True, False, False, False),
        (20000, False, False, False, False),
    ],
)
def test_a_long_message_loses_times_never_text(
    count: int, words: bool, has_timestamp: bool, has_ts_list: bool, has_stamp_sents: bool
) -> None:
    raw = long_result(count, words=words)
    message = json.loads(raw)
    assert len(raw.encode()) < MAX_MESSAGE_BYTES
    assert message["text"] == "今天。" * count
    entries = message.get("stamp_sents")
    assert ("timestamp" in message) is has_timestamp
    assert (entries is not None) is has_stamp_sents
    assert bool(entries and entries[0]["ts_list"]) is has_ts_list
