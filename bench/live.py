"""A paced live client that writes down when each message came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from .corpus import Clip

FRAME = 960
"""Samples a frame: 60 ms at 16 kHz, as FunASR's clients send."""


@dataclass
class Spoken:
    """What came back for one clip. Times in seconds."""

    clip: Clip
    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0

    @property
    def first_partial(self) -> float | None:
        """From the start of speech to the first partial."""
        for message, when in zip(self.messages, self.times, strict=True):
            if message["mode"] == "2pass-online":
                return when - self.started - self.clip.speech_start
        return None

    @property
    def final_delay(self) -> float:
        """From the end signal to the final."""
        return self.times[-1] - self.ended

    @property
    def sentences(self) -> list[str]:
        """Second-pass texts in the order they came."""
        wanted = ("2pass-offline", "offline")
        return [m["text"] for m in self.messages if m["mode"] in wanted and m["text"]]

    @property
    def text(self) -> str:
        """The whole text as a client that concatenates has it."""
        return "".join(self.sentences)


async def speak(url: str, clip: Clip, *, speed: float = 1.0, **config: Any) -> Spoken:
    """Send a clip in 60 ms frames, ``speed`` times as fast as it was spoken (0 = at once)."""
    result = Spoken(clip)
    async with connect(url, max_size=None, ping_interval=None) as socket:
        start = {
            "mode": "2pass",
            "chunk_size": [5, 10, 5],
            "chunk_interval": 10,
            "wav_name": clip.name,
            "is_speaking": True,
            **config,
        }
        await socket.send(json.dumps(start))
        reader = asyncio.create_task(_listen(socket, result))
        result.started = time.perf_counter()
        for index, begin in enumerate(range(0, len(clip.samples), FRAME)):
            if speed:
                # A microphone hands a frame over when its last sample was taken.
                due = result.started + (index + 1) * FRAME / 16000 / speed
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await socket.send(clip.samples[begin : begin + FRAME].tobytes())
        await socket.send(json.dumps({"is_speaking": False}))
        result.ended = time.perf_counter()
        await reader
    return result


async def _listen(socket: Any, result: Spoken) -> None:
    async for message in socket:
        result.times.append(time.perf_counter())
        result.messages.append(json.loads(message))
        if result.messages[-1]["is_final"]:
            return


def percentiles(values: Sequence[float], *, digits: int = 2) -> str:
    """Return "p50 / p95 / max" of some seconds."""
    array = np.array(values)
    numbers = [*np.percentile(array, [50, 95]), array.max()]
    return " / ".join(f"{number:.{digits}f}" for number in numbers)
