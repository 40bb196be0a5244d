"""Engines for tests of protocol and scheduling: deterministic, instant, no models.

"Speech" is a tone whose loudness says which sentence it is; anything quieter than
``SILENCE`` is a pause. ``speech(3)`` is recognised as ``SENTENCES[3]``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from funasr_wss.engines.base import (
    OfflineRequest,
    OnlineRequest,
    RecognitionOptions,
    Samples,
    SpeechEnd,
    SpeechStart,
    Transcript,
    VadRequest,
    VadResult,
    Word,
)
from funasr_wss.recognition import EngineSet

WINDOW = 160
SILENCE = 0.01
END_SILENCE = 4800
PADDING = 1600
SENTENCES = [
    "今天天气怎么样？",
    "我们出发吧。",
    "Hello there.",
    "第四句话在这里，说完了。",
    "Number five is here.",
    "六。",
]


def silence(seconds: float) -> bytes:
    """Return zeros as 16 kHz PCM bytes."""
    return bytes(2 * int(seconds * 16000))


def speech(sentence: int, seconds: float = 1.0) -> bytes:
    """Return PCM bytes that the fake engines recognise as ``SENTENCES[sentence]``."""
    level = int(32768 * (sentence + 1) * 0.05)
    count = int(seconds * 16000)
    return np.resize(np.array([level, -level], "<i2"), count).tobytes()


def conversation(*sentences: int, pause: float = 0.6) -> bytes:
    """Return sentences with pauses around them."""
    return silence(0.5) + b"".join(speech(n) + silence(pause) for n in sentences)


@dataclass
class FakeVadState:
    rest: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    position: int = 0
    start: int = -1
    last_loud: int = 0
    floor: int = 0


class FakeVad:
    """Energy endpointing in 10 ms windows; the same result for every division of the samples."""

    look_back = PADDING + WINDOW

    def open(self) -> FakeVadState:
        return FakeVadState()

    def run(self, batch: Sequence[VadRequest]) -> list[VadResult | Exception]:
        return [self._advance(request) for request in batch]

    def _advance(self, request: VadRequest) -> VadResult:
        state: FakeVadState = request.state
        samples = np.concatenate([state.rest, request.samples])
        events: list[SpeechStart | SpeechEnd] = []
        whole = len(samples) // WINDOW * WINDOW
        for begin in range(0, whole, WINDOW):
            loud = float(np.abs(samples[begin : begin + WINDOW]).max()) > SILENCE
            self._window(state, loud, events)
        state.rest = samples[whole:]
        if request.is_end and state.start >= 0:
            total = state.position + len(state.rest)
            events.append(SpeechEnd(min(state.last_loud + PADDING, total)))
            state.start = -1
        pause = None
        if state.start >= 0 and state.position - state.last_loud >= PADDING:
            pause = state.last_loud + PADDING
        return VadResult(tuple(events), pause)

    def _window(
        self, state: FakeVadState, loud: bool, events: list[SpeechStart | SpeechEnd]
    ) -> None:
        if loud:
            if state.start < 0:
                state.start = max(state.position - PADDING, state.floor)
                events.append(SpeechStart(state.start))
            state.last_loud = state.position + WINDOW
        state.position += WINDOW
        if state.start >= 0 and state.position - state.last_loud >= END_SILENCE:
            end = state.last_loud + PADDING
            events.append(SpeechEnd(end))
            state.start, state.floor = -1, end


def recognise(samples: Samples) -> str:
    """Return the sentence that the loudness of ``samples`` stands for."""
    loudest = float(np.abs(samples).max()) if len(samples) else 0.0
    number = round(loudest / 0.05) - 1
    return SENTENCES[number] if 0 <= number < len(SENTENCES) else ""


class FakeOffline:
    """Reads the sentence from the loudness. ``before`` runs first and may block or raise."""

    def __init__(self, before: Callable[[OfflineRequest], None] | None = None) -> None:
        self.before = before
        self.requests: list[OfflineRequest] = []

    def run(self, batch: Sequence[OfflineRequest]) -> list[Transcript | Exception]:
        results: list[Transcript | Exception] = []
        for request in batch:
            self.requests.append(request)
            try:
                if self.before is not None:
                    self.before(request)
                text = recognise(request.samples)
                tokens = [char for char in text if char.isalnum()] if not text.isascii() else []
                words = tuple(Word(t, i * 100, i * 100 + 100) for i, t in enumerate(tokens))
                results.append(Transcript(text, words, "zh"))
            except Exception as error:
                results.append(error)
        return results


@dataclass
class FakeOnlineState:
    options: RecognitionOptions
    heard: int = 0
    shown: int = 0
    text: str = ""


class FakeOnline:
    """One more character of the sentence for every 200 ms heard."""

    def __init__(self) -> None:
        self.failing = False

    def open(self, options: RecognitionOptions, **_: object) -> FakeOnlineState:
        return FakeOnlineState(options)

    def run(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        return [self._advance(request, final=False) for request in batch]

    def finish(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        return [self._advance(request, final=True) for request in batch]

    def _advance(self, request: OnlineRequest, *, final: bool) -> str | Exception:
        if self.failing:
            return RuntimeError("first pass broken on purpose")
        state: FakeOnlineState = request.state
        state.heard += len(request.samples)
        state.text = recognise(request.samples) or state.text
        plain = state.text.rstrip("。？.")
        count = len(plain) if final else min(state.heard // 3200, len(plain))
        delta = plain[state.shown : count]
        state.shown = max(state.shown, count)
        return delta


def fake_engines(
    offline: FakeOffline | None = None,
    *,
    online: FakeOnline | None = None,
    vad: FakeVad | None = None,
    workers: int = 2,
) -> EngineSet:
    """Return a full set of fake engines."""
    return EngineSet(
        vad=vad or FakeVad(),
        offline=offline or FakeOffline(),
        online=online or FakeOnline(),
        workers=workers,
        description="fake engines for tests",
    )


class Gate:
    """Lets a test hold engine calls back: calls wait until ``open`` was called."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.entered = threading.Event()

    def __call__(self, _: OfflineRequest) -> None:
        self.entered.set()
        if not self._open.wait(timeout=30):
            raise TimeoutError("nobody opened the gate")

    def open(self) -> None:
        self._open.set()
