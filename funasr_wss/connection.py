"""One client connection: a reader that drives the session, a writer that empties the outbox.

They share nothing but the outbox, so a client that uploads without reading and one that reads
without sending are both served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from .config import ServerConfig
from .outbox import Close, Deferred, Outbox
from .pipeline import UtterancePipeline
from .protocol import Settings
from .recognition import Recognition
from .results import ErrorInfo
from .session import (
    HOLD_SECONDS,
    Acknowledge,
    Action,
    Begin,
    Discard,
    Feed,
    Finish,
    Session,
    State,
    Update,
    Utterance,
)

logger = logging.getLogger(__name__)

MAX_UNFINISHED = 16
"""Utterances of one connection that may wait for their final before reading pauses."""

NORMAL, GOING_AWAY, TOO_BIG = 1000, 1001, 1009
SHUTDOWN = ErrorInfo("server_shutdown", "The server was stopped before the result was ready.")


class Socket(Protocol):
    """What is needed of a WebSocket connection."""

    async def recv(self) -> str | bytes:
        """Return the next message."""

    async def send(self, message: str) -> None:
        """Send a text frame; waits while the client does not read."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a status code."""

    async def wait_closed(self) -> None:
        """Return once the connection is closed."""


class ClientConnection:
    """Serves one client until it leaves, idles for too long or the server stops.

    Args:
        socket: an accepted WebSocket connection.
        recognition: the engines.
        config: limits and defaults.
        listener: compatibility switches of the port.
        query: switches of the request's URL.
    """

    def __init__(
        self,
        socket: Socket,
        recognition: Recognition,
        config: ServerConfig,
        *,
        listener: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> None:
        self._socket = socket
        self._recognition = recognition
        self._config = config
        self._session = Session(
            defaults=Settings(language=config.language, itn=config.itn),
            listener=listener,
            query=query,
            fingerprints=config.fingerprints,
        )
        self._outbox = Outbox()
        self._pipelines: dict[int, UtterancePipeline] = {}
        self._news = asyncio.Event()
        self._progress = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._receiving = False
        self._stopping = False

    async def run(self) -> None:
        """Serve the client. Returns when the connection is closed; frees everything it held."""
        self._reader = asyncio.create_task(self._read())
        tasks = {
            self._reader,
            asyncio.create_task(self._write()),
            asyncio.create_task(self._socket.wait_closed()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with contextlib.suppress(ConnectionClosed, asyncio.CancelledError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for pipeline in self._pipelines.values():
                pipeline.cancel()

    def stop(self) -> None:
        """Take no more frames: finish what is open, then close with 1001."""
        self._stopping = True
        if self._receiving and self._reader is not None:
            self._reader.cancel()

    def abort(
        self, error: ErrorInfo, *, always: bool = False, unread: Sequence[str] = ()
    ) -> list[str]:
        """Return finals for everything that is open; the caller sends them and closes.

        Args:
            error: what the finals report.
            always: open an utterance to report the error to if there is none.
            unread: text frames that were received but not read yet.
        """
        actions = [action for text in unread for action in self._session.receive_text(text)]
        for action in [*actions, *self._session.end(always=always)]:
            if isinstance(action, Begin):
                self._outbox.open(action.utterance)
        return self._outbox.abort(error)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        held_since: float | None = None
        while not self._stopping:
            if not self._session.holding:
                held_since = None
            elif held_since is None:
                held_since = loop.time()
            deadline = (
                loop.time() + self._config.idle_timeout_s
                if held_since is None
                else held_since + HOLD_SECONDS
            )
            try:
                frame = await self._receive(deadline)
            except TimeoutError:
                if held_since is not None:
                    await self._carry_out(self._session.release())
                elif not self._busy:
                    break
                continue
            if frame is None:
                break
            if isinstance(frame, str):
                actions = self._session.receive_text(frame)
            else:
                actions = self._session.receive_audio(frame)
            await self._carry_out(actions)
            del frame, actions  # each may hold a whole file while the next frame is awaited
            if self._too_long:
                break
        await self._leave()

    async def _receive(self, deadline: float) -> str | bytes | None:
        """Return the next frame, or None when ``stop`` was called meanwhile."""
        self._receiving = True
        try:
            async with asyncio.timeout_at(deadline):
                return await self._socket.recv()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopping or task is None:
                raise
            if task.uncancel():
                raise  # the connection ended in the same turn: the second cancellation is its own
            return None
        finally:
            self._receiving = False

    @property
    def _busy(self) -> bool:
        """Results are due that do not depend on the client sending more."""
        open_here = self._session.utterance.state is State.STREAMING
        return self._outbox.unfinished > int(open_here)

    @property
    def _too_long(self) -> bool:
        return any(map(_too_long, self._pipelines.values()))

    async def _leave(self) -> None:
        code = TOO_BIG if self._too_long else GOING_AWAY
        await self._carry_out(self._session.end())
        await self._wait_until(lambda: self._outbox.empty)
        reason = "utterance too long" if code == TOO_BIG else ""
        closing = asyncio.create_task(self._socket.close(code, reason))
        with contextlib.suppress(ConnectionClosed):
            while not closing.done():  # what is still coming would hide the client's answer
                await self._socket.recv()
        await closing

    async def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Begin(utterance):
                    await self._wait_until(lambda: self._outbox.unfinished < MAX_UNFINISHED)
                    self._begin(utterance)
                case Feed(utterance, data):
                    await self._pipelines[utterance.number].feed(data)
                case Update(utterance, settings):
                    self._pipelines[utterance.number].update(settings)
                case Finish(utterance):
                    await self._pipelines[utterance.number].finish()
                case Discard(utterance):
                    pipeline = self._pipelines.pop(utterance.number)
                    pipeline.cancel()
                    self._outbox.discard(pipeline.replies)
                case Acknowledge(settings):
                    self._outbox.acknowledge(settings)
        self._news.set()

    def _begin(self, utterance: Utterance) -> None:
        if self._recognition.online is None:  # native online would have no text at all
            utterance.switches = replace(utterance.switches, online="upgrade")
        self._pipelines[utterance.number] = UtterancePipeline(
            utterance,
            self._outbox.open(utterance),
            self._recognition,
            self._news.set,
            max_backlog_s=self._config.max_backlog_s,
            max_utterance_s=self._config.max_utterance_s,
        )

    async def _write(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while (item := self._outbox.take()) is not None:
                if isinstance(item, Close):
                    await self._socket.close(NORMAL)
                    return
                if isinstance(item, Deferred):
                    item = await asyncio.to_thread(item.build)
                await self._socket.send(item)
            self._forget_closed()
            async with self._progress:
                self._progress.notify_all()

    def _forget_closed(self) -> None:
        """Let go of utterances that were answered (the reader still looks at those too long)."""
        for number, pipeline in list(self._pipelines.items()):
            if pipeline.utterance.state is State.CLOSED and not _too_long(pipeline):
                del self._pipelines[number]

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for the writer to have sent enough."""
        async with self._progress:
            await self._progress.wait_for(condition)


def _too_long(pipeline: UtterancePipeline) -> bool:
    return pipeline.refused is not None and pipeline.refused.code == "audio_too_long"
