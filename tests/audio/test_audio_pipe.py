"""The exchange between feeder and decoder thread: bounds, and no waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.pipe import (
    FEED_LIMIT,
    INPUT_LIMIT_BYTES,
    MAX_READ_BYTES,
    OUTPUT_LIMIT,
    DecoderPipe,
    PipeClosed,
)

DEADLINE = 20.0


class Other:
    """A function in another thread whose end and result the test can wait for."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.result: object = None
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.result = error

    def wait(self) -> object:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "waits for ever"
        return self.result


def _samples(count: int) -> np.ndarray:
    return np.zeros(count, np.float32)


def test_reads_are_full_until_the_end() -> None:
    pipe = DecoderPipe()
    reader = Other(lambda: [pipe.read(4), pipe.read(4), pipe.read(4), pipe.read(4)])
    for part in (b"a", b"bcd", b"efg", b"hij"):
        pipe.feed(part)
    pipe.end()
    assert reader.wait() == [b"abcd", b"efgh", b"ij", b""]


def test_a_read_is_never_larger_than_asked_or_than_the_input_limit() -> None:
    pipe = DecoderPipe()
    pipe.feed(bytes(INPUT_LIMIT_BYTES))
    assert len(pipe.read(10)) == 10
    assert len(pipe.read(1 << 30)) == MAX_READ_BYTES < INPUT_LIMIT_BYTES


def test_feeder_waits_while_the_decoder_is_behind() -> None:
    pipe = DecoderPipe()
    pipe.feed(bytes(INPUT_LIMIT_BYTES))
    entered = threading.Event()

    def feed() -> object:
        entered.set()
        return pipe.feed(bytes(1000))

    feeder = Other(feed)
    assert entered.wait(DEADLINE)
    assert feeder.result is None
    pipe.read(1000)
    assert len(feeder.wait()) == 0  # type: ignore[arg-type]


def test_decoder_waits_while_nobody_takes_and_one_feed_is_bounded() -> None:
    pipe = DecoderPipe()

    def bomb() -> None:  # consumes nothing, emits for ever
        while True:
            pipe.emit(_samples(16000))

    decoder = Other(bomb)
    taken = pipe.feed(bytes(INPUT_LIMIT_BYTES + 1))
    assert FEED_LIMIT <= len(taken) <= FEED_LIMIT + OUTPUT_LIMIT + 16000
    pipe.end()
    piece = pipe.next_piece()
    assert piece is not None
    assert len(piece) <= OUTPUT_LIMIT + 16000
    pipe.close()
    assert isinstance(decoder.wait(), PipeClosed)


def test_death_of_the_decoder_wakes_the_feeder() -> None:
    pipe = DecoderPipe()
    pipe.feed(bytes(INPUT_LIMIT_BYTES))
    feeder = Other(lambda: pipe.feed(b"x"))
    pipe.finish(AudioError("bad_audio", "broken"))
    assert isinstance(feeder.wait(), AudioError)


def test_samples_come_before_the_error() -> None:
    pipe = DecoderPipe()
    pipe.emit(_samples(5))
    pipe.finish(AudioError("bad_audio", "broken"))
    assert len(pipe.feed(b"x")) == 5
    with pytest.raises(AudioError):
        pipe.feed(b"x")
    with pytest.raises(AudioError):
        pipe.next_piece()


def test_input_after_the_decoder_ended_is_discarded() -> None:
    pipe = DecoderPipe()
    pipe.finish(None)
    for _ in range(10):
        assert len(pipe.feed(bytes(INPUT_LIMIT_BYTES))) == 0
    assert pipe.next_piece() is None


@pytest.mark.parametrize("side", ["feed", "next_piece", "read", "emit"])
def test_close_wakes_whoever_waits(side: str) -> None:
    pipe = DecoderPipe()
    if side == "feed":
        pipe.feed(bytes(INPUT_LIMIT_BYTES))
        waiting = Other(lambda: pipe.feed(b"x"))
    elif side == "next_piece":
        waiting = Other(pipe.next_piece)
    elif side == "read":
        waiting = Other(lambda: pipe.read(10))
    else:
        pipe.emit(_samples(OUTPUT_LIMIT))
        waiting = Other(lambda: pipe.emit(_samples(1)))
    pipe.close()
    result = waiting.wait()
    if side == "feed":
        assert isinstance(result, np.ndarray)
        assert len(result) == 0
    elif side == "emit":
        assert isinstance(result, PipeClosed)
    else:
        assert result in (None, b"")
