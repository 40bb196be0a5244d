"""Incremental parser of WAV headers (RIFF, big-endian RIFX, RF64); no I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pcm import Encoding, PcmLayout

MAX_HEADER_BYTES = 1 << 20
"""Cap on everything before the samples, so that a crafted header cannot fill the memory."""

_UNKNOWN_SIZE = 0xFFFFFFFF
_EXTENSIBLE = 0xFFFE
_ENCODINGS: dict[int, Encoding] = {1: "int", 3: "float", 6: "alaw", 7: "ulaw"}
_MAX_CHANNELS = 32


@dataclass(frozen=True, slots=True)
class WavHeader:
    """Where the samples start and how they look.

    ``layout`` is ``None`` for a codec that is not plain samples (ADPCM, MP3 in WAV).
    ``data_bytes`` is ``None`` when the header does not know the length (streamed files).
    """

    layout: PcmLayout | None
    data_start: int
    data_bytes: int | None


class WavHeaderParser:
    """Collects the start of a WAV file until its samples begin.

    ``head`` keeps every byte fed, so that another decoder can take over from the start.
    """

    def __init__(self) -> None:
        self.head = bytearray()
        self._at = 12
        self._layout: PcmLayout | None = None
        self._has_format = False
        self._long_data_bytes: int | None = None

    def feed(self, data: bytes | memoryview) -> WavHeader | None:
        """Take more bytes; the header once complete. Raises ``AudioError`` for a damaged one."""
        self.head += data
        while len(self.head) >= self._at + 8:
            chunk, size = self._chunk_header()
            body = self._at + 8
            if chunk == b"data":
                return self._finish(body, size)
            if chunk in (b"fmt ", b"ds64"):
                if size > MAX_HEADER_BYTES:
                    raise _damaged(f"a {size} byte '{chunk.decode().strip()}' chunk")
                if len(self.head) < body + size:
                    break
                self._read_chunk(chunk, bytes(self.head[body : body + size]))
            self._at = body + size + (size & 1)  # chunks are padded to an even length
            if self._at > MAX_HEADER_BYTES:
                raise _damaged(f"no samples in its first {MAX_HEADER_BYTES} bytes")
        return None

    @property
    def _order(self) -> str:
        return ">" if self.head[:4] == b"RIFX" else "<"

    def _chunk_header(self) -> tuple[bytes, int]:
        name, size = struct.unpack_from(f"{self._order}4sI", self.head, self._at)
        return name, size

    def _read_chunk(self, chunk: bytes, body: bytes) -> None:
        if chunk == b"fmt ":
            self._layout = _read_format(body, self._order)
            self._has_format = True
        elif len(body) >= 16:  # ds64: 64-bit sizes of the file and of the samples
            self._long_data_bytes = struct.unpack_from(f"{self._order}Q", body, 8)[0]

    def _finish(self, start: int, size: int) -> WavHeader:
        if not self._has_format:
            raise _damaged("samples before the format is known")
        length: int | None = size
        if size == _UNKNOWN_SIZE and self._long_data_bytes != (1 << 64) - 1:
            length = self._long_data_bytes
        elif size == _UNKNOWN_SIZE:
            length = None
        # Programs that cannot seek back leave 0; an empty file loses nothing by reading on.
        return WavHeader(self._layout, start, length or None)


def _read_format(body: bytes, order: str) -> PcmLayout | None:
    if len(body) < 16:
        raise _damaged("a short 'fmt' chunk")
    tag, channels, rate, _, align, bits = struct.unpack_from(f"{order}HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from(f"{order}H", body, 24)[0]  # first field of the subformat GUID
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return None
    if not 1 <= channels <= _MAX_CHANNELS:
        raise _damaged(f"{channels} channels")
    # The container of a sample may be wider than its bits; they are then left-justified.
    width = align // channels if align and align % channels == 0 else (bits + 7) // 8
    layout = PcmLayout(encoding, width, channels, rate, big_endian=order == ">")
    if not layout.supported:
        raise _damaged(f"{bits} bits a sample")
    return layout


def _damaged(what: str) -> AudioError:
    return AudioError("bad_audio", f"The WAV file is damaged: {what}. Export it again.")
