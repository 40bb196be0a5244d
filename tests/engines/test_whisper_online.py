"""The first pass on a scripted model, then on the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.scoring import cer
from funasr_wss.engines.base import OnlineRequest, RecognitionOptions, Samples
from funasr_wss.engines.whisper_model import WhisperModel
from funasr_wss.engines.whisper_online import WINDOW_SECONDS, OnlineState, WhisperOnline
from funasr_wss.models import locate_embedded

from .conftest import ScriptedModel, tone

SENTENCE = "今天天气很好我们一起去公园散步吧"


def spoken_so_far(seconds: float, prompt: str = "") -> str:
    """Four characters a second."""
    return SENTENCE[: int(4 * seconds)]


def start(model: Any, **options: Any) -> tuple[WhisperOnline, OnlineState]:
    engine = WhisperOnline(model)
    state = engine.open(
        RecognitionOptions(**options),
        chunk_size=(5, 10, 5),
        encoder_chunk_look_back=4,
        decoder_chunk_look_back=0,
    )
    return engine, state


def hear(engine: WhisperOnline, state: OnlineState, samples: Samples) -> str:
    [delta] = engine.run([OnlineRequest(state, samples)])
    assert isinstance(delta, str), delta
    return delta


def end(engine: WhisperOnline, state: OnlineState, samples: Samples | None = None) -> str:
    rest = np.zeros(0, np.float32) if samples is None else samples
    [delta] = engine.finish([OnlineRequest(state, rest)])
    assert isinstance(delta, str), delta
    return delta


def test_deltas_join_to_the_last_hypothesis() -> None:
    model = ScriptedModel(spoken_so_far)
    engine, state = start(model)
    deltas = [hear(engine, state, tone(0.6)) for _ in range(6)]
    deltas.append(end(engine, state))
    assert "".join(deltas) == spoken_so_far(3.6)
    assert sum(bool(delta) for delta in deltas) > 3


def test_the_second_request_shows_the_first_words() -> None:
    engine, state = start(ScriptedModel(spoken_so_far))
    hear(engine, state, tone(0.6))
    assert hear(engine, state, tone(0.6))


def test_the_first_words_do_not_wait_for_a_third_request() -> None:
    def script(seconds: float, prompt: str) -> str:
        return "嗯" if seconds < 0.9 else spoken_so_far(seconds)

    engine, state = start(ScriptedModel(script))
    assert hear(engine, state, tone(0.6)) == ""
    assert hear(engine, state, tone(0.6)).startswith("今")


def test_a_growing_number_is_not_shown() -> None:
    texts = iter(["共一百", "共一百二十", "共一百二十三", "共一百二十三元", "共一百二十三元整"])
    engine, state = start(ScriptedModel(lambda s, p: next(texts)), language="zh")
    deltas = [hear(engine, state, tone(seconds)) for seconds in (0.6, 0.8, 0.8, 0.8, 0.8)]
    assert "".join(deltas) == "共123元"


def test_a_certain_language_is_kept() -> None:
    model = ScriptedModel(spoken_so_far)
    engine, state = start(model)
    hear(engine, state, tone(0.6))
    assert state.language is None
    hear(engine, state, tone(0.9))
    detections = model.detections
    model.language = "en"
    hear(engine, state, tone(0.6))
    assert model.detections == detections
    assert model.decodings[-1][1] == "zh"


def test_an_uncertain_language_is_asked_for_again() -> None:
    model = ScriptedModel(spoken_so_far)
    model.share = 0.4
    engine, state = start(model)
    for _ in range(4):
        hear(engine, state, tone(0.6))
    assert state.language is None


def test_silence_at_the_end_is_not_decoded() -> None:
    model = ScriptedModel(spoken_so_far)
    engine, state = start(model)
    for _ in range(3):
        hear(engine, state, tone(0.6))
    decoded = len(model.decodings)
    shown = hear(engine, state, np.zeros(9600, np.float32))
    assert len(model.decodings) == decoded
    assert shown, "what the pause confirms can be shown"


def test_a_long_sentence_keeps_its_text_and_a_short_window() -> None:
    def script(seconds: float, prompt: str) -> str:
        return " ".join(f"w{i}" for i in range(int(seconds)))

    model = ScriptedModel(script, language="en")
    engine, state = start(model, language="en")
    shown = "".join(hear(engine, state, tone(0.6)) for _ in range(50))
    assert max(seconds for seconds, _, _ in model.decodings) <= WINDOW_SECONDS
    assert shown.startswith("w0 w1 w2")
    assert state.before and len(state.audio) <= WINDOW_SECONDS * 16000


def test_a_failure_takes_one_place() -> None:
    engine, state = start(ScriptedModel(spoken_so_far))
    _, broken = start(ScriptedModel(spoken_so_far))
    bad = OnlineRequest(broken, np.full(9600, np.nan, np.float32))
    results = engine.run([bad, OnlineRequest(state, tone(0.6))])
    assert isinstance(results[0], ValueError) and isinstance(results[1], str)


def test_nothing_heard_gives_nothing() -> None:
    model = ScriptedModel(spoken_so_far)
    engine, state = start(model)
    assert hear(engine, state, tone(0.2)) == ""
    assert end(engine, state) == ""
    assert model.decodings == []


@pytest.mark.models
def test_a_clip_grows_to_its_sentence(models_dir: Path, clip: Callable[[str], Samples]) -> None:
    model = WhisperModel(locate_embedded(models_dir).whisper, workers=1)
    engine, state = start(cast(Any, model))
    audio = clip("zh_01")
    deltas = [hear(engine, state, audio[i : i + 9600]) for i in range(0, len(audio), 9600)]
    assert any(deltas[:3]), "the first words are shown within 1.8 s of audio"
    text = "".join(deltas) + end(engine, state)
    assert cer("今天天气很好，我们一起去公园散步吧。", text).rate <= 0.2
