"""What the pipeline asks of recognition, whatever engines answer.

Engines are grouped into lanes: those that share a device share a batcher, so that second passes
go before first passes on it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .batching import Batcher, Kind, Limit
from .engines.base import (
    SAMPLE_RATE,
    OfflineEngine,
    OfflineRequest,
    OnlineEngine,
    OnlineRequest,
    RecognitionOptions,
    Transcript,
    VadEngine,
    VadRequest,
    VadResult,
)


@dataclass(frozen=True, slots=True)
class EngineSet:
    """The engines of a profile and how much of them may run at once."""

    vad: VadEngine
    offline: OfflineEngine
    online: OnlineEngine | None = None
    workers: int = 1
    """Threads that call the online and offline engines."""
    vad_limit: Limit = field(default_factory=lambda: Limit(items=64))
    online_limit: Limit = field(default_factory=Limit)
    offline_limit: Limit = field(default_factory=Limit)
    description: str = ""
    """One line for logs and ``/readyz``."""

    def warm_up(self) -> None:
        """Run the engines once so that the first client does not pay for it."""
        # A tone: silence would not reach the decoder.
        tone = np.sin(np.arange(SAMPLE_RATE) * 0.2).astype(np.float32) / 10
        self.vad.run([VadRequest(self.vad.open(), tone)])
        self.offline.run([OfflineRequest(tone, RecognitionOptions(language="zh"))])


class Recognition:
    """Runs the engines of a profile for all connections."""

    def __init__(self, engines: EngineSet) -> None:
        self.vad = engines.vad
        self.online = engines.online
        self.description = engines.description
        calls: dict[str, Any] = {"offline": engines.offline.run}
        if engines.online is not None:
            calls |= {"online": engines.online.run, "flush": engines.online.finish}
        limits = {
            "offline": engines.offline_limit,
            "online": engines.online_limit,
            "flush": engines.online_limit,
        }
        self._vad_lane = Batcher({"vad": engines.vad.run}, {"vad": engines.vad_limit}, name="vad")
        self._text_lane = Batcher(calls, limits, workers=engines.workers, name="asr")

    @property
    def idle(self) -> bool:
        """A worker is free for speculative work."""
        return self._text_lane.idle

    @property
    def waiting(self) -> int:
        """Sentences and partials in the queue."""
        return self._text_lane.waiting

    async def detect(self, request: VadRequest, stream: Hashable) -> VadResult:
        """Find sentence boundaries in the next samples of a stream."""
        result: VadResult = await self._vad_lane.submit(
            "vad", request, stream=stream, samples=len(request.samples)
        )
        return result

    async def partial(self, request: OnlineRequest, stream: Hashable) -> str:
        """First pass over new samples of an open sentence; return what the text grew by."""
        return await self._first_pass("online", request, stream, Kind.PARTIAL)

    async def flush(self, request: OnlineRequest, stream: Hashable) -> str:
        """First pass over the last samples of a sentence; return the rest of its text."""
        return await self._first_pass("flush", request, stream, Kind.FINAL)

    async def transcribe(
        self, request: OfflineRequest, stream: Hashable, *, kind: Kind = Kind.FINAL
    ) -> Transcript:
        """Second pass over a whole sentence."""
        result: Transcript = await self._text_lane.submit(
            "offline", request, stream=stream, kind=kind, samples=len(request.samples)
        )
        return result

    def urge(self, stream: Hashable) -> None:
        """A second pass that a stream started early is now due: it goes before partials."""
        self._text_lane.urge(stream, "offline")

    def close(self) -> None:
        """Stop all threads; whatever still waits fails."""
        for lane in (self._vad_lane, self._text_lane):
            lane.close()

    async def _first_pass(
        self, call: str, request: OnlineRequest, stream: Hashable, kind: Kind
    ) -> str:
        result: str = await self._text_lane.submit(
            call, request, stream=stream, kind=kind, samples=len(request.samples)
        )
        return result

