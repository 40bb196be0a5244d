"""Defects that other FunASR-compatible servers have, one test each: this server must not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from funasr_wss.config import ServerConfig, load_config
from funasr_wss.engines import registry
from funasr_wss.models import ModelError
from tests.conformance.recorders import RecordingOnline, fail, pcm, tone, wav
from tests.fakes import SENTENCES, FakeOffline, Gate, conversation, fake_engines, silence, speech
from tests.serving import (
    END,
    divide,
    eventually,
    everything,
    nothing_more,
    offline_texts,
    one_final,
    receive,
    serving,
    start,
    talk,
    until_final,
    url,
    utter,
)

Messages = list[dict[str, Any]]


def said(
    frames: list[bytes], config: str | None = None, engines: Any = None, **options: Any
) -> Messages:
    """Send one utterance; return its messages, of which only the last is final."""

    async def converse(socket: ClientConnection) -> Messages:
        messages = await utter(socket, frames, config or start())
        await nothing_more(socket)
        return messages

    messages = talk(converse, engines=engines, **options)
    one_final(messages)
    return list(messages)


@pytest.mark.parametrize("size", [10, 30, 31, 640, 1920])
def test_start_of_a_sentence_found_by_counting_messages(size: int) -> None:
    """The audio kept from before the detected start was a number of frames: tiny frames made it
    the whole past or divided by zero."""
    offline = FakeOffline()
    spoken = silence(0.3) + speech(0, 0.3)
    messages = said(divide(spoken, size), engines=fake_engines(offline))
    assert offline_texts(messages) == [SENTENCES[0]]
    assert [m["start_time"] for m in messages if "start_time" in m] == [200]
    assert [len(r.samples) for r in offline.requests] == [(300 + 100) * 16]


def test_partials_by_counting_messages() -> None:
    """A partial was made every so many frames: with 10 ms frames every 100 ms, with a whole file
    in one frame never."""
    for size in (320, 1 << 30):
        online = RecordingOnline()

        async def converse(socket: ClientConnection, size: int = size) -> None:
            await socket.send(start())
            for frame in divide(speech(3, 2.0), size):
                await socket.send(frame)
            assert (await receive(socket))["mode"] == "2pass-online"

        talk(converse, engines=fake_engines(online=online))
        assert min(online.sizes) >= 9600 // 3


def test_several_sentences_in_one_frame_were_thrown_away() -> None:
    """More than one boundary in one call of the voice activity model gave no text at all."""
    messages = said([conversation(0, 1, 3, 5)])
    assert offline_texts(messages) == [SENTENCES[i] for i in (0, 1, 3, 5)]


def _short(mode: str) -> list[int]:
    offline = FakeOffline()
    frames = divide(silence(2.0) + speech(1, 0.25), 1920)
    messages = said(frames, start(mode=mode), fake_engines(offline))
    assert "".join(m["text"] for m in messages if m["mode"] != "2pass-online") == SENTENCES[1]
    return [len(request.samples) for request in offline.requests]


@pytest.mark.parametrize("mode", ["2pass", "offline"])
def test_short_utterance_and_tail_are_recognised(mode: str) -> None:
    """Speech up to the very end signal gave an empty result, or was decoded with all the silence
    before it; audio after the last full chunk was lost."""
    assert _short(mode) == [(250 + 100) * 16]
    online = RecordingOnline()
    native = start(mode="online", compat={"online": "native"})
    said(divide(speech(3, 1.73), 1920), native, fake_engines(online=online))
    assert sum(online.sizes) == 1730 * 16


@pytest.mark.parametrize("mode", ["2pass", "offline", "online"])
def test_exception_in_the_second_pass_left_the_client_waiting(mode: str) -> None:
    """So did an odd number of bytes."""
    final = said([conversation(0)], start(mode=mode), fake_engines(FakeOffline(fail)))[-1]
    assert (final["text"], final["error_code"]) == ("", "recognition_failed")
    odd = said([*divide(conversation(0), 999), b"\x05"], start(mode=mode))
    assert "".join(m["text"] for m in odd if m["mode"] != "2pass-online") == SENTENCES[0]


@pytest.mark.parametrize(
    "bad",
    ['{"chunk_size":[5]}', '{"chunk_interval":0}', '{"chunk_interval":"10"}', "7", "{oops",
     '{"chunk_size":7}', '{"chunk_size":"a,b,c"}'],
)  # fmt: skip
def test_malformed_config_ended_the_speech_or_the_connection(bad: str) -> None:
    """A text frame that could not be read was taken for an end, or raised."""

    async def converse(socket: ClientConnection) -> Messages:
        spoken = divide(speech(0, 2.0), 1920)
        await socket.send(bad)
        await socket.send(start())
        for frame in spoken[:20]:
            await socket.send(frame)
        await socket.send(bad)
        return await utter(socket, spoken[20:])

    messages = talk(converse)
    one_final(messages)
    assert offline_texts(messages) == [SENTENCES[0]]
    assert [(m["start_time"], m["end_time"]) for m in messages if "index" in m] == [(0, 2000)]


def test_speaking_flag_never_sent() -> None:
    """Audio or a config without ``is_speaking`` raised."""
    assert offline_texts(said([conversation(0)], json.dumps({"mode": "2pass"}))) == [SENTENCES[0]]

    async def no_config(socket: ClientConnection) -> Messages:
        return await utter(socket, [conversation(0)], end='{"is_finished":true}')

    assert offline_texts(talk(no_config)) == [SENTENCES[0]]


def test_text_frame_after_a_sentence_gave_a_false_final() -> None:
    """The end found by voice activity was remembered, and the next text frame, even the config
    of the next file, sent an empty final."""

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        while (await receive(socket))["mode"] == "2pass-online":
            pass
        for text in (start(), json.dumps({"hotwords": "一"}), json.dumps({"is_speaking": True})):
            await socket.send(text)
        await nothing_more(socket)
        one_final(await utter(socket, []))
        await socket.send(start(wav_name="next"))
        await nothing_more(socket)
        assert one_final(await utter(socket, [conversation(1)]))["wav_name"] == "next"

    talk(converse)


def test_every_frame_after_the_end_gave_another_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audio that trickles in after the end signal."""
    monkeypatch.setattr("funasr_wss.connection.HOLD_SECONDS", 0.02)

    async def converse(socket: ClientConnection) -> None:
        one_final(await utter(socket, [conversation(0)], start()))
        for frame in divide(silence(0.6), 1920):
            await socket.send(frame)
            await (await socket.ping())
        await nothing_more(socket)

    talk(converse)


