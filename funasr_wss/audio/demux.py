"""FFmpeg (through PyAV) on one file-like object: first audio track -> 16 kHz mono pieces.

The input comes from strangers, so demuxers and codecs are limited to audio formats that read
nothing but the stream itself: a playlist format would let a client make the server open files and
addresses of the client's choice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pcm import Frames, clean_float, scale_int
from funasr_wss.audio.resample import MonoSink
from funasr_wss.audio.sniff import Format
from funasr_wss.engines.base import Samples

if TYPE_CHECKING:
    import av

_log = logging.getLogger(__name__)

_DEMUXERS = {
    Format.WAV: "wav", Format.MPEG: "mp3", Format.ADTS: "aac", Format.FLAC: "flac",
    Format.OGG: "ogg", Format.MP4: "mov", Format.MATROSKA: "matroska", Format.AMR: "amr",
}
_WEAK = (Format.MPEG, Format.ADTS, Format.UNKNOWN)
"""Formats whose first bytes other data shows by chance."""

_ALLOWED_DEMUXERS = (
    "wav,w64,mp3,aac,flac,ogg,mov,matroska,amr,aiff,caf,au,ac3,eac3,wv,asf,mpegts,mpeg,avi,flv"
)
_ALLOWED_CODECS = (
    "aac,aac_latm,ac3,adpcm_g722,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,alac,"
    "amrnb,amrwb,eac3,flac,g722,gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,"
    "libvorbis,mp1,mp1float,mp2,mp2float,mp3,mp3float,nellymoser,opus,pcm_alaw,pcm_f32be,pcm_f32le,"
    "pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u8,speex,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
_OPTIONS = {
    "format_whitelist": _ALLOWED_DEMUXERS,
    "codec_whitelist": _ALLOWED_CODECS,
    "protocol_whitelist": "none",
    "probesize": str(1 << 20),
}
_IO_BUFFER_BYTES = 2048
"""Small, because a live low-rate stream is heard only when this much has arrived."""
_MAX_CHANNELS = 32
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
"""FFmpeg's sample formats; all in the byte order of the machine."""


class ByteSource(Protocol):
    """What FFmpeg reads from; with ``seek`` and ``tell`` it also seeks."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, empty at the end."""


def decode(source: ByteSource, form: Format, max_seconds: float | None) -> Iterator[Samples]:
    """Pieces of 16 kHz mono audio of the first audio track of ``source``, in order.

    A file that breaks off or has damaged parts gives what can be decoded. Raises ``AudioError``
    when nothing can be, when there is no audio track, and beyond a limit.
    """
    import av

    try:
        container = av.open(
            source, "r", format=_DEMUXERS.get(form), options=_OPTIONS, container_options=_OPTIONS,
            buffer_size=_IO_BUFFER_BYTES, metadata_errors="replace",
        )
    except (av.error.FFmpegError, ValueError) as error:
        _log.info("cannot open %s audio: %s", form.value, error)
        raise _undecodable(form) from error
    with container:
        sink = MonoSink(max_seconds)
        for frame in _frames(container, form):
            yield sink.push(_to_frames(frame), frame.sample_rate)
        yield sink.flush()


def _frames(container: av.container.InputContainer, form: Format) -> Iterator[av.AudioFrame]:
    import av

    stream = _audio_stream(container)
    packets = _packets(container, stream)
    good = bad = 0
    for packet in packets:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            bad += 1
            continue
        for frame in frames:
            if frame.samples:
                good += 1
                yield frame
    if bad:
        _log.info("%s audio: %d damaged packets skipped, %d frames decoded", form.value, bad, good)
    if not good and (bad or form in _WEAK):
        raise _undecodable(form)


def _packets(container: av.container.InputContainer, stream: Any) -> Iterator[Any]:
    """Packets up to the end or the first error of the demuxer, then the one that flushes."""
    import av

    try:
        yield from container.demux(stream)
    # IndexError: tracks that appear late in a damaged file confuse PyAV.
    except (av.error.FFmpegError, IndexError) as error:
        _log.info("audio file breaks off: %s", error)
        flush = av.Packet()
        flush.stream = stream
        yield flush


def _audio_stream(container: av.container.InputContainer) -> Any:
    """The first audio track, ready to decode in this thread alone."""
    if not container.streams.audio:
        raise AudioError("unsupported_format", "The file has no audio track.")
    stream = container.streams.audio[0]
    codec: Any = stream.codec_context  # None where FFmpeg has no decoder
    if codec is None or codec.name not in _ALLOWED_CODECS.split(","):
        name = "of its audio track" if codec is None else f"'{codec.name}'"
        raise AudioError(
            "unsupported_format", f"The codec {name} is not supported; send WAV, MP3 or FLAC."
        )
    codec.thread_count = 1
    return stream


def _to_frames(frame: av.AudioFrame) -> Frames:
    channels = frame.layout.nb_channels
    if not 1 <= channels <= _MAX_CHANNELS:
        raise AudioError("bad_audio", f"The file is damaged: {channels} channels.")
    array = _planes(frame, channels)
    values = clean_float(array) if array.dtype.kind == "f" else scale_int(array)
    return values.T if frame.format.is_planar else values.reshape(-1, channels)


def _planes(frame: av.AudioFrame, channels: int) -> NDArray[Any]:
    """Raw samples, shape (channels, n) if planar, else (1, n * channels).

    Not ``frame.to_ndarray()``: up to PyAV 18.1 that looks for planes until a null pointer, of which
    planar frames of eight and more channels have none, and reads foreign memory.
    """
    from av.audio.plane import AudioPlane

    dtype = _DTYPES[frame.format.packed.name]
    count, width = (channels, 1) if frame.format.is_planar else (1, channels)
    planes: list[Any] = [AudioPlane(frame, index) for index in range(count)]
    return np.stack([np.frombuffer(plane, dtype, frame.samples * width) for plane in planes])


def _undecodable(form: Format) -> AudioError:
    if form in _WEAK:
        return AudioError(
            "unsupported_format",
            "The data is in no known audio format; send PCM, WAV, MP3, M4A, FLAC, OGG or WebM.",
        )
    return AudioError("bad_audio", f"The {form.value} file is damaged or incomplete.")
