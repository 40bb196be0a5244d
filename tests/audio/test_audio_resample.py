"""Resampling: right pitch, right length, independent of slicing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from funasr_wss.audio.resample import MonoSink

RATES = [8000, 11025, 22050, 32000, 44100, 48000, 96000]


@pytest.mark.parametrize("rate", RATES)
def test_signal_is_kept(
    decode: Callable[..., np.ndarray], sweep: Callable[[int, float], np.ndarray], rate: int
) -> None:
    data = (sweep(rate, 2.0) * 32767).astype("<i2").tobytes()
    samples = decode(data, rate=rate)
    assert len(samples) == 32000
    error = (samples - sweep(16000, 2.0))[400:-400]
    assert np.abs(error).max() < 2e-3


def test_frequencies_above_half_the_rate_do_not_fold(decode: Callable[..., np.ndarray]) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 11000 * np.arange(96000) / 48000)
    samples = decode((tone * 32767).astype("<i2").tobytes(), rate=48000)
    assert np.abs(samples[800:-800]).max() < 1e-3


@pytest.mark.parametrize("rate", [*RATES, 12345, 384000])
def test_stream_resampler_is_bit_identical_for_any_slicing(rate: int) -> None:
    noise = np.random.default_rng(rate).uniform(-1, 1, (rate + 7, 1)).astype(np.float32)

    def run(sizes: list[int]) -> np.ndarray:
        sink, out, at, turn = MonoSink(None), [], 0, 0
        while at < len(noise):
            size = sizes[turn % len(sizes)]
            out.append(sink.push(noise[at : at + size], rate))
            at, turn = at + size, turn + 1
        return np.concatenate([*out, sink.flush()])

    whole = run([len(noise)])
    assert np.abs(whole).max() <= 1
    for sizes in ([480], [1, 7, 3333, 501], [rate // 3]):
        assert np.array_equal(run(sizes), whole)


def test_16_khz_is_not_resampled() -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (1000, 1)).astype(np.float32)
    sink = MonoSink(None)
    assert np.array_equal(sink.push(noise, 16000), noise[:, 0])
    assert len(sink.flush()) == 0


def test_rate_may_change_within_an_utterance() -> None:
    sink = MonoSink(None)
    total = 0
    for rate in (8000, 48000, 16000, 44100):
        total += len(sink.push(np.zeros((rate, 1), np.float32), rate))
    assert total + len(sink.flush()) == 4 * 16000


def test_many_channels_do_not_depend_on_the_array_shape() -> None:
    noise = np.random.default_rng(2).uniform(-1, 1, (50, 32)).astype(np.float32)
    whole = MonoSink(None).push(noise, 16000)
    sink = MonoSink(None)
    single = np.concatenate([sink.push(row[None, :], 16000) for row in noise])
    planar = MonoSink(None).push(np.asfortranarray(noise), 16000)
    assert np.array_equal(whole, single)
    assert np.array_equal(whole, planar)