def test_unknown_mode_gave_silence_for_ever() -> None:
    """A misspelt mode was accepted and never answered."""
    assert offline_texts(said([conversation(0)], start(mode="office"))) == [SENTENCES[0]]


def test_hotwords_went_to_the_model_as_one_string() -> None:
    """... under a key it does not read; ``itn``, language, rate and format were ignored."""
    offline = FakeOffline()
    config = start(
        hotwords='{"阿里巴巴":20,"通义":30}', itn=False, svs_lang="zh", audio_fs=8000,
        wav_format="PCM",
    )  # fmt: skip
    messages = said(divide(pcm(tone(0, rate=8000)), 960), config, fake_engines(offline))
    assert offline_texts(messages) == [SENTENCES[0]]
    options = offline.requests[0].options
    assert options.hotwords == ("阿里巴巴", "通义")
    assert (options.itn, options.language) == (False, "zh")


@pytest.mark.parametrize("kind", ["raw 8 kHz", "wav 8 kHz"])
def test_every_rate_was_taken_for_16_khz(kind: str) -> None:
    """8 kHz audio and files with a header were recognised as noise, with wrong times."""
    raw = pcm(tone(0, rate=8000))
    if kind == "raw 8 kHz":
        messages = said(divide(raw, 960), start(audio_fs=8000))
    else:
        messages = said(divide(wav(raw, rate=8000), 960))
    assert offline_texts(messages) == [SENTENCES[0]]
    (begin, end) = next((m["start_time"], m["end_time"]) for m in messages if "index" in m)
    assert 450 <= begin <= 560 and 1600 <= end <= 1750


