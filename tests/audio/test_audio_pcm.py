"""Raw PCM, limits, and the contract of ``AudioDecoder`` itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.audio import AudioDecoder, AudioError

SIZES = st.lists(st.integers(0, 700), min_size=1, max_size=8)


def test_samples_are_scaled_to_one(decode: Callable[..., np.ndarray]) -> None:
    values = np.array([0, 1, -1, 32767, -32768], "<i2")
    assert decode(values.tobytes()).tolist() == [0, 1 / 32768, -1 / 32768, 32767 / 32768, -1]


@pytest.mark.parametrize("label", ["pcm", "PCM", "", " pcm ", "wav", ".WAV"])
def test_labels_that_mean_raw_pcm(decode: Callable[..., np.ndarray], label: str) -> None:
    assert decode(bytes(3200), label).shape == (1600,)


def test_odd_byte_is_carried_and_dropped_at_the_end(decode: Callable[..., np.ndarray]) -> None:
    data = np.arange(-50, 50, dtype="<i2").tobytes() + b"\x7f"
    assert np.array_equal(decode(data, sizes=(1,)), np.arange(-50, 50) / np.float32(32768))
    assert decode(b"\x01").shape == (0,)


@pytest.mark.parametrize(
    "head", [b"R", b"RI", b"RIFF", b"RIFFabcdWAV", b"RIFFabcdAVI ", b"RF64....WAVX", b"ID3\x03"]
)
@pytest.mark.parametrize("size", [1, 5, 4096])
def test_pcm_that_begins_like_a_header(
    decode: Callable[..., np.ndarray], head: bytes, size: int
) -> None:
    for data in (head, head + bytes(range(200))):
        expected = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / np.float32(32768)
        assert np.array_equal(decode(data, sizes=(size,)), expected)


def test_pcm_is_decoded_without_waiting_for_a_header() -> None:
    decoder = AudioDecoder(wav_format="pcm", sample_rate=16000)
    assert len(decoder.feed(b"\x01\x02")) == 1
    assert not decoder.blocking


@given(data=st.binary(max_size=3000), sizes=SIZES, rate=st.sampled_from([16000, 8000, 44100]))
def test_slicing_of_pcm_changes_nothing(
    decode: Callable[..., np.ndarray], data: bytes, sizes: Sequence[int], rate: int
) -> None:
    whole = decode(data, rate=rate, sizes=(len(data) or 1,))
    assert np.array_equal(decode(data, rate=rate, sizes=sizes), whole)


def test_memoryview_and_empty_slices() -> None:
    decoder = AudioDecoder(wav_format="pcm", sample_rate=16000)
    assert len(decoder.feed(b"")) == 0
    assert len(decoder.feed(memoryview(bytes(5)))) == 2
    assert len(decoder.feed(memoryview(bytes(5)))) == 3
    assert decoder.finish().dtype == np.float32


def test_result_does_not_alias_the_callers_buffer() -> None:
    buffer = bytearray(np.full(100, 1000, "<i2").tobytes())
    samples = AudioDecoder(wav_format="pcm", sample_rate=16000).feed(memoryview(buffer))
    buffer[:] = bytes(200)
    assert np.all(samples == np.float32(1000 / 32768))


@pytest.mark.parametrize("label", ["pcm", "wav", "mp3", "others"])
def test_no_bytes_give_no_samples(label: str) -> None:
    decoder = AudioDecoder(wav_format=label, sample_rate=0)
    decoder.feed(b"")
    assert decoder.finish().shape == (0,)


def test_use_after_the_end_is_a_programming_error() -> None:
    decoder = AudioDecoder(wav_format="pcm", sample_rate=16000)
    decoder.finish()
    for call in (lambda: decoder.feed(b"\0\0"), decoder.finish, decoder.drain):
        with pytest.raises(RuntimeError):
            call()


def test_close_is_idempotent_and_data_after_it_is_ignored() -> None:
    decoder = AudioDecoder(wav_format="pcm", sample_rate=16000)
    decoder.close()
    decoder.close()
    assert len(decoder.feed(bytes(100))) == 0
    assert len(decoder.finish()) == 0


@pytest.mark.parametrize("rate", [-1, 0, 1999, 384001, 10**9])
def test_impossible_rate(decode: Callable[..., np.ndarray], rate: int) -> None:
    with pytest.raises(AudioError) as caught:
        decode(bytes(100), rate=rate)
    assert caught.value.code == "bad_audio"


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("size", [100, 65536])
def test_limit_in_seconds(decode: Callable[..., np.ndarray], rate: int, size: int) -> None:
    allowed = bytes(2 * rate * 2)
    assert len(decode(allowed, rate=rate, sizes=(size,), max_seconds=2)) == 32000
    with pytest.raises(AudioError) as caught:
        decode(allowed + bytes(20), rate=rate, sizes=(size,), max_seconds=2)
    assert caught.value.code == "audio_too_long"
    assert caught.value.message == str(caught.value)


def test_an_error_stays() -> None:
    decoder = AudioDecoder(wav_format="pcm", sample_rate=16000, max_seconds=0.001)
    for call in (lambda: decoder.feed(bytes(100)), lambda: decoder.feed(b"\0\0"), decoder.finish):
        with pytest.raises(AudioError):
            call()
