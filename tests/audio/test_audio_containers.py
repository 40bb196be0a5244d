"""Compressed files: every format, damaged ones, hostile ones, threads."""

from __future__ import annotations

import gc
import io
import threading
import weakref
from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funasr_wss.audio import AudioDecoder, AudioError
from funasr_wss.audio.decoder import MAX_PIECE
from funasr_wss.audio.pcm import clean_float, scale_int
from funasr_wss.audio.resample import MonoSink

Decode = Callable[..., np.ndarray]
SECONDS = 4.0

FILES: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", 44100, {}),
    "mp3 16k": ("mp3", "libmp3lame", 16000, {}),
    "flac": ("flac", "flac", 48000, {}),
    "ogg opus": ("ogg", "libopus", 48000, {}),
    "ogg flac": ("ogg", "flac", 44100, {}),
    "adts": ("adts", "aac", 44100, {}),
    "m4a, index at the end": ("ipod", "aac", 44100, {}),
    "m4a, index in front": ("ipod", "aac", 44100, {"movflags": "faststart"}),
    "m4a alac": ("ipod", "alac", 48000, {}),
    "mp4, fragmented": ("mp4", "aac", 48000, {"movflags": "frag_keyframe+empty_moov"}),
    "webm": ("webm", "libopus", 48000, {}),
    "mka": ("matroska", "flac", 44100, {}),
    "adpcm in wav": ("wav", "adpcm_ima_wav", 16000, {}),
    "mp3 in wav": ("wav", "libmp3lame", 44100, {}),
    "aiff": ("aiff", "pcm_s16be", 16000, {}),
    "au": ("au", "pcm_mulaw", 8000, {}),
    "caf": ("caf", "pcm_s24le", 16000, {}),
    "mpeg ts": ("mpegts", "mp2", 48000, {}),
}


@pytest.fixture(scope="session")
def files(
    sweep: Callable[[int, float], np.ndarray], encode: Callable[..., bytes]
) -> dict[str, bytes]:
    """One sweep of ``SECONDS`` in every format."""
    return {
        name: encode(sweep(rate, SECONDS), rate, container, codec, options)
        for name, (container, codec, rate, options) in FILES.items()
    }


