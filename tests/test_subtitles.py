"""Result files: cues that can be read, files that players and programs can parse."""

from __future__ import annotations

import html
import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.client import Sentence, Word
from funasr_wss.cues import CUE_COLUMNS, LINE_COLUMNS, width
from funasr_wss.subtitles import cues, to_json, to_srt, to_txt, to_vtt

ENGLISH = (
    "Ask not what your country can do for you, ask what you can do for your country, "
    "and then some more words come along because this sentence is quite long."
)
CHINESE = (
    "今天天气怎么样？我们出发去北京吧，听说那里的iPhone15发布会很热闹，大家都想去看看到底有什么"
    "新东西，最后再一起吃个饭，然后各自回家休息。"
)


def timed(text: str, step: int = 300) -> Sentence:
    """Return a sentence whose words take ``step`` ms each, the last 50 of them silent."""
    tokens = re.findall(r"[A-Za-z0-9']+|[\u4e00-\u9fff]", text)
    words = [Word(t, i * step, i * step + step - 50) for i, t in enumerate(tokens)]
    return Sentence(text, 0, words[-1].end_ms, tuple(words))


def test_txt_is_one_sentence_a_line() -> None:
    sentences = [Sentence("今天。"), Sentence(" Hello\nthere. "), Sentence("  ")]
    assert to_txt(sentences) == "今天。\nHello there.\n"


def test_srt() -> None:
    assert to_srt([Sentence("今天。", 430, 1810), Sentence("走吧。", 3_661_001, 3_662_002)]) == (
        "1\n00:00:00,430 --> 00:00:01,810\n今天。\n\n2\n01:01:01,001 --> 01:01:02,002\n走吧。\n"
    )


def test_vtt() -> None:
    assert to_vtt([Sentence("今天。", 430, 1810)]) == (
        "WEBVTT\n\n00:00:00.430 --> 00:00:01.810\n今天。\n"
    )


def test_nothing_recognised() -> None:
    assert (to_txt([]), to_srt([]), to_vtt([])) == ("", "", "WEBVTT\n")
    assert json.loads(to_json([])) == {"text": "", "sentences": []}


def test_json() -> None:
    sentence = Sentence(" Hi there.", 10, 900, (Word("Hi", 10, 300),))
    document = json.loads(to_json([Sentence("好。"), sentence], name="a.wav"))
    assert document == {
        "name": "a.wav",
        "text": "好。 Hi there.",
        "sentences": [
            {"index": 0, "text": "好。", "start_ms": None, "end_ms": None, "words": []},
            {
                "index": 1,
                "text": "Hi there.",
                "start_ms": 10,
                "end_ms": 900,
                "words": [{"text": "Hi", "start_ms": 10, "end_ms": 300}],
            },
        ],
    }
    assert "好" in to_json([Sentence("好。")])


def test_markup_in_srt_and_vtt() -> None:
    sentence = [Sentence("a <b>x</b> --> & {\\an8} 1 < 2\n\nend", 0, 1000)]
    assert to_srt(sentence).splitlines()[2:] == ["a ＜b>x＜/b> -> & ｛\\an8} 1 < 2 end"]
    assert to_vtt(sentence).splitlines()[3:] == [
        "a &lt;b&gt;x&lt;/b&gt; --&gt; &amp; {\\an8} 1 &lt; 2 end"
    ]


def test_long_english_sentence_is_divided_at_a_clause() -> None:
    found = cues([timed(ENGLISH)])
    assert [cue.lines[0] for cue in found] == [
        "Ask not what your country can do for you,",
        "and then some more words come along",
    ]
    assert found[0].end_ms == 16 * 300 + 250
    assert found[1].start_ms == 17 * 300
    assert found[-1].end_ms == timed(ENGLISH).end_ms
    assert " ".join(line for cue in found for line in cue.lines) == ENGLISH


def test_long_chinese_sentence_is_divided_at_punctuation() -> None:
    found = cues([timed(CHINESE, 200)])
    assert "".join(line for cue in found for line in cue.lines) == CHINESE
    assert all(cue.lines[-1][-1] in "，。？" for cue in found)
    assert all(width(line) <= LINE_COLUMNS for cue in found for line in cue.lines)


def test_a_pause_is_a_place_to_divide() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    text = f"{words} {words}"
    tokens = text.split()
    gap = [0 if i < 14 else 2000 for i in range(len(tokens))]
    timed_words = [Word(t, i * 300 + gap[i], i * 300 + 290 + gap[i]) for i, t in enumerate(tokens)]
    found = cues([Sentence(text, 0, timed_words[-1].end_ms, tuple(timed_words))])
    ends = [cue.end_ms for cue in found]
    assert timed_words[13].end_ms in ends
    assert timed_words[14].start_ms in [cue.start_ms for cue in found]


def test_slow_speech_is_divided_by_time() -> None:
    found = cues([timed("慢慢地说一句话也要分成几段才好读。", 1500)])
    assert len(found) >= 3


