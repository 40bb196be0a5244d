"""The real network: where sentences lie, and that division and company change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from funasr_wss.engines.base import Samples, SpeechEnd, SpeechStart, VadRequest, VadResult
from funasr_wss.engines.silero_vad import SileroVad
from funasr_wss.models import ModelError, locate_embedded

from .conftest import noises

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def vad(models_dir: Path) -> SileroVad:
    return SileroVad(locate_embedded(models_dir).vad)


def edges(result: VadResult | Exception) -> list[int]:
    assert isinstance(result, VadResult), result
    return [event.sample for event in result.events]


def whole(vad: SileroVad, samples: Samples) -> list[int]:
    return edges(vad.run([VadRequest(vad.open(), samples, is_end=True)])[0])


def test_every_turn_of_a_dialogue_is_found(
    vad: SileroVad, clip: Callable[[str], Samples], data_dir: Path
) -> None:
    turns = json.loads((data_dir / "dialogue.json").read_text("utf-8"))
    found = whole(vad, clip("dialogue"))
    sentences = list(zip(found[::2], found[1::2], strict=True))
    assert len(sentences) == len(turns)
    for (start, end), turn in zip(sentences, turns, strict=True):
        # The files carry up to 0.2 s of silence of their own.
        assert start / 16 <= turn["start_ms"] + 200
        assert end / 16 >= turn["end_ms"] - 200


@pytest.mark.parametrize("gain_db", [0, -25, 10])
def test_loud_and_quiet_recordings_are_heard(
    vad: SileroVad, clip: Callable[[str], Samples], gain_db: float
) -> None:
    samples = (clip("zh_01") * 10 ** (gain_db / 20)).astype(np.float32)
    found = whole(vad, np.clip(samples, -1, 1))
    assert found[-1] - found[0] > 0.8 * len(samples)


@pytest.mark.parametrize("name", list(noises()))
def test_noise_is_no_speech(vad: SileroVad, name: str) -> None:
    assert whole(vad, noises()[name]) == []


def test_division_into_requests_changes_nothing(
    vad: SileroVad, clip: Callable[[str], Samples]
) -> None:
    samples = clip("dialogue")[: 16000 * 20 + 123]
    expected = whole(vad, samples)
    random = np.random.default_rng(1)
    for size in (160, 320, 960, 16000, 0):
        state = vad.open()
        found: list[int] = []
        position = 0
        while position < len(samples):
            step = size or int(random.integers(0, 5000))
            request = VadRequest(state, samples[position : position + step])
            found += edges(vad.run([request])[0])
            position += step
        found += edges(vad.run([VadRequest(state, np.zeros(0, np.float32), is_end=True)])[0])
        assert found == expected


def test_company_changes_nothing(vad: SileroVad, clip: Callable[[str], Samples]) -> None:
    clips = [clip(name) for name in ("zh_01", "zh_20", "en_01", "zh_14", "dialogue")]
    requests = [VadRequest(vad.open(), samples, is_end=True) for samples in clips]
    together = [edges(result) for result in vad.run(requests)]
    assert together == [whole(vad, samples) for samples in clips]


def test_starts_stay_within_the_look_back(vad: SileroVad, clip: Callable[[str], Samples]) -> None:
    state, position = vad.open(), 0
    samples = np.tile(clip("zh_01")[4000:56000], 12)  # 39 s without a long pause
    kinds = []
    for start in range(0, len(samples), 960):
        position = min(len(samples), start + 960)
        result = vad.run([VadRequest(state, samples[start:position])])[0]
        assert isinstance(result, VadResult)
        for event in result.events:
            kinds.append(type(event))
            if isinstance(event, SpeechStart):
                assert position - event.sample <= vad.look_back
    assert kinds[:2] == [SpeechStart, SpeechEnd]


def test_broken_samples_fail_one_stream(vad: SileroVad, clip: Callable[[str], Samples]) -> None:
    bad = VadRequest(vad.open(), np.full(1000, np.inf, np.float32))
    good = VadRequest(vad.open(), clip("zh_20"), is_end=True)
    first, second = vad.run([bad, good])
    assert isinstance(first, ValueError)
    assert len(edges(second)) >= 2


def test_a_file_that_is_no_network_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "vad.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"vad\.onnx cannot be loaded; .* run \./install\.sh"):
        SileroVad(path)
