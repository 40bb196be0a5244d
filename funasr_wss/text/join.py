"""Joining the sentences of an utterance for clients that concatenate without a separator."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from funasr_wss.text.punctuation import strip_leading


class SentenceJoiner:
    """Decides how each sentence of one utterance starts, so that plain concatenation reads well."""

    def __init__(self) -> None:
        self._last = ""

    def prefix_for(self, text: str) -> str:
        """Return what has to stand before ``text`` as the start of the next sentence.

        A space when the sentence before ended in ASCII and ``text`` starts with a Latin letter
        or a digit, else nothing. Meant for the first partial of a sentence; changes nothing.
        """
        first = text[:1]
        latin = first.isdecimal() or "LATIN" in unicodedata.name(first or " ", "")
        return " " if self._last and self._last.isascii() and latin else ""

    def add(self, text: str) -> str:
        """Return ``text`` as it has to be sent and take it as the sentence before the next one.

        Leading punctuation and outer spaces are cut. Nothing left gives ``""`` and changes
        nothing.
        """
        text = strip_leading(text).rstrip()
        if not text:
            return ""
        prefix = self.prefix_for(text)
        self._last = text[-1]
        return prefix + text


def join(texts: Iterable[str]) -> str:
    """Return the text of a whole utterance from the texts of its sentences."""
    joiner = SentenceJoiner()
    return "".join(joiner.add(text) for text in texts)
