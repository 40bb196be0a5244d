"""``read_file``: files on disk through the decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from funasr_wss.audio import AudioError, read_file


@pytest.mark.parametrize("suffix", [".wav", ".WAV", ".pcm", ".mp3", ""])
def test_wav_content_under_any_name(
    tmp_path: Path, wav: Callable[..., bytes], suffix: str
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(wav(bytes(200_000), rate=8000))
    assert read_file(path).shape == (200_000,)
    assert read_file(str(path)).dtype == np.float32


@pytest.mark.parametrize("suffix", [".pcm", ".raw"])
def test_raw_files_have_the_given_rate(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(bytes(8000))
    assert len(read_file(path)) == 4000
    assert len(read_file(path, sample_rate=8000)) == 8000


@pytest.mark.parametrize("container", ["mp3", "flac", "ipod"])
def test_compressed(
    tmp_path: Path,
    encode: Callable[..., bytes],
    sweep: Callable[[int, float], np.ndarray],
    container: str,
) -> None:
    codec = {"mp3": "libmp3lame", "flac": "flac", "ipod": "aac"}[container]
    path = tmp_path / "x.bin"
    path.write_bytes(encode(sweep(44100, 3.0), 44100, container, codec))
    assert 48000 <= len(read_file(path)) < 50500


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing.wav")
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("no audio at all\n")
    with pytest.raises(AudioError) as caught:
        read_file(text)
    assert caught.value.code == "unsupported_format"


def test_limit(tmp_path: Path) -> None:
    path = tmp_path / "x.pcm"
    path.write_bytes(bytes(64000))
    with pytest.raises(AudioError):
        read_file(path, max_seconds=1)


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.touch()
    assert read_file(path).shape == (0,)
