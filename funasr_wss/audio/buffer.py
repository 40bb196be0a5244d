"""The part of a stream's audio that may still be needed, addressed by the stream's own clock."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


SHORT_PIECE = 1024
"""Pieces are joined up to this many samples: a client may send one at a time."""


class StreamBuffer:
    """Samples of one stream from ``start`` (inclusive) to ``end`` (exclusive)."""

    def __init__(self) -> None:
        self._pieces: deque[Samples] = deque()
        self.start = 0
        """First sample still here, counted from the beginning of the stream."""
        self.end = 0
        """Number of samples appended so far: the stream's clock."""

    def append(self, samples: Samples) -> None:
        """Add the next samples, shape (n,)."""
        if not len(samples):
            return
        if self._pieces and len(self._pieces[-1]) + len(samples) <= SHORT_PIECE:
            samples_before = self._pieces.pop()
            self._pieces.append(np.concatenate([samples_before, samples]))
        else:
            self._pieces.append(samples)
        self.end += len(samples)

    def drop_before(self, sample: int) -> None:
        """Forget what lies before ``sample``; whole pieces only, so a little more may stay."""
        while self._pieces and self.start + len(self._pieces[0]) <= sample:
            self.start += len(self._pieces.popleft())

    def slice(self, start: int, end: int) -> Samples:
        """Return a copy of samples [start, end), shape (end - start,).

        Raises:
            IndexError: part of it was dropped or has not arrived.
        """
        if start < self.start or end > self.end or start > end:
            raise IndexError(f"[{start}, {end}) is not within [{self.start}, {self.end})")
        parts = []
        position = self.start
        for piece in self._pieces:
            if position >= end:
                break
            if position + len(piece) > start:
                parts.append(piece[max(start - position, 0) : end - position])
            position += len(piece)
        return np.concatenate(parts) if parts else np.empty(0, np.float32)
