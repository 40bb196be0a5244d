"""The batching policy under random load, and the threads that carry it out."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.batching import Batcher, BatchPolicy, EngineClosed, Kind, Limit, Ticket

LIMITS = {"a": Limit(items=3, samples=100), "b": Limit(items=1)}


def ticket(engine: str = "a", stream: int = 0, kind: Kind = Kind.FINAL, samples: int = 1) -> Ticket:
    return Ticket(engine, stream, kind, None, samples)


def drain(policy: BatchPolicy) -> list[list[Ticket]]:
    batches = []
    while batch := policy.take():
        batches.append(batch)
    return batches


TICKETS = st.lists(
    st.builds(
        ticket,
        engine=st.sampled_from(["a", "b"]),
        stream=st.integers(0, 4),
        kind=st.sampled_from(list(Kind)),
        samples=st.integers(0, 120),
    ),
    max_size=40,
)


@given(TICKETS)
def test_everything_is_served_once_within_bounds(tickets: list[Ticket]) -> None:
    policy = BatchPolicy(LIMITS)
    for item in tickets:
        policy.add(item)
    assert len(policy) == len(tickets)
    batches = drain(policy)
    served = [item for batch in batches for item in batch]
    assert sorted(map(id, served)) == sorted(map(id, tickets))
    assert len(policy) == 0
    for batch in batches:
        limit = LIMITS[batch[0].engine]
        assert len({(item.engine, item.kind) for item in batch}) == 1
        assert len({item.stream for item in batch}) == len(batch)
        assert len(batch) <= limit.items
        assert len(batch) == 1 or sum(item.samples for item in batch) <= limit.samples


@given(TICKETS)
def test_order_within_a_stream_and_finals_first(tickets: list[Ticket]) -> None:
    policy = BatchPolicy(LIMITS)
    for item in tickets:
        policy.add(item)
    served = [item for batch in drain(policy) for item in batch]
    assert [item.kind for item in served] == sorted(item.kind for item in served)
    for stream in range(5):
        for kind in Kind:
            wanted = [t for t in tickets if (t.stream, t.kind) == (stream, kind)]
            got = [t for t in served if (t.stream, t.kind) == (stream, kind)]
            assert list(map(id, got)) == list(map(id, wanted))


@given(st.integers(1, 6), st.integers(1, 30))
def test_no_stream_starves_behind_a_busy_one(streams: int, load: int) -> None:
    policy = BatchPolicy({"a": Limit(items=1)})
    for _ in range(load):
        policy.add(ticket(stream=0))
    for stream in range(1, streams):
        policy.add(ticket(stream=stream))
    first = [policy.take()[0].stream for _ in range(streams)]
    assert set(first) == set(range(streams))


@given(TICKETS, st.data())
def test_removed_requests_are_gone(tickets: list[Ticket], data: st.DataObject) -> None:
    policy = BatchPolicy(LIMITS)
    for item in tickets:
        policy.add(item)
    gone = [item for item in tickets if data.draw(st.booleans())]
    for item in gone:
        assert policy.remove(item)
        assert not policy.remove(item)
    served = [item for batch in drain(policy) for item in batch]
    assert {id(item) for item in served} == {id(t) for t in tickets} - {id(t) for t in gone}


def test_urged_requests_go_with_the_finals() -> None:
    policy = BatchPolicy(LIMITS)
    early, other = ticket(stream=1, kind=Kind.PARTIAL), ticket("b", 1, Kind.PARTIAL)
    later = ticket(stream=2)
    for item in (early, other):
        policy.add(item)
    policy.urge(1, "a")
    policy.add(later)
    assert policy.take() == [early, later]
    assert policy.take() == [other]


def test_looking_at_the_queue_is_safe_while_workers_change_it() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # makes threads meet at once

    async def scenario(batcher: Batcher) -> None:
        async def client(stream: int) -> None:
            for _ in range(200):
                await batcher.submit("e", 0, stream=stream)

        clients = [asyncio.create_task(client(n)) for n in range(20)]
        while not all(task.done() for task in clients):
            assert batcher.waiting >= 0 and batcher.idle in (True, False)
            await asyncio.sleep(0)
        await asyncio.gather(*clients)

    try:
        run(scenario, lambda batch: list(batch), limit=Limit(items=1), workers=2)
    finally:
        sys.setswitchinterval(interval)


def run(
    scenario: Callable[[Batcher], Awaitable[Any]],
    engine: Callable[[Sequence[Any]], Sequence[Any]],
    *,
    limit: Limit | None = None,
    workers: int = 1,
) -> Any:
    async def main() -> Any:
        batcher = Batcher({"e": engine}, {"e": limit or Limit(items=8)}, workers=workers)
        try:
            async with asyncio.timeout(20):
                return await scenario(batcher)
        finally:
            await asyncio.to_thread(batcher.close)

    return asyncio.run(main())


def test_what_waits_becomes_one_batch() -> None:
    release, sizes = threading.Event(), []

    def engine(batch: Sequence[int]) -> list[int]:
        sizes.append(len(batch))
        release.wait(10)
        return [value * 2 for value in batch]

    async def scenario(batcher: Batcher) -> list[int]:
        first = asyncio.create_task(batcher.submit("e", 1, stream=0))
        while not sizes:
            await asyncio.sleep(0)
        rest = [asyncio.create_task(batcher.submit("e", n, stream=n)) for n in (2, 3, 4)]
        while batcher.waiting < 3:
            await asyncio.sleep(0)
        assert not batcher.idle
        release.set()
        return [await task for task in (first, *rest)]

    assert run(scenario, engine) == [2, 4, 6, 8]
    assert sizes == [1, 3]


def test_each_request_gets_its_own_failure() -> None:
    def engine(batch: Sequence[int]) -> list[Any]:
        return [ValueError("bad") if value < 0 else value for value in batch]

    async def scenario(batcher: Batcher) -> list[Any]:
        work = [batcher.submit("e", n, stream=n) for n in (1, -1, 2)]
        return await asyncio.gather(*work, return_exceptions=True)

    good, bad, also_good = run(scenario, engine)
    assert (good, also_good) == (1, 2)
    assert isinstance(bad, ValueError)


@pytest.mark.parametrize("broken", [lambda batch: [], lambda batch: 1 / 0])
def test_a_failing_call_fails_its_batch_only(broken: Callable[[Any], Any]) -> None:
    calls = 0

    def engine(batch: Sequence[int]) -> Any:
        nonlocal calls
        calls += 1
        return broken(batch) if calls == 1 else list(batch)

    async def scenario(batcher: Batcher) -> Any:
        with pytest.raises((RuntimeError, ZeroDivisionError)):
            await batcher.submit("e", 1, stream=0)
        return await batcher.submit("e", 2, stream=0)

    assert run(scenario, engine) == 2


def test_cancelled_requests_never_run() -> None:
    release, seen = threading.Event(), []

    def engine(batch: Sequence[int]) -> list[int]:
        seen.extend(batch)
        release.wait(10)
        return list(batch)

    async def scenario(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit("e", 1, stream=0))
        while not seen:
            await asyncio.sleep(0)
        second = asyncio.create_task(batcher.submit("e", 2, stream=1))
        while not batcher.waiting:
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert batcher.waiting == 0
        release.set()
        await first

    run(scenario, engine)
    assert seen == [1]


def test_close_fails_what_still_waits() -> None:
    started, release = threading.Event(), threading.Event()

    def engine(batch: Sequence[int]) -> list[int]:
        started.set()
        release.wait(10)
        return list(batch)

    async def scenario(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.submit("e", 1, stream=0))
        while not started.is_set():
            await asyncio.sleep(0)
        second = asyncio.create_task(batcher.submit("e", 2, stream=0))
        while not batcher.waiting:
            await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        with pytest.raises(EngineClosed):
            await second
        release.set()
        assert await first == 1
        await closing
        with pytest.raises(EngineClosed):
            await batcher.submit("e", 3, stream=0)

    run(scenario, engine)
