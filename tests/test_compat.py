"""Switches, their precedence, and the clients that are recognised by their first config."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.compat import (
    Fingerprint,
    Switches,
    fingerprint,
    parse_switches,
    query_switches,
    resolve,
)
from funasr_wss.protocol import Mode, parse_text_frame

UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def recognise(**message: Any) -> Fingerprint | None:
    frame = parse_text_frame(json.dumps(message))
    assert frame is not None
    return fingerprint(frame)


def test_the_defaults() -> None:
    assert resolve(compat={}, query={}, fingerprint={}, listener={}) == Switches(
        is_final="session", final_text="tail", close_after_final=False,
        online="upgrade", partial="delta", timestamp="safe",
    )  # fmt: skip


@pytest.mark.parametrize("value", [True, 1, "yes", "TRUE", "1", " on "])
def test_close_after_final_accepts_yes(value: object) -> None:
    assert parse_switches({"close_after_final": value}) == ({"close_after_final": True}, ())


@pytest.mark.parametrize("value", [False, 0, "no", "false", "0"])
def test_close_after_final_accepts_no(value: object) -> None:
    assert parse_switches({"close_after_final": value}) == ({"close_after_final": False}, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [("is_final", "segment"), ("is_final", "session"), ("final_text", "full"),
     ("online", "native"), ("partial", "cumulative"), ("timestamp", "off"),
     ("timestamp", "always"), ("timestamp", "Safe ")],
)  # fmt: skip
def test_every_value_is_accepted(name: str, value: str) -> None:
    assert parse_switches({name: value}) == ({name: value.strip().lower()}, ())


def test_bad_switches_are_reported_and_the_good_ones_kept() -> None:
    overrides, warnings = parse_switches(
        {"is_final": "a\n", "partial": 3, "close_after_final": "?", "x\ny": 1, "online": "native"}
    )
    assert overrides == {"online": "native"}
    assert len(warnings) == 4
    assert all(warning.isprintable() for warning in warnings)


def test_the_query_of_any_path() -> None:
    assert query_switches("/a/b?is_final=segment&token=k&close_after_final=yes#x") == {
        "is_final": "segment",
        "close_after_final": True,
    }
    assert query_switches("/") == query_switches("") == query_switches("//[?") == {}
    assert query_switches("/?partial=delta&partial=cumulative") == {"partial": "cumulative"}


def test_a_bad_query_is_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert query_switches("/?is_final=%0aevil&online=native") == {"online": "native"}
        assert query_switches("/?" + "a=1&" * 1000) == {}
    assert len(caplog.messages) == 2
    assert all(message.isprintable() for message in caplog.messages)


R2 = {"wav_name": "voice.wav", "mode": "2pass", "chunk_size": [5, 10, 5], "wav_format": "pcm"}
R3 = {"wav_name": "stream", "mode": "2pass", "wav_format": "pcm", "audio_fs": 16000,
      "chunk_interval": 10, "chunk_size": [5, 10, 5]}  # fmt: skip
R4 = {"wav_name": UUID, "mode": "2pass", "svs_itn": True, "encoder_chunk_look_back": 4,
      "wav_format": "pcm", "chunk_interval": 10}  # fmt: skip
R5 = {"wav_name": "a.wav", "chunk_interval": 10, "wav_format": "pcm", "audio_fs": 16000}
R6 = {"wav_name": "a.wav", "mode": "offline", "wav_format": "wav"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"wav_name": "web_mic"},
         Fingerprint("R1", {"is_final": "segment", "partial": "cumulative"})),
        (R2, Fingerprint("R2", {"final_text": "full", "close_after_final": True})),
        (R3, Fingerprint("R3", {"final_text": "full"})),
        (R4, Fingerprint("R4", {"final_text": "full"})),
        (R4 | {"wav_name": UUID.upper()}, Fingerprint("R4", {"final_text": "full"})),
        (R4 | {"wav_name": UUID.replace("-", "")}, Fingerprint("R4", {"final_text": "full"})),
        (R5, Fingerprint("R5", {}, Mode.OFFLINE)),
        (R6, Fingerprint("R6", {"timestamp": "off"})),
    ],
)  # fmt: skip
def test_known_clients_are_recognised(message: dict[str, Any], expected: Fingerprint) -> None:
    assert recognise(**message) == expected


OFFICIAL = {"mode": "2pass", "chunk_size": [5, 10, 5], "chunk_interval": 10, "itn": True,
            "encoder_chunk_look_back": 4, "decoder_chunk_look_back": 0, "audio_fs": 16000,
            "wav_name": "demo", "wav_format": "pcm", "is_speaking": True,
            "hotwords": ""}  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        {},
        OFFICIAL,
        OFFICIAL | {"mode": "offline"},
        OFFICIAL | {"wav_name": "stream"},
        R2 | {"chunk_interval": 10},
        R2 | {"audio_fs": 16000},
        {"wav_name": "voice.wav"},
        R3 | {"wav_name": "streams"},
        R4 | {"wav_name": "x" + UUID},
        R5 | {"mode": "2pass"},
        {"wav_name": "a.wav", "chunk_interval": 10},
        R6 | {"itn": True},
        R6 | {"chunk_size": [5, 10, 5]},
        {"wav_name": ["web_mic"]},
    ],
)
def test_near_misses_are_not(message: dict[str, Any]) -> None:
    assert recognise(**message) is None


def test_a_rule_is_not_changed_by_its_user() -> None:
    first = recognise(wav_name="web_mic")
    assert first is not None
    first.switches.clear()
    again = recognise(wav_name="web_mic")
    assert again is not None
    assert again.switches


def test_precedence_from_the_config_frame_down_to_the_listener() -> None:
    sources: dict[str, dict[str, str]] = {
        "listener": {"is_final": "segment", "final_text": "full", "online": "native",
                     "timestamp": "always"},
        "fingerprint": {"is_final": "session", "final_text": "tail", "online": "upgrade"},
        "query": {"is_final": "segment", "final_text": "full"},
        "compat": {"is_final": "session"},
    }  # fmt: skip
    assert resolve(**sources) == Switches(
        is_final="session", final_text="full", online="upgrade", timestamp="always"
    )


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_path_is_survived(path: str) -> None:
    resolve(compat={}, query=query_switches(path), fingerprint={}, listener={})
    resolve(compat={}, query=query_switches("?is_final=" + path), fingerprint={}, listener={})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
NAMES = st.sampled_from(["is_final", "final_text", "close_after_final", "timestamp"]) | st.text()


@settings(deadline=None)
@given(st.dictionaries(NAMES, SCALARS | st.lists(SCALARS)))
def test_any_compat_object_is_survived(raw: dict[str, Any]) -> None:
    overrides, warnings = parse_switches(raw)
    resolve(compat=overrides, query={}, fingerprint={}, listener={})
    assert all(warning.isprintable() for warning in warnings)
