"""Bounded exchange between the thread that feeds an utterance and the thread that decodes it."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from funasr_wss.audio.errors import AudioError, ErrorCode
from funasr_wss.audio.resample import silence
from funasr_wss.engines.base import SAMPLE_RATE, Samples

MAX_READ_BYTES = 1 << 16
"""Largest answer to one read of the decoder."""
INPUT_LIMIT_BYTES = 1 << 18
"""Compressed bytes that may wait; must exceed ``MAX_READ_BYTES`` or both sides could wait."""
OUTPUT_LIMIT = 20 * SAMPLE_RATE
"""Decoded samples that may wait."""
FEED_LIMIT = 60 * SAMPLE_RATE
"""Samples after which one ``feed`` returns although input still waits (decompression bombs)."""


class PipeClosed(Exception):
    """Nobody wants the samples any more; ends the decoder thread."""


class DecoderPipe:
    """Bytes one way, samples the other way, both bounded.

    Feeder: ``feed``, ``end``, ``next_piece``. Decoder thread: ``read``, ``emit``, ``finish``.
    ``close`` may come from any thread and wakes both.

    No deadlock: a feeder waits only while more than ``INPUT_LIMIT_BYTES`` wait, and then every
    read can be answered; while it waits it takes what the decoder emits; and ``finish``, which the
    thread calls on every way out, ends all waiting.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._input = bytearray()
        self._wanted = 1
        self._ended = False
        self._output: deque[Samples] = deque()
        self._output_samples = 0
        self._finished = False
        self._error: tuple[ErrorCode, str] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    # ---- feeder

    def feed(self, data: bytes | memoryview) -> Samples:
        """Queue bytes, return what is decoded by now. Waits while too much input is queued.

        Raises the decoder's ``AudioError`` after everything decoded before it was returned.
        """
        pieces: list[Samples] = []
        taken = 0
        with self._changed:
            if not self._finished and not self._closed:
                self._input += data
                if len(self._input) >= self._wanted:
                    self._changed.notify_all()
            while True:
                taken += self._take(pieces)
                over = len(self._input) > INPUT_LIMIT_BYTES
                if not over or self._finished or self._closed or taken >= FEED_LIMIT:
                    break
                self._changed.wait()
            if not taken:
                self._raise_error()
        return np.concatenate(pieces) if pieces else silence()

    def end(self) -> None:
        """No more input."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def next_piece(self) -> Samples | None:
        """Wait for samples; ``None`` after the last. Raises the decoder's ``AudioError``."""
        pieces: list[Samples] = []
        with self._changed:
            while not self._take(pieces):
                if self._finished or self._closed:
                    self._raise_error()
                    return None
                self._changed.wait()
        return np.concatenate(pieces)

    def _take(self, pieces: list[Samples]) -> int:
        taken = self._output_samples
        pieces.extend(self._output)
        self._output.clear()
        self._output_samples = 0
        if taken:
            self._changed.notify_all()
        return taken

    def _raise_error(self) -> None:
        # A new exception each time: a kept one would hold every frame it went through.
        if self._error is not None and not self._closed:
            raise AudioError(*self._error)

    # ---- decoder thread

    def read(self, size: int = MAX_READ_BYTES) -> bytes:
        """Exactly ``min(size, MAX_READ_BYTES)`` bytes, fewer only at the end of the input.

        Full reads keep what the demuxer sees independent of how the input was sliced.
        """
        size = min(size, MAX_READ_BYTES)
        with self._changed:
            self._wanted = size
            while len(self._input) < size and not self._ended and not self._closed:
                self._changed.wait()
            if self._closed:
                return b""
            was_over = len(self._input) > INPUT_LIMIT_BYTES
            data = bytes(self._input[:size])
            del self._input[:size]
            if was_over:
                self._changed.notify_all()
            return data

    def emit(self, samples: Samples) -> None:
        """Hand over decoded samples. Waits while too many are queued; raises ``PipeClosed``."""
        with self._changed:
            while self._output_samples >= OUTPUT_LIMIT and not self._closed:
                self._changed.wait()
            if self._closed:
                raise PipeClosed
            if len(samples):
                self._output.append(samples)
                self._output_samples += len(samples)
                self._changed.notify_all()

    def finish(self, error: AudioError | None) -> None:
        """The decoder has stopped; later input is discarded."""
        with self._changed:
            self._finished = True
            self._error = None if error is None else (error.code, error.message)
            self._input.clear()
            self._changed.notify_all()

    # ---- any thread

    def close(self) -> None:
        """Forget everything and wake both sides."""
        with self._changed:
            self._closed = True
            self._input.clear()
            self._output.clear()
            self._output_samples = 0
            self._changed.notify_all()