def test_words_that_were_rewritten_leave_interpolated_times() -> None:
    """Numbers stand as digits in the text and spelled out in the words."""
    text = "共123元，" * 12
    words = [Word(c, i * 200, i * 200 + 200) for i, c in enumerate("共一百二十三元" * 12)]
    found = cues([Sentence(text, 0, words[-1].end_ms, tuple(words))])
    assert "".join(line for cue in found for line in cue.lines) == text
    assert found[-1].end_ms == words[-1].end_ms


def test_unknown_times_follow_the_sentence_before() -> None:
    found = cues(
        [
            Sentence("一。"),
            Sentence("二。", 5000, 6000),
            Sentence("三。"),
            Sentence("四。", 6300, 7000),
        ]
    )
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [
        (0, 700), (5000, 6000), (6000, 6300), (6300, 7000)
    ]  # fmt: skip


def test_overlapping_and_disordered_sentences() -> None:
    found = cues(
        [Sentence("一。", 1000, 3000), Sentence("二。", 2500, 4000), Sentence("三。", 0, 10)]
    )
    times = [(cue.start_ms, cue.end_ms) for cue in found]
    assert times == [(1000, 2500), (2500, 2501), (2501, 3201)]


def test_a_word_wider_than_a_line_stays_whole() -> None:
    link = "https://example.com/" + "a" * 60
    found = cues([Sentence(f"See {link} now", 0, 3000)])
    assert link in [line for cue in found for line in cue.lines]


def test_punctuation_never_starts_a_line() -> None:
    text = "他说：“今天（星期三）天气很好！”然后" * 8
    for cue in cues([Sentence(text, 0, 60000)]):
        for line in cue.lines:
            assert line[0] not in "，。！？：”）"
            assert line[-1] not in "“（"


def test_a_very_long_text_is_laid_out_in_linear_time() -> None:
    text = CHINESE * 200
    found = cues([Sentence(text)])
    assert "".join(line for cue in found for line in cue.lines) == text


texts = st.text(st.sampled_from("ab cd 今天，。“”（）?<&-1\u0301é\n"), max_size=400)
times = st.none() | st.integers(-5, 100_000)
sentence_lists = st.lists(
    st.builds(
        Sentence,
        texts,
        times,
        times,
        st.lists(
            st.builds(Word, st.sampled_from(["ab", "今", "", "1"]), *[st.integers(0, 99_999)] * 2),
            max_size=8,
        ).map(tuple),
    ),
    max_size=5,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(sentence_lists)
def test_cues_of_anything_are_ordered_readable_and_complete(sentences: list[Sentence]) -> None:
    found = cues(sentences)
    for before, after in itertools.pairwise(found):
        assert before.end_ms <= after.start_ms
    for cue in found:
        assert 0 <= cue.start_ms < cue.end_ms
        assert 1 <= len(cue.lines) <= 2
        assert all(line == line.strip() and line for line in cue.lines)
    shown = "".join("".join(cue.lines) for cue in found)
    said = "".join(sentence.text for sentence in sentences)
    assert shown.replace(" ", "") == re.sub(r"\s", "", said)


@settings(deadline=None)
@given(st.text(st.sampled_from("今天 我们。，"), min_size=1, max_size=600).filter(str.strip))
def test_lines_of_chinese_text_fit(text: str) -> None:
    for cue in cues([Sentence(text, 0, 20_000)]):
        if not any(re.search(r"[。，]{3}", line) for line in cue.lines):
            assert all(width(line) <= LINE_COLUMNS for line in cue.lines)
            assert sum(map(width, cue.lines)) <= CUE_COLUMNS


@settings(deadline=None)
@given(sentence_lists)
def test_files_can_be_read_back(sentences: list[Sentence]) -> None:
    expected = [(cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in cues(sentences)]
    vtt = [(start, end, html.unescape(text)) for start, end, text in parse(to_vtt(sentences))]
    assert vtt == expected
    srt = [(s, e, text.replace("＜", "<")) for s, e, text in parse(to_srt(sentences))]
    assert srt == [(s, e, text.replace("-->", "->")) for s, e, text in expected]


def parse(text: str) -> list[tuple[int, int, str]]:
    """Read SRT or VTT the way a simple player does: blocks between empty lines."""
    found = []
    for block in text.removeprefix("WEBVTT\n").strip("\n").split("\n\n"):
        lines = block.split("\n")
        index = next((i for i, line in enumerate(lines) if " --> " in line), None)
        if index is None:
            assert block == ""
            continue
        start, end = (clock(part) for part in lines[index].split(" --> "))
        found.append((start, end, "\n".join(lines[index + 1 :])))
    return found


def clock(text: str) -> int:
    hours, minutes, seconds, ms = map(int, re.split(r"[:.,]", text))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("今天", 4), ("e\u0301", 1), ("，", 2), ("😀", 2)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns
