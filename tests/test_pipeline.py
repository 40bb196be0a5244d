"""One utterance through decoder, endpointing and both passes, on fake engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from funasr_wss import pipeline
from funasr_wss.compat import Switches
from funasr_wss.engines.base import (
    OnlineRequest,
    RecognitionOptions,
    SpeechEnd,
    SpeechStart,
    VadRequest,
    VadResult,
)
from funasr_wss.outbox import Outbox
from funasr_wss.pipeline import UtterancePipeline, recognition_options
from funasr_wss.protocol import Hotword, Mode, Settings
from funasr_wss.recognition import EngineSet, Recognition
from funasr_wss.session import Event, State, Utterance
from tests.fakes import (
    FakeOffline,
    FakeOnline,
    FakeOnlineState,
    FakeVad,
    FakeVadState,
    Gate,
    conversation,
    fake_engines,
    silence,
    speech,
)

DEADLINE = 20.0


class Harness:
    """One utterance whose messages are collected as the outbox gives them out."""

    def __init__(self, recognition: Recognition, settings: Settings, **options: Any) -> None:
        self.recognition = recognition
        self.utterance = Utterance(0, settings, Switches(online="native"), State.STREAMING)
        self.outbox = Outbox()
        self.messages: list[dict[str, Any]] = []
        self.final = asyncio.Event()
        replies = self.outbox.open(self.utterance)
        self.pipeline = UtterancePipeline(
            self.utterance, replies, recognition, self._collect, **options
        )

    def _collect(self) -> None:
        while (item := self.outbox.take()) is not None:
            assert isinstance(item, str)
            self.messages.append(json.loads(item))
        if self.utterance.state is State.CLOSED:
            self.final.set()

    async def finish(self) -> list[dict[str, Any]]:
        self.utterance.advance(Event.END)
        await self.pipeline.finish()
        await self.final.wait()
        return self.messages


def run(
    scenario: Callable[[Harness], Awaitable[Any]],
    engines: EngineSet | None = None,
    *,
    settings: Settings | None = None,
    **options: Any,
) -> Any:
    async def main() -> Any:
        recognition = Recognition(engines or fake_engines())
        try:
            async with asyncio.timeout(DEADLINE):
                return await scenario(Harness(recognition, settings or Settings(), **options))
        finally:
            await asyncio.to_thread(recognition.close)

    return asyncio.run(main())


async def whole(harness: Harness, audio: bytes) -> list[dict[str, Any]]:
    await harness.pipeline.feed(audio)
    return await harness.finish()


def test_two_passes() -> None:
    messages = run(lambda harness: whole(harness, conversation(0, 1)))
    offline = [m for m in messages if m["mode"] == "2pass-offline"]
    assert [m["text"] for m in offline if m["text"]] == ["今天天气怎么样？", "我们出发吧。"]
    assert [m["start_time"] for m in offline if m["text"]] == [400, 2000]
    assert messages[-1]["is_final"]


def test_end_without_trailing_silence_keeps_the_last_words() -> None:
    messages = run(lambda harness: whole(harness, silence(0.2) + speech(4, 0.4)))
    assert [m["text"] for m in messages if m["is_final"]] == ["Number five is here."]


async def pause_until_decoded(harness: Harness, offline: FakeOffline) -> None:
    """Speak, fall silent, and wait for a free worker to start on the pause."""
    await harness.pipeline.feed(silence(0.3) + speech(1) + silence(0.1))
    while not harness.recognition.idle:
        await asyncio.sleep(0)
    await harness.pipeline.feed(silence(0.05))
    while not offline.requests:
        await asyncio.sleep(0)


def test_second_pass_starts_in_the_pause_and_is_used() -> None:
    offline = FakeOffline()

    async def scenario(harness: Harness) -> None:
        await pause_until_decoded(harness, offline)
        messages = await harness.finish()
        assert [m["text"] for m in messages if m["is_final"]] == ["我们出发吧。"]

    run(scenario, fake_engines(offline))
    assert len(offline.requests) == 1


def test_early_second_pass_is_dropped_when_speech_goes_on() -> None:
    offline = FakeOffline()

    async def scenario(harness: Harness) -> list[dict[str, Any]]:
        await pause_until_decoded(harness, offline)
        await harness.pipeline.feed(speech(4) + silence(0.6))
        return await harness.finish()

    messages = run(scenario, fake_engines(offline))
    assert next(m["text"] for m in messages if m["mode"] == "2pass-offline") == (
        "Number five is here."
    )
    assert len(offline.requests[-1].samples) > len(offline.requests[0].samples)


def test_backlog_slows_the_feeder_and_loses_nothing() -> None:
    gate = Gate()

    async def scenario(harness: Harness) -> list[dict[str, Any]]:
        feeding = asyncio.create_task(harness.pipeline.feed(conversation(*[1] * 8)))
        await asyncio.to_thread(gate.entered.wait, DEADLINE)
        while harness.pipeline._room.is_set():
            await asyncio.sleep(0)
        assert not feeding.done(), "8 sentences do not fit into a backlog of 2 s"
        gate.open()
        await feeding
        return await harness.finish()

    settings = Settings(mode=Mode.OFFLINE)
    (message,) = run(
        scenario, fake_engines(FakeOffline(gate)), settings=settings, max_backlog_s=2.0
    )
    assert message["text"] == "我们出发吧。" * 8


def test_broken_first_pass_costs_no_sentence() -> None:
    online = FakeOnline()
    online.failing = True
    messages = run(lambda harness: whole(harness, conversation(0)), fake_engines(online=online))
    assert [m["text"] for m in messages if m["text"]] == ["今天天气怎么样？"]


def test_profile_without_first_pass() -> None:
    engines = EngineSet(vad=FakeVad(), offline=FakeOffline())
    messages = run(lambda harness: whole(harness, conversation(0)), engines)
    assert {m["mode"] for m in messages} == {"2pass-offline"}
    assert [m["text"] for m in messages if m["text"]] == ["今天天气怎么样？"]


def test_native_online_gives_all_text_without_second_pass() -> None:
    offline = FakeOffline()
    messages = run(
        lambda harness: whole(harness, conversation(0, 1)),
        fake_engines(offline),
        settings=Settings(mode=Mode.ONLINE),
    )
    assert "".join(m["text"] for m in messages) == "今天天气怎么样我们出发吧"
    assert {m["mode"] for m in messages} == {"online"}
    assert offline.requests == []


class BreakingVad(FakeVad):
    """Works for a while, then fails for ever."""

    def __init__(self, good_calls: int) -> None:
        self.left = good_calls

    def run(self, batch: Sequence[VadRequest]) -> list[VadResult | Exception]:
        self.left -= 1
        if self.left < 0:
            return [RuntimeError("voice activity broken on purpose") for _ in batch]
        return super().run(batch)


def test_broken_voice_activity_still_gives_text_and_an_error_final() -> None:
    async def scenario(harness: Harness) -> list[dict[str, Any]]:
        await harness.pipeline.feed(speech(1, 0.5))
        await harness.pipeline.feed(speech(1, 0.5))
        return await harness.finish()

    *sentences, final = run(scenario, fake_engines(vad=BreakingVad(1)))
    assert "我们出发吧。" in [m["text"] for m in sentences]
    assert final["error_code"] == "recognition_failed" and final["is_final"]


def test_updated_settings_reach_the_next_sentence() -> None:
    offline = FakeOffline()

    async def scenario(harness: Harness) -> None:
        await harness.pipeline.feed(conversation(0))
        hotwords = (Hotword("达摩院", 20),)
        harness.pipeline.update(harness.utterance.settings.updated({"hotwords": hotwords}))
        await harness.pipeline.feed(conversation(1))
        await harness.finish()

    run(scenario, fake_engines(offline))
    assert [r.options.hotwords for r in offline.requests] == [(), ("达摩院",)]


def test_svs_itn_turns_off_punctuation_and_digits() -> None:
    options = recognition_options(Settings(svs_itn=False))
    assert not options.punctuation and not options.itn
    options = recognition_options(Settings(itn=False, language="en"))
    assert options.punctuation and not options.itn and options.language == "en"


def test_memory_of_a_silent_stream_stays_bounded() -> None:
    async def scenario(harness: Harness) -> int:
        for _ in range(100):
            await harness.pipeline.feed(silence(1.0))
        buffer = harness.pipeline._buffer
        return buffer.end - buffer.start

    assert run(scenario) <= 2 * 16000


class CountingOnline(FakeOnline):
    """Counts the samples it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def _advance(self, request: OnlineRequest, *, final: bool) -> str | Exception:
        self.heard += len(request.samples)
        return super()._advance(request, final=final)


def test_a_burst_at_the_start_does_not_cost_the_partials_that_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    online = CountingOnline()

    async def scenario(harness: Harness) -> None:
        for _ in range(50):
            await harness.pipeline.feed(speech(0, 0.1))
        for _ in range(300):
            clock[0] += 0.1
            await harness.pipeline.feed(speech(0, 0.1))
            while not harness.recognition.idle:
                await asyncio.sleep(0)

    run(scenario, fake_engines(online=online))
    assert online.heard > 25 * 16000


class CuttingVad(FakeVad):
    """One sentence from the start, cut in the middle once twice as much was heard."""

    look_back = 4 * 16000

    def _advance(self, request: VadRequest) -> VadResult:
        state: FakeVadState = request.state
        events: list[SpeechStart | SpeechEnd] = []
        if state.position == 0:
            events.append(SpeechStart(0))
        state.position += len(request.samples)
        if state.start < 0 and state.position >= 2 * 16000:
            events += [SpeechEnd(16000), SpeechStart(16000)]
            state.start = 16000
        if request.is_end:
            events.append(SpeechEnd(state.position))
        return VadResult(tuple(events))


def test_a_forced_cut_makes_native_online_hear_nothing_twice() -> None:
    online = CountingOnline()

    async def scenario(harness: Harness) -> None:
        for _ in range(8):
            await harness.pipeline.feed(speech(0, 0.5))
            while not harness.recognition.idle:
                await asyncio.sleep(0)
        await harness.finish()

    engines = fake_engines(online=online, vad=CuttingVad())
    run(scenario, engines, settings=Settings(mode=Mode.ONLINE))
    assert online.heard == 4 * 16000


class ClosedOnline(FakeOnline):
    def open(self, options: RecognitionOptions, **_: object) -> FakeOnlineState:
        raise RuntimeError("first pass cannot be opened, on purpose")


def test_a_first_pass_that_cannot_be_opened_costs_no_sentence() -> None:
    engines = fake_engines(online=ClosedOnline())
    messages = run(lambda harness: whole(harness, conversation(0)), engines)
    assert [m["text"] for m in messages if m["text"]] == ["今天天气怎么样？"]
