"""Append-only text of a sentence whose hypothesis is revised while it grows.

Words are shown once the last two hypotheses agree on them: LocalAgreement with n = 2 (Liu, Spanakis
and Niehues, Interspeech 2020; used for Whisper by Macháček, Dabre and Bojar, IJCNLP-AACL 2023).
"""

from __future__ import annotations

from collections.abc import Sequence

from funasr_wss.text.punctuation import strip_leading
from funasr_wss.text.tokens import Token, tokenize

_MAX_TOKENS = 64
"""Shown tokens looked at when a hypothesis contradicts them; bounds the cost of the alignment."""


def _keys(tokens: Sequence[Token]) -> list[str]:
    return [token.key for token in tokens]


def _continuation(shown: list[str], hypothesis: list[str]) -> int:
    """Return how many tokens of ``hypothesis`` say what ``shown`` already says.

    The prefix of ``hypothesis`` with the smallest edit distance to ``shown``; of equals the one
    whose length comes closest.
    """
    count = len(shown)
    if hypothesis[:count] == shown:
        return count
    # A long sentence: both sides lose the same number of tokens at the front.
    skip = max(0, count - _MAX_TOKENS)
    shown = shown[skip:]
    rest = hypothesis[skip : skip + 2 * _MAX_TOKENS]
    row = list(range(len(rest) + 1))
    for i, word in enumerate(shown, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(rest, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
            diagonal, row[j] = row[j], cost
    best = min(range(len(row)), key=lambda j: (row[j], abs(j - len(shown))))
    return min(skip + best, len(hypothesis))


class StablePrefix:
    """Turns the successive whole hypotheses of one open sentence into deltas that may be shown.

    Text once returned is never taken back. When a later hypothesis differs from it, the place
    where that hypothesis goes on is found by alignment, and what follows is shown as soon as two
    hypotheses agree on it again. A delta ends with a whole token: trailing punctuation waits for
    the next word, and a word or number is never cut.
    """

    def __init__(self) -> None:
        self._shown = ""
        self._shown_keys: list[str] = []
        self._previous = ""
        self._finished = False

    @property
    def shown(self) -> str:
        """All deltas so far, concatenated."""
        return self._shown

    def push(self, hypothesis: str) -> str:
        """Return what may be shown in addition now that the sentence reads ``hypothesis``."""
        if self._finished:
            return ""
        previous = tokenize(self._previous)
        tokens = tokenize(hypothesis)
        self._previous = hypothesis
        start = _continuation(self._shown_keys, _keys(tokens))
        before = _continuation(self._shown_keys, _keys(previous))
        end = start
        for token, other in zip(tokens[start:], previous[before:], strict=False):
            if token.key != other.key:
                break
            end += 1
        return self._emit(hypothesis, tokens, start, end)

    def finish(self, hypothesis: str | None = None) -> str:
        """Return all that is left of ``hypothesis`` (default: the last one) and close the sentence.

        Closing punctuation is included. Later calls return ``""``.
        """
        if self._finished:
            return ""
        self._finished = True
        text = self._previous if hypothesis is None else hypothesis
        tokens = tokenize(text)
        start = _continuation(self._shown_keys, _keys(tokens))
        tail = text[tokens[-1].end :].rstrip() if tokens else ""
        return self._emit(text, tokens, start, len(tokens), tail)

    def _emit(self, text: str, tokens: list[Token], start: int, end: int, tail: str = "") -> str:
        """Append tokens ``start:end`` of ``text`` with what stands between them, then ``tail``."""
        delta = tail
        if end > start:
            # The first word of a sentence starts it; later ones bring the marks before them.
            begin = tokens[start - 1].end if start else 0
            delta = text[begin : tokens[end - 1].end] + tail
            delta = delta if start else strip_leading(delta)
        if not self._shown and end == start:
            return ""
        if (
            self._shown[-1:].isascii()
            and delta[:1].isascii()
            and (self._shown[-1:].isalnum() and delta[:1].isalnum())
        ):
            delta = " " + delta
        self._shown += delta
        self._shown_keys += _keys(tokens[start:end])
        return delta
