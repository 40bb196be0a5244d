"""Configs missing, late, repeated, malformed, and every form of every field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conformance.recorders import RecordingOnline
from tests.fakes import SENTENCES, FakeOffline, conversation, fake_engines, speech
from tests.serving import (
    END,
    divide,
    nothing_more,
    one_final,
    receive,
    start,
    talk,
    until_final,
    utter,
)

FRAMES = divide(conversation(0, 1), 1920)
TEXT = SENTENCES[0] + SENTENCES[1]


def exchange(*frames: str | bytes, engines: Any = None) -> list[dict[str, Any]]:
    """Send frames as they are; return the messages up to the final and check them."""

    async def converse(socket: ClientConnection) -> list[dict[str, Any]]:
        for frame in frames:
            await socket.send(frame)
        messages = await until_final(socket)
        await nothing_more(socket)
        return messages

    messages = talk(converse, engines=engines)
    one_final(messages)
    return list(messages)


def text(messages: list[dict[str, Any]]) -> str:
    return "".join(m["text"] for m in messages if m["mode"] != "2pass-online")


def test_no_config_ever() -> None:
    messages = exchange(*FRAMES, END)
    assert text(messages) == TEXT
    assert {m["wav_name"] for m in messages} == {"microphone"}
    assert messages[-1]["mode"] == "2pass-offline"


def test_no_config_and_no_end_gives_results_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funasr_wss.connection.HOLD_SECONDS", 0.05)

    async def converse(socket: ClientConnection) -> None:
        for frame in FRAMES:
            await socket.send(frame)
        while (message := await receive(socket))["mode"] == "2pass-online":
            pass
        assert (message["text"], message["wav_name"]) == (SENTENCES[0], "microphone")

    talk(converse)


def test_config_after_the_first_audio() -> None:
    messages = exchange(*FRAMES[:9], start(mode="offline", wav_name="late"), *FRAMES[9:], END)
    assert [(m["mode"], m["text"], m["wav_name"]) for m in messages] == [("offline", TEXT, "late")]


def test_config_twice_before_audio() -> None:
    messages = exchange(start(wav_name="a"), start(mode="offline", wav_name="b"), *FRAMES, END)
    assert [(m["mode"], m["text"], m["wav_name"]) for m in messages] == [("offline", TEXT, "b")]


def test_config_in_the_middle_gives_no_message_and_no_flush() -> None:
    offline = FakeOffline()
    again = start(mode="offline", audio_fs=8000, wav_format="mp3", itn=False)
    middle = len(FRAMES) // 3
    messages = exchange(
        start(), *FRAMES[:middle], again, *FRAMES[middle:], END, engines=fake_engines(offline)
    )
    assert text(messages) == TEXT
    assert messages[-1]["mode"] == "2pass-offline"
    assert offline.requests[-1].options.itn is False


def test_end_frame_that_repeats_the_config() -> None:
    messages = exchange(start(), *FRAMES, start(is_speaking=False, wav_name="named"))
    assert text(messages) == TEXT
    assert messages[-1]["wav_name"] == "named"


@pytest.mark.parametrize(
    "garbage",
    ["", "START", "STOP", "{", '{"is_speaking":', "[]", "null", "5", '"x"', '["is_speaking"]',
     '{"hotwords":"{"a":1}"}', "\x00", "HOTWORDS:一,二", "{}", "[" * 5000],
)  # fmt: skip
def test_frames_that_are_no_json_object_change_nothing(garbage: str) -> None:
    middle = len(FRAMES) // 2
    messages = exchange(
        garbage, start(), garbage, *FRAMES[:middle], garbage, *FRAMES[middle:], garbage, END
    )
    assert text(messages) == TEXT


NONSENSE = [None, "", "x", -1, 0, 1e400, [], {}, [[]], True, "\ud800", "9" * 400, {"a": {"b": []}}]
FIELDS = [
    "mode", "wav_name", "wav_format", "audio_fs", "chunk_size", "chunk_interval", "itn",
    "encoder_chunk_look_back", "decoder_chunk_look_back", "hotwords", "hotword", "svs_lang",
    "svs_itn", "vad_events", "is_finished", "is_end", "compat",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_nonsense_in_any_field_never_costs_the_utterance(field: str) -> None:
    """Nonsense that can be meant (a format, a rate) is left to the tests of its field."""

    async def converse(socket: ClientConnection) -> None:
        for value in NONSENSE:
            if field in ("is_finished", "is_end") and value is True:
                continue
            if field == "wav_format" and isinstance(value, str) and value.strip():
                continue
            if field == "vad_events" and value is True:
                continue
            config = {"mode": "2pass", "wav_format": "pcm", field: value}
            messages = await utter(socket, [speech(0)], json.dumps(config))
            one_final(messages)
            assert SENTENCES[0] in text(messages), value

    talk(converse)


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        ([5, 10, 5], 9600), ([0, 5, 5], 4800), ("5,5,5", 4800), (" 5, 20 ,5", 19200),
        ("[5,5,5]", 4800), ([5.0, 5.0, 5], 4800), (["5", "5", "5"], 4800), ([8, 8, 4], 7680),
        ([5], 9600), ([], 9600), ([5, 0, 5], 9600), ([5, -3, 5], 9600), ("abc", 9600),
        (None, 9600), ({}, 9600), (10, 9600),
    ],
)  # fmt: skip
def test_chunk_size(value: object, interval: int) -> None:
    online = RecordingOnline()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(json.dumps({"mode": "2pass", "chunk_size": value}))
        for frame in divide(speech(3, 2.0), 320):
            await socket.send(frame)
        assert (await receive(socket))["mode"] == "2pass-online"

    talk(converse, engines=fake_engines(online=online))
    assert online.opened[0][1]["chunk_size"][1] * 960 == interval  # type: ignore[index]
    assert online.sizes[0] == interval // 3  # the first words come sooner


@pytest.mark.parametrize("value", [0, "10", 10, 20, 8.0, -1, None, "x", [10]])
def test_chunk_interval_never_matters(value: object) -> None:
    config = json.dumps({"mode": "2pass", "chunk_interval": value, "chunk_size": [5, 10, 5]})
    assert text(exchange(config, *FRAMES, END)) == TEXT


@pytest.mark.parametrize(
    ("mode", "label"),
    [
        ("offline", "offline"), ("Offline", "offline"), ("OFFLINE ", "offline"),
        ("2pass", "2pass-offline"), ("2PASS", "2pass-offline"), ("online", "2pass-offline"),
        ("office", "2pass-offline"), ("", "2pass-offline"), (None, "2pass-offline"),
        (3, "2pass-offline"),
    ],
)  # fmt: skip
def test_mode(mode: object, label: str) -> None:
    messages = exchange(json.dumps({"mode": mode}), *FRAMES, END)
    assert text(messages) == TEXT
    assert messages[-1]["mode"] == label


HOTWORDS: list[tuple[object, list[str]]] = [
    ('{"阿里巴巴":20,"hello world":40}', ["阿里巴巴", "hello world"]),
    ('{"阿里巴巴":"20","通义":"30"}', ["阿里巴巴", "通义"]),
    ("{}", []),
    ("", []),
    (None, []),
    ("阿里巴巴 通义 达摩院", ["阿里巴巴", "通义", "达摩院"]),
    ("阿里巴巴,通义实验室", ["阿里巴巴", "通义实验室"]),
    ("阿里巴巴 20\nhello world 30", ["阿里巴巴", "hello world"]),
    ("阿里巴巴 20 通义 30", ["阿里巴巴", "通义"]),
    ({"阿里巴巴": 20, "通义": "5"}, ["阿里巴巴", "通义"]),
    (["阿里巴巴", "通义"], ["阿里巴巴", "通义"]),
    ("阿里巴巴；通义、达摩院，三", ["阿里巴巴", "通义", "达摩院", "三"]),
]


@pytest.mark.parametrize("key", ["hotwords", "hotword"])
@pytest.mark.parametrize(("value", "words"), HOTWORDS)
def test_hotwords_reach_the_engines_as_a_list_of_words(
    value: object, words: list[str], key: str
) -> None:
    offline, online = FakeOffline(), RecordingOnline()
    engines = fake_engines(offline, online=online)
    exchange(start(**{key: value}), *FRAMES, END, engines=engines)
    assert offline.requests and online.opened
    for options in [*(r.options for r in offline.requests), *(o for o, _ in online.opened)]:
        assert list(options.hotwords) == words


def test_hotwords_changed_in_the_middle_apply_from_the_next_sentence_on() -> None:
    offline = FakeOffline()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start(hotwords="一"))
        await socket.send(conversation(0))
        while (await receive(socket))["mode"] == "2pass-online":
            pass
        await socket.send(json.dumps({"hotwords": '{"二":20}'}))
        await utter(socket, [conversation(1)])

    talk(converse, engines=fake_engines(offline))
    assert [request.options.hotwords for request in offline.requests] == [("一",), ("二",)]


@pytest.mark.parametrize(
    ("fields", "itn", "punctuation", "language"),
    [
        ({}, True, True, "auto"),
        ({"itn": False}, False, True, "auto"),
        ({"itn": 0}, False, True, "auto"),
        ({"itn": "false", "svs_lang": "en"}, False, True, "en"),
        ({"itn": True, "svs_lang": "zh"}, True, True, "zh"),
        ({"svs_itn": False, "svs_lang": "yue"}, False, False, "yue"),
        ({"svs_lang": "klingon"}, True, True, "auto"),
    ],
)
def test_language_and_itn(
    fields: dict[str, Any], itn: bool, punctuation: bool, language: str
) -> None:
    offline = FakeOffline()
    exchange(start(**fields), *FRAMES, END, engines=fake_engines(offline))
    options = offline.requests[0].options
    assert (options.itn, options.punctuation, options.language) == (itn, punctuation, language)


@pytest.mark.parametrize(
    "end",
    [{"is_speaking": False}, {"is_speaking": 0}, {"is_speaking": "false"}, {"is_finished": True}],
)
def test_end_signals(end: dict[str, Any]) -> None:
    assert text(exchange(start(), *FRAMES, json.dumps(end))) == TEXT


def test_vad_events_only_on_request() -> None:
    silent = exchange(start(), *FRAMES, END)
    assert not [m for m in silent if m["mode"] == "vad"]
    messages = exchange(start(vad_events=True), *FRAMES, END)
    events = [m["event"] for m in messages if m["mode"] == "vad"]
    assert events == ["speech_start", "speech_end"] * 2
    assert text([m for m in messages if m["mode"] != "vad"]) == TEXT
