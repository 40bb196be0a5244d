"""The utterance state machine: every transition, and what a connection's frames mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.protocol import Mode
from funasr_wss.session import (
    HOLD_BYTES,
    TRANSITIONS,
    Acknowledge,
    Action,
    Begin,
    Discard,
    Event,
    Feed,
    Finish,
    Session,
    State,
    Update,
    Utterance,
)

AUDIO = b"\x01\x00" * 480


def config(**fields: object) -> str:
    return json.dumps({"mode": "2pass", "is_speaking": True, **fields})


END = json.dumps({"is_speaking": False})


def names(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_table_is_the_only_way(state: State, event: Event) -> None:
    utterance = Utterance(number=0, state=state)
    if (state, event) in TRANSITIONS:
        utterance.advance(event)
        assert utterance.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(RuntimeError, match=event.name):
            utterance.advance(event)


def test_config_audio_end() -> None:
    session = Session()
    assert session.receive_text(config(wav_name="a")) == []
    begin, feed = session.receive_audio(AUDIO)
    assert isinstance(begin, Begin) and isinstance(feed, Feed)
    assert begin.utterance.settings.wav_name == "a"
    (finish,) = session.receive_text(END)
    assert finish == Finish(begin.utterance)
    assert begin.utterance.state is State.FINISHING


def test_end_without_audio_gets_an_utterance() -> None:
    session = Session()
    session.receive_text(config())
    assert names(session.receive_text(END)) == ["Begin", "Finish"]


def test_end_before_anything_else_gets_an_utterance() -> None:
    assert names(Session().receive_text(END)) == ["Begin", "Finish"]


def test_repeated_end_is_ignored_unless_it_wants_an_acknowledgement() -> None:
    session = Session()
    session.receive_text(config())
    session.receive_text(END)
    assert session.receive_text(END) == []
    again = session.receive_text('{"is_speaking":false,"is_end":true}')
    assert names(again) == ["Acknowledge"]
    assert isinstance(again[0], Acknowledge)


def test_is_end_is_remembered_for_the_final() -> None:
    session = Session()
    session.receive_text(config())
    finish = session.receive_text('{"is_end":true}')[-1]
    assert isinstance(finish, Finish) and finish.utterance.wants_ack


def test_early_audio_waits_for_its_config() -> None:
    session = Session()
    assert session.receive_audio(AUDIO) == []
    assert session.holding
    actions = session.receive_text(config(mode="offline"))
    assert names(actions) == ["Begin", "Feed"]
    assert isinstance(actions[0], Begin) and actions[0].utterance.mode is Mode.OFFLINE


def test_early_audio_without_config_runs_with_defaults() -> None:
    session = Session()
    session.receive_audio(AUDIO)
    actions = session.release()
    assert names(actions) == ["Begin", "Feed"]
    assert isinstance(actions[0], Begin) and actions[0].utterance.mode is Mode.TWO_PASS
    assert names(session.receive_audio(AUDIO)) == ["Feed"]
    assert not session.holding and session.release() == []


def test_early_audio_is_not_held_without_bound() -> None:
    session = Session()
    assert session.receive_audio(bytes(HOLD_BYTES)) == []
    assert names(session.receive_audio(AUDIO)) == ["Begin", "Feed", "Feed"]


def test_end_releases_early_audio() -> None:
    session = Session()
    session.receive_audio(AUDIO)
    assert names(session.receive_text(END)) == ["Begin", "Feed", "Finish"]


def test_second_config_before_audio_replaces_the_first() -> None:
    session = Session()
    session.receive_text(config(mode="2pass"))
    session.receive_text(config(mode="offline"))
    begin = session.receive_audio(AUDIO)[0]
    assert isinstance(begin, Begin) and begin.utterance.mode is Mode.OFFLINE


def test_config_in_mid_utterance_changes_only_what_may_change() -> None:
    session = Session()
    session.receive_text(config())
    begin = session.receive_audio(AUDIO)[0]
    (update,) = session.receive_text(config(mode="offline", itn=False, audio_fs=8000))
    assert isinstance(update, Update) and isinstance(begin, Begin)
    assert update.settings.itn is False
    assert update.settings.audio_fs == 16000
    session.receive_text(END)
    second = session.receive_audio(AUDIO) + session.release()
    assert isinstance(second[0], Begin)
    assert second[0].utterance.mode is Mode.OFFLINE
    assert second[0].utterance.settings.audio_fs == 8000


def test_end_with_whole_config_keeps_the_audio() -> None:
    session = Session()
    session.receive_audio(AUDIO)
    session.release()
    actions = session.receive_text(json.dumps({"mode": "2pass", "is_speaking": False}))
    assert names(actions) == ["Update", "Finish"]


def test_silence_after_the_end_does_not_belong_to_the_next_utterance() -> None:
    session = Session()
    session.receive_text(config())
    session.receive_audio(AUDIO)
    session.receive_text(END)
    session.receive_audio(bytes(3200))
    assert session.receive_text(config(wav_name="b")) == []
    assert names(session.receive_audio(AUDIO)) == ["Begin", "Feed"]


def test_leftover_audio_that_already_ran_is_discarded_by_a_new_config() -> None:
    session = Session()
    session.receive_text(config())
    session.receive_audio(AUDIO)
    session.receive_text(END)
    session.receive_audio(bytes(3200))
    begin = session.release()[0]
    discard = session.receive_text(config(wav_name="b"))
    assert isinstance(begin, Begin) and discard == [Discard(begin.utterance)]
    assert begin.utterance.state is State.CLOSED
    assert names(session.receive_audio(AUDIO)) == ["Begin", "Feed"]


def test_audio_after_the_end_with_speech_is_an_utterance() -> None:
    session = Session()
    session.receive_text(config())
    session.receive_audio(AUDIO)
    session.receive_text(END)
    session.receive_audio(AUDIO)
    begin = session.release()[0]
    assert isinstance(begin, Begin)
    begin.utterance.speech_heard = True
    assert names(session.receive_text(config(wav_name="b"))) == ["Update"]


def test_garbage_changes_nothing() -> None:
    session = Session()
    session.receive_text(config())
    session.receive_audio(AUDIO)
    for garbage in ("START", "", "[1]", "{", "null", "5"):
        assert session.receive_text(garbage) == []
    assert session.utterance.state is State.STREAMING


def test_switches_of_url_listener_and_config() -> None:
    session = Session(listener={"is_final": "segment"}, query={"partial": "cumulative"})
    session.receive_text(config(compat={"final_text": "full"}))
    begin = session.receive_audio(AUDIO)[0]
    assert isinstance(begin, Begin)
    switches = begin.utterance.switches
    assert (switches.is_final, switches.partial, switches.final_text) == (
        "segment",
        "cumulative",
        "full",
    )


def test_fingerprint_is_taken_from_the_first_config_only_and_can_be_disabled() -> None:
    for enabled, expected in ((True, "segment"), (False, "session")):
        session = Session(fingerprints=enabled)
        session.receive_text(config(wav_name="web_mic"))
        begin = session.receive_audio(AUDIO)[0]
        assert isinstance(begin, Begin) and begin.utterance.switches.is_final == expected
    session = Session()
    session.receive_text(config(wav_name="mine"))
    session.receive_text(config(wav_name="web_mic"))
    begin = session.receive_audio(AUDIO)[0]
    assert isinstance(begin, Begin) and begin.utterance.switches.is_final == "session"


def test_rule_without_mode_serves_offline() -> None:
    session = Session()
    session.receive_text(json.dumps({"chunk_interval": 10, "wav_format": "pcm", "wav_name": "x"}))
    begin = session.receive_audio(AUDIO)[0]
    assert isinstance(begin, Begin) and begin.utterance.mode is Mode.OFFLINE


def test_online_is_upgraded_unless_native() -> None:
    for query, mode in (({}, Mode.TWO_PASS), ({"online": "native"}, Mode.ONLINE)):
        session = Session(query=query)
        session.receive_text(config(mode="online"))
        begin = session.receive_audio(AUDIO)[0]
        assert isinstance(begin, Begin) and begin.utterance.mode is mode


FRAMES = st.one_of(
    st.just(config()),
    st.just(config(mode="offline", wav_name="x")),
    st.just(END),
    st.just('{"is_speaking":false,"is_end":true}'),
    st.just("garbage"),
    st.binary(max_size=8),
    st.just("RELEASE"),
)


@given(st.lists(FRAMES, max_size=40))
def test_any_frames_give_well_formed_actions(frames: list[str | bytes]) -> None:
    """Begin comes first and once, Feed only while streaming, Finish or Discard once; no audio of
    a begun utterance is lost."""
    session = Session()
    state: dict[int, str] = {}
    fed = 0
    for frame in frames:
        if frame == "RELEASE":
            actions = session.release()
        elif isinstance(frame, bytes):
            actions = session.receive_audio(frame)
        else:
            actions = session.receive_text(frame)
        for action in actions:
            if isinstance(action, Acknowledge):
                continue
            number = action.utterance.number
            if isinstance(action, Begin):
                assert number not in state
                state[number] = "open"
            else:
                assert state[number] == "open"
            if isinstance(action, Feed):
                fed += len(action.data)
            if isinstance(action, Finish | Discard):
                state[number] = "over"
    opened = [number for number, value in state.items() if value == "open"]
    assert len(opened) <= 1
    assert fed <= sum(len(f) for f in frames if isinstance(f, bytes))
    last = session.end()
    assert names(last)[-1:] in ([], ["Finish"], ["Discard"])
    assert session.utterance.state is State.IDLE
