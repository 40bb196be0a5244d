"""One connection to a FunASR-protocol server: audio in, typed events out.

Results are read all the time, also while audio is being sent, so a server that answers early or
a server that stops reading for a while can never block this side.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl as ssl_module
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .errors import ClientError, ConnectionLost, RecognitionFailed, ResultTimeout
from .events import Event, Final, ResultTracker
from .opening import open_connection
from .settings import StreamSettings, end_frame

BYTES_PER_EXTRA_SECOND = 32000
"""The final may take one second longer for this much audio: 16-bit PCM at 16 kHz, or more of
compressed audio."""


class RecognitionClient:
    """An open connection; use it as ``async with``.

    ::

        async with RecognitionClient("ws://127.0.0.1:10095") as client:
            await client.send(pcm)
            await client.end()
            async for event in client.results():
                ...

    ``results()`` yields the events of one utterance and stops after its ``Final``. For another
    utterance on the same connection call ``start`` (or just ``send``) and ``results`` again.
    """

    def __init__(
        self,
        url: str,
        settings: StreamSettings | None = None,
        *,
        ssl: ssl_module.SSLContext | None = None,
        token: str = "",
        open_timeout: float = 10.0,
        final_timeout: float = 300.0,
        settle: float = 2.0,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """``ssl``: TLS context for ``wss://``; by default certificates are verified.

        ``token``: sent as bearer token. ``final_timeout``: seconds without any message after the
        end of the audio before ``ResultTimeout``, plus a second for every second of audio;
        0 = no limit. ``settle``: seconds without a message after which a server that
        acknowledges nothing is taken to have sent everything. ``on_message`` sees every raw
        message.
        """
        self.url = url
        self.settings = settings or StreamSettings()
        self._ssl = ssl
        self._token = token
        self._open_timeout = open_timeout
        self._final_timeout = final_timeout
        self._settle = settle
        self._on_message = on_message
        self._tracker = ResultTracker()
        self._queue: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._speaking = False
        self._failure: ClientError | None = None
        self._sent_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises ``ConnectError`` or one of its subclasses."""
        self._socket = await open_connection(self.url, self._ssl, self._token, self._open_timeout)
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def start(self, settings: StreamSettings | None = None) -> None:
        """Begin an utterance; ``settings`` stay for the following ones.

        The previous utterance must have been ended; its results may still be on their way.
        """
        if self._speaking:
            raise RuntimeError("end() the utterance before you start another one")
        self.settings = settings or self.settings
        self._speaking, self._failure, self._sent_bytes = True, None, 0
        self._tracker.start(self.settings.mode, self.settings.wav_name)
        await self._write(self.settings.start_frame())

    async def send(self, audio: bytes | bytearray | memoryview) -> None:
        """Send audio; begins an utterance if none is open.

        Returns when the bytes are on their way, which a busy server delays. Raises
        ``RecognitionFailed`` once the server has given the utterance up, ``ConnectionLost``.
        """
        if not self._speaking:
            await self.start()
        if self._failure is not None:
            raise self._failure
        self._sent_bytes += len(audio)
        await self._write(bytes(audio))

    async def end(self) -> None:
        """Signal the end of the utterance; without audio its final is empty."""
        if not self._speaking:
            await self.start()
        self._speaking = False
        alive = self._tracker.end()
        await self._write(end_frame(acknowledge=alive))
        self._rearm()

    async def results(self) -> AsyncIterator[Event]:
        """Yield the events of the oldest utterance that has not been read, its ``Final`` last.

        Raises ``ConnectionLost``, ``ResultTimeout``. A recognition error is no exception here:
        it is in the ``Final``.
        """
        while True:
            event = await self._queue.get()
            if isinstance(event, Exception):
                self._queue.put_nowait(event)
                raise event
            yield event
            if isinstance(event, Final):
                return

    def fail(self, error: Exception) -> None:
        """Make ``results`` raise ``error``, for instance when the audio source broke."""
        self._queue.put_nowait(error)

    async def _write(self, data: str | bytes) -> None:
        assert self._socket is not None and self._reader is not None, "use 'async with'"
        try:
            await self._socket.send(data)
        except ConnectionClosed as error:
            # What the server said before it closed explains more than the close itself.
            await asyncio.wait([self._reader])
            raise self._failure or _lost(error) from None

    async def _read(self, connection: ClientConnection) -> None:
        lost: Exception
        try:
            while True:
                data = await connection.recv()
                if isinstance(data, bytes):
                    continue
                if self._on_message is not None:
                    self._on_message(data)
                self._emit(self._tracker.feed(data))
        except ConnectionClosed as error:
            if self._tracker.settling and error.rcvd is not None and error.rcvd.code == 1000:
                self._emit(self._tracker.settle())
            lost = _lost(error)
        except Exception as error:
            lost = error  # of ``on_message``; whoever reads the results gets it
        if self._timer is not None:
            self._timer.cancel()
        self.fail(lost)

    def _emit(self, events: list[Event]) -> None:
        for event in events:
            self._queue.put_nowait(event)
            if isinstance(event, Final) and event.error_code and not self._tracker.pending:
                self._failure = RecognitionFailed(event.error_code, event.error_message)
        self._rearm()

    def _rearm(self) -> None:
        """Restart the timer that waits for the next message after an end signal."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        if self._tracker.settling:
            self._timer = loop.call_later(self._settle, self._settled)
        elif self._tracker.awaiting and self._final_timeout > 0:
            seconds = self._final_timeout + self._sent_bytes / BYTES_PER_EXTRA_SECOND
            self._timer = loop.call_later(seconds, self._timed_out, seconds)

    def _settled(self) -> None:
        self._emit(self._tracker.settle())

    def _timed_out(self, seconds: float) -> None:
        self.fail(ResultTimeout("no_final", seconds=round(seconds)))


def _lost(error: ConnectionClosed) -> ClientError:
    close = error.rcvd
    if close is None:
        return ConnectionLost("lost", detail="no close frame")
    if close.code == 1001:
        return ConnectionLost("shutdown")
    detail = f"code {close.code}" + (f", {close.reason}" if close.reason else "")
    return ConnectionLost("too_large" if close.code == 1009 else "lost", detail=detail)