def test_punctuation_was_doubled_and_led_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Punctuated text was punctuated again, and sentences began with the mark of the one
    before."""
    monkeypatch.setattr(
        "tests.fakes.SENTENCES", ["，你好。", "。今天，好吗？", "！", "Ok.", "，so", ""]
    )
    messages = said([conversation(0, 1, 2, 3, 4, 5)])
    assert offline_texts(messages) == ["你好。", "今天，好吗？", "Ok.", " so"]


def test_silence_filled_the_memory() -> None:
    """Audio was kept until a sentence ended: an open microphone in a quiet room grew without
    end."""

    async def run() -> None:
        async with serving() as server, connect(url(server)) as socket:
            await socket.send(start())
            minute = silence(60)
            for _ in range(3):
                await socket.send(minute)
            await eventually(lambda: server._clients)
            (client,) = server._clients.values()
            await eventually(lambda: client._pipelines and _heard(client) >= 180 * 16000)
            (pipeline,) = client._pipelines.values()
            kept = pipeline._buffer.end - pipeline._buffer.start
            # One slice of the newest message may not have been looked at yet.
            assert kept <= 2 * 16384 + pipeline._recognition.vad.look_back
            (final,) = await utter(socket, [])
            assert final["text"] == ""

    def _heard(client: Any) -> int:
        return int(next(iter(client._pipelines.values()))._buffer.end)

    asyncio.run(run())


def test_closed_connections_were_never_forgotten() -> None:
    """A normal close skipped the clean-up, so users and caches piled up."""

    async def run() -> None:
        async with serving(max_connections=1) as server:
            for _ in range(5):
                async with connect(url(server)) as socket:
                    await socket.send(start())
                    await socket.send(speech(0))
                await eventually(lambda: not server._clients and not server._accepted)

    asyncio.run(run())


def test_recognition_stopped_the_reading() -> None:
    """Inference ran inside the receive loop: no audio, ping or text was taken meanwhile."""
    gate, online = Gate(), RecordingOnline()

    async def converse(socket: ClientConnection) -> Messages:
        await socket.send(start())
        await socket.send(conversation(0))
        await eventually(gate.entered.is_set)
        async with asyncio.timeout(10):
            await (await socket.ping())
        heard = len(online.requests)
        for frame in divide(speech(3, 2.0), 1920):
            await socket.send(frame)
        await eventually(lambda: len(online.requests) > heard)
        gate.open()
        return await utter(socket, [])

    messages = talk(converse, engines=fake_engines(FakeOffline(gate), online=online))
    assert offline_texts(messages) == [SENTENCES[0], SENTENCES[3]]


def test_offline_gave_a_message_for_every_sentence() -> None:
    """... and clients that stop at the first lost the rest."""
    (final,) = said(divide(conversation(0, 1, 2, 4, 5), 1920), start(mode="offline"))
    assert final["text"] == "今天天气怎么样？我们出发吧。Hello there. Number five is here.六。"


def test_no_final_when_nothing_was_pending() -> None:
    """The end got no answer when all sentences were done; an error closed the connection."""

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        while (await receive(socket))["mode"] == "2pass-online":
            pass
        (final,) = await utter(socket, [])
        assert (final["text"], final["is_final"]) == ("", True)
        final = one_final(await utter(socket, [b"nothing" * 99], start(wav_format="mp3")))
        assert final["error_code"] == "unsupported_format"
        again = await utter(socket, [conversation(1)], start(wav_format="pcm"))
        assert offline_texts(again) == [SENTENCES[1]]

    talk(converse)


def test_missing_limits_and_open_doors() -> None:
    """A subprotocol was required, frames over 1 MiB closed the connection, nothing limited
    idle time or connections, and every network could connect."""
    defaults = ServerConfig()
    assert defaults.host == "127.0.0.1"
    assert defaults.idle_timeout_s >= 600 and defaults.max_connections > 0
    assert defaults.max_message_mb >= 64

    async def run() -> None:
        async with (
            serving(max_connections=1, idle_timeout_s=0.2) as server,
            connect(url(server), subprotocols=None) as socket,
        ):
            messages = await utter(socket, [silence(60) + speech(0)], start())
            assert offline_texts(messages) == [SENTENCES[0]]
            with pytest.raises(Exception, match="503"):
                await connect(url(server))
            assert await everything(socket) == []
            assert socket.close_code == 1001

    asyncio.run(run())


def test_partials_without_streaming_state() -> None:
    """Every 600 ms were decoded alone; words across the cut were lost."""
    online = RecordingOnline()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        for piece in (silence(0.3) + speech(3, 0.5), speech(3, 0.6)):
            await socket.send(piece)
            assert (await receive(socket))["mode"] == "2pass-online"
        await socket.send(silence(0.6))
        assert (await receive(socket))["mode"] == "2pass-offline"
        await socket.send(speech(0, 0.5))
        assert (await receive(socket))["mode"] == "2pass-online"

    talk(converse, engines=fake_engines(online=online))
    states = [id(state) for state, _ in online.requests]
    assert states[0] == states[1] != states[2]
    assert len(online.opened) == 2
    heard = np.concatenate([samples for _, samples in online.requests[:2]])
    wave = np.frombuffer(silence(0.1) + speech(3, 1.1), "<i2").astype(np.float32) / 32768
    assert np.array_equal(heard, wave), "each request continues where the one before stopped"


@pytest.mark.parametrize(
    "name", ["../../escape.wav", "/etc/passwd", "a/b\\c\x00d", "..", "x" * 999]
)
def test_client_chose_a_file_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of an utterance became part of a path; it is an echo and nothing else."""
    monkeypatch.chdir(tmp_path)
    messages = said([conversation(0)], start(wav_name=name, mode="offline"))
    assert messages[-1]["wav_name"] == name
    assert not list(tmp_path.iterdir())


