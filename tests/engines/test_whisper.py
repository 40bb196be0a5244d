"""The second pass on a scripted model, then on the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.scoring import cer, wer
from funasr_wss.engines.base import OfflineRequest, RecognitionOptions, Samples, Transcript
from funasr_wss.engines.whisper import WhisperOffline, quietest_place
from funasr_wss.engines.whisper_model import WhisperModel
from funasr_wss.models import ModelError, locate_embedded

from .conftest import ScriptedModel, noises, tone


def engine(model: ScriptedModel) -> WhisperOffline:
    return WhisperOffline(cast(Any, model))


def transcripts(
    recogniser: WhisperOffline, samples: Sequence[Samples], **options: Any
) -> list[Transcript]:
    chosen = RecognitionOptions(**options)
    results = recogniser.run([OfflineRequest(each, chosen) for each in samples])
    assert all(isinstance(result, Transcript) for result in results), results
    return cast(list[Transcript], results)


def test_text_is_made_readable_and_has_word_times() -> None:
    model = ScriptedModel(lambda seconds, prompt: "這是二十六度.")
    [result] = transcripts(engine(model), [tone(2.0)])
    assert (result.text, result.language) == ("这是26度。", "zh")
    assert [word.text for word in result.words] == ["这", "是", "26", "度"]


def test_each_request_has_its_own_language_and_hotwords() -> None:
    model = ScriptedModel(lambda seconds, prompt: "好的。")
    requests = [
        OfflineRequest(tone(1.0), RecognitionOptions(language="en", hotwords=("Fun",))),
        OfflineRequest(tone(1.0), RecognitionOptions(language="yue", hotwords=("魔搭",))),
    ]
    results = engine(model).run(requests)
    assert [(d[1], "Fun" in d[2], "魔搭" in d[2]) for d in model.decodings] == [
        ("en", True, False),
        ("zh", False, True),
    ]
    assert [cast(Transcript, r).language for r in results] == ["en", "yue"]
    assert model.detections == 0


def test_silence_is_not_decoded() -> None:
    model = ScriptedModel(lambda seconds, prompt: "谢谢观看")
    results = transcripts(engine(model), [np.zeros(16000, np.float32), np.zeros(0, np.float32)])
    assert [r.text for r in results] == ["", ""]
    assert model.decodings == []


@pytest.mark.parametrize(("no_speech", "confidence"), [(0.9, -0.6), (0.7, -1.2)])
def test_text_made_up_for_noise_is_dropped(no_speech: float, confidence: float) -> None:
    model = ScriptedModel(lambda seconds, prompt: "这是一句话。")
    model.no_speech, model.confidence = no_speech, confidence
    assert transcripts(engine(model), [tone(1.0)]) == [Transcript("")]


def test_a_farewell_that_was_really_said_is_kept() -> None:
    model = ScriptedModel(lambda seconds, prompt: "感谢观看。")
    assert transcripts(engine(model), [tone(1.0)])[0].text == "感谢观看。"


def test_a_loop_is_decoded_again_and_cut() -> None:
    model = ScriptedModel(lambda seconds, prompt: "再说一遍。" * 12)
    [result] = transcripts(engine(model), [tone(3.0)])
    assert len(model.decodings) == 3
    assert result.text.count("再说一遍") == 1


def test_a_failed_alignment_costs_the_times_only() -> None:
    class Unaligned(ScriptedModel):
        def token_times(self, *_: object) -> list[tuple[float, float]]:
            raise RuntimeError("no alignment heads")

    [result] = transcripts(engine(Unaligned(lambda seconds, prompt: "好的。")), [tone(1.0)])
    assert (result.text, result.words) == ("好的。", ())


def test_a_recited_hotword_list_is_decoded_again_without_it() -> None:
    hotwords = ("达摩院", "魔搭社区", "通义千问")
    model = ScriptedModel(lambda s, prompt: "".join(hotwords) if hotwords[0] in prompt else "你好")
    assert transcripts(engine(model), [tone(3.0)], hotwords=hotwords)[0].text == "你好。"


def test_a_failure_takes_one_place() -> None:
    def script(seconds: float, prompt: str) -> str:
        if seconds > 1.5:
            raise RuntimeError("device lost")
        return "好。"

    bad = np.full(16000, np.nan, np.float32)
    requests = [OfflineRequest(s, RecognitionOptions()) for s in (tone(1.0), tone(2.0), bad)]
    first, second, third = engine(ScriptedModel(script)).run(requests)
    assert isinstance(first, Transcript) and first.text == "好。"
    assert isinstance(second, RuntimeError) and isinstance(third, ValueError)


def test_audio_longer_than_the_model_is_divided() -> None:
    model = ScriptedModel(lambda seconds, prompt: f"part of {seconds:.2f}")
    [result] = transcripts(engine(model), [tone(70.0)], language="en", itn=False)
    lengths = [seconds for seconds, _, _ in model.decodings]
    assert len(lengths) == 3 and max(lengths) <= 30.0
    assert sum(lengths) == pytest.approx(70.0, abs=0.01)
    assert result.words[-1].start_ms > 40000


def test_the_quietest_place_is_in_the_pause() -> None:
    audio = np.concatenate([tone(1.0), np.zeros(8000, np.float32), tone(1.0)])
    assert 16000 <= quietest_place(audio, 0, len(audio)) <= 24000


# --- the real model -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(models_dir: Path) -> WhisperOffline:
    return WhisperOffline(WhisperModel(locate_embedded(models_dir).whisper, workers=2))


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "reference", "limit"),
    [
        ("zh_01", "今天天气很好，我们一起去公园散步吧。", 0.1),
        ("zh_04", "你好，请问有什么可以帮助您？", 0.1),
        ("zh_14", "请记住我的电话号码，一三八零零一三八零零零。", 0.15),
        ("zh_20", "好的，没问题。", 0.2),
        ("en_01", "The quick brown fox jumps over the lazy dog near the river bank.", 0.2),
    ],
)
def test_clips_are_recognised_with_their_language_detected(
    real: WhisperOffline,
    clip: Callable[[str], Samples],
    name: str,
    reference: str,
    limit: float,
) -> None:
    audio = clip(name)
    [result] = transcripts(real, [audio])
    count = wer if name.startswith("en") else cer
    assert count(reference, result.text).rate <= limit
    assert result.language == name[:2]
    times = [t for word in result.words for t in (word.start_ms, word.end_ms)]
    assert times and times == sorted(times) and times[-1] <= len(audio) * 1000 / 16000


@pytest.mark.models
def test_faint_speech_is_recognised(real: WhisperOffline, clip: Callable[[str], Samples]) -> None:
    samples = clip("zh_01") * np.float32(0.003)  # 50 dB down
    [result] = transcripts(real, [samples], language="zh")
    assert cer("今天天气很好，我们一起去公园散步吧。", result.text).rate <= 0.2


@pytest.mark.models
def test_options_are_honoured(real: WhisperOffline, clip: Callable[[str], Samples]) -> None:
    audio = clip("zh_14")
    assert "138" in transcripts(real, [audio], language="zh")[0].text
    plain = transcripts(real, [audio], language="zh", itn=False, punctuation=False)[0].text
    assert "一三八" in plain and not any(char in plain for char in "，。？")


@pytest.mark.models
@pytest.mark.parametrize("language", ["auto", "zh", "en"])
def test_nothing_is_made_up_for_noise(real: WhisperOffline, language: str) -> None:
    """Voice activity lets none of these through; the guard behind it must hold for most."""
    sounds = [samples[: 3 * 16000] for samples in noises().values()]
    texts = [result.text for result in transcripts(real, sounds, language=language)]
    assert texts[0] == ""
    assert sum(bool(text) for text in texts) <= 2, texts


@pytest.mark.models
def test_threads_give_the_same_text_as_one(
    real: WhisperOffline, clip: Callable[[str], Samples]
) -> None:
    audio = [clip("zh_04"), clip("zh_20")] * 2
    alone = transcripts(real, audio)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda samples: transcripts(real, [samples])[0], audio))
    assert together == alone


@pytest.mark.models
def test_hotwords_do_not_appear_in_other_speech(
    real: WhisperOffline, clip: Callable[[str], Samples]
) -> None:
    hotwords = ("达摩院", "通义千问", "魔搭社区")
    text = transcripts(real, [clip("zh_01")], hotwords=hotwords)[0].text
    assert not any(word in text for word in hotwords)


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded .*run \./install\.sh again\.$"):
        WhisperModel(tmp_path)
