"""Where audio comes from: files, bytes in memory, live iterators."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .settings import StreamSettings

RAW_SUFFIXES = frozenset({".pcm", ".raw"})
UPLOAD_BYTES = 64 * 1024
"""Size of one packet when nothing is paced."""
DECODED_RATE = 16000

AudioSource = str | Path | bytes | AsyncIterator[bytes]
"""A file, raw PCM in memory (or a container, if the settings say so), or live PCM."""


@dataclass(slots=True)
class Source:
    """Audio ready to be sent."""

    settings: StreamSettings
    """The caller's, with the format that the bytes really have."""
    data: bytes | Path | AsyncIterator[bytes]
    """Bytes, a file whose bytes go up as they are, or a live iterator."""
    total_bytes: int | None = None

    @property
    def bytes_per_second(self) -> int | None:
        """None for containers, whose bytes say nothing about time."""
        return self.settings.audio_fs * 2 if self.settings.wav_format == "pcm" else None

    @property
    def duration_s(self) -> float | None:
        """Seconds of audio, None when only the server can tell."""
        rate = self.bytes_per_second
        return self.total_bytes / rate if rate and self.total_bytes is not None else None

    def packets(self, size: int) -> Iterator[bytes]:
        """Yield the audio in packets of ``size`` bytes; not for live iterators."""
        if isinstance(self.data, bytes):
            for start in range(0, len(self.data), size):
                yield self.data[start : start + size]
        elif isinstance(self.data, Path):
            with self.data.open("rb") as file:
                while packet := file.read(size):
                    yield packet


async def open_source(source: AudioSource, settings: StreamSettings, *, paced: bool) -> Source:
    """Prepare ``source``. Raises ``OSError``, or ``AudioError`` if it cannot be decoded.

    Raw PCM and plain WAV files go up as PCM. Other formats go up as they are in offline mode,
    where the server decodes them; in the live modes, or when the upload is paced, they are
    decoded here to 16 kHz.
    """
    if isinstance(source, bytes):
        return Source(settings, source, len(source))
    if not isinstance(source, str | Path):
        return Source(settings, source)
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return Source(replace(settings, wav_format="pcm"), path, path.stat().st_size)
    plain = _plain_wav(path)
    if plain is not None:
        rate, data = plain
        return Source(replace(settings, wav_format="pcm", audio_fs=rate), data, len(data))
    if settings.mode == "offline" and not paced:
        label = suffix.removeprefix(".") or "others"
        return Source(replace(settings, wav_format=label), path, path.stat().st_size)
    data = await asyncio.to_thread(_decode, path)
    return Source(replace(settings, wav_format="pcm", audio_fs=DECODED_RATE), data, len(data))


def _plain_wav(path: Path) -> tuple[int, bytes] | None:
    """Return rate and samples of a mono 16-bit WAV file, None for anything else."""
    try:
        with path.open("rb") as file, wave.open(file) as audio:
            if audio.getnchannels() != 1 or audio.getsampwidth() != 2 or audio.getframerate() < 1:
                return None
            # Recorders that were cut off leave a length in the header that is far too large.
            frames = min(audio.getnframes(), path.stat().st_size // 2)
            return audio.getframerate(), audio.readframes(frames)
    except (wave.Error, EOFError):
        return None


def _decode(path: Path) -> bytes:
    import numpy as np

    from funasr_wss.audio import read_file

    samples = read_file(path)
    return (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
