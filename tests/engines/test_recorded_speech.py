"""Real recordings through voice activity and the second pass; the full figures come from
``python -m bench.recognition_direct``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.corpus import long_clip, single_clips
from bench.recognition import missing_sentences
from bench.recognition_direct import audio, by_sentences, recognise, sentences
from bench.scoring import ErrorCount, cer, wer
from funasr_wss.engines.silero_vad import SileroVad
from funasr_wss.engines.whisper import WhisperOffline
from funasr_wss.engines.whisper_model import WhisperModel
from funasr_wss.models import locate_embedded

pytestmark = [pytest.mark.models, pytest.mark.speech]


@pytest.fixture(scope="module")
def offline(models_dir: Path) -> WhisperOffline:
    return WhisperOffline(WhisperModel(locate_embedded(models_dir).whisper, workers=1))


@pytest.fixture(scope="module")
def vad(models_dir: Path) -> SileroVad:
    return SileroVad(locate_embedded(models_dir).vad)


@pytest.mark.parametrize(("language", "limit"), [("zh", 0.26), ("en", 0.11)])
def test_error_rates_stay_below_the_goal(
    offline: WhisperOffline, vad: SileroVad, speech_dir: Path, language: str, limit: float
) -> None:
    count = wer if language == "en" else cer
    total = ErrorCount()
    for clip in single_clips(speech_dir):
        if clip.trusted and clip.language == language:
            total += count(clip.reference, by_sentences(offline, vad, clip))
    assert total.length > 100
    assert total.rate <= limit


@pytest.mark.parametrize("pattern", ["long_*zh.wav", "long_*mixed.wav"])
def test_every_sentence_of_a_long_recording_is_found_once(
    offline: WhisperOffline, vad: SileroVad, speech_dir: Path, pattern: str
) -> None:
    [path] = speech_dir.glob(pattern)
    clip, segments = long_clip(path)
    samples = audio(clip)
    texts = [recognise(offline, samples[a:b], "auto") for a, b in sentences(vad, samples)]
    assert missing_sentences(segments, " ".join(texts)) == []
