"""Which bytes are taken for which format, under which label."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.audio.containers import index_before_samples
from funasr_wss.audio.sniff import Format, id3_size, normalise_label, sniff

HEADS = {
    b"RIFF\x10\x00\x00\x00WAVEfmt ": Format.WAV,
    b"RF64\xff\xff\xff\xffWAVEds64": Format.WAV,
    b"RIFX\x10\x00\x00\x00WAVEfmt ": Format.WAV,
    b"OggS" + bytes(12): Format.OGG,
    b"fLaC" + bytes(12): Format.FLAC,
    b"#!AMR\n" + bytes(10): Format.AMR,
    b"\x1a\x45\xdf\xa3" + bytes(12): Format.MATROSKA,
    b"\0\0\0\x20ftypM4A \0\0\0\0": Format.MP4,
    b"ID3\x04\0\0\0\0\x02\x01" + bytes(6): Format.ID3,
}
WEAK_HEADS = {
    b"\xff\xfb\x90\x64" + bytes(12): Format.MPEG,
    b"\xff\xf3\x40\xc4" + bytes(12): Format.MPEG,
    b"\xff\xf1\x50\x80" + bytes(12): Format.ADTS,
    b"\0\0\0\x08wide\0\0\0\0mdat": Format.MP4,
}
OTHER_HEADS = [b"\xff\xff\xff\xff" + bytes(12), b"\xff\xe8\x90\x64" + bytes(12), bytes(16),
               b"RIFF\x10\x00\x00\x00AVI LIST", b"ID3\x04\0\0\x80\0\0\0" + bytes(6)]


@pytest.mark.parametrize("label", ["mp3", "others", "m4a"])
@pytest.mark.parametrize("head", [*HEADS, *WEAK_HEADS])
def test_bytes_decide(head: bytes, label: str) -> None:
    assert sniff(head, label) is {**HEADS, **WEAK_HEADS}[head]


@pytest.mark.parametrize("head", [*HEADS, *WEAK_HEADS, *OTHER_HEADS])
def test_pcm_label_allows_only_wav(head: bytes) -> None:
    assert sniff(head, "pcm") is (Format.WAV if b"WAVE" in head else Format.PCM)


@pytest.mark.parametrize("head", [*HEADS, *WEAK_HEADS, *OTHER_HEADS])
def test_wav_label_means_pcm_unless_the_magic_is_long(head: bytes) -> None:
    assert sniff(head, "wav") is HEADS.get(head, Format.PCM)


@pytest.mark.parametrize("head", OTHER_HEADS)
def test_unknown_bytes(head: bytes) -> None:
    assert sniff(head, "mp3") is Format.UNKNOWN


@given(head=st.binary(max_size=40), label=st.sampled_from(["pcm", "wav", "mp3"]))
def test_decision_is_made_by_twelve_bytes_and_at_the_end(head: bytes, label: str) -> None:
    assert sniff(head, label, at_end=True) is not None
    decision = sniff(head, label)
    assert decision is not None or len(head) < 12
    if decision is not None:
        assert sniff(head + b"\0", label) is decision


@pytest.mark.parametrize(
    ("label", "normal"), [("PCM", "pcm"), ("", "pcm"), (" .Mp3 ", "mp3"), ("Others", "others")]
)
def test_labels(label: str, normal: str) -> None:
    assert normalise_label(label) == normal


def test_id3_size_counts_header_and_footer() -> None:
    assert id3_size(b"ID3\x04\0\0\0\0\x02\x01") == 10 + 257
    assert id3_size(b"ID3\x04\0\x10\0\0\x02\x01") == 20 + 257
    assert id3_size(b"ID3") is None


def _box(name: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, name) + bytes(size - 8)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (_box(b"ftyp", 32) + _box(b"moov", 100), True),
        (_box(b"ftyp", 32) + _box(b"free", 8) + _box(b"mdat", 100), False),
        (_box(b"ftyp", 32) + struct.pack(">I4sQ", 1, b"mdat", 2**33), False),
        (_box(b"ftyp", 32) + struct.pack(">I4s", 0, b"mdat") + bytes(20), False),
        (_box(b"ftyp", 32), None),
        (_box(b"ftyp", 32) + struct.pack(">I4sQ", 1, b"free", 2**33), None),
        (struct.pack(">I4s", 3, b"ftyp") + bytes(30), False),
        (struct.pack(">I4sQ", 1, b"ftyp", 0), False),
        (b"", None),
    ],
)
def test_order_of_mp4_boxes(head: bytes, expected: bool | None) -> None:
    assert index_before_samples(head) is expected
