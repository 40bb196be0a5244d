"""WAV: every sample layout, odd headers, streamed lengths."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.audio import AudioError
from funasr_wss.audio.wav import MAX_HEADER_BYTES, WavHeaderParser

Decode = Callable[..., np.ndarray]
Wav = Callable[..., bytes]

RAMP = np.linspace(-1, 0.99, 400)
PCM = (RAMP * 32767).astype("<i2")
EXPECTED = PCM / np.float32(32768)


def _packed24(values: np.ndarray, order: str) -> bytes:
    quads = (values * (2**23 - 1)).astype(f"{order}i4").view(np.uint8).reshape(-1, 4)
    return (quads[:, 1:] if order == ">" else quads[:, :3]).tobytes()


def _layouts(order: str) -> dict[str, tuple[bytes, dict[str, int], float]]:
    """name -> (data, header fields, largest error)."""
    return {
        "int8": (((RAMP + 1) * 127.5).astype(np.uint8).tobytes(), {"bits": 8}, 1 / 64),
        "int16": ((RAMP * 32767).astype(f"{order}i2").tobytes(), {"bits": 16}, 1e-4),
        "int24": (_packed24(RAMP, order), {"bits": 24}, 1e-6),
        "int32": ((RAMP * (2**31 - 1)).astype(f"{order}i4").tobytes(), {"bits": 32}, 1e-6),
        "float32": (RAMP.astype(f"{order}f4").tobytes(), {"bits": 32, "tag": 3}, 1e-7),
        "float64": (RAMP.astype(f"{order}f8").tobytes(), {"bits": 64, "tag": 3}, 1e-7),
    }


@pytest.mark.parametrize("label", ["pcm", "wav", "mp3"])
@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("riff", [b"RIFF", b"RIFX"])
@pytest.mark.parametrize("name", list(_layouts("<")))
def test_layouts(
    decode: Decode, wav: Wav, name: str, riff: bytes, extensible: bool, label: str
) -> None:
    data, fields, error = _layouts(">" if riff == b"RIFX" else "<")[name]
    samples = decode(wav(data, riff=riff, extensible=extensible, **fields), label)
    assert samples.shape == RAMP.shape
    assert np.abs(samples - RAMP).max() <= error


@pytest.mark.parametrize("codec", ["pcm_alaw", "pcm_mulaw"])
def test_g711_agrees_with_ffmpeg(decode: Decode, wav: Wav, codec: str) -> None:
    context = av.CodecContext.create(codec, "r")
    context.sample_rate, context.layout = 16000, "mono"
    codes = bytes(range(256))
    (frame,) = context.decode(av.Packet(codes))
    expected = frame.to_ndarray().reshape(-1) / np.float32(32768)
    tag = 6 if codec == "pcm_alaw" else 7
    assert np.array_equal(decode(wav(codes, bits=8, tag=tag)), expected)


def test_channels_are_averaged(decode: Decode, wav: Wav) -> None:
    stereo = np.stack([PCM, np.zeros_like(PCM)], 1)
    assert np.allclose(decode(wav(stereo.tobytes(), channels=2)), EXPECTED / 2, atol=1e-7)
    six = np.stack([PCM] * 6, 1)
    assert np.allclose(decode(wav(six.tobytes(), channels=6)), EXPECTED, atol=1e-6)


def test_not_finite_and_loud_floats(decode: Decode, wav: Wav) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 2.0, -3e30, 0.25], "<f4")
    assert decode(wav(values.tobytes(), bits=32, tag=3)).tolist() == [0, 0, 0, 1, -1, 0.25]
    wide = np.array([1e300, np.nan, -0.5], "<f8")
    assert decode(wav(wide.tobytes(), bits=64, tag=3)).tolist() == [1, 0, -0.5]


def test_header_cut_at_every_byte(decode: Decode, wav: Wav) -> None:
    data = wav(PCM.tobytes())
    for cut in range(1, 60):
        assert np.array_equal(decode(data, sizes=(cut, len(data))), EXPECTED), cut


EXTRA = b"LIST" + struct.pack("<I", 5) + b"INFOx\0" + b"JUNK" + struct.pack("<I", 0)


def test_chunks_before_and_after_the_samples(decode: Decode, wav: Wav) -> None:
    data = wav(PCM.tobytes(), before=EXTRA, after=EXTRA)
    for size in (1, 7, 65536):
        assert np.array_equal(decode(data, sizes=(size,)), EXPECTED)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, len(PCM) * 2 + 2])
def test_data_length_of_streamed_files(decode: Decode, wav: Wav, size: int) -> None:
    assert np.array_equal(decode(wav(PCM.tobytes(), data_size=size)), EXPECTED)


@pytest.mark.parametrize(
    ("long_size", "expected"), [(400, 200), (0, 400), (2**64 - 1, 400), (2**40, 400)]
)
def test_rf64_takes_its_length_from_ds64(
    decode: Decode, wav: Wav, long_size: int, expected: int
) -> None:
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, long_size, 0, 0)
    data = wav(PCM.tobytes(), riff=b"RF64", before=ds64, data_size=0xFFFFFFFF)
    assert np.array_equal(decode(data), EXPECTED[:expected])


def test_file_cut_in_a_frame_gives_the_whole_frames(decode: Decode, wav: Wav) -> None:
    stereo = np.stack([PCM, PCM], 1).tobytes()
    data = wav(stereo, channels=2)[:-3]
    assert len(decode(data)) == len(PCM) - 1


def test_header_overrides_the_rate_of_the_config(decode: Decode, wav: Wav) -> None:
    data = wav(bytes(16000), rate=8000)
    assert len(decode(data, rate=48000)) == 16000


@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=6),
    name=st.sampled_from(["int8", "int24", "float64"]),
    channels=st.sampled_from([1, 2, 5]),
    rate=st.sampled_from([16000, 22050]),
)
def test_slicing_of_wav_changes_nothing(
    decode: Decode, wav: Wav, sizes: Sequence[int], name: str, channels: int, rate: int
) -> None:
    samples, fields, _ = _layouts("<")[name]
    data = wav(samples, channels=channels, rate=rate, before=EXTRA, **fields)
    assert np.array_equal(decode(data, sizes=sizes), decode(data, sizes=(len(data),)))


@pytest.mark.parametrize(
    "fields",
    [{"channels": 0}, {"channels": 33}, {"rate": 0}, {"rate": 2**30}, {"bits": 40}, {"bits": 0},
     {"bits": 16, "tag": 3}],
)
def test_absurd_parameters(decode: Decode, wav: Wav, fields: dict[str, int]) -> None:
    with pytest.raises(AudioError) as caught:
        decode(wav(bytes(400), **fields))
    assert caught.value.code == "bad_audio"


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0",
        b"RIFF\0\0\0\0WAVEdata\x10\0\0\0" + bytes(16),
        b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0" + bytes(4) + b"data\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(100),
        b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\xff" + bytes(100),
    ],
    ids=["only magic", "cut in fmt", "no fmt", "short fmt", "endless fmt", "endless chunk"],
)
def test_damaged_header(decode: Decode, data: bytes) -> None:
    for size in (1, len(data)):
        with pytest.raises(AudioError) as caught:
            decode(data, sizes=(size,))
        assert caught.value.code == "bad_audio"


def test_header_without_end_is_not_collected_for_ever() -> None:
    parser = WavHeaderParser()
    junk = b"JUNK" + struct.pack("<I", 65528) + bytes(65528)
    parser.feed(b"RIFF\0\0\0\0WAVE")
    with pytest.raises(AudioError):
        for _ in range(MAX_HEADER_BYTES // len(junk) + 2):
            parser.feed(junk)
    assert len(parser.head) <= MAX_HEADER_BYTES + 2 * len(junk)


@given(tail=st.binary(max_size=200), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_any_header_decodes_or_raises_audio_error(
    decode: Decode, tail: bytes, sizes: Sequence[int]
) -> None:
    outcomes: list[object] = []
    data = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + tail
    for cut in (sizes, (len(data),)):
        try:
            outcomes.append(decode(data, sizes=cut, max_seconds=5).tobytes())
        except AudioError as error:
            outcomes.append(error.code)
    assert outcomes[0] == outcomes[1]
