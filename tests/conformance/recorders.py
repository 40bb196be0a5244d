"""Fake engines that remember what they were given, and audio that survives resampling."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funasr_wss.engines.base import (
    OfflineRequest,
    OnlineRequest,
    RecognitionOptions,
    Samples,
    VadRequest,
    VadResult,
)
from tests.fakes import FakeOnline, FakeOnlineState, FakeVad, recognise


class RecordingOnline(FakeOnline):
    """First pass that remembers its sentences and requests."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[RecognitionOptions, dict[str, object]]] = []
        self.requests: list[tuple[FakeOnlineState, Samples]] = []
        self.heard = threading.Condition()

    def open(self, options: RecognitionOptions, **details: object) -> FakeOnlineState:
        self.opened.append((options, details))
        return super().open(options, **details)

    def run(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        self._remember(batch)
        return super().run(batch)

    def finish(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        self._remember(batch)
        return super().finish(batch)

    def _remember(self, batch: Sequence[OnlineRequest]) -> None:
        self.requests += [(request.state, request.samples) for request in batch]

    @property
    def sizes(self) -> list[int]:
        """Samples of each request."""
        return [len(samples) for _, samples in self.requests]

    def has_heard(self, sentence: str) -> bool:
        """Whether a request with this sentence has come."""
        return any(recognise(samples) == sentence for _, samples in self.requests)


class BrokenVad(FakeVad):
    """Voice activity detection with a fault: ``fault`` may raise or change a result."""

    def __init__(self, fault: Callable[[VadRequest, VadResult], VadResult]) -> None:
        self._fault = fault

    def run(self, batch: Sequence[VadRequest]) -> list[VadResult | Exception]:
        results: list[VadResult | Exception] = []
        for request in batch:
            try:
                results.append(self._fault(request, self._advance(request)))
            except Exception as error:
                results.append(error)
        return results


def fail(_: OfflineRequest) -> None:
    """``before`` of a second pass that always fails."""
    raise RuntimeError("second pass broken on purpose")


def fail_on(sentence: str) -> Callable[[OfflineRequest], None]:
    """``before`` of a second pass that fails on one sentence."""

    def before(request: OfflineRequest) -> None:
        if recognise(request.samples) == sentence:
            raise RuntimeError("second pass broken on purpose")

    return before


def only(sentence: str, gate: Callable[[OfflineRequest], None]) -> Callable[[OfflineRequest], None]:
    """``before`` of a second pass that holds back one sentence."""

    def before(request: OfflineRequest) -> None:
        if recognise(request.samples) == sentence:
            gate(request)

    return before


def tone(*sentences: int, rate: int = 16000, seconds: float = 1.0) -> NDArray[np.float32]:
    """Return 440 Hz tones that the fake engines read as sentences, with pauses around them."""
    time = np.arange(int(seconds * rate)) / rate
    fade = np.clip(np.minimum(time, seconds - time) / 0.05, 0, 1)
    wave = np.sin(2 * np.pi * 440 * time) * fade
    pause = np.zeros(int(0.6 * rate))
    parts = [part for n in sentences for part in (0.05 * (n + 1) * wave, pause)]
    return np.concatenate([pause, *parts]).astype(np.float32)


def pcm(samples: NDArray[np.float32]) -> bytes:
    """Return samples as 16-bit little-endian bytes."""
    return np.round(samples * 32767).astype("<i2").tobytes()


def wav(
    data: bytes,
    *,
    rate: int = 16000,
    channels: int = 1,
    tag: int = 1,
    bits: int = 16,
    extra: bytes = b"",
    length: int | None = None,
) -> bytes:
    """Return a WAV file; ``extra`` are chunks before the samples."""
    align = channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * align, align, bits)
    size = len(data) if length is None else length
    body = b"WAVE" + fmt + extra + struct.pack("<4sI", b"data", size) + data
    return struct.pack("<4sI", b"RIFF", min(len(body), 2**32 - 1)) + body


def encoded(samples: NDArray[np.float32], form: str, codec: str, rate: int = 16000) -> bytes:
    """Return samples as a compressed file."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(pcm(samples), "<i2").reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format or "fltp",
            layout="mono",
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()