def test_model_option_was_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--asr_model`` was accepted and another model was loaded."""
    config = load_config(["--asr_model", "some/model"], {})

    def resolve(name: str | None, *_: object, **__: object) -> Path:
        raise ModelError(f"asked for {name}")

    monkeypatch.setattr(registry, "locate_embedded", lambda _: None)
    monkeypatch.setattr(registry, "resolve_whisper", resolve)
    with pytest.raises(registry.EngineError, match="asked for some/model"):
        registry.build_engines(config, "embedded")


def test_two_sentences_in_one_buffer_overwrote_each_other() -> None:
    """Their texts and times were mixed, a full stop was forced on the last one, hotwords of
    another type than text raised or counted once a connection, and audio before the first text
    frame was dropped."""
    offline = FakeOffline()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(speech(0, 0.5))  # before any text
        messages = await utter(socket, [silence(0.6) + conversation(1, 4)], start(hotwords=["一"]))
        assert offline_texts(messages) == [SENTENCES[0], SENTENCES[1], SENTENCES[4]]
        stamps = [json.loads(m["timestamp"]) for m in messages if "timestamp" in m]
        assert stamps == [
            [[i * 100, i * 100 + 100] for i in range(7)],
            [[1500 + i * 100, 1600 + i * 100] for i in range(5)],
        ]
        await utter(socket, [conversation(0)], start(hotwords={"二": 7}))

    talk(converse, engines=fake_engines(offline))
    assert [r.options.hotwords for r in offline.requests] == [("一",)] * 3 + [("二",)]


def test_times_counted_from_the_start_of_the_sentence() -> None:
    """Times are those of the utterance, so that subtitles fit."""
    messages = said([conversation(0, 1)])
    second = next(m for m in messages if m["text"] == SENTENCES[1])
    assert (second["start_time"], second["end_time"]) == (2000, 3200)
    assert json.loads(second["timestamp"])[0] == [2000, 2100]
    (entry,) = second["stamp_sents"]
    assert (entry["start"], entry["ts_list"][0]) == (2000, [2000, 2100])


def test_end_while_a_result_is_due_is_not_forgotten() -> None:
    """The last pending result carries the final itself; no empty one follows it."""
    gate = Gate()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        await socket.send(END)
        await eventually(gate.entered.is_set)
        gate.open()
        final = one_final(await until_final(socket))
        assert final["text"] == SENTENCES[0]
        await nothing_more(socket)

    talk(converse, engines=fake_engines(FakeOffline(gate)))
