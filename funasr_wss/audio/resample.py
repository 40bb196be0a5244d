"""Frames of any rate and channel count -> 16 kHz mono, with the limits every source shares."""

from __future__ import annotations

import math

import numpy as np
import soxr

from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pcm import Frames
from funasr_wss.engines.base import SAMPLE_RATE, Samples

MIN_RATE, MAX_RATE = 2000, 384000
"""Accepted sampling rates, Hz. The lower bound limits how much audio a few bytes can become."""


def silence() -> Samples:
    """No samples."""
    return np.empty(0, np.float32)


class MonoSink:
    """Mixes down, resamples, clips and counts one utterance.

    The rate may change between calls (chained files do that). Output depends only on the sequence
    of samples, not on how it was divided: soxr's stream keeps that promise and a test holds it.
    """

    def __init__(self, max_seconds: float | None) -> None:
        self._max_seconds = max_seconds
        self._room = math.inf if max_seconds is None else math.ceil(max_seconds * SAMPLE_RATE)
        self._rate: int | None = None  # not started
        self._resampler: soxr.ResampleStream | None = None

    def push(self, frames: Frames, rate: int) -> Samples:
        """Next frames, shape (n, channels). Raises ``AudioError`` beyond a limit."""
        if rate == self._rate:
            return self._count(self._resample(_mix(frames)))
        tail = self.flush()
        self._open(rate)
        head = self._count(self._resample(_mix(frames)))
        return np.concatenate((tail, head)) if len(tail) else head

    def flush(self) -> Samples:
        """What the resampler still holds; the next ``push`` starts afresh."""
        resampler, self._resampler, self._rate = self._resampler, None, None
        if resampler is None:
            return silence()
        return self._count(_clip(resampler.resample_chunk(silence(), last=True)))

    def _open(self, rate: int) -> None:
        if not MIN_RATE <= rate <= MAX_RATE:
            raise AudioError(
                "bad_audio",
                f"A sampling rate of {rate} Hz is not possible; send {MIN_RATE} to {MAX_RATE} Hz.",
            )
        self._rate = rate
        if rate != SAMPLE_RATE:
            self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", "HQ")

    def _resample(self, mono: Samples) -> Samples:
        if self._resampler is None or not len(mono):
            return mono
        return _clip(self._resampler.resample_chunk(mono))

    def _count(self, samples: Samples) -> Samples:
        self._room -= len(samples)
        if self._room < 0:
            raise AudioError(
                "audio_too_long",
                f"The audio is longer than the limit of {self._max_seconds:g} s; split it.",
            )
        return samples


def _mix(frames: Frames) -> Samples:
    """Mean of the channels, added one by one: numpy's own mean may change its order of additions
    with the array's shape, which would make the result depend on the slicing."""
    if frames.shape[1] == 1:
        return np.ascontiguousarray(frames[:, 0])
    mono = frames[:, 0].copy()
    for channel in range(1, frames.shape[1]):
        mono += frames[:, channel]
    mono *= np.float32(1 / frames.shape[1])
    return mono


def _clip(samples: Samples) -> Samples:
    return np.clip(samples, -1.0, 1.0, out=samples)
