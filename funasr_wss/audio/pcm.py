"""Uncompressed samples of every usual layout -> float32 frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["int", "float", "alaw", "ulaw"]
Frames = NDArray[np.float32]
"""Audio at its original rate, shape (n, channels), float32 in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """How uncompressed audio lies in its bytes. ``width`` is bytes a sample; 1-byte integers are
    unsigned as in WAV, all others signed."""

    encoding: Encoding
    width: int
    channels: int
    sample_rate: int
    big_endian: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.width * self.channels

    @property
    def supported(self) -> bool:
        """Whether ``to_frames`` knows this encoding and width."""
        return self.width in _WIDTHS[self.encoding]


_WIDTHS: dict[Encoding, tuple[int, ...]] = {
    "int": (1, 2, 3, 4), "float": (4, 8), "alaw": (1,), "ulaw": (1,),
}


def to_frames(data: bytes | memoryview, layout: PcmLayout) -> Frames:
    """``data`` (a whole number of frames) as float frames; NaN and infinity become 0."""
    if layout.encoding == "int":
        flat = _from_int(data, layout)
    elif layout.encoding == "float":
        order = ">" if layout.big_endian else "<"
        flat = clean_float(np.frombuffer(data, f"{order}f{layout.width}"))
    else:
        table = _alaw_table() if layout.encoding == "alaw" else _ulaw_table()
        flat = table[np.frombuffer(data, np.uint8)]
    return flat.reshape(-1, layout.channels)


def clean_float(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Finite float32 in [-1, 1]; NaN and infinity become 0."""
    finite = np.where(np.isfinite(values), values, 0)
    return np.clip(finite, -1.0, 1.0).astype(np.float32)


def scale_int(values: NDArray[Any]) -> NDArray[np.float32]:
    """Full-scale integers (uint8 or signed) -> float32 in [-1, 1)."""
    if values.dtype.kind == "u":
        return (values.astype(np.float32) - np.float32(128)) * np.float32(1 / 128)
    bits = values.dtype.itemsize * 8
    return values.astype(np.float32) * np.float32(2.0 ** (1 - bits))


def _from_int(data: bytes | memoryview, layout: PcmLayout) -> NDArray[np.float32]:
    if layout.width == 3:
        triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
        quads = np.zeros((len(triples), 4), np.uint8)
        quads[:, 1:] = triples[:, ::-1] if layout.big_endian else triples
        return scale_int(quads.view("<i4").reshape(-1))
    kind = "u" if layout.width == 1 else "i"
    order = ">" if layout.big_endian else "<"
    return scale_int(np.frombuffer(data, f"{order}{kind}{layout.width}"))


@lru_cache(maxsize=1)
def _ulaw_table() -> NDArray[np.float32]:
    """Expansion of the 256 mu-law codes, ITU-T G.711 (14-bit values left-justified in 16)."""
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return (np.where(code & 0x80, -magnitude, magnitude) / 32768).astype(np.float32)


@lru_cache(maxsize=1)
def _alaw_table() -> NDArray[np.float32]:
    """Expansion of the 256 A-law codes, ITU-T G.711 (13-bit values left-justified in 16)."""
    code = np.arange(256) ^ 0x55
    mantissa, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    upper = (mantissa + 0x108) << np.maximum(segment - 1, 0)
    magnitude = np.where(segment == 0, mantissa + 8, upper)
    return (np.where(code & 0x80, magnitude, -magnitude) / 32768).astype(np.float32)
