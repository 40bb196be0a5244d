"""Test signals, and files of every format made from them in memory."""

from __future__ import annotations

import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from funasr_wss.audio import AudioDecoder

Array = NDArray[np.float32]
THREAD_NAME = "audio-decoder"


def _sweep(rate: int, seconds: float) -> Array:
    """Sine from 200 Hz to 3 kHz; its phase is a function of time, so every rate samples the same
    sound."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * (200 * time + 2800 * time**2 / (2 * seconds))
    return (0.5 * np.sin(phase)).astype(np.float32)


def _encode(
    samples: Array,
    rate: int,
    container: str,
    codec: str,
    options: dict[str, str] | None = None,
    layout: str = "mono",
) -> bytes:
    """Mono ``samples``, the same on every channel, as a file of FFmpeg format ``container``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        with av.open(str(path), "w", format=container, options=options or {}) as file:
            stream = file.add_stream(codec, rate=rate, layout=layout)
            channels = av.AudioLayout(layout).nb_channels
            packed = np.repeat(samples, channels)[None, :]
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate = rate
            resampler = av.AudioResampler(stream.format, layout, rate, frame_size=stream.frame_size)
            pieces = [*resampler.resample(frame), *resampler.resample(None), None]
            packets = [packet for piece in pieces for packet in stream.encode(piece)]
            # FLAC ends with an empty packet that Matroska refuses.
            file.mux([packet for packet in packets if packet.size])
        return path.read_bytes()


def _wav(
    data: bytes,
    *,
    rate: int = 16000,
    channels: int = 1,
    bits: int = 16,
    tag: int = 1,
    data_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    extensible: bool = False,
    riff: bytes = b"RIFF",
) -> bytes:
    """A WAV file; ``before`` and ``after`` are whole chunks around the ``data`` chunk."""
    order = ">" if riff == b"RIFX" else "<"
    align = channels * bits // 8
    outer = 0xFFFE if extensible else tag
    form = struct.pack(f"{order}HHIIHH", outer, channels, rate, rate * align, align, bits)
    if extensible:
        guid_rest = bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack(f"{order}HHIH", 22, bits, 0, tag) + guid_rest
    body = b"WAVE" + b"fmt " + struct.pack(f"{order}I", len(form)) + form + before
    body += b"data" + struct.pack(f"{order}I", len(data) if data_size is None else data_size)
    body += data + after
    return riff + struct.pack(f"{order}I", len(body)) + body


def _slices(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """``data`` cut into ``sizes``, repeated as needed; all zero means one cut."""
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)] if any(sizes) else len(data)
        yield data[at : at + size]
        at += size
        turn += 1


def _decode(
    data: bytes,
    label: str = "pcm",
    sizes: Sequence[int] = (65536,),
    rate: int = 16000,
    max_seconds: float | None = None,
) -> Array:
    """Everything an ``AudioDecoder`` makes of ``data``."""
    decoder = AudioDecoder(wav_format=label, sample_rate=rate, max_seconds=max_seconds)
    try:
        pieces = [decoder.feed(part) for part in _slices(data, sizes)]
        pieces.append(decoder.finish())
    finally:
        decoder.close()
    return np.concatenate(pieces)


def _lag(reference: Array, other: Array) -> int:
    """By how many samples ``other`` is late, from the peak of the cross-correlation."""
    size = 1 << (len(reference) + len(other)).bit_length()
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    peak = int(np.argmax(np.fft.irfft(product)))
    return peak - size if peak > size // 2 else peak


def _similarity(reference: Array, other: Array) -> float:
    """Correlation coefficient after removing the lag."""
    lag = _lag(reference, other)
    first, second = reference[max(0, -lag) :], other[max(0, lag) :]
    size = min(len(first), len(second))
    return float(np.corrcoef(first[:size], second[:size])[0, 1])


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


@pytest.fixture(scope="session")
def sweep() -> Callable[[int, float], Array]:
    return _sweep


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    return _encode


@pytest.fixture(scope="session")
def wav() -> Callable[..., bytes]:
    return _wav


@pytest.fixture(scope="session")
def slices() -> Callable[[bytes, Sequence[int]], Iterator[bytes]]:
    return _slices


@pytest.fixture(scope="session")
def decode() -> Callable[..., Array]:
    return _decode


@pytest.fixture(scope="session")
def lag() -> Callable[[Array, Array], int]:
    return _lag


@pytest.fixture(scope="session")
def similarity() -> Callable[[Array, Array], float]:
    return _similarity


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Every test must leave no decoder thread behind."""
    yield
    for thread in _threads():
        thread.join(10)
    assert not _threads()
