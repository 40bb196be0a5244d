"""Which format do the first bytes of an utterance show?

Pure functions. The client's ``wav_format`` only says whether containers are possible at all:
``pcm`` means raw PCM or WAV, because two random samples can look like an MPEG frame header.
"""

from __future__ import annotations

from enum import Enum

SNIFF_BYTES = 12
"""No decision needs more than this many bytes."""

ID3_HEADER_BYTES = 10


class Format(Enum):
    """What the first bytes can show."""

    PCM = "pcm"
    WAV = "wav"
    ID3 = "id3"
    """An ID3v2 tag; what follows it decides."""
    MPEG = "mpeg"
    """MPEG-1/2/2.5 audio, layers I to III."""
    ADTS = "adts"
    FLAC = "flac"
    OGG = "ogg"
    MP4 = "mp4"
    """MP4, M4A, 3GP, MOV."""
    MATROSKA = "matroska"
    """Matroska and WebM."""
    AMR = "amr"
    UNKNOWN = "unknown"


_MAGICS = ((b"OggS", Format.OGG), (b"fLaC", Format.FLAC), (b"#!AMR", Format.AMR),
           (b"\x1a\x45\xdf\xa3", Format.MATROSKA))
_MP4_FIRST_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")
_RIFF_IDS = (b"RIFF", b"RIFX", b"RF64")


def normalise_label(wav_format: str) -> str:
    """Lower case without blanks and without the dot of a file extension; empty = ``pcm``."""
    return wav_format.strip().lower().lstrip(".") or "pcm"


def sniff(head: bytes, label: str, *, at_end: bool = False) -> Format | None:
    """Format of an utterance that starts with ``head``, ``None`` while more bytes are needed.

    ``label`` is a normalised ``wav_format``; ``at_end`` says that no more bytes will come.
    """
    if _may_become_wav(head):
        if len(head) >= SNIFF_BYTES:
            return Format.WAV
        if not at_end:
            return None
    if label == "pcm":
        return Format.PCM
    if len(head) < SNIFF_BYTES:
        if not at_end:
            return None
        # Nothing this short holds audio in any container.
        return Format.PCM if label == "wav" or not head else Format.UNKNOWN
    strong = _strong_magic(head)
    if strong is not None:
        return strong
    if label == "wav":
        return Format.PCM
    if head[4:8] in _MP4_FIRST_BOXES:
        return Format.MP4
    return mpeg_sync(head) or Format.UNKNOWN


def _may_become_wav(head: bytes) -> bool:
    return any(riff.startswith(head[:4]) for riff in _RIFF_IDS) and b"WAVE".startswith(head[8:12])


def _strong_magic(head: bytes) -> Format | None:
    """Magics long enough that raw PCM does not show them by chance."""
    for magic, found in _MAGICS:
        if head.startswith(magic):
            return found
    if head[4:8] == b"ftyp":
        return Format.MP4
    return Format.ID3 if id3_size(head) is not None else None


def id3_size(head: bytes | bytearray) -> int | None:
    """Bytes of the ID3v2 tag that ``head`` begins with, header included; ``None`` if no tag."""
    if len(head) < ID3_HEADER_BYTES or head[:3] != b"ID3" or head[3] == 0xFF:
        return None
    if any(byte & 0x80 for byte in head[6:10]):  # sizes are written in 7-bit bytes
        return None
    size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
    footer = ID3_HEADER_BYTES if head[5] & 0x10 else 0
    return ID3_HEADER_BYTES + size + footer


def mpeg_sync(head: bytes) -> Format | None:
    """MPEG audio (layers I to III) or ADTS AAC frame header at the start of ``head``."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:  # layer bits 00 are AAC
        return Format.ADTS if (head[2] >> 2) & 0x0F < 13 else None
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    bitrate, rate = head[2] >> 4, (head[2] >> 2) & 3
    valid = version != 1 and layer != 0 and bitrate != 15 and rate != 3
    return Format.MPEG if valid else None
