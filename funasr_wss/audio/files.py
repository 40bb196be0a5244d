"""A file on disk through the same decoder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from funasr_wss.audio.decoder import AudioDecoder
from funasr_wss.audio.resample import silence
from funasr_wss.engines.base import Samples

_SLICE_BYTES = 1 << 16
_RAW_SUFFIXES = ("pcm", "raw")


def read_file(
    path: str | os.PathLike[str], *, sample_rate: int = 16000, max_seconds: float | None = None
) -> Samples:
    """Decode a whole audio or video file to 16 kHz mono, shape (n,), float32.

    ``sample_rate`` is the rate (Hz) of raw ``.pcm``/``.raw`` files and ignored for all others.
    Raises ``AudioError`` when the content cannot be decoded and ``OSError`` when the file cannot
    be read.
    """
    path = Path(path)
    suffix = path.suffix.lower().lstrip(".") or "others"
    label = "pcm" if suffix in _RAW_SUFFIXES else suffix
    decoder = AudioDecoder(wav_format=label, sample_rate=sample_rate, max_seconds=max_seconds)
    pieces = [silence()]
    try:
        with path.open("rb") as file:
            while data := file.read(_SLICE_BYTES):
                pieces.append(decoder.feed(data))
        pieces.extend(decoder.drain())
    finally:
        decoder.close()
    return np.concatenate(pieces)
