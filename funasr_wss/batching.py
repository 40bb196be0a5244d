"""One micro-batcher for all engines: requests of all streams become batches.

Whatever waits when a worker gets free is the next batch; nothing waits for a batch to fill.
Finals go before partials, streams take turns, and a stream's own requests keep their order. The
policy is pure bookkeeping; ``Batcher`` is the threads that carry it out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

logger = logging.getLogger(__name__)


class Kind(IntEnum):
    """Priority of a request, the lowest value first."""

    FINAL = 0
    PARTIAL = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of one batch. A single request larger than ``samples`` still runs, alone."""

    items: int = 1
    samples: int = 30 * 16000 * 8


@dataclass(eq=False, slots=True)
class Ticket:
    """One request on its way through the batcher."""

    engine: str
    stream: Hashable
    kind: Kind
    payload: Any
    samples: int
    future: asyncio.Future[Any] | None = None


@dataclass(slots=True)
class BatchPolicy:
    """Decides which waiting requests are the next batch.

    Streams take turns: of those with a waiting request of the most urgent kind, the one served
    longest ago gives the batch its engine; the batch is filled in the same order.
    """

    limits: Mapping[str, Limit]
    _queues: dict[Kind, OrderedDict[Hashable, deque[Ticket]]] = field(
        default_factory=lambda: {kind: OrderedDict() for kind in Kind}
    )

    def __len__(self) -> int:
        return sum(len(queue) for kind in Kind for queue in self._queues[kind].values())

    def add(self, ticket: Ticket) -> None:
        """Append a request to its stream's queue."""
        self._queues[ticket.kind].setdefault(ticket.stream, deque()).append(ticket)

    def remove(self, ticket: Ticket) -> bool:
        """Take back a request that has not been given out; return whether it was still here."""
        queue = self._queues[ticket.kind].get(ticket.stream)
        if queue is None or ticket not in queue:
            return False
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.kind][ticket.stream]
        return True

    def urge(self, stream: Hashable, engine: str) -> None:
        """Make the waiting partial requests of a stream for an engine final."""
        waiting = self._queues[Kind.PARTIAL].get(stream, ())
        for ticket in [t for t in waiting if t.engine == engine]:
            self.remove(ticket)
            ticket.kind = Kind.FINAL
            self.add(ticket)

    def take(self) -> list[Ticket]:
        """Return the next batch, all of one engine and kind; empty if nothing waits."""
        for kind in Kind:
            if self._queues[kind]:
                return self._fill(self._queues[kind])
        return []

    def _fill(self, queues: OrderedDict[Hashable, deque[Ticket]]) -> list[Ticket]:
        engine = next(iter(queues.values()))[0].engine
        limit = self.limits[engine]
        batch: list[Ticket] = []
        samples = 0
        # One request a stream: a state must not be advanced twice within one batch.
        for stream in list(queues):
            head = queues[stream][0]
            if len(batch) >= limit.items:
                break
            if head.engine != engine or (batch and samples + head.samples > limit.samples):
                continue
            batch.append(queues[stream].popleft())
            samples += head.samples
            queues.move_to_end(stream)
            if not queues[stream]:
                del queues[stream]
        return batch


Run = Callable[[Sequence[Any]], Sequence[Any]]
"""An engine call: payloads in, one result or exception object each out."""


class EngineClosed(RuntimeError):
    """The batcher was closed before the request could run."""


class Batcher:
    """Worker threads that run batches and hand each result to the task that waits for it.

    Args:
        engines: engine name -> the call that runs a batch.
        limits: engine name -> size of its batches.
        workers: threads; above 1, batches run at the same time.
        name: for thread names and log lines.
    """

    def __init__(
        self,
        engines: Mapping[str, Run],
        limits: Mapping[str, Limit],
        *,
        workers: int = 1,
        name: str = "engine",
    ) -> None:
        self._engines = engines
        self._policy = BatchPolicy(limits)
        self._wakeup = threading.Condition()
        self._closed = False
        self._running = 0
        self._workers = workers
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True)
            for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that no worker has taken yet."""
        with self._wakeup:
            return len(self._policy)

    @property
    def idle(self) -> bool:
        """A worker is free and nothing waits."""
        with self._wakeup:
            return self._running < self._workers and not len(self._policy)

    async def submit(
        self,
        engine: str,
        payload: Any,
        *,
        stream: Hashable,
        kind: Kind = Kind.FINAL,
        samples: int = 0,
    ) -> Any:
        """Run one request and return its result. Cancelling takes it out of the queue.

        Raises:
            EngineClosed: the batcher was closed.
            Exception: whatever the engine gave as this request's result or raised for its batch.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        ticket = Ticket(engine, stream, kind, payload, samples, future)
        with self._wakeup:
            if self._closed:
                raise EngineClosed("the engine was closed")
            self._policy.add(ticket)
            self._wakeup.notify()
        try:
            return await future
        except asyncio.CancelledError:
            with self._wakeup:
                self._policy.remove(ticket)
            raise

    def urge(self, stream: Hashable, engine: str) -> None:
        """What a stream asked for ahead of time is now due."""
        with self._wakeup:
            self._policy.urge(stream, engine)

    def close(self) -> None:
        """Stop the workers; requests still waiting fail with ``EngineClosed``. Idempotent."""
        with self._wakeup:
            self._closed = True
            left = []
            while batch := self._policy.take():
                left += batch
            self._wakeup.notify_all()
        self._deliver(left, [EngineClosed("the engine was closed") for _ in left])
        for thread in self._threads:
            thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._wakeup:
                while not (batch := self._policy.take()):
                    if self._closed:
                        return
                    self._wakeup.wait()
                self._running += 1
            results = self._call(batch)
            with self._wakeup:
                self._running -= 1
            self._deliver(batch, results)

    def _call(self, batch: list[Ticket]) -> Sequence[Any]:
        engine = batch[0].engine
        try:
            results = self._engines[engine]([ticket.payload for ticket in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{engine}: {len(results)} results for {len(batch)} requests")
            return results
        except Exception as error:
            logger.exception("%s failed on a batch of %d", engine, len(batch))
            return [error] * len(batch)

    @staticmethod
    def _deliver(batch: Sequence[Ticket], results: Sequence[Any]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for ticket, result in zip(batch, results, strict=True):
            if ticket.future is not None:
                loops.setdefault(ticket.future.get_loop(), []).append((ticket.future, result))
        for loop, pairs in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, pairs)
            except RuntimeError:  # the loop is closed: nobody waits any more
                logger.debug("dropped %d results of a closed event loop", len(pairs))


def _resolve(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in pairs:
        if future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
