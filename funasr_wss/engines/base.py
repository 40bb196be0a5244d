"""What every recognition engine looks like to the pipeline.

Three small interfaces: voice activity (``VadEngine``), first pass (``OnlineEngine``) and second
pass (``OfflineEngine``). Each takes a batch of requests of different streams and returns one
result a request, in the same order. A request that fails yields an exception object in its place,
so that one bad stream never costs the others their results.

``run`` is called from worker threads, never from the event loop, and for one state from one
thread at a time. All audio is mono float32 in [-1, 1] at 16 kHz; all positions are samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
"""Sampling rate of all audio behind the decoder stage, Hz."""

Samples = NDArray[np.float32]
"""Mono audio, shape (n,), float32 in [-1, 1], 16 kHz."""


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """What a client asked for; an engine honours what its model can do and ignores the rest."""

    language: str = "auto"
    """``auto``, ``zh``, ``en``, ``ja``, ``ko`` or ``yue``."""
    hotwords: tuple[str, ...] = ()
    """Words the speaker is likely to use, most important first."""
    itn: bool = True
    """Write numbers as digits where people would; ``False`` = as spoken."""
    punctuation: bool = True
    """``False`` = plain words (``svs_itn:false``)."""


@dataclass(frozen=True, slots=True)
class Word:
    """A CJK character, a digit group or a Latin word with its time.

    Times are ms from the first sample given to the engine.
    """

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """Second-pass text of one sentence; ``text`` is empty when nothing was said."""

    text: str
    words: tuple[Word, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """A sentence begins. ``sample`` counts from the start of the stream, padding included."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """The open sentence ends before ``sample`` (exclusive, stream clock, padding included)."""

    sample: int


@dataclass(frozen=True, slots=True)
class VadRequest:
    """The next samples of one stream; ``is_end`` closes the sentence that is still open."""

    state: Any
    samples: Samples
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class VadResult:
    """Sentence boundaries found in one request, in stream order, starts and ends alternating.

    ``pause_at`` is set while the open sentence has gone quiet but has not ended yet: the sample
    at which it will end if the silence goes on. The pipeline may start the second pass on it.
    """

    events: tuple[SpeechStart | SpeechEnd, ...] = ()
    pause_at: int | None = None


class VadEngine(Protocol):
    """Finds where sentences start and end. Results depend on the samples, never on how they
    were divided into requests."""

    look_back: int
    """How many samples before the newest one a ``SpeechStart`` can point to."""

    def open(self) -> Any:
        """Return the state of a new stream."""

    def run(self, batch: Sequence[VadRequest]) -> Sequence[VadResult | Exception]:
        """Advance every stream of the batch by its samples."""


@dataclass(frozen=True, slots=True)
class OnlineRequest:
    """The samples of one open sentence that the engine has not seen yet."""

    state: Any
    samples: Samples


class OnlineEngine(Protocol):
    """First pass: text of a sentence while it is being spoken."""

    def open(
        self,
        options: RecognitionOptions,
        *,
        chunk_size: tuple[int, int, int],
        encoder_chunk_look_back: int,
        decoder_chunk_look_back: int,
    ) -> Any:
        """Return the state of a new sentence. ``chunk_size`` counts 60 ms frames."""

    def run(self, batch: Sequence[OnlineRequest]) -> Sequence[str | Exception]:
        """Return what each sentence's text grew by (append-only, often ``""``)."""

    def finish(self, batch: Sequence[OnlineRequest]) -> Sequence[str | Exception]:
        """Like ``run`` for the last samples of a sentence: everything left is committed."""


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """One whole sentence."""

    samples: Samples
    options: RecognitionOptions


class OfflineEngine(Protocol):
    """Second pass: the corrected text of a whole sentence."""

    def run(self, batch: Sequence[OfflineRequest]) -> Sequence[Transcript | Exception]:
        """Transcribe every sentence of the batch."""
