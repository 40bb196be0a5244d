"""Second pass on Whisper: the text of a whole sentence, with guards and word times."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ..text.guards import is_loop, is_silence_text, leaks_hotwords, remove_loops, too_dense
from .base import SAMPLE_RATE, OfflineRequest, RecognitionOptions, Samples, Transcript, Word
from .whisper_model import MAX_SECONDS, Encoded, Hypothesis, WhisperModel
from .whisper_text import TimedText, decoder_prompt, readable, timed_words, with_end_mark

logger = logging.getLogger(__name__)

BEAM_SIZE = 5
CONTEXT_SECONDS = 10.0
"""What the encoder sees at least, silence included. Whisper repeats a short sentence until it
runs out of room when the encoder saw little more than that sentence."""
PAD_SECONDS = 1.0
"""Silence after a sentence at least."""
SILENT_DBFS = -72.0
"""Audio whose loudest 30 ms stay below this holds no speech."""
QUIET_DBFS = -30.0
"""Fainter sentences are amplified until their loudest 30 ms reach this; others stay as they are."""
_RETRY_PAD_SECONDS = 8.0
_LONGEST_PIECE = 28.0
_CUT_SEARCH = 8.0
_FRAME = 480


def loudest_dbfs(samples: Samples) -> float:
    """Level of the loudest 30 ms."""
    if not len(samples):
        return -120.0
    starts = np.arange(0, len(samples), _FRAME)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    return float(10 * np.log10(max(1e-12, sums.max() / _FRAME)))


def quietest_place(samples: Samples, begin: int, end: int) -> int:
    """Middle of the quietest 0.15 s between two positions."""
    power = np.square(samples[begin:end], dtype=np.float64)
    width = min(5 * _FRAME, max(1, len(power)))
    sums = np.convolve(power, np.ones(width), mode="valid")
    return begin + int(np.argmin(sums)) + width // 2


class WhisperOffline:
    """``OfflineEngine`` on a Whisper model.

    Requests of a batch are decoded one after another: on a CPU a batch takes as long as its
    parts. ``run`` may be called from as many threads as the model has workers.
    """

    def __init__(
        self,
        model: WhisperModel,
        *,
        beam_size: int = BEAM_SIZE,
        context_seconds: float = CONTEXT_SECONDS,
        pad_seconds: float = PAD_SECONDS,
    ) -> None:
        self._model = model
        self._beam_size = beam_size
        self._context_seconds = context_seconds
        self._pad_seconds = pad_seconds

    def run(self, batch: Sequence[OfflineRequest]) -> list[Transcript | Exception]:
        """Transcribe every sentence; a failure takes the place of its transcript."""
        results: list[Transcript | Exception] = []
        for request in batch:
            try:
                results.append(self._sentence(request.samples, request.options))
            except Exception as error:
                logger.exception("recognition of a sentence failed")
                results.append(error)
        return results

    def _sentence(self, samples: Samples, options: RecognitionOptions) -> Transcript:
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise ValueError("audio must be one-dimensional and finite")
        texts: list[str] = []
        words: list[Word] = []
        language = ""
        for start, piece in _pieces(samples):
            part = self._piece(piece, options)
            if not part.text:
                continue
            language = language or part.language
            space = " " if texts and texts[-1][-1:].isascii() and part.text[0].isascii() else ""
            texts.append(space + part.text)
            offset = start * 1000 // SAMPLE_RATE
            words += [Word(w.text, offset + w.start_ms, offset + w.end_ms) for w in part.words]
        text = "".join(texts)
        # A sentence as long as the longest was cut, not ended: it goes on.
        if options.punctuation and len(samples) < _LONGEST_PIECE * SAMPLE_RATE:
            text = with_end_mark(text, language)
        return Transcript(text, tuple(words), language)

    def _piece(self, samples: Samples, options: RecognitionOptions) -> Transcript:
        loudest = loudest_dbfs(samples)
        if loudest < SILENT_DBFS:
            return Transcript("")
        if loudest < QUIET_DBFS:
            samples = samples * np.float32(10 ** ((QUIET_DBFS - loudest) / 20))
        encoded = self._model.encode(samples, self._padding(samples))
        language = self._model.supported(options.language)
        if language is None:
            language = self._model.detect_language(encoded)[0]
        encoded, hypothesis = self._decode(samples, encoded, language, options)
        if hypothesis is None:
            return Transcript("", language=language)
        text = readable(remove_loops(hypothesis.text), language, options)
        spoken_as = options.language if options.language != "auto" else language
        return Transcript(text, self._words(text, encoded, language, hypothesis), spoken_as)

    def _padding(self, samples: Samples) -> float:
        """Seconds of silence to encode after a sentence."""
        return max(self._pad_seconds, self._context_seconds - len(samples) / SAMPLE_RATE)

    def _decode(
        self, samples: Samples, encoded: Encoded, language: str, options: RecognitionOptions
    ) -> tuple[Encoded, Hypothesis | None]:
        """The first hypothesis without a known fault, else the last one; ``None`` for silence."""
        prompt = decoder_prompt(language, options.hotwords, self._model.count_tokens)
        hypothesis = self._model.generate(
            encoded, language, prompt=prompt, beam_size=self._beam_size
        )
        if nothing_said(hypothesis, language):
            return encoded, None
        if not _faulty(hypothesis, encoded, options.hotwords):
            return encoded, hypothesis
        # More silence behind the sentence and no hotwords: both make Whisper stop in time.
        encoded = self._model.encode(samples, self._padding(samples) + _RETRY_PAD_SECONDS)
        hypothesis = self._model.generate(
            encoded, language, prompt=decoder_prompt(language, ()), beam_size=self._beam_size
        )
        if _faulty(hypothesis, encoded, options.hotwords):
            hypothesis = self._model.generate(
                encoded, language, beam_size=self._beam_size, no_repeat_ngram_size=4
            )
        silent = nothing_said(hypothesis, language)
        return encoded, None if silent else hypothesis

    def _words(
        self, text: str, encoded: Encoded, language: str, hypothesis: Hypothesis
    ) -> tuple[Word, ...]:
        if not text:
            return ()
        try:
            return timed_words(text, self._timed(encoded, language, hypothesis))
        except Exception:  # a model converted without alignment heads still gives text
            logger.warning("no word times for a sentence", exc_info=True)
            return ()

    def _timed(self, encoded: Encoded, language: str, hypothesis: Hypothesis) -> list[TimedText]:
        """Text of the tokens with times; tokens that only together make a character are joined."""
        times = self._model.token_times(encoded, language, hypothesis.tokens)
        pieces: list[TimedText] = []
        waiting: list[int] = []
        begin = 0.0
        for token, (start, end) in zip(hypothesis.tokens, times, strict=True):
            begin = begin if waiting else start
            waiting.append(token)
            text = self._model.decode(waiting)
            if "\ufffd" not in text:
                pieces.append(TimedText(text, begin, end))
                waiting = []
        return pieces


def nothing_said(hypothesis: Hypothesis, language: str) -> bool:
    """Whether the text was made up for audio without speech."""
    silence, sure = hypothesis.no_speech_probability, hypothesis.mean_log_probability
    if (silence > 0.6 and sure < -0.7) or (silence > 0.85 and sure < -0.4):
        return True
    return (silence > 0.3 or sure < -0.5) and is_silence_text(hypothesis.text, language)


def _faulty(hypothesis: Hypothesis, encoded: Encoded, hotwords: Sequence[str]) -> bool:
    text = hypothesis.text
    return is_loop(text) or too_dense(text, encoded.seconds) or leaks_hotwords(text, list(hotwords))


def _pieces(samples: Samples) -> list[tuple[int, Samples]]:
    """The audio in stretches that fit the model, cut at quiet places."""
    pieces = []
    begin = 0
    while len(samples) - begin > int(MAX_SECONDS * SAMPLE_RATE):
        limit = begin + int(_LONGEST_PIECE * SAMPLE_RATE)
        cut = quietest_place(samples, limit - int(_CUT_SEARCH * SAMPLE_RATE), limit)
        pieces.append((begin, samples[begin:cut]))
        begin = cut
    pieces.append((begin, samples[begin:]))
    return pieces
