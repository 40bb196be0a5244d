"""Stages that decode container files in a worker thread, while or after they arrive."""

from __future__ import annotations

import logging
import struct
import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import IO

from funasr_wss.audio.demux import ByteSource, decode
from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pipe import DecoderPipe, PipeClosed
from funasr_wss.audio.resample import silence
from funasr_wss.audio.sniff import Format
from funasr_wss.engines.base import Samples

_log = logging.getLogger(__name__)

_SPOOL_MEMORY_BYTES = 8 << 20
"""A buffered file moves from memory to disk beyond this."""
_MAX_LAYOUT_BYTES = 1 << 20
"""How far into an MP4 file its index is looked for before the file is buffered whole."""
_JOIN_SECONDS = 5.0


class _Worker:
    """The decoder thread of one utterance. It ends after its last sample or soon after close."""

    def __init__(self, form: Format, max_seconds: float | None) -> None:
        self.pipe = DecoderPipe()
        self._form = form
        self._max_seconds = max_seconds
        self._thread: threading.Thread | None = None
        # The thread must not outlive a decoder that was dropped without close().
        self.close = weakref.finalize(self, self.pipe.close)

    def start(self, source: ByteSource, file: IO[bytes] | None = None) -> None:
        """Decode ``source``; ``file`` is closed when done."""
        self._thread = threading.Thread(
            target=_run, args=(self.pipe, source, file, self._form, self._max_seconds),
            name="audio-decoder", daemon=True,
        )
        self._thread.start()

    def drain(self) -> Iterator[Samples]:
        self.pipe.end()
        while (piece := self.pipe.next_piece()) is not None:
            yield piece
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)


def _run(
    pipe: DecoderPipe,
    source: ByteSource,
    file: IO[bytes] | None,
    form: Format,
    max_seconds: float | None,
) -> None:
    failure: AudioError | None = None
    try:
        for samples in decode(source, form, max_seconds):
            pipe.emit(samples)
    except PipeClosed:
        pass
    except AudioError as error:
        failure = error
    except Exception:
        _log.exception("audio decoder failed")
        failure = AudioError("bad_audio", "The audio could not be decoded; send it as WAV.")
    finally:
        if file is not None:
            file.close()
        pipe.finish(failure)


class StreamStage:
    """Decodes a container while it arrives."""

    def __init__(self, form: Format, max_seconds: float | None) -> None:
        self._worker = _Worker(form, max_seconds)
        self._worker.start(_PipeReader(self._worker.pipe))

    def feed(self, data: bytes | memoryview) -> Samples:
        """Queue bytes, return what is decoded by now; waits while the decoder is behind."""
        return self._worker.pipe.feed(data)

    def drain(self) -> Iterator[Samples]:
        """The rest."""
        return self._worker.drain()

    def close(self) -> None:
        """Stop the thread."""
        self._worker.close()


class Mp4Stage:
    """MP4 and its family: decoded while it arrives when the index comes before the samples
    (``moov`` before ``mdat``, fragmented files), else buffered whole and decoded at the end."""

    def __init__(self, max_seconds: float | None, max_file_bytes: int) -> None:
        self._max_seconds = max_seconds
        self._max_file_bytes = max_file_bytes
        self._head = bytearray()
        self._stream: StreamStage | None = None
        self._spool: IO[bytes] | None = None
        self._spooled = 0
        self._worker: _Worker | None = None
        self._closed = False
        self._lock = threading.Lock()

    def feed(self, data: bytes | memoryview) -> Samples:
        """Queue bytes; returns samples only for files that can be decoded on arrival."""
        with self._lock:
            if self._closed:
                return silence()
            if self._stream is None and self._spool is None:
                self._head += data
                self._decide()
            elif self._spool is not None:
                self._write(data)
            stream, head = self._stream, bytes(self._head)
            if stream is not None and head:
                self._head.clear()
                data = head
        return silence() if stream is None else stream.feed(data)

    def drain(self) -> Iterator[Samples]:
        """The rest."""
        with self._lock:
            if self._closed:
                return iter(())
            if self._stream is not None:
                return self._stream.drain()
            if self._spool is None:
                self._open_spool()
            assert self._spool is not None
            self._spool.seek(0)
            self._worker = _Worker(Format.MP4, self._max_seconds)
            self._worker.start(_FileReader(self._worker.pipe, self._spool), self._spool)
            return self._worker.drain()

    def close(self) -> None:
        """Stop the thread, delete the buffered file."""
        with self._lock:
            self._closed = True
            if self._stream is not None:
                self._stream.close()
            if self._worker is not None:
                self._worker.close()  # the thread closes the file it reads
            elif self._spool is not None:
                self._spool.close()

    def _decide(self) -> None:
        index_first = index_before_samples(self._head)
        if index_first:
            self._stream = StreamStage(Format.MP4, self._max_seconds)
        elif index_first is False or len(self._head) > _MAX_LAYOUT_BYTES:
            self._open_spool()

    def _open_spool(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_BYTES)  # noqa: SIM115
        head = bytes(self._head)
        self._head.clear()
        self._write(head)

    def _write(self, data: bytes | memoryview) -> None:
        assert self._spool is not None
        self._spooled += len(data)
        if self._spooled > self._max_file_bytes:
            raise AudioError(
                "audio_too_long",
                f"The MP4 file is larger than {self._max_file_bytes >> 20} MiB; send the audio "
                "track alone or a format that can be decoded on arrival (MP3, FLAC, OGG).",
            )
        try:
            self._spool.write(data)
        except OSError as error:
            _log.error("cannot buffer an MP4 file: %s", error)
            raise AudioError(
                "bad_audio", "The server has no room to buffer this MP4 file; send MP3 or WAV."
            ) from error


def index_before_samples(head: bytes | bytearray) -> bool | None:
    """Whether the ``moov`` box of an MP4 file comes before ``mdat``; ``None`` = not yet known."""
    at = 0
    while len(head) >= at + 16:
        size, box = struct.unpack_from(">I4s", head, at)
        if box == b"moov":
            return True
        if size == 1:  # the real size follows in 64 bits
            size = struct.unpack_from(">Q", head, at + 8)[0]
        if box == b"mdat" or size < 8:
            return False
        at += size
    return None


class _PipeReader:
    """The pipe as a file that cannot seek."""

    def __init__(self, pipe: DecoderPipe) -> None:
        self.read = pipe.read


class _FileReader:
    """A buffered file that reads as empty once the utterance is closed."""

    def __init__(self, pipe: DecoderPipe, file: IO[bytes]) -> None:
        self._pipe = pipe
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        return b"" if self._pipe.closed else self._file.read(size)
