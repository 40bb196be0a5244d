"""A scripted stand-in for the Whisper model, and audio for the tests that use the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from funasr_wss.engines.base import SAMPLE_RATE, Samples
from funasr_wss.engines.whisper_model import Encoded, Hypothesis

Script = Callable[[float, str], str]
"""Seconds of audio and prompt -> what the decoder writes."""


class ScriptedModel:
    """Writes one token a character; its encoder keeps the audio."""

    def __init__(self, script: Script, language: str = "zh") -> None:
        self.script = script
        self.language = language
        self.share = 0.99
        self.no_speech = 0.02
        self.confidence = -0.2
        self.detections = 0
        self.decodings: list[tuple[float, str, str]] = []
        """Seconds, language and prompt of every call of ``generate``."""

    def supported(self, language: str) -> str | None:
        return {"auto": None, "yue": "zh"}.get(language, language)

    def encode(self, samples: Samples, pad_seconds: float) -> Encoded:
        return Encoded(None, 100, len(samples) / SAMPLE_RATE)

    def detect_language(self, encoded: Encoded) -> tuple[str, float]:
        self.detections += 1
        return self.language, self.share

    def generate(
        self, encoded: Encoded, language: str, *, prompt: str = "", **_: object
    ) -> Hypothesis:
        self.decodings.append((encoded.seconds, language, prompt))
        text = self.script(encoded.seconds, prompt)
        return Hypothesis(tuple(map(ord, text)), text, self.confidence, self.no_speech)

    def token_times(
        self, encoded: Encoded, language: str, tokens: Sequence[int]
    ) -> list[tuple[float, float]]:
        return [(0.1 * i, 0.1 * i + 0.1) for i in range(len(tokens))]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def count_tokens(self, text: str) -> int:
        return len(text)


def tone(seconds: float, level: float = 0.1) -> Samples:
    """Something that is not silence."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def noises() -> dict[str, Samples]:
    """Ten seconds each of sounds without speech."""
    random = np.random.default_rng(7)
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    white = random.standard_normal(len(time))
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), len(time))
    shapes = {
        "white": white,
        "pink": pink / pink.std(),
        "hum": np.sin(2 * np.pi * 50 * time) + 0.3 * np.sin(2 * np.pi * 150 * time),
        "tone": np.sin(2 * np.pi * 1000 * time),
    }
    found = {"digital silence": np.zeros(len(time), np.float32)}
    for name, shape in shapes.items():
        for level in (-60, -40, -20):
            found[f"{name} {level} dB"] = (shape * 10 ** (level / 20)).astype(np.float32)
    return found


@pytest.fixture(scope="session")
def clip(data_dir: Path) -> Callable[[str], Samples]:
    """Name of a recording of the tests -> its samples."""

    def read(name: str) -> Samples:
        samples, rate = soundfile.read(data_dir / f"{name}.wav", dtype="float32")
        assert rate == SAMPLE_RATE
        return np.asarray(samples, np.float32)

    return read
