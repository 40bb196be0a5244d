"""First pass on Whisper: the open sentence is decoded again as it grows.

Whisper does not stream. Each request decodes what was heard of the sentence so far, greedily and
with a short encoder context, and only the words that two hypotheses in a row agree on go out. A
sentence longer than the window is divided at a quiet place; the text before it is kept.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..text.guards import remove_loops
from ..text.stable import StablePrefix
from .base import SAMPLE_RATE, OnlineRequest, RecognitionOptions, Samples
from .whisper import SILENT_DBFS, loudest_dbfs, nothing_said, quietest_place
from .whisper_model import WhisperModel
from .whisper_text import decoder_prompt, readable

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 12.0
"""A sentence is decoded from here on in parts."""
_CUT_BETWEEN = (6.0, 11.0)  # where in the window to look for the cut, seconds
_CONTEXT_SECONDS = 4.0
_PAD_SECONDS = 1.0
_SHORTEST = 0.5  # seconds; less is not worth decoding
_HASTE_FROM = 0.7  # seconds of audio at which something should be shown
_HASTE_STEP = 0.25
_SURE = 0.8  # share of the probability at which a language is kept for the sentence
_SURE_SECONDS = 1.2
_SILENCE_DROP = 35.0  # dB below the loudest part of the sentence
# A number may still grow: 一百 -> 一百二十.
_OPEN_NUMBER = re.compile(r"(?<![A-Za-z\d])\d[\d.,:%]*$")


@dataclass(slots=True)
class OnlineState:
    """One open sentence."""

    options: RecognitionOptions
    audio: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """What is decoded again: the sentence, or its end when it is long."""
    before: str = ""
    """Text of the audio that left the window."""
    hypothesis: str = ""
    """Text of the window at the last decoding."""
    language: str | None = None
    loudest: float = -120.0
    stable: StablePrefix = field(default_factory=StablePrefix)


class WhisperOnline:
    """``OnlineEngine`` on a Whisper model. ``run`` may be called from several threads, for one
    sentence from one at a time; requests of a batch are decoded one after another."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model

    def open(
        self,
        options: RecognitionOptions,
        *,
        chunk_size: tuple[int, int, int] = (5, 10, 5),
        encoder_chunk_look_back: int = 4,
        decoder_chunk_look_back: int = 0,
    ) -> OnlineState:
        """Return the state of a new sentence. The pace is the caller's: chunk settings have no
        meaning for this model."""
        return OnlineState(options, language=self._model.supported(options.language))

    def run(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        """Return what each sentence's text grew by."""
        return [self._guarded(request, last=False) for request in batch]

    def finish(self, batch: Sequence[OnlineRequest]) -> list[str | Exception]:
        """Return the rest of each sentence's text; its state is used up."""
        return [self._guarded(request, last=True) for request in batch]

    def _guarded(self, request: OnlineRequest, *, last: bool) -> str | Exception:
        try:
            return self._advance(request.state, request.samples, last=last)
        except Exception as error:
            logger.exception("first pass over a sentence failed")
            return error

    def _advance(self, state: OnlineState, samples: Samples, *, last: bool) -> str:
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise ValueError("audio must be one-dimensional and finite")
        level = loudest_dbfs(samples)
        state.loudest = max(state.loudest, level)
        state.audio = np.concatenate([state.audio, samples])
        quiet = level < max(SILENT_DBFS, state.loudest - _SILENCE_DROP)
        if not quiet or not state.hypothesis:
            self._decode_window(state)
        text = self._text(state)
        if last:
            delta = state.stable.finish(text)
            state.audio = np.zeros(0, np.float32)
            return delta
        delta = state.stable.push(_growing(text))
        if delta or state.stable.shown or quiet or len(state.audio) < _HASTE_FROM * SAMPLE_RATE:
            return delta
        # Nothing shown yet: do not wait for the next request, hear the sentence a little shorter
        # and show what both agree on.
        shorter = self._decode(state, state.audio[: -round(_HASTE_STEP * SAMPLE_RATE)])
        return state.stable.push(_growing(shorter)) + state.stable.push(_growing(text))

    def _decode_window(self, state: OnlineState) -> None:
        while len(state.audio) > WINDOW_SECONDS * SAMPLE_RATE:
            first, last = (round(s * SAMPLE_RATE) for s in _CUT_BETWEEN)
            cut = quietest_place(state.audio, first, last)
            state.before = _joined(state.before, self._decode(state, state.audio[:cut]))
            state.audio = state.audio[cut:].copy()
        if len(state.audio) >= _SHORTEST * SAMPLE_RATE:
            state.hypothesis = self._decode(state, state.audio)

    def _decode(self, state: OnlineState, audio: Samples) -> str:
        if loudest_dbfs(audio) < SILENT_DBFS:
            return ""
        seconds = len(audio) / SAMPLE_RATE
        encoded = self._model.encode(audio, max(_PAD_SECONDS, _CONTEXT_SECONDS - seconds))
        language = state.language
        if language is None:
            language, share = self._model.detect_language(encoded)
            if share >= _SURE and seconds >= _SURE_SECONDS:
                state.language = language
        prompt = decoder_prompt(language, state.options.hotwords, self._model.count_tokens)
        hypothesis = self._model.generate(encoded, language, prompt=prompt)
        if nothing_said(hypothesis, language):
            return ""
        return readable(remove_loops(hypothesis.text), language, state.options)

    def _text(self, state: OnlineState) -> str:
        return _joined(state.before, state.hypothesis)


def _growing(text: str) -> str:
    """Text that more audio can only add to: a number at its end may still change."""
    return _OPEN_NUMBER.sub("", text)


def _joined(before: str, after: str) -> str:
    """Two texts of one sentence: a space only between words of scripts that use it."""
    space = " " if before and after and before[-1].isascii() and after[0].isascii() else ""
    return before + space + after
