"""A Whisper model on CTranslate2, as both passes use it: features, encoder, decoder, alignment.

Whisper was trained on 30 s windows, but its encoder also takes shorter ones, and its cost grows
with the window: only the audio and a little silence after it are encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..models import ModelError
from .base import SAMPLE_RATE, Samples

MAX_SECONDS = 30.0
"""Length of the window Whisper looks at."""
_HOP = 160  # samples a feature frame, and two frames an encoder position
_FRAME_SECONDS = 2 * _HOP / SAMPLE_RATE
_CONTEXT_TOKENS = 448  # of the text decoder, prompt and answer together
_MAX_PROMPT_TOKENS = 160
# No language in the set below speaks faster than this many tokens a second; a decoder that
# writes more is repeating itself, and stopping it early bounds the time that costs.
_TOKENS_PER_SECOND = 14
_SPARE_TOKENS = 16

LANGUAGES = ("zh", "en", "ja", "ko")
"""What ``auto`` chooses from. Detection over all 99 languages of the model takes short Chinese
clips for other Asian languages too often."""
_SHORT_SECONDS = 1.5
_EXPECTED = {"zh": 3.0, "en": 2.0, "ja": 1.0, "ko": 0.5}
"""Weights for audio shorter than ``_SHORT_SECONDS``, in which detection errs often: without them
the first syllables of Chinese sentences pass for Korean or English."""
_ALIASES = {"yue": "zh"}  # the models before large-v3 have no Cantonese token


@dataclass(frozen=True, slots=True)
class Encoded:
    """Encoder output of one stretch of audio."""

    output: Any
    frames: int
    """Feature frames of 10 ms that were encoded."""
    seconds: float
    """Length of the audio without the silence added."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the decoder wrote."""

    tokens: tuple[int, ...]
    text: str
    mean_log_probability: float
    """Per token, end of text included."""
    no_speech_probability: float


class WhisperModel:
    """Calls of several threads run side by side, at most ``workers`` at a time."""

    def __init__(self, folder: Path | str, *, workers: int = 2, threads: int = 1) -> None:
        """Load the model; raises ``ModelError``.

        ``workers`` decode at the same time with ``threads`` each. On small models one thread is
        as fast as two, so threads are better spent on workers.
        """
        import faster_whisper

        try:
            model = faster_whisper.WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=threads,
                num_workers=workers,
            )
        except Exception as error:
            raise ModelError(
                f"The Whisper model in {folder} cannot be loaded "
                f"({' '.join(str(error).split())[:160]}): delete it and run ./install.sh again."
            ) from error
        self._model = model.model
        self._extract = model.feature_extractor
        self._tokenizer = model.hf_tokenizer
        self.workers = workers
        special = self._tokenizer.token_to_id
        self._previous = special("<|startofprev|>")
        self._start = special("<|startoftranscript|>")
        self._transcribe = special("<|transcribe|>")
        self._no_timestamps = special("<|notimestamps|>")
        self._end = special("<|endoftext|>")
        self._languages = {
            code: token
            for code in ("yue", *LANGUAGES)
            if (token := special(f"<|{code}|>")) is not None
        }

    def supported(self, language: str) -> str | None:
        """The code the model knows ``language`` by; ``None`` when it must be detected."""
        if language in self._languages:
            return language
        return _ALIASES.get(language)

    def encode(self, samples: Samples, pad_seconds: float) -> Encoded:
        """Encode audio of at most 30 s followed by ``pad_seconds`` of silence."""
        samples = samples[: int(MAX_SECONDS * SAMPLE_RATE)]
        room = int(MAX_SECONDS * SAMPLE_RATE) - len(samples)
        pad = min(room, round(pad_seconds * SAMPLE_RATE))
        features = self._extract(np.pad(samples, (0, pad)), padding=0)
        frames = max(2, features.shape[1] // 2 * 2)
        features = np.ascontiguousarray(features[None, :, :frames], np.float32)
        return Encoded(self._encode(features), frames, len(samples) / SAMPLE_RATE)

    def _encode(self, features: Any) -> Any:
        import ctranslate2

        return self._model.encode(ctranslate2.StorageView.from_array(features))

    def detect_language(self, encoded: Encoded) -> tuple[str, float]:
        """The most likely of ``LANGUAGES`` and its share of their probability."""
        if not self._model.is_multilingual:
            return "en", 1.0
        found = dict(self._model.detect_language(encoded.output)[0])
        shares = {code: float(found.get(f"<|{code}|>", 0.0)) for code in LANGUAGES}
        if encoded.seconds < _SHORT_SECONDS:
            shares = {code: share * _EXPECTED[code] for code, share in shares.items()}
        best = max(shares, key=lambda code: shares[code])
        return best, shares[best] / max(sum(shares.values()), 1e-9)

    def generate(
        self,
        encoded: Encoded,
        language: str,
        *,
        prompt: str = "",
        beam_size: int = 1,
        length_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        repetition_penalty: float = 1.0,
    ) -> Hypothesis:
        """Write what was said. ``prompt`` reads as the text before this one."""
        tokens = self._prompt_tokens(language, prompt)
        room = _SPARE_TOKENS + int(encoded.seconds * _TOKENS_PER_SECOND)
        result = self._model.generate(
            encoded.output,
            [tokens],
            beam_size=beam_size,
            length_penalty=length_penalty,
            no_repeat_ngram_size=no_repeat_ngram_size,
            repetition_penalty=repetition_penalty,
            max_length=min(_CONTEXT_TOKENS, len(tokens) + room),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        written = tuple(t for t in result.sequences_ids[0] if t < self._end)
        total = result.scores[0] * max(1, len(result.sequences_ids[0])) ** length_penalty
        return Hypothesis(
            written,
            self.decode(written),
            total / (len(result.sequences_ids[0]) + 1),
            float(result.no_speech_prob),
        )

    def token_times(
        self, encoded: Encoded, language: str, tokens: Sequence[int]
    ) -> list[tuple[float, float]]:
        """Start and end of every token, seconds from the first sample."""
        head = [self._start, self._languages[language], self._transcribe]
        alignment = self._model.align(encoded.output, head, [list(tokens)], encoded.frames)[0]
        first: dict[int, int] = {}
        for token, position in alignment.alignments:
            first.setdefault(token, position)
        starts = [first.get(i, 0) * _FRAME_SECONDS for i in range(len(tokens) + 1)]
        starts = [min(start, encoded.seconds) for start in starts]
        return [(starts[i], max(starts[i], starts[i + 1])) for i in range(len(tokens))]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, leading space included."""
        text: str = self._tokenizer.decode(list(tokens))
        return text

    def count_tokens(self, text: str) -> int:
        """How many tokens a prompt takes."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _prompt_tokens(self, language: str, prompt: str) -> list[int]:
        head: list[int] = []
        if prompt:
            ids = self._tokenizer.encode(prompt, add_special_tokens=False).ids
            head = [self._previous, *ids[-_MAX_PROMPT_TOKENS:]]
        return [
            *head,
            self._start,
            self._languages[language],
            self._transcribe,
            self._no_timestamps,
        ]
