"""Every form in which clients are known to send a field, and anything else without an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.hotwords import MAX_HOTWORD_CHARS, MAX_HOTWORDS, MAX_ITEMS_READ
from funasr_wss.protocol import (
    MAX_FRAME_CHARS,
    MAX_NAME_CHARS,
    Hotword,
    Mode,
    Settings,
    TextFrame,
    describe,
    parse_hotwords,
    parse_text_frame,
)


def frame(**message: Any) -> TextFrame:
    parsed = parse_text_frame(json.dumps(message))
    assert parsed is not None
    return parsed


# (key, value on the wire, Settings field, normalised value)
GOOD = [
    ("mode", "offline", "mode", Mode.OFFLINE),
    ("mode", "online", "mode", Mode.ONLINE),
    ("mode", " 2PASS ", "mode", Mode.TWO_PASS),
    ("wav_name", "会议.wav", "wav_name", "会议.wav"),
    ("wav_name", "", "wav_name", ""),
    ("wav_name", 17, "wav_name", "17"),
    ("wav_name", "../../etc/passwd", "wav_name", "../../etc/passwd"),
    ("wav_name", "a\ud800b", "wav_name", "a\ufffdb"),
    ("wav_name", "x" * 5000, "wav_name", "x" * MAX_NAME_CHARS),
    ("wav_format", "PCM", "wav_format", "pcm"),
    ("wav_format", "others", "wav_format", "others"),
    ("wav_format", "M4A" * 99, "wav_format", ("m4a" * 99)[:32]),
    ("audio_fs", 16000, "audio_fs", 16000),
    ("audio_fs", 16000.0, "audio_fs", 16000),
    ("audio_fs", "8000", "audio_fs", 8000),
    ("chunk_size", [5, 10, 5], "chunk_size", (5, 10, 5)),
    ("chunk_size", [0, 8, 4.0], "chunk_size", (0, 8, 4)),
    ("chunk_size", [-1, 10, 5], "chunk_size", (0, 10, 5)),
    ("chunk_size", "8,8,4", "chunk_size", (8, 8, 4)),
    ("chunk_size", " 3, 8 ,3 ", "chunk_size", (3, 8, 3)),
    ("chunk_size", "[1, 6, 1]", "chunk_size", (1, 6, 1)),
    ("chunk_interval", 5, "chunk_interval", 5),
    ("chunk_interval", "10", "chunk_interval", 10),
    ("encoder_chunk_look_back", 4, "encoder_chunk_look_back", 4),
    ("decoder_chunk_look_back", -1, "decoder_chunk_look_back", -1),
    ("itn", False, "itn", False),
    ("itn", 1, "itn", True),
    ("itn", "false", "itn", False),
    ("svs_lang", "yue", "language", "yue"),
    ("svs_lang", "EN", "language", "en"),
    ("svs_lang", "zh_CN", "language", "zh"),
    ("svs_itn", 0, "svs_itn", False),
    ("vad_events", True, "vad_events", True),
    ("hotwords", "", "hotwords", ()),
    ("hotwords", None, "hotwords", ()),
    ("hotword", "阿里巴巴", "hotwords", (Hotword("阿里巴巴", 20),)),
]


@pytest.mark.parametrize(("key", "value", "field", "expected"), GOOD)
def test_a_known_form_is_normalised(key: str, value: Any, field: str, expected: object) -> None:
    parsed = frame(**{key: value})
    assert parsed.changes == {field: expected}
    assert type(parsed.changes[field]) is type(expected)
    assert parsed.warnings == ()
    assert getattr(Settings().updated(parsed.changes), field) == expected


BAD = [
    ("wav_name", None),
    ("wav_name", True),
    ("wav_name", ["a"]),
    ("wav_format", ""),
    ("wav_format", 3),
    ("audio_fs", 0),
    ("audio_fs", 999_999_999),
    ("audio_fs", 16000.5),
    ("audio_fs", float("nan")),
    ("audio_fs", float("inf")),
    ("audio_fs", 10**400),
    ("audio_fs", True),
    ("audio_fs", "16k"),
    ("audio_fs", "１６０００"),
    ("chunk_size", [5]),
    ("chunk_size", [5, 10, 5, 5]),
    ("chunk_size", [5, 0, 5]),
    ("chunk_size", [5, "x", 5]),
    ("chunk_size", [5, None, 5]),
    ("chunk_size", [5, 10**9, 5]),
    ("chunk_size", "5,10"),
    ("chunk_size", ""),
    ("chunk_size", {"0": 5}),
    ("chunk_interval", 0),
    ("chunk_interval", -10),
    ("chunk_interval", "ten"),
    ("encoder_chunk_look_back", []),
    ("itn", "maybe"),
    ("itn", 2),
    ("svs_lang", "klingon"),
    ("svs_lang", 1),
    ("vad_events", {}),
    ("hotwords", 7),
    ("is_speaking", "perhaps"),
    ("compat", "is_final=segment"),
]


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_bad_value_keeps_the_current_one_and_warns(key: str, value: Any) -> None:
    parsed = frame(**{key: value})
    assert parsed.changes == {}
    assert not parsed.is_end
    assert len(parsed.warnings) == 1
    assert parsed.warnings[0].startswith(f"{key}=")


@pytest.mark.parametrize("value", ["office", "", None, 5, ["2pass"]])
def test_an_unknown_mode_is_2pass(value: Any) -> None:
    parsed = frame(mode=value)
    assert parsed.changes == {"mode": Mode.TWO_PASS}
    assert len(parsed.warnings) == 1


@pytest.mark.parametrize(
    ("message", "is_end", "wants_ack"),
    [
        ({}, False, False),
        ({"is_speaking": True}, False, False),
        ({"is_speaking": 1}, False, False),
        ({"is_speaking": "true"}, False, False),
        ({"is_speaking": False}, True, False),
        ({"is_speaking": 0}, True, False),
        ({"is_speaking": "False"}, True, False),
        ({"is_finished": True}, True, False),
        ({"is_finished": False}, False, False),
        ({"is_speaking": False, "is_end": True}, True, True),
        ({"is_end": True}, True, True),
        ({"is_end": False}, False, False),
        ({"is_speaking": False, "is_end": False}, True, False),
        ({"is_speaking": None}, False, False),
    ],
)
def test_end_of_utterance(message: dict[str, Any], is_end: bool, wants_ack: bool) -> None:
    parsed = frame(**message)
    assert (parsed.is_end, parsed.wants_ack) == (is_end, wants_ack)


def words(*pairs: tuple[str, int]) -> tuple[Hotword, ...]:
    return tuple(Hotword(word, weight) for word, weight in pairs)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"阿里巴巴":20,"hello world":40}', words(("阿里巴巴", 20), ("hello world", 40))),
        ('{"阿里巴巴":"30"}', words(("阿里巴巴", 30))),
        ('  {"词": 20.0, "b": "x", "c": null}', words(("词", 20), ("b", 20), ("c", 20))),
        ("{}", ()),
        ("[]", ()),
        ("", ()),
        ("   ", ()),
        (None, ()),
        (True, ()),
        ('["达摩院", "通义"]', words(("达摩院", 20), ("通义", 20))),
        ({"词": 20, "字": "5"}, words(("词", 20), ("字", 5))),
        (["词", "hello world 7"], words(("词", 20), ("hello world", 7))),
        ([["词", 9], {"word": "字", "weight": 8}, {"句": 7}, 3, None],
         words(("词", 9), ("字", 8), ("句", 7))),
        ("阿里巴巴 达摩院", words(("阿里巴巴", 20), ("达摩院", 20))),
        ("阿里巴巴 20 达摩院 30", words(("阿里巴巴", 20), ("达摩院", 30))),
        ("20 阿里巴巴", words(("阿里巴巴", 20))),
        ("阿里巴巴 20\n达摩院 30\n", words(("阿里巴巴", 20), ("达摩院", 30))),
        ("hello world,New York 50", words(("hello world", 20), ("New York", 50))),
        ("甲，乙；丙、丁;戊", words(*((w, 20) for w in "甲乙丙丁戊"))),
        ("词:20,字：30", words(("词", 20), ("字", 30))),
        ("{'词': 20, '字': 30}", words(("词", 20), ("字", 30))),
        ('{"词":20,"字":30', words(("词", 20), ("字", 30))),
        ("10:30,2024 10", words(("10:30", 20), ("2024 10", 20))),
        ("a,b,a 7", words(("a", 7), ("b", 20))),
        ({"a\nb\x00c\ud800": 1, " ": 2, "": 3}, words(("a b c", 1))),
        ({"a": 10**400, "b": float("nan"), "c": -99999}, words(("a", 20), ("b", 20), ("c", -1000))),
        ("[" * 100_000, ()),
    ],
)  # fmt: skip
def test_hotwords_in_every_form(value: object, expected: tuple[Hotword, ...]) -> None:
    assert parse_hotwords(value) == expected


def test_hotwords_over_the_limits_are_left_out_and_reported() -> None:
    many = [f"w{i}x" for i in range(MAX_HOTWORDS + 3)]
    parsed = frame(hotwords=["y" * (MAX_HOTWORD_CHARS + 1), *many])
    assert parsed.changes["hotwords"] == parse_hotwords(many[:MAX_HOTWORDS])
    assert "4 or more hotwords" in parsed.warnings[0]
    assert parse_hotwords("," * MAX_ITEMS_READ + "词") == ()


def test_the_official_spelling_of_hotwords_wins_over_the_alias() -> None:
    assert frame(hotwords="b", hotword="a").changes["hotwords"] == words(("b", 20))


@pytest.mark.parametrize(
    "data",
    ["", "START", "[]", "1", "null", '"x"', "{", '{"hotwords":"{"a":20}"}', "[" * 100_000,
     '{"a":' * 100_000, '{"audio_fs":' + "9" * 5000 + "}", "\x00", "\ud800",
     '{"wav_name":"' + "x" * MAX_FRAME_CHARS + '"}'],
)  # fmt: skip
def test_what_is_no_object_is_ignored(data: str) -> None:
    assert parse_text_frame(data) is None


def test_a_byte_order_mark_is_no_obstacle() -> None:
    parsed = parse_text_frame('\ufeff{"mode":"offline"}')
    assert parsed is not None
    assert parsed.changes == {"mode": Mode.OFFLINE}


def test_keys_and_compat_are_handed_on() -> None:
    parsed = frame(is_speaking=True, custom=1, compat={"is_final": "segment"})
    assert parsed.keys == {"is_speaking", "custom", "compat"}
    assert parsed.compat == {"is_final": "segment"}


def test_warnings_cannot_forge_log_lines() -> None:
    parsed = frame(audio_fs="1\r\n2026 ERROR \x1b[31m\u202e\ud800" + "z" * 9999)
    (warning,) = parsed.warnings
    assert warning.isascii()
    assert warning.isprintable()
    assert len(warning) < 200


def test_describe_survives_what_repr_does_not() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5000, {("x" * 9999, i): i for i in range(99)}):
        assert len(describe(value)) <= 80


def test_the_defaults_are_those_of_a_client_that_sends_none() -> None:
    settings = Settings()
    assert settings.mode is Mode.TWO_PASS
    assert settings.wav_name == "microphone"
    assert settings.partial_interval_ms == 600
    assert settings.updated(frame(chunk_size="5,8,5").changes).partial_interval_ms == 480


def test_mid_utterance_only_the_fields_of_a_sentence_change() -> None:
    changes = frame(
        mode="offline", audio_fs=8000, wav_format="mp3", chunk_size=[1, 6, 1], vad_events=True,
        hotwords="甲", itn=False, svs_lang="zh", svs_itn=False, wav_name="b",
    ).changes  # fmt: skip
    assert Settings().updated(changes, mid_utterance=True) == Settings(
        hotwords=words(("甲", 20)), itn=False, language="zh", svs_itn=False, wav_name="b"
    )
    assert Settings().updated(changes).audio_fs == 8000


def test_names_that_are_no_setting_are_ignored() -> None:
    assert Settings().updated({"unknown": 1}) == Settings()


KEYS = [
    "mode", "wav_name", "wav_format", "audio_fs", "chunk_size", "chunk_interval",
    "encoder_chunk_look_back", "decoder_chunk_look_back", "hotword", "hotwords", "itn", "svs_lang",
    "svs_itn", "vad_events", "is_speaking", "is_finished", "is_end", "compat", "other",
]  # fmt: skip
TEXT = st.text(st.characters(), max_size=40)  # lone surrogates included
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT
    | st.sampled_from(["5,10,5", "true", "offline", '{"a":1}', "词 20", 0, 1, 16000.0]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None)
@given(TEXT | st.text(st.sampled_from('{}[]:,"0123e.truefalsnNaIity\\ ')))
def test_any_text_is_survived(data: str) -> None:
    parse_text_frame(data)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_object_gives_usable_settings(message: dict[str, Any]) -> None:
    parsed = parse_text_frame(json.dumps(message))
    assert parsed is not None
    assert parsed.keys == message.keys()
    settings = Settings().updated(parsed.changes)
    for text in (settings.wav_name, settings.wav_format, *(h.word for h in settings.hotwords)):
        text.encode()
        assert len(text) <= MAX_NAME_CHARS
    assert 1000 <= settings.audio_fs <= 384_000
    assert settings.chunk_interval >= 1
    assert settings.partial_interval_ms > 0
    assert all(type(size) is int and size >= 0 for size in settings.chunk_size)
    assert settings.language in {"auto", "zh", "en", "ja", "ko", "yue"}
    assert all(type(flag) is bool for flag in (settings.itn, settings.svs_itn, parsed.is_end))
    assert all(w.isascii() and w.isprintable() and len(w) < 200 for w in parsed.warnings)


@settings(deadline=None)
@given(JSON)
def test_any_hotwords_are_survived(value: Any) -> None:
    for hotword in parse_hotwords(value):
        assert hotword.word.strip() == hotword.word != ""
        assert type(hotword.weight) is int
