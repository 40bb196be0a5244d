"""Raw audio of any rate, WAV of every kind and compressed files, whatever they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection

from tests.conformance.recorders import encoded, pcm, tone, wav
from tests.fakes import SENTENCES, conversation
from tests.serving import divide, one_final, start, talk, utter

SPOKEN = conversation(0, 1)
TEXT = SENTENCES[0] + SENTENCES[1]
LIST = b"LIST\x1a\x00\x00\x00INFOISFT\x0e\x00\x00\x00Lavf60.16.100\x00"


def text(frames: list[bytes], mode: str = "2pass", **fields: Any) -> str:
    """Return the text of one utterance."""

    async def converse(socket: ClientConnection) -> list[dict[str, Any]]:
        return await utter(socket, frames, start(mode=mode, **fields))

    messages = talk(converse)
    final = one_final(messages)
    assert "error_code" not in final, final
    return "".join(m["text"] for m in messages if m["mode"] != "2pass-online")


def stereo(samples: np.ndarray[Any, Any]) -> bytes:
    return np.repeat(np.frombuffer(pcm(samples), "<i2"), 2).tobytes()


@pytest.mark.parametrize("mode", ["2pass", "offline"])
@pytest.mark.parametrize("label", ["pcm", "PCM", " Pcm ", "wav", None, "", 5])
def test_raw_audio_under_any_label(label: object, mode: str) -> None:
    fields = {} if label is None else {"wav_format": label}
    assert text(divide(SPOKEN, 1920), mode, **fields) == TEXT


@pytest.mark.parametrize("mode", ["2pass", "offline"])
@pytest.mark.parametrize("label", ["pcm", None, "wav", "mp3", "others"])
def test_wav_under_any_label(label: str | None, mode: str) -> None:
    fields = {} if label is None else {"wav_format": label}
    assert text(divide(wav(SPOKEN), 960), mode, **fields) == TEXT


@pytest.mark.parametrize("size", [1, 3, 43, 44, 45, 1000, 1 << 30])
def test_wav_header_may_be_divided(size: int) -> None:
    file = wav(SPOKEN, extra=LIST)
    head, rest = file[:200], file[200:]
    frames = [*divide(head, size), *divide(rest, max(size, 1920))]
    assert text(frames) == TEXT


@pytest.mark.parametrize(
    "file",
    [
        wav(SPOKEN),
        wav(SPOKEN, extra=LIST),
        wav(SPOKEN, extra=b"JUNK" + (4000).to_bytes(4, "little") + bytes(4000)),
        wav(SPOKEN, length=0),
        wav(SPOKEN, length=0xFFFFFFFF),
        wav(SPOKEN) + LIST * 9,
        wav(stereo(tone(0, 1)), channels=2),
        wav(pcm(tone(0, 1, rate=8000)), rate=8000),
        wav(pcm(tone(0, 1, rate=44100)), rate=44100),
        wav(stereo(tone(0, 1, rate=48000)), rate=48000, channels=2),
        wav(tone(0, 1).astype("<f4").tobytes(), tag=3, bits=32),
    ],
    ids=[
        "44 bytes", "LIST", "JUNK", "length 0", "length unknown", "chunk at the end", "stereo",
        "8 kHz", "44.1 kHz", "48 kHz stereo", "float",
    ],
)  # fmt: skip
def test_wav_variants(file: bytes) -> None:
    assert text(divide(file, 1920)) == TEXT
    assert text([file], "offline") == TEXT


@pytest.mark.parametrize("rate", [8000, 8000.0, "8000", 16000.0, 44100, 48000.0])
def test_rate_of_raw_audio(rate: Any) -> None:
    spoken = pcm(tone(0, 1, rate=int(rate)))
    assert text(divide(spoken, 960), audio_fs=rate) == TEXT


def test_wav_header_overrides_the_rate_of_the_config() -> None:
    file = wav(pcm(tone(0, 1, rate=8000)), rate=8000)
    assert text(divide(file, 960), audio_fs=16000) == TEXT


@pytest.mark.parametrize("mode", ["2pass", "offline", "online"])
@pytest.mark.parametrize(
    ("form", "codec", "rate", "label"),
    [
        ("mp3", "libmp3lame", 16000, "mp3"),
        ("mp3", "libmp3lame", 44100, "others"),
        ("mp4", "aac", 44100, "m4a"),
        ("mp4", "aac", 16000, "MP4"),
        ("flac", "flac", 16000, "flac"),
        ("ogg", "libopus", 48000, "ogg"),
        ("flac", "flac", 16000, "mp3"),
    ],
)
def test_compressed_files(form: str, codec: str, rate: int, label: str, mode: str) -> None:
    file = encoded(tone(0, 1, rate=rate), form, codec, rate)
    assert text(divide(file, 960), mode, wav_format=label) == TEXT
