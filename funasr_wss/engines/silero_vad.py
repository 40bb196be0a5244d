"""Voice activity with the Silero VAD network on onnxruntime, batched across streams."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import ModelError
from .base import SAMPLE_RATE, Samples, VadRequest, VadResult
from .endpoint import Endpointer, EndpointSettings, Event

logger = logging.getLogger(__name__)

WINDOW = 512
"""Samples the network judges at a time at 16 kHz (32 ms)."""
CONTEXT = 64
"""Samples of the window before that the network wants in front of each window."""
_STATE = (2, 1, 128)
_FLOOR_DB = -100.0
_NO_WINDOWS = np.zeros((0, WINDOW), np.float32)


@dataclass(slots=True)
class VadState:
    """What is kept of one stream: about 3 kB and the samples of a window that is not full."""

    endpointer: Endpointer
    rest: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    context: Samples = field(default_factory=lambda: np.zeros(CONTEXT, np.float32))
    memory: NDArray[np.float32] = field(default_factory=lambda: np.zeros(_STATE, np.float32))
    total: int = 0


class SileroVad:
    """``VadEngine`` over ``silero_vad_16k_op15.onnx``.

    The network gives the same bits for a stream alone and in a batch, and windows are counted in
    samples of the stream, so boundaries never depend on batching or on request sizes.
    """

    def __init__(self, model: Path, settings: EndpointSettings | None = None) -> None:
        """Load the network; raises ``ModelError`` when the file cannot be used."""
        import onnxruntime

        self.settings = settings or EndpointSettings()
        self.look_back = _look_back(self.settings)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(
                f"The voice activity model {model} cannot be loaded; delete it and run "
                "./install.sh again."
            ) from error
        self._rate = np.array(SAMPLE_RATE, np.int64)

    def open(self) -> VadState:
        """Return the state of a new stream."""
        return VadState(Endpointer(self.settings, WINDOW))

    def run(self, batch: Sequence[VadRequest]) -> list[VadResult | Exception]:
        """Advance every stream; one whose samples are unusable gets an exception."""
        windows: list[NDArray[np.float32]] = []
        events: list[list[Event]] = [[] for _ in batch]
        errors: dict[int, Exception] = {}
        for index, request in enumerate(batch):
            try:
                windows.append(_take_windows(request))
            except (TypeError, ValueError) as error:
                errors[index] = error
                windows.append(_NO_WINDOWS)
        for step in range(max((len(w) for w in windows), default=0)):
            ready = [i for i, w in enumerate(windows) if step < len(w) and i not in errors]
            try:
                self._advance(batch, windows, events, ready, step)
            except Exception as error:
                logger.exception("voice activity failed for %d streams", len(ready))
                errors.update(dict.fromkeys(ready, error))
        return [
            errors[index] if index in errors else _result(request, events[index])
            for index, request in enumerate(batch)
        ]

    def _advance(
        self,
        batch: Sequence[VadRequest],
        windows: list[NDArray[np.float32]],
        events: list[list[Event]],
        ready: list[int],
        step: int,
    ) -> None:
        """Judge window number ``step`` of the request of every stream in ``ready``."""
        states: list[VadState] = [batch[i].state for i in ready]
        block = np.stack([windows[i][step] for i in ready])
        probabilities = self._judge(states, block)
        levels = _levels_db(block)
        for i, state, p, level in zip(ready, states, probabilities, levels, strict=True):
            real = min(WINDOW, state.total - state.endpointer.position)
            events[i] += state.endpointer.push(float(p), float(level), real)

    def _judge(self, states: list[VadState], block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Speech probability of one window (rows of ``block``) of each stream; shape (n,)."""
        context = np.stack([state.context for state in states])
        memory = np.concatenate([state.memory for state in states], axis=1)
        feed: dict[str, Any] = {
            "input": np.concatenate([context, block], axis=1),
            "state": memory,
            "sr": self._rate,
        }
        probabilities, memory = self._session.run(None, feed)
        for i, state in enumerate(states):
            state.memory = memory[:, i : i + 1].copy()
            state.context = block[i, -CONTEXT:].copy()
        result: NDArray[np.float32] = probabilities[:, 0]
        return result


def _look_back(settings: EndpointSettings) -> int:
    """Samples between the newest one and the earliest start that can be reported on it.

    A start is reported ``min_speech`` after the onset at best; a rise that hovers between the
    thresholds takes longer, which the bound for weak evidence covers. A forced cut reopens up to
    ``cut_search`` back. One window is added for samples that wait for their window to fill.
    """
    weak = settings.weak_memory + settings.start_padding
    return round(max(settings.cut_search, weak) * SAMPLE_RATE) + 2 * WINDOW


def _result(request: VadRequest, events: list[Event]) -> VadResult:
    endpointer: Endpointer = request.state.endpointer
    if request.is_end:
        events = events + endpointer.finish()
    return VadResult(tuple(events), endpointer.pause_at)


def _take_windows(request: VadRequest) -> NDArray[np.float32]:
    """Full windows out of the waiting and the new samples, shape (n, WINDOW); the last window of
    a stream is filled with zeros."""
    samples = np.asarray(request.samples, np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError("audio must be one-dimensional and finite")
    state: VadState = request.state
    state.total += len(samples)
    joined = np.concatenate([state.rest, samples])
    if request.is_end:
        joined = np.pad(joined, (0, -len(joined) % WINDOW))
    count = len(joined) // WINDOW
    state.rest = joined[count * WINDOW :].copy()
    return joined[: count * WINDOW].reshape(count, WINDOW)


def _levels_db(block: NDArray[np.float32]) -> NDArray[np.float64]:
    power = np.mean(np.square(block, dtype=np.float64), axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
    return levels
