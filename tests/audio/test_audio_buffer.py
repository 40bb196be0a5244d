"""The part of a stream that is kept, addressed by the stream's clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.audio.buffer import SHORT_PIECE, StreamBuffer


@given(st.lists(st.integers(0, 3000), max_size=30), st.data())
def test_slices_are_what_was_appended(lengths: list[int], data: st.DataObject) -> None:
    buffer = StreamBuffer()
    clock = np.arange(sum(lengths), dtype=np.float32)
    for length in lengths:
        buffer.append(clock[buffer.end : buffer.end + length])
    assert buffer.end == len(clock)
    buffer.drop_before(data.draw(st.integers(0, len(clock))))
    start = data.draw(st.integers(buffer.start, buffer.end))
    end = data.draw(st.integers(start, buffer.end))
    assert np.array_equal(buffer.slice(start, end), clock[start:end])


def test_single_samples_are_joined() -> None:
    buffer = StreamBuffer()
    for _ in range(3 * SHORT_PIECE):
        buffer.append(np.zeros(1, np.float32))
    assert len(buffer._pieces) == 3


def test_what_is_not_there_is_refused() -> None:
    buffer = StreamBuffer()
    buffer.append(np.zeros(2000, np.float32))
    buffer.append(np.zeros(2000, np.float32))
    buffer.drop_before(2000)
    for start, end in ((0, 10), (3000, 5000), (3000, 2999)):
        with pytest.raises(IndexError):
            buffer.slice(start, end)