@pytest.fixture(scope="session")
def long_flac(encode: Callable[..., bytes]) -> bytes:
    """40 s of noise: about 1.2 MB, several times what may wait in the pipe."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 40 * 16000).astype(np.float32)
    return encode(noise, 16000, "flac", "flac")


def _code(decode: Decode, data: bytes, label: str = "others", **options: object) -> str:
    with pytest.raises(AudioError) as caught:
        decode(data, label, **options)
    return caught.value.code


# ---- formats


@pytest.mark.parametrize("name", FILES)
def test_sound_and_length_are_kept(
    files: dict[str, bytes],
    decode: Decode,
    sweep: Callable[[int, float], np.ndarray],
    similarity: Callable[[np.ndarray, np.ndarray], float],
    lag: Callable[[np.ndarray, np.ndarray], int],
    name: str,
) -> None:
    samples = decode(files[name], "others")
    original = sweep(16000, SECONDS)
    # Encoders may add up to two frames of padding at either end.
    assert len(original) <= len(samples) <= len(original) + 2000
    assert abs(lag(original, samples)) <= 1200
    # Lossy codecs, and up to half a sample of delay that the comparison cannot remove.
    assert similarity(original, samples) > 0.93
    assert np.abs(samples).max() <= 1


@pytest.mark.parametrize("name", FILES)
def test_result_equals_a_plain_decode_of_the_whole_file(
    files: dict[str, bytes], decode: Decode, name: str
) -> None:
    """A pipe that cannot seek must not cost samples at either end."""
    with av.open(io.BytesIO(files[name])) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    mono = np.concatenate(frames)
    scaled = clean_float(mono) if mono.dtype.kind == "f" else scale_int(mono)
    sink = MonoSink(None)
    expected = np.concatenate([sink.push(scaled[:, None], FILES[name][2]), sink.flush()])
    samples = decode(files[name], "others")
    if FILES[name][0] == "mp3":
        # FFmpeg trims the encoder's padding at the end only where it can seek.
        assert len(expected) <= len(samples) < len(expected) + 1152
        samples, expected = samples[:60000], expected[:60000]
    assert np.array_equal(samples, expected)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("label", ["mp3", "xyz"])
def test_label_and_slicing_change_nothing(
    files: dict[str, bytes], decode: Decode, name: str, label: str
) -> None:
    whole = decode(files[name], "others")
    for sizes in ((960,), (1, 0, 333, 65536)):
        assert np.array_equal(decode(files[name], label, sizes), whole)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=6).filter(lambda s: sum(s) > 300),
)
def test_any_slicing_of_containers(
    files: dict[str, bytes], decode: Decode, name: str, sizes: Sequence[int]
) -> None:
    assert np.array_equal(decode(files[name], "mp3", sizes), decode(files[name], "mp3"))


def test_single_bytes(files: dict[str, bytes], decode: Decode) -> None:
    for name in ("mp3", "m4a, index at the end", "m4a, index in front"):
        assert np.array_equal(decode(files[name], "mp3", (1,)), decode(files[name], "mp3"))


@pytest.mark.parametrize("name", ["flac", "ogg opus", "webm", "m4a, index at the end"])
def test_wav_label_still_decodes_what_has_a_long_magic(
    files: dict[str, bytes], decode: Decode, name: str
) -> None:
    assert np.array_equal(decode(files[name], "wav"), decode(files[name], "others"))


def test_pcm_label_never_decodes_containers(files: dict[str, bytes], decode: Decode) -> None:
    assert len(decode(files["mp3"], "pcm")) == len(files["mp3"]) // 2


def _id3(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


@pytest.mark.parametrize("name", ["mp3", "flac", "adts"])
@pytest.mark.parametrize("tag", [_id3(0), _id3(3_000_000), _id3(20) * 3], ids=["0", "3 MB", "3"])
def test_id3_tags_of_any_size_are_skipped(
    files: dict[str, bytes], decode: Decode, name: str, tag: bytes
) -> None:
    plain = files[name]
    if plain.startswith(b"ID3"):  # the encoder writes one too
        plain = plain[10 + plain[9] :]
    for sizes in ((65536,), (65536, 1, 5)):
        assert np.array_equal(decode(tag + plain, "mp3", sizes), decode(plain, "mp3"))


def test_many_tags_do_not_recurse(decode: Decode) -> None:
    assert _code(decode, _id3(0) * 50_000) == "unsupported_format"


def test_first_audio_track_of_a_video(
    decode: Decode,
    sweep: Callable[[int, float], np.ndarray],
    similarity: Callable[[np.ndarray, np.ndarray], float],
) -> None:
    tracks = (sweep(48000, 2.0), np.zeros(96000, np.float32))
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        video = file.add_stream("mjpeg", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        audio = [file.add_stream("libopus", rate=48000, layout="mono") for _ in tracks]
        for index in range(20):
            picture = np.full((72, 64), index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="yuvj420p")
            frame.pts = index
            file.mux(video.encode(frame))
        for stream, samples in zip(audio, tracks, strict=True):
            sound = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
            sound.sample_rate = 48000
            file.mux(stream.encode(sound))
        for stream in (video, *audio):
            file.mux(stream.encode(None))
    samples = decode(buffer.getvalue(), "mp4")
    assert abs(len(samples) - 32000) < 1000
    assert similarity(sweep(16000, 2.0), samples) > 0.99


@pytest.mark.parametrize(
    ("container", "codec", "layout"),
    [("adts", "aac", "7.1"), ("ogg", "libopus", "7.1"), ("flac", "flac", "7.1"),
     ("ipod", "aac", "5.1"), ("matroska", "pcm_f32le", "hexadecagonal")],
)
def test_many_channels(
    encode: Callable[..., bytes],
    decode: Decode,
    sweep: Callable[[int, float], np.ndarray],
    similarity: Callable[[np.ndarray, np.ndarray], float],
    container: str,
    codec: str,
    layout: str,
) -> None:
    """Planar frames of eight and more channels once made PyAV read foreign memory."""
    data = encode(sweep(48000, 2.0), 48000, container, codec, layout=layout)
    samples = decode(data, "others")
    assert 32000 <= len(samples) < 33000
    assert similarity(sweep(16000, 2.0), samples) > 0.93


# ---- while the upload is running


def test_samples_come_before_the_upload_ends(
    long_flac: bytes, slices: Callable[..., Sequence[bytes]]
) -> None:
    decoder = AudioDecoder(wav_format="flac", sample_rate=16000)
    early = sum(len(decoder.feed(part)) for part in slices(long_flac, (65536,)))
    assert decoder.blocking
    rest = len(decoder.finish())
    assert early > 20 * 16000
    assert early + rest == 40 * 16000


def test_drain_gives_short_pieces_and_holds_the_decoder_back(
    encode: Callable[..., bytes],
) -> None:
    minutes = encode(np.zeros(300 * 16000, np.float32), 16000, "ipod", "alac")
    decoder = AudioDecoder(wav_format="m4a", sample_rate=16000)
    for at in range(0, len(minutes), 65536):
        assert len(decoder.feed(minutes[at : at + 65536])) == 0
    sizes = [len(piece) for piece in decoder.drain()]
    assert max(sizes) <= MAX_PIECE
    assert sum(sizes) == 300 * 16000


def test_large_mp4_is_spooled_and_limited(files: dict[str, bytes], decode: Decode) -> None:
    data = files["m4a, index at the end"]
    start = data.index(b"mdat") - 4
    padding = (9 << 20).to_bytes(4, "big") + b"free" + bytes((9 << 20) - 8)
    padded = data[:start] + padding + data[start:]
    # The index holds absolute positions, so the padding goes behind it as well.
    behind = data + padding
    assert np.array_equal(decode(behind, "m4a"), decode(data, "m4a"))
    decoder = AudioDecoder(wav_format="m4a", sample_rate=16000, max_file_bytes=1 << 20)
    with pytest.raises(AudioError) as caught:
        for at in range(0, len(padded), 65536):
            decoder.feed(padded[at : at + 65536])
    assert caught.value.code == "audio_too_long"


# ---- damaged, hostile, empty


@pytest.mark.parametrize("name", sorted(set(FILES) - {"m4a, index at the end", "m4a alac"}))
def test_truncated_file_gives_its_beginning(
    files: dict[str, bytes], decode: Decode, name: str
) -> None:
    data = files[name]
    samples = decode(data[: len(data) * 6 // 10], "others")
    assert 0.4 * SECONDS * 16000 < len(samples) < 0.75 * SECONDS * 16000
    whole = decode(data, "others")
    keep = len(samples) - 3000  # the cut frame and the resampler's tail differ
    assert np.array_equal(samples[:keep], whole[:keep])


@pytest.mark.parametrize("name", ["m4a, index at the end", "m4a alac"])
def test_truncated_file_without_index_is_bad_audio(
    files: dict[str, bytes], decode: Decode, name: str
) -> None:
    assert _code(decode, files[name][:-2000]) == "bad_audio"


@pytest.mark.parametrize(
    # Ogg loses the whole page, here a second.
    ("name", "share"), [("mp3", 0.9), ("flac", 0.9), ("adts", 0.9), ("ogg opus", 0.7)]
)
def test_damage_in_the_middle_does_not_end_the_audio(
    files: dict[str, bytes], decode: Decode, name: str, share: float
) -> None:
    data = bytearray(files[name])
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    assert len(decode(bytes(data), "others")) >= share * SECONDS * 16000


@pytest.mark.parametrize("size", [1, 11, 12, 500, 100_000, 1_500_000])
@pytest.mark.parametrize("label", ["mp3", "others"])
def test_garbage_is_an_unsupported_format(decode: Decode, size: int, label: str) -> None:
    garbage = np.random.default_rng(size).integers(0, 128, size, np.uint8).tobytes()
    assert _code(decode, garbage, label) == "unsupported_format"


@pytest.mark.parametrize(
    "data",
    [b"hello world, this is text\n" * 50, b'{"a": 1}' * 500, bytes(50_000), b"%PDF-1.7\n" * 900,
     b"\x89PNG\r\n\x1a\n" + bytes(900), b"PK\x03\x04" + bytes(900),
     b"\xff\xfb\x90\x64" + bytes(40)],
    ids=["text", "json", "zeros", "pdf", "png", "zip", "mpeg magic"],
)
def test_other_data_is_an_unsupported_format(decode: Decode, data: bytes) -> None:
    assert _code(decode, data) == "unsupported_format"


def test_picture_without_audio_track(decode: Decode) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        stream = file.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        file.mux(stream.encode(av.VideoFrame(16, 16, "yuvj420p")))
        file.mux(stream.encode(None))
    assert _code(decode, buffer.getvalue()) == "unsupported_format"


def test_playlist_must_not_open_other_files(
    tmp_path: object, files: dict[str, bytes], decode: Decode
) -> None:
    secret = f"{tmp_path}/secret.mp3"
    with open(secret, "wb") as file:
        file.write(files["mp3"])
    lists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={secret}\nm=audio 5004 RTP/AVP 0\n",
    ]
    for text in lists:
        assert _code(decode, text.encode()) == "unsupported_format"


def test_only_listed_containers_are_opened(
    encode: Callable[..., bytes], decode: Decode
) -> None:
    tone = np.zeros(16000, np.float32)
    assert len(decode(encode(tone, 16000, "aiff", "pcm_s16be"), "others")) == 16000
    assert _code(decode, encode(tone, 16000, "nut", "pcm_s16le")) == "unsupported_format"


def test_headers_without_samples(files: dict[str, bytes], decode: Decode) -> None:
    header = files["flac"].split(b"\xff\xf8")[0]
    assert len(decode(header, "flac")) == 0  # complete, just empty
    for data in (b"OggS" + bytes(100), b"\0\0\0\x10ftypM4A \0\0\0\0",
                 b"\x1a\x45\xdf\xa3" + bytes(60)):
        assert _code(decode, data) == "bad_audio"
    assert _code(decode, _id3(50)) == "unsupported_format"
    assert _code(decode, _id3(50)[:30]) == "unsupported_format"


@pytest.mark.parametrize("name", ["flac", "m4a, index at the end", "mp3"])
def test_limit_in_seconds_of_containers(
    files: dict[str, bytes], decode: Decode, name: str
) -> None:
    assert _code(decode, files[name], max_seconds=2) == "audio_too_long"
    assert len(decode(files[name], "others", max_seconds=SECONDS + 0.2)) > 0


def test_decompression_bomb_ends_at_the_limit(encode: Callable[..., bytes]) -> None:
    bomb = encode(np.zeros(900 * 16000, np.float32), 16000, "flac", "flac")
    assert len(bomb) < 900 * 16000 * 4 / 200
    decoder = AudioDecoder(wav_format="flac", sample_rate=16000, max_seconds=60)
    taken = 0
    with pytest.raises(AudioError) as caught:
        taken += len(decoder.feed(bomb[:65536]))
        for piece in decoder.drain():
            taken += len(piece)
    assert caught.value.code == "audio_too_long"
    assert taken <= 60 * 16000


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    spots=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=8)), max_size=10),
    cut=st.floats(0, 1),
)
def test_damaged_files_decode_or_raise_audio_error(
    files: dict[str, bytes],
    decode: Decode,
    name: str,
    spots: list[tuple[float, bytes]],
    cut: float,
) -> None:
    data = bytearray(files[name])
    for where, patch in spots:
        at = int(where**3 * len(data))  # mostly in the header
        data[at : at + len(patch)] = patch
    try:
        samples = decode(bytes(data[: int(cut * len(data))]), "others", max_seconds=60)
    except AudioError:
        return
    assert np.isfinite(samples).all()
    assert len(samples) <= 60 * 16000


# ---- threads


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", ["mp3", "m4a, index at the end", "m4a, index in front"])
def test_close_at_any_point_ends_the_thread(
    files: dict[str, bytes], name: str, share: float
) -> None:
    decoder = AudioDecoder(wav_format="mp3", sample_rate=16000)
    decoder.feed(files[name][: int(share * len(files[name]))])
    decoder.close()
    decoder.close()  # the fixture checks the threads
    assert len(decoder.feed(b"more")) == 0


def test_close_while_draining(long_flac: bytes, slices: Callable[..., Sequence[bytes]]) -> None:
    decoder = AudioDecoder(wav_format="flac", sample_rate=16000)
    for part in slices(long_flac, (65536,)):
        decoder.feed(part)
    rest = decoder.drain()
    next(rest)
    decoder.close()
    assert sum(map(len, rest)) <= MAX_PIECE * 10


def test_close_from_another_thread_wakes_a_waiting_drain(files: dict[str, bytes]) -> None:
    decoder = AudioDecoder(wav_format="mp3", sample_rate=16000)
    decoder.feed(files["mp3"][:20_000])
    stop = threading.Timer(0, decoder.close)
    stop.start()
    decoder.finish()
    stop.join()


def test_dropped_decoder_ends_its_thread(files: dict[str, bytes]) -> None:
    decoder = AudioDecoder(wav_format="mp3", sample_rate=16000)
    decoder.feed(files["mp3"][:20_000])
    del decoder
    gc.collect()  # the fixture checks the threads


@pytest.mark.parametrize("label", ["mp3", "m4a"])
def test_failed_decoder_is_freed(label: str) -> None:
    decoder = AudioDecoder(wav_format=label, sample_rate=16000)
    alive = weakref.ref(decoder)
    magic = b"\0\0\0\x10ftypM4A \0\0\0\0" if label == "m4a" else b"no audio here"
    decoder.feed(magic)
    with pytest.raises(AudioError):
        decoder.finish()
    del decoder
    gc.collect()
    assert alive() is None


def test_input_behind_the_end_of_the_container_is_ignored(
    files: dict[str, bytes], decode: Decode
) -> None:
    data = files["m4a, index in front"] + bytes(1 << 21)
    whole = decode(files["m4a, index in front"], "m4a")
    assert np.array_equal(decode(data, "m4a"), whole)


def test_an_error_ends_the_upload_early() -> None:
    decoder = AudioDecoder(wav_format="mp3", sample_rate=16000)
    text = b"no audio here. " * 4000
    with pytest.raises(AudioError) as caught:
        for _ in range(100):
            decoder.feed(text)
    assert caught.value.code == "unsupported_format"
