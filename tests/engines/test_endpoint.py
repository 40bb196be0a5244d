from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.engines.base import SAMPLE_RATE, SpeechEnd, SpeechStart
from funasr_wss.engines.endpoint import Endpointer, EndpointSettings, Event

WINDOW = 512
DEFAULTS = EndpointSettings()
Track = list[tuple[float, float]]


def windows(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / WINDOW)


def speech(seconds: float, probability: float = 0.95, level: float = -20.0) -> Track:
    return [(probability, level)] * windows(seconds)


def silence(seconds: float) -> Track:
    return [(0.02, -60.0)] * windows(seconds)


def run(track: Track, chosen: EndpointSettings = DEFAULTS, rest: int = 0) -> list[Event]:
    """All events of a stream whose last window holds only ``rest`` samples (0: a full one)."""
    endpointer = Endpointer(chosen, WINDOW)
    events: list[Event] = []
    for number, (probability, level) in enumerate(track):
        last = number == len(track) - 1
        events += endpointer.push(probability, level, rest if last and rest else None)
    return events + endpointer.finish()


def spans(events: list[Event]) -> list[tuple[float, float]]:
    starts = [e.sample / SAMPLE_RATE for e in events if isinstance(e, SpeechStart)]
    ends = [e.sample / SAMPLE_RATE for e in events if isinstance(e, SpeechEnd)]
    return list(zip(starts, ends, strict=True))


def test_a_sentence_is_padded_on_both_sides() -> None:
    [(start, end)] = spans(run(silence(1.0) + speech(2.0) + silence(2.0)))
    assert start == pytest.approx(1.0 - DEFAULTS.start_padding, abs=0.04)
    assert end == pytest.approx(3.0 + DEFAULTS.end_padding, abs=0.04)


def test_a_short_pause_does_not_end_a_sentence() -> None:
    track = speech(1.0) + silence(DEFAULTS.min_silence - 0.1) + speech(1.0) + silence(1.5)
    assert len(run(track)) == 2


def test_a_long_pause_makes_two_sentences_in_order() -> None:
    first, second = spans(run(speech(1.0) + silence(1.5) + speech(1.0) + silence(1.5)))
    assert first[1] <= second[0]


def test_padding_never_reaches_into_the_sentence_before() -> None:
    wide = EndpointSettings(start_padding=0.6, end_padding=0.6, min_silence=0.7)
    first, second = spans(run(speech(1.0) + silence(0.8) + speech(1.0), wide))
    assert second[0] >= first[1]


def test_silence_gives_nothing() -> None:
    assert run(silence(20.0)) == []


def test_a_click_gives_nothing() -> None:
    assert run([*silence(1.0), (0.4, -30.0), *silence(4.0)]) == []


def test_a_word_of_a_fifth_of_a_second_is_a_sentence() -> None:
    assert len(run(silence(0.5) + speech(0.2) + silence(2.0))) == 2


def test_a_stream_that_ends_within_the_first_word_is_a_sentence() -> None:
    assert spans(run(silence(0.5) + speech(0.064)))


def test_weak_evidence_counts_when_there_was_nothing_else() -> None:
    hint = silence(0.5) + speech(0.2, probability=0.32) + silence(0.5)
    assert spans(run(hint))
    assert len(spans(run(speech(1.0) + silence(1.0) + hint))) == 1


def test_weak_evidence_is_forgotten() -> None:
    assert run(speech(0.2, probability=0.32) + silence(DEFAULTS.weak_memory + 0.5)) == []


def test_an_open_sentence_is_closed_by_the_end_of_the_stream() -> None:
    track = silence(0.5) + speech(1.0)
    assert run(track, rest=100)[-1] == SpeechEnd((len(track) - 1) * WINDOW + 100)


def test_the_pause_is_announced_where_the_sentence_then_ends() -> None:
    endpointer = Endpointer(DEFAULTS, WINDOW)
    events: list[Event] = []
    announced = set()
    for probability, level in speech(1.0) + silence(1.5):
        events += endpointer.push(probability, level)
        if endpointer.pause_at is not None:
            assert endpointer.pause_at <= endpointer.position
            announced.add(endpointer.pause_at)
    assert announced == {events[-1].sample}
    assert endpointer.pause_at is None


def test_speech_takes_an_announced_pause_back() -> None:
    endpointer = Endpointer(DEFAULTS, WINDOW)
    for probability, level in speech(1.0) + silence(0.5):
        endpointer.push(probability, level)
    assert endpointer.pause_at is not None
    endpointer.push(0.9, -20.0)
    assert endpointer.pause_at is None


def test_endless_speech_is_cut_at_the_quietest_place() -> None:
    dip = [(0.6, -35.0)] * 6
    track = speech(25.0) + dip + speech(20.0)
    (_, cut), (start, _) = spans(run(track))
    assert cut == start == pytest.approx(25.0 + 3 * WINDOW / SAMPLE_RATE, abs=0.1)


def test_a_long_sentence_ends_at_a_short_pause() -> None:
    pause = silence(0.3)
    assert len(spans(run(speech(3.0) + pause + speech(3.0)))) == 1
    assert len(spans(run(speech(24.0) + pause + speech(3.0)))) == 2


def test_a_pause_at_the_limit_ends_the_sentence_there() -> None:
    patient = EndpointSettings(patient_until=100.0, hurried_from=200.0)
    [(_, end)] = spans(run(speech(29.0) + silence(3.0), patient))
    assert end == pytest.approx(29.3, abs=0.05)


@pytest.mark.parametrize(
    "change",
    [
        {"end_threshold": 0.6},
        {"start_threshold": 1.0},
        {"cut_search": 20.0},
        {"hurried_from": 5.0},
    ],
)
def test_settings_that_contradict_each_other_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(DEFAULTS, **change)


probabilities = st.one_of(
    st.sampled_from([0.0, 0.1, 0.3, 0.34, 0.35, 0.4, 0.5, 0.9, 1.0]), st.floats(0.0, 1.0)
)
stretch = st.tuples(probabilities, st.floats(-100.0, 0.0), st.integers(1, 400))
streams = st.lists(stretch, max_size=12).map(
    lambda parts: [(p, level) for p, level, count in parts for _ in range(count)]
)


@settings(max_examples=150, deadline=None)
@given(streams, st.integers(1, WINDOW))
def test_any_stream_gives_ordered_bounded_sentences(track: Track, rest: int) -> None:
    total = max(0, len(track) - 1) * WINDOW + (rest if track else 0)
    events = run(track, rest=rest)
    assert [type(e) for e in events] == [SpeechStart, SpeechEnd] * (len(events) // 2)
    edges = [e.sample for e in events]
    assert edges == sorted(edges)
    assert all(0 <= edge <= total for edge in edges)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        assert 0 < end - start <= DEFAULTS.max_sentence * SAMPLE_RATE


@settings(max_examples=100, deadline=None)
@given(streams)
def test_all_speech_lies_in_a_sentence(track: Track) -> None:
    """Every run of clear speech that is long enough to open a sentence is covered whole."""
    edges = [e.sample for e in run(track)]
    sentences = list(zip(edges[::2], edges[1::2], strict=True))
    needed = windows(DEFAULTS.min_speech)
    begin = 0
    for index in range(len(track) + 1):
        if index < len(track) and track[index][0] >= DEFAULTS.start_threshold:
            continue
        if index - begin >= needed:
            covered = sum(
                max(0, min(end, index * WINDOW) - max(start, begin * WINDOW))
                for start, end in sentences
            )
            assert covered == (index - begin) * WINDOW
        begin = index + 1
