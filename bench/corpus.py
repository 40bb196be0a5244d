"""The recorded speech set (optional, never part of the repository) and the synthetic clips."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
SYNTHETIC = ROOT / "tests" / "data"


@dataclass(frozen=True)
class Clip:
    """Audio to speak, with what is known about it."""

    name: str
    samples: NDArray[np.int16]
    """Mono, 16 kHz, shape (n,)."""
    language: str = ""
    reference: str = ""
    speech_start: float = 0.0
    """Seconds from the first sample to the first word."""
    trusted: bool = True
    """The transcript comes from the corpus, not from another recogniser."""

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.samples) / 16000


def speech_dir() -> Path:
    """Folder of the recorded set: ``FUNASR_WSS_SPEECH`` or ``../shared/speech``.

    Raises:
        SystemExit: it is not there.
    """
    folder = Path(os.environ.get("FUNASR_WSS_SPEECH", ROOT.parent / "shared" / "speech"))
    if not (folder / "manifest.tsv").is_file():
        raise SystemExit(f"no speech set in {folder}; set FUNASR_WSS_SPEECH to its folder")
    return folder


def read_pcm(path: Path) -> NDArray[np.int16]:
    """Return the samples of a 16 kHz mono file, shape (n,)."""
    samples, rate = soundfile.read(path, dtype="int16")
    if rate != 16000 or samples.ndim != 1:
        raise ValueError(f"{path} is not 16 kHz mono")
    return np.asarray(samples, np.int16)


def single_clips(folder: Path) -> list[Clip]:
    """Return the recordings of one speaker each, the concatenated files left out."""
    with open(folder / "manifest.tsv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Clip(
                row["file"],
                read_pcm(folder / row["file"]),
                row["language"],
                row["transcript"],
                trusted=row["trust"] == "A",
            )
            for row in rows
            if not row["file"].startswith("long_")
        ]


def long_clip(path: Path) -> tuple[Clip, list[tuple[float, float, str]]]:
    """Return a concatenated recording and its (start s, end s, transcript) of each sentence.

    ``path`` is the WAV; a JSON file of the same name lists the segments.
    """
    data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if isinstance(data, dict):
        segments = [
            (item["speech_start"], item["speech_end"], item["transcript"])
            for item in data["segments"]
        ]
    else:
        segments = [(i["start_ms"] / 1000, i["end_ms"] / 1000, i["text"]) for i in data]
    reference = " ".join(text for _, _, text in segments)
    return Clip(path.name, read_pcm(path), "", reference, segments[0][0]), segments


def conversation_turns(path: Path, pause: float = 0.1) -> list[Clip]:
    """Cut a concatenated recording into its sentences, each with 0.3 s before it and ``pause``
    seconds after. A short pause is the hard case for latency: the end signal comes with the last
    word.
    """
    whole, segments = long_clip(path)
    turns = []
    for number, (start, end, text) in enumerate(segments):
        begin = max(0, int((start - 0.3) * 16000))
        samples = whole.samples[begin : int((end + pause) * 16000)]
        name = f"{path.stem}_{number}"
        turns.append(Clip(name, samples, "", text, speech_start=start - begin / 16000))
    return turns
