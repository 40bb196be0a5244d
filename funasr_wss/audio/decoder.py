"""Bytes of one utterance -> 16 kHz mono float32, whatever format the bytes are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from funasr_wss.audio.containers import Mp4Stage, StreamStage
from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pcm import PcmLayout, to_frames
from funasr_wss.audio.resample import MonoSink, silence
from funasr_wss.audio.sniff import (
    SNIFF_BYTES,
    Format,
    id3_size,
    mpeg_sync,
    normalise_label,
    sniff,
)
from funasr_wss.audio.wav import WavHeader, WavHeaderParser
from funasr_wss.engines.base import SAMPLE_RATE, Samples

MAX_PIECE = 5 * SAMPLE_RATE
"""Longest piece that ``drain`` yields, samples."""
_MAX_FILE_BYTES = 512 << 20


class _Stage(Protocol):
    def feed(self, data: bytes | memoryview) -> Samples: ...
    def drain(self) -> Iterator[Samples]: ...
    def close(self) -> None: ...


class AudioDecoder:
    """Decoder of one utterance.

    The bytes decide the format. ``wav_format`` decides only whether bytes without a known
    signature are raw PCM (``pcm``, ``wav``) or an error, and that ``pcm`` is never looked at for
    compressed formats. ``sample_rate`` (Hz) is the rate of raw PCM: signed 16 bit, little endian,
    mono. What comes out, all calls together, does not depend on how the bytes were divided.

    One thread at a time may call ``feed``, ``finish`` and ``drain``; ``close`` may come from any
    thread at any time. An ``AudioError`` is final: later calls raise it again. Damaged or
    truncated files give what can be decoded and raise only when nothing can be.

    ``max_seconds`` limits the decoded audio; ``max_file_bytes`` limits files that have to be
    buffered whole (MP4 with its index at the end).
    """

    def __init__(
        self,
        *,
        wav_format: str,
        sample_rate: int,
        max_seconds: float | None = None,
        max_file_bytes: int = _MAX_FILE_BYTES,
    ) -> None:
        self._label = normalise_label(wav_format)
        self._sample_rate = sample_rate
        self._max_seconds = max_seconds
        self._max_file_bytes = max_file_bytes
        self._head = bytearray()
        self._skip = 0  # bytes of an ID3 tag still to be dropped
        self._tagged = False
        self._wav: WavHeaderParser | None = None
        self._stage: _Stage | None = None
        self._error: AudioError | None = None
        self._finished = False
        self._closed = False

    @property
    def blocking(self) -> bool:
        """True once a container is being decoded: ``feed``, ``finish`` and ``drain`` may then wait
        and belong in a worker thread. The ``feed`` that turns it true does not wait yet."""
        return isinstance(self._stage, (StreamStage, Mp4Stage))

    def feed(self, data: bytes | memoryview) -> Samples:
        """Take the next bytes (up to 64 KiB at a time), return what is decodable so far.

        Returns shape (n,), float32, often empty. Raises ``AudioError``, and ``RuntimeError`` after
        ``finish`` or ``drain``. After ``close`` the data is ignored.
        """
        self._check()
        if self._closed or not len(data):
            return silence()
        try:
            return self._feed(data)
        except AudioError as error:
            self._fail(error)
            raise

    def finish(self) -> Samples:
        """End of the utterance: everything left, shape (n,). Raises like ``drain``.

        Of a long buffered file that is everything; ``drain`` gives it in pieces.
        """
        return np.concatenate([silence(), *self.drain()])

    def drain(self) -> Iterator[Samples]:
        """End of the utterance: what is left, in pieces of at most 5 s.

        The decoder works on only as pieces are taken. Raises ``RuntimeError`` when the utterance
        has ended already, ``AudioError`` from here or from the iterator.
        """
        self._check()
        self._finished = True
        return self._drain()

    def close(self) -> None:
        """Release threads and files without waiting for them. Idempotent."""
        self._closed = True
        if self._stage is not None:
            self._stage.close()

    def _check(self) -> None:
        if self._error is not None:
            raise AudioError(self._error.code, self._error.message)
        if self._finished:
            raise RuntimeError("the utterance has ended; use a new AudioDecoder")

    def _fail(self, error: AudioError) -> None:
        self._error = AudioError(error.code, error.message)  # without its traceback
        self.close()

    def _feed(self, data: bytes | memoryview) -> Samples:
        if self._stage is not None:
            return self._stage.feed(data)
        if self._wav is not None:
            return self._feed_wav_header(data)
        dropped = min(self._skip, len(data))
        self._skip -= dropped
        self._head += data[dropped:]
        return self._sniff(at_end=False)

    def _drain(self) -> Iterator[Samples]:
        try:
            if self._closed:
                return
            if self._stage is None:
                yield self._sniff(at_end=True)
            if self._stage is not None:
                for piece in self._stage.drain():
                    for at in range(0, len(piece), MAX_PIECE):
                        yield piece[at : at + MAX_PIECE]
        except AudioError as error:
            self._fail(error)
            raise
        finally:
            self.close()

    def _sniff(self, *, at_end: bool) -> Samples:
        """Choose the stage and give it what has arrived, or wait for more bytes."""
        if self._wav is not None:
            raise AudioError("bad_audio", "The WAV file ends before its samples begin.")
        while (form := self._format(at_end)) is Format.ID3:
            self._tagged = True
            size = id3_size(self._head[:SNIFF_BYTES]) or 0
            self._skip = max(0, size - len(self._head))
            del self._head[:size]
        if form is None:
            return silence()
        head = bytes(self._head)
        self._head.clear()
        if form is Format.WAV:
            self._wav = WavHeaderParser()
            return self._feed_wav_header(head)
        return self._start(self._new_stage(form), head)

    def _format(self, at_end: bool) -> Format | None:
        head = bytes(self._head[:SNIFF_BYTES])
        if not self._tagged:
            return sniff(head, self._label, at_end=at_end)
        if len(head) < SNIFF_BYTES and not at_end:
            return None
        if id3_size(head) is not None:
            return Format.ID3
        if head.startswith(b"fLaC"):
            return Format.FLAC
        return mpeg_sync(head) or Format.MPEG  # zeros may pad the tag; the demuxer looks further

    def _new_stage(self, form: Format) -> _Stage:
        if form is Format.PCM:
            layout = PcmLayout("int", 2, 1, self._sample_rate)
            return _PcmStage(layout, None, self._max_seconds)
        if form is Format.MP4:
            return Mp4Stage(self._max_seconds, self._max_file_bytes)
        return StreamStage(form, self._max_seconds)

    def _feed_wav_header(self, data: bytes | memoryview) -> Samples:
        assert self._wav is not None
        header: WavHeader | None = self._wav.feed(data)
        if header is None:
            return silence()
        head = bytes(self._wav.head)
        self._wav = None
        if header.layout is None:
            return self._start(StreamStage(Format.WAV, self._max_seconds), head)
        stage = _PcmStage(header.layout, header.data_bytes, self._max_seconds)
        return self._start(stage, head[header.data_start :])

    def _start(self, stage: _Stage, head: bytes) -> Samples:
        self._stage = stage
        if self._closed:  # close() came from another thread in between
            stage.close()
        return stage.feed(head)


class _PcmStage:
    """Uncompressed samples, at most ``data_bytes`` of them (``None`` = to the end)."""

    def __init__(
        self, layout: PcmLayout, data_bytes: int | None, max_seconds: float | None
    ) -> None:
        self._layout = layout
        self._left = data_bytes
        self._carry = b""
        self._sink = MonoSink(max_seconds)

    def feed(self, data: bytes | memoryview) -> Samples:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if self._carry:
            data = b"".join((self._carry, data))
        whole = len(data) - len(data) % self._layout.frame_bytes
        self._carry = bytes(data[whole:])
        if not whole:
            return silence()
        return self._sink.push(to_frames(data[:whole], self._layout), self._layout.sample_rate)

    def drain(self) -> Iterator[Samples]:
        yield self._sink.flush()

    def close(self) -> None:
        pass
