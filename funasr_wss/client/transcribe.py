"""One call from audio to text: connects, sends, reads, disconnects."""

from __future__ import annotations

import asyncio
import contextlib
import ssl as ssl_module
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from .connection import RecognitionClient
from .errors import ClientError, RecognitionFailed
from .events import Event, Final
from .sentences import Sentence
from .settings import StreamSettings
from .sources import UPLOAD_BYTES, AudioSource, Source, open_source

Progress = Callable[[int, int | None], None]
"""Called with the bytes sent so far and the bytes in all (None for live sources)."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """The text of one utterance."""

    text: str
    sentences: tuple[Sentence, ...]
    duration_s: float | None
    """Seconds of audio; None when only the server knows."""


async def transcribe(
    url: str,
    source: AudioSource,
    settings: StreamSettings | None = None,
    *,
    speed: float = 0.0,
    on_event: Callable[[Event], None] | None = None,
    on_progress: Progress | None = None,
    stop: asyncio.Event | None = None,
    ssl: ssl_module.SSLContext | None = None,
    **connection: Any,
) -> Transcription:
    """Recognise one file, bytes or live iterator on a connection of its own.

    ``speed``: 1.0 = real time, 0 = as fast as the server takes it; live iterators set their own
    pace. ``stop``: when set, the audio ends there and the rest is recognised. ``connection``:
    further arguments of ``RecognitionClient``.

    Raises ``ClientError`` and its subclasses (``RecognitionFailed`` when the server reports an
    error), ``OSError`` for an unreadable file, ``AudioError`` for one that cannot be decoded.
    """
    prepared = await open_source(source, settings or StreamSettings(), paced=speed > 0)
    sent_s: float | None = None
    async with RecognitionClient(url, prepared.settings, ssl=ssl, **connection) as client:
        sender = asyncio.create_task(_send(client, prepared, speed, on_progress, stop))
        try:
            async for event in client.results():
                if on_event is not None:
                    on_event(event)
                if isinstance(event, Final):
                    final = event
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                sent_s = await sender
    if final.error_code:
        raise RecognitionFailed(final.error_code, final.error_message)
    return Transcription(final.text, final.sentences, sent_s)


async def _send(
    client: RecognitionClient,
    source: Source,
    speed: float,
    on_progress: Progress | None,
    stop: asyncio.Event | None,
) -> float | None:
    """Send everything and the end signal; return the seconds of audio sent, if known."""
    sent = 0
    try:
        await client.start()
        async for packet in _paced(source, speed, stop or asyncio.Event()):
            await client.send(packet)
            sent += len(packet)
            if on_progress is not None:
                on_progress(sent, source.total_bytes)
        await client.end()
    except ClientError:
        pass  # the reader knows more: it has the final, or the reason of the loss
    except Exception as error:
        client.fail(error)
    rate = source.bytes_per_second
    return sent / rate if rate else None


async def _paced(source: Source, speed: float, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield packets at ``speed`` times real time until the source or ``stop`` ends it.

    The clock is absolute: a packet that goes out late does not delay the following ones.
    """
    if isinstance(source.data, AsyncIterator):
        async for packet in source.data:
            if stop.is_set():
                return
            yield packet
        return
    rate = source.bytes_per_second if speed > 0 else None
    size = source.settings.packet_bytes(source.settings.audio_fs) if rate else UPLOAD_BYTES
    loop = asyncio.get_running_loop()
    started, sent = loop.time(), 0
    for packet in source.packets(size):
        if stop.is_set():
            return
        yield packet
        sent += len(packet)
        if rate:
            with contextlib.suppress(TimeoutError):
                delay = started + sent / (rate * speed) - loop.time()
                await asyncio.wait_for(stop.wait(), max(0.0, delay))
        else:
            await asyncio.sleep(0)
