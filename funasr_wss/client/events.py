"""Server messages to typed events, without any I/O.

``ResultTracker`` is fed every text message of a connection and is told when utterances start and
end. It works with servers that mark only the last message of an utterance with ``is_final`` and
with servers that mark every sentence, because it never takes the mark alone for the end:

* before the end signal a marked result is an ordinary sentence;
* after the end signal the utterance is over when the server acknowledges it (``is_end``), or, for
  servers that do not acknowledge, when nothing follows a marked result for a short while. The
  caller runs that timer: it watches ``settling`` and calls ``settle``.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .sentences import Sentence, sentences_of

PARTIAL_MODES = frozenset({"online", "2pass-online"})


@dataclass(frozen=True, slots=True)
class Partial:
    """First-pass text of the open sentence."""

    delta: str
    """What was added by this message."""
    text: str
    """All partial text of the sentence so far; empty = the sentence was taken back."""


@dataclass(frozen=True, slots=True)
class Final:
    """The utterance is over; nothing follows."""

    text: str
    """The sentences of the utterance, joined."""
    wav_name: str = ""
    sentences: tuple[Sentence, ...] = ()
    error_code: str = ""
    """Empty when recognition succeeded."""
    error_message: str = ""


Event = Partial | Sentence | Final


@dataclass(slots=True)
class _Utterance:
    mode: str
    wav_name: str
    ended: bool = False
    marked: bool = False
    """The end was signalled and a result that may be the last one has come."""
    partial: str = ""
    sentences: list[Sentence] = field(default_factory=list)


class ResultTracker:
    """Turns the messages of one connection into events, utterance by utterance, in order."""

    def __init__(self) -> None:
        self._open: deque[_Utterance] = deque()
        self._acks_due = 0
        self._acks_seen = False
        self._inverted = False

    @property
    def pending(self) -> bool:
        """Some utterance has no ``Final`` yet."""
        return bool(self._open)

    @property
    def awaiting(self) -> bool:
        """The end of the oldest open utterance was signalled; the server owes its final."""
        return bool(self._open) and self._open[0].ended

    @property
    def settling(self) -> bool:
        """The oldest utterance is over unless another message comes soon."""
        return self.awaiting and self._open[0].marked and not self._acks_seen

    def start(self, mode: str, wav_name: str) -> None:
        """A new utterance begins; results of the earlier ones may still be on their way."""
        self._open.append(_Utterance(mode, wav_name))

    def end(self) -> bool:
        """Note the end signal of the newest utterance; False if it has already failed."""
        if not self._open or self._open[-1].ended:
            return False
        self._open[-1].ended = True
        return True

    def settle(self) -> list[Event]:
        """Close the oldest utterance with what it has."""
        if not self.awaiting:
            return []
        self._acks_due += 1
        return [self._close()]

    def feed(self, data: str | bytes) -> list[Event]:
        """Return the events of one message; anything that is not a result gives none."""
        try:
            message = json.loads(data)
        except ValueError:
            return []
        if not isinstance(message, dict) or message.get("mode") == "vad":
            return []
        if message.get("is_end"):
            return self._acknowledged(message)
        if not self._open:
            return []
        if message.get("error_code") or message.get("error"):
            if self._open[0].ended:
                self._acks_due += 1
            return [self._close(*_error_of(message))]
        return self._result(message)

    def _acknowledged(self, message: Mapping[str, Any]) -> list[Event]:
        self._acks_seen = True
        if self._acks_due:
            self._acks_due -= 1
            return []
        if not self.awaiting:
            return []
        failed = message.get("error_code") or message.get("error")
        return [self._close(*_error_of(message))] if failed else [self._close()]

    def _result(self, message: Mapping[str, Any]) -> list[Event]:
        utterance = self._open[0]
        mode, text = message.get("mode"), message.get("text")
        text = text if isinstance(text, str) else ""
        is_last = message.get("is_final") is True
        events: list[Event] = []
        if mode in PARTIAL_MODES:
            # Some servers mark partials while speech goes on and leave the last result unmarked.
            self._inverted |= is_last and utterance.mode != "online"
            if not (is_last and utterance.mode == "online"):
                if text:
                    utterance.partial += text
                    events.append(Partial(text, utterance.partial))
                return events
            text = utterance.partial + text
        found = sentences_of(message, text)
        if found:
            utterance.sentences += found
            events += found
        elif utterance.partial:
            events.append(Partial("", ""))
        utterance.partial = ""
        # A whole-file request has one answer, marked or not.
        is_last = is_last or self._inverted or utterance.mode == "offline"
        utterance.marked |= utterance.ended and is_last
        return events

    def _close(self, code: str = "", detail: str = "") -> Final:
        utterance = self._open.popleft()
        sentences = tuple(utterance.sentences)
        text = "".join(sentence.text for sentence in sentences).strip()
        return Final(text, utterance.wav_name, sentences, code, detail)


def _error_of(message: Mapping[str, Any]) -> tuple[str, str]:
    error = message.get("error")
    if isinstance(error, dict):
        error = error.get("message") or error.get("msg") or json.dumps(error, ensure_ascii=False)
    code = str(message.get("error_code") or "server_error")
    return code, str(message.get("error_message") or error or "")
