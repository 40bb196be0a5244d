"""Order and finality of messages, whatever order results arrive in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.compat import Switches
from funasr_wss.outbox import Close, Deferred, Outbox, Replies
from funasr_wss.protocol import Mode, Settings
from funasr_wss.results import ErrorInfo, SentenceInfo
from funasr_wss.session import Event, State, Utterance

ERROR = ErrorInfo("recognition_failed", "It broke.")


def utterance(number: int = 0, mode: Mode = Mode.TWO_PASS, **switches: Any) -> Utterance:
    settings = Settings(mode=mode, wav_name=f"u{number}")
    return Utterance(
        number, settings, Switches(**switches), state=State.STREAMING, configured=True
    )


def opened(mode: Mode = Mode.TWO_PASS, **switches: Any) -> tuple[Outbox, Replies]:
    outbox = Outbox()
    return outbox, outbox.open(utterance(mode=mode, **switches))


def take_all(outbox: Outbox) -> list[dict[str, Any]]:
    messages = []
    while (item := outbox.take()) is not None:
        assert isinstance(item, str)
        messages.append(json.loads(item))
    return messages


def texts(outbox: Outbox) -> list[tuple[str, str, bool]]:
    return [(m["mode"], m["text"], m["is_final"]) for m in take_all(outbox)]


def end(replies: Replies, total: int) -> None:
    replies.utterance.advance(Event.END)
    replies.finish(total)


def info(text: str, start_ms: int = 0) -> SentenceInfo:
    return SentenceInfo(text, start_ms, start_ms + 1000)


def test_last_sentence_carries_the_final() -> None:
    outbox, replies = opened()
    replies.partial(0, "今天")
    assert texts(outbox) == [("2pass-online", "今天", False)]
    end(replies, 1)
    assert texts(outbox) == []
    replies.sentence(0, info("今天好。"))
    assert texts(outbox) == [("2pass-offline", "今天好。", True)]
    assert replies.utterance.state is State.CLOSED


def test_empty_final_when_nothing_is_pending() -> None:
    outbox, replies = opened()
    replies.sentence(0, info("好。"))
    assert texts(outbox) == [("2pass-offline", "好。", False)]
    end(replies, 1)
    assert texts(outbox) == [("2pass-offline", "", True)]


def test_partials_wait_for_the_sentence_before() -> None:
    outbox, replies = opened()
    replies.partial(0, "a")
    replies.partial(1, "b")
    replies.partial(1, "c")
    assert texts(outbox) == [("2pass-online", "a", False)]
    replies.sentence(0, info("A."))
    assert texts(outbox) == [("2pass-offline", "A.", False), ("2pass-online", " bc", False)]


def test_no_partial_after_its_sentence() -> None:
    outbox, replies = opened()
    replies.sentence(1, info("二。"))
    replies.partial(1, "二")
    replies.partial(0, "一")
    replies.sentence(0, info("一。"))
    assert texts(outbox) == [("2pass-offline", "一。", False), ("2pass-offline", "二。", False)]


def test_empty_second_pass_is_sent_only_to_clear_partials() -> None:
    outbox, replies = opened()
    replies.sentence(0, info(""))
    assert texts(outbox) == []
    replies.partial(1, "呃")
    assert texts(outbox) == [("2pass-online", "呃", False)]
    replies.sentence(1, info(""))
    assert texts(outbox) == [("2pass-offline", "", False)]


def test_sentences_never_start_with_punctuation() -> None:
    outbox, replies = opened()
    replies.sentence(0, info("好，"))
    replies.partial(1, "，那么")
    replies.sentence(2, info("。走吧。"))
    assert texts(outbox) == [("2pass-offline", "好，", False), ("2pass-online", "那么", False)]
    replies.sentence(1, info("，那么"))
    assert [t for _, t, _ in texts(outbox)] == ["那么", "走吧。"]


def test_offline_gives_one_message() -> None:
    outbox, replies = opened(Mode.OFFLINE)
    replies.partial(0, "x")
    replies.sentence(1, info("Two.", 2000))
    replies.sentence(0, info("One.", 1000))
    assert texts(outbox) == []
    end(replies, 2)
    (message,) = take_all(outbox)
    assert (message["mode"], message["text"], message["is_final"]) == (
        "offline",
        "One. Two.",
        True,
    )
    assert [s["start"] for s in message["stamp_sents"]] == [1000, 2000]


def test_native_online_puts_the_rest_into_the_final() -> None:
    outbox, replies = opened(Mode.ONLINE, online="native")
    replies.partial(0, "今天")
    assert texts(outbox) == [("online", "今天", False)]
    end(replies, 1)
    replies.partial(0, "好")
    assert texts(outbox) == [("online", "好", False)]
    replies.partial(0, "吗")
    replies.sentence(0, info(""))
    assert texts(outbox) == [("online", "吗", True)]


def test_segment_switch_marks_every_sentence() -> None:
    outbox, replies = opened(is_final="segment")
    replies.sentence(0, info("一。"))
    replies.sentence(1, info("二。"))
    assert texts(outbox) == [("2pass-offline", "一。", True), ("2pass-offline", "二。", True)]
    assert replies.utterance.state is State.STREAMING
    end(replies, 2)
    assert texts(outbox) == [("2pass-offline", "", True)]


def test_segment_switch_reports_an_error_only_in_the_final() -> None:
    outbox, replies = opened(is_final="segment")
    replies.sentence_failed(0, ERROR)
    replies.sentence(1, info("二。"))
    end(replies, 2)
    sentence, final = take_all(outbox)
    assert sentence["text"] == "二。" and "error_code" not in sentence
    assert final["error_code"] == ERROR.code


def test_full_text_switch() -> None:
    outbox, replies = opened(final_text="full")
    replies.sentence(0, info("一。"))
    end(replies, 2)
    replies.sentence(1, info("二。"))
    assert texts(outbox) == [("2pass-offline", "一。", False), ("2pass-offline", "一。二。", True)]


def test_cumulative_switch() -> None:
    outbox, replies = opened(partial="cumulative")
    replies.partial(0, "今")
    first = texts(outbox)
    replies.partial(0, "天")
    assert first + texts(outbox) == [
        ("2pass-online", "今", False),
        ("2pass-online", "今天", False),
    ]


def test_failed_sentence_keeps_what_was_shown_and_the_final_reports_it() -> None:
    outbox, replies = opened()
    replies.partial(0, "今天")
    take_all(outbox)
    end(replies, 1)
    replies.sentence_failed(0, ERROR)
    sentence, final = take_all(outbox)
    assert (sentence["text"], sentence["is_final"]) == ("今天", False)
    assert (final["text"], final["is_final"]) == ("", True)
    assert final["error_code"] == "recognition_failed"
    assert "error" not in final


def test_failure_of_the_utterance_is_reported_once_in_the_final() -> None:
    outbox, replies = opened(Mode.OFFLINE)
    replies.fail(ErrorInfo("unsupported_format", "No."))
    replies.fail(ERROR)
    end(replies, 0)
    (final,) = take_all(outbox)
    assert final["error_code"] == "unsupported_format"


def test_acknowledgement_follows_the_final() -> None:
    for fails in (False, True):
        outbox, replies = opened()
        replies.utterance.wants_ack = True
        if fails:
            replies.fail(ERROR)
        end(replies, 0)
        final, ack = take_all(outbox)
        assert final["is_final"] is True and "is_end" not in final
        assert ack["is_end"] is True and ack["is_final"] is not fails
        assert ("error" in ack) is fails


def test_outbox_is_empty_only_when_the_acknowledgement_is_out_too() -> None:
    outbox, replies = opened()
    replies.utterance.wants_ack = True
    end(replies, 0)
    outbox.acknowledge(replies.utterance.settings)
    states = []
    while outbox.take() is not None:
        states.append(outbox.empty)
    assert states == [False, False, True]


def test_close_follows_the_acknowledgement() -> None:
    outbox, replies = opened(close_after_final=True)
    replies.utterance.wants_ack = True
    end(replies, 0)
    items = [outbox.take() for _ in range(3)]
    assert [isinstance(item, Close) for item in items] == [False, False, True]


def test_utterances_are_answered_in_order() -> None:
    outbox = Outbox()
    first, second = outbox.open(utterance(0)), outbox.open(utterance(1))
    end(second, 1)
    second.sentence(0, info("二。"))
    assert take_all(outbox) == [] and outbox.unfinished == 2
    end(first, 1)
    first.sentence(0, info("一。"))
    assert [(m["wav_name"], m["is_final"]) for m in take_all(outbox)] == [
        ("u0", True),
        ("u1", True),
    ]
    assert outbox.unfinished == 0


def test_abort_gives_one_final_for_each_open_utterance() -> None:
    outbox = Outbox()
    outbox.open(utterance(0)), outbox.open(utterance(1, Mode.OFFLINE))
    finals = [json.loads(message) for message in outbox.abort(ERROR)]
    assert [m["wav_name"] for m in finals] == ["u0", "u1"]
    assert all(m["is_final"] and m["error_code"] == ERROR.code for m in finals)
    assert outbox.take() is None


def test_long_finals_are_built_outside_the_event_loop() -> None:
    outbox, replies = opened(Mode.OFFLINE)
    for number in range(100):
        replies.sentence(number, info("十个字的一句话说完了。", number * 1000))
    end(replies, 100)
    item = outbox.take()
    assert isinstance(item, Deferred)
    message = json.loads(item.build())
    assert message["is_final"] and len(message["stamp_sents"]) == 100
    assert outbox.take() is None and outbox.empty


def test_answered_sentences_are_not_kept() -> None:
    outbox, replies = opened()
    for number in range(10):
        replies.sentence(number, info("好。"))
    take_all(outbox)
    assert replies._done == [] and replies._sentences == {}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, int, str]], int, int]:
    """Results of up to five sentences in any order, and when the end falls among them."""
    count = draw(st.integers(0, 5))
    events: list[tuple[str, int, str]] = []
    for sentence in range(count):
        text = draw(st.sampled_from(["", "好。", "Yes.", "，对", "一 二"]))
        events.append((draw(st.sampled_from(["sentence", "sentence", "failed"])), sentence, text))
        deltas = draw(st.lists(st.sampled_from(["好", " a", "。"]), max_size=3))
        events += [("partial", sentence, delta) for delta in deltas]
    events = draw(st.permutations(events))
    return events, count, draw(st.integers(0, len(events)))


@given(histories(), st.sampled_from(["session", "segment"]), st.sampled_from(list(Mode)))
def test_one_final_last_whatever_the_order(
    history: tuple[list[tuple[str, int, str]], int, int], is_final: str, mode: Mode
) -> None:
    events, count, end_at = history
    outbox, replies = opened(mode, is_final=is_final, online="native")
    messages: list[dict[str, Any]] = []
    for position, (kind, sentence, text) in enumerate([*events, ("stop", 0, "")]):
        if position == end_at:
            end(replies, count)
        if kind == "partial":
            replies.partial(sentence, text)
        elif kind == "sentence":
            replies.sentence(sentence, info(text, sentence))
        elif kind == "failed":
            replies.sentence_failed(sentence, ERROR)
        messages += take_all(outbox)
    assert messages[-1]["is_final"] is True
    assert replies.utterance.state is State.CLOSED
    if is_final == "session":
        assert sum(m["is_final"] for m in messages) == 1
    assert mode is not Mode.OFFLINE or len(messages) == 1
    for message in messages:
        assert {"mode", "text", "wav_name", "is_final"} <= message.keys()
        assert message["text"] or not message["mode"].endswith("online") or message["is_final"]
    indices = [m["index"] for m in messages if "index" in m]
    assert indices == sorted(set(indices))
