"""The order and finality of everything that is sent to one client.

Results arrive from the passes in any order, each with its utterance and sentence. The outbox
gives out messages in the order clients rely on: utterance by utterance, sentence by sentence,
no partial of a sentence before the one ahead of it is settled, and exactly one final, last.
Pure: no I/O, no clock.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .protocol import Mode, Settings
from .results import ErrorInfo, SentenceInfo, ack_message, partial_message, result_message
from .session import Event, State, Utterance
from .text.join import SentenceJoiner, join
from .text.punctuation import strip_leading

LONG_TEXT = 1000
"""Characters from which a final is built outside the event loop: an hour of speech takes 0.1 s."""


class Close:
    """Taken from the outbox where the connection is to be closed with code 1000."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A message that takes long to build; ``build`` may be called in any thread."""

    build: Callable[[], str]


@dataclass(slots=True)
class _Sentence:
    waiting: str = ""
    """First-pass text not sent yet; it grows while the client is slow or it is not its turn."""
    shown: str = ""
    result: SentenceInfo | None = None
    error: ErrorInfo | None = None

    @property
    def settled(self) -> bool:
        return self.result is not None or self.error is not None


@dataclass(slots=True)
class Replies:
    """All messages of one utterance."""

    utterance: Utterance
    _sentences: dict[int, _Sentence] = field(default_factory=dict)
    _events: deque[str] = field(default_factory=deque)
    _joiner: SentenceJoiner = field(default_factory=SentenceJoiner)
    _done: list[SentenceInfo] = field(default_factory=list)
    _next: int = 0
    _total: int | None = None
    _error: ErrorInfo | None = None

    def partial(self, sentence: int, delta: str) -> None:
        """First-pass text of an open sentence grew by ``delta``."""
        slot = self._slot(sentence)
        if not slot.settled:
            slot.waiting += delta

    def sentence(self, sentence: int, result: SentenceInfo) -> None:
        """The second pass of a sentence is done; its text may be empty."""
        self._slot(sentence).result = result

    def sentence_failed(self, sentence: int, error: ErrorInfo) -> None:
        """The second pass of a sentence failed; what the client saw of it is kept."""
        self._slot(sentence).error = error

    def event(self, message: str) -> None:
        """A message outside the order of sentences (voice activity)."""
        self._events.append(message)

    def fail(self, error: ErrorInfo) -> None:
        """Something is wrong with the whole utterance; the final will say so."""
        self._error = self._error or error

    def finish(self, total: int) -> None:
        """The end was signalled and no sentence beyond the ``total`` already counted follows."""
        self._total = total

    def take(self) -> str | Deferred | None:
        """Return the next message, or None while there is nothing to send."""
        if self._events:
            return self._events.popleft()
        while (slot := self._sentences.get(self._next)) is not None:
            delta = self._partial(slot)
            if delta is not None or not slot.settled:
                return delta
            message = self._settle(slot)
            if message is not None:
                return message
        if self._total == self._next and self.utterance.state is State.FINISHING:
            return self._final("")
        return None

    def abort(self, error: ErrorInfo) -> str | Deferred:
        """Return a final for an utterance that cannot be finished."""
        self._error = self._error or error
        if self.utterance.state is not State.FINISHING:
            self.utterance.advance(Event.END)
        return self._final("")

    def _slot(self, sentence: int) -> _Sentence:
        return self._sentences.setdefault(sentence, _Sentence())

    def _partial(self, slot: _Sentence) -> str | None:
        utterance = self.utterance
        if utterance.mode is Mode.OFFLINE or not slot.waiting:
            return None
        if slot.settled and (utterance.mode is Mode.TWO_PASS or self._is_last):
            return None
        delta, slot.waiting = slot.waiting, ""
        if not slot.shown:
            delta = strip_leading(delta)
            delta = self._joiner.prefix_for(delta) + delta
        if not delta:
            return None
        slot.shown += delta
        text = slot.shown if utterance.switches.partial == "cumulative" else delta
        mode = "2pass-online" if utterance.mode is Mode.TWO_PASS else "online"
        return partial_message(utterance.settings.wav_name, text, mode=mode)

    @property
    def _whole(self) -> bool:
        """The final repeats the text of all sentences."""
        mode = self.utterance.mode
        full = self.utterance.switches.final_text == "full" and mode is not Mode.ONLINE
        return mode is Mode.OFFLINE or full

    @property
    def _is_last(self) -> bool:
        return self._total is not None and self._next == self._total - 1

    def _settle(self, slot: _Sentence) -> str | Deferred | None:
        """Send the second pass of the sentence in turn, or None if nothing need be sent."""
        last = self._is_last
        self._error = self._error or slot.error
        if self.utterance.mode is Mode.ONLINE:
            spoken = self._joiner.add(slot.shown + slot.waiting)
            self._advance(None)
            return self._final(slot.waiting if slot.shown else spoken) if last else None
        result = slot.result or SentenceInfo(text=slot.shown.strip(), start_ms=-1, end_ms=-1)
        text = self._joiner.add(result.text)
        index = self._next
        self._advance(result if text else None)
        if self.utterance.mode is Mode.OFFLINE:
            return None
        if last and self._error is None:
            return self._final(text, result, index)
        if not text and not slot.shown:
            return None
        every = self.utterance.switches.is_final == "segment"
        return self._result(text, [result], index=index, is_final=every)

    def _advance(self, result: SentenceInfo | None) -> None:
        del self._sentences[self._next]
        self._next += 1
        if result is not None and self._whole:
            self._done.append(result)

    def _final(
        self, text: str, result: SentenceInfo | None = None, index: int = 0
    ) -> str | Deferred:
        utterance = self.utterance
        message: str | Deferred
        if self._whole:
            text = join(info.text for info in self._done)
            build = functools.partial(
                self._result, text, self._done, is_final=True, error=self._error
            )
            message = Deferred(build) if len(text) > LONG_TEXT else build()
        else:
            infos = [result] if result is not None and text else []
            place = index if infos else None
            message = self._result(text, infos, index=place, is_final=True, error=self._error)
        utterance.advance(Event.FINAL_SENT)
        return message

    def _result(
        self,
        text: str,
        infos: list[SentenceInfo],
        *,
        is_final: bool,
        index: int | None = None,
        error: ErrorInfo | None = None,
    ) -> str:
        mode = {Mode.TWO_PASS: "2pass-offline"}.get(self.utterance.mode, self.utterance.mode.value)
        return result_message(
            mode=mode,
            text=text,
            wav_name=self.utterance.settings.wav_name,
            is_final=is_final,
            sentences=infos,
            timestamp=self.utterance.switches.timestamp,
            index=index,
            slice_type=None if index is None else 2,
            error=error,
        )

    @property
    def failed(self) -> bool:
        """An error was or will be reported in the final."""
        return self._error is not None


class Outbox:
    """The replies of all utterances of a connection, in the order of their start."""

    def __init__(self) -> None:
        self._queue: deque[Replies | str] = deque()
        self._close = False

    def open(self, utterance: Utterance) -> Replies:
        """Queue a new utterance behind those that are not finished yet."""
        replies = Replies(utterance)
        self._queue.append(replies)
        return replies

    def discard(self, replies: Replies) -> None:
        """Forget an utterance that gets no messages."""
        self._queue.remove(replies)

    def acknowledge(self, settings: Settings) -> None:
        """Queue the answer to a repeated end."""
        self._queue.append(ack_message(mode=_ack_mode(settings), wav_name=settings.wav_name))

    @property
    def unfinished(self) -> int:
        """Utterances whose final was not given out yet."""
        return sum(isinstance(item, Replies) for item in self._queue)

    @property
    def empty(self) -> bool:
        """Everything was given out, acknowledgements included."""
        return not self._queue

    def take(self) -> str | Deferred | Close | None:
        """Return what is to be sent next, or None."""
        while self._queue:
            head = self._queue[0]
            if isinstance(head, str):
                self._queue.popleft()
                return head
            if head.utterance.state is not State.CLOSED:
                return head.take()
            self._queue.popleft()
            if head.utterance.wants_ack:
                self._queue.appendleft(self._ack(head))
            if head.utterance.switches.close_after_final:
                self._close = True
        return Close() if self._close else None

    def abort(self, error: ErrorInfo) -> list[str]:
        """Return finals for all utterances that cannot be finished, and empty the outbox."""
        left = [item for item in self._queue if not isinstance(item, str)]
        self._queue.clear()
        finals = [item.abort(error) for item in left if item.utterance.state is not State.CLOSED]
        return [final.build() if isinstance(final, Deferred) else final for final in finals]

    @staticmethod
    def _ack(replies: Replies) -> str:
        settings = replies.utterance.settings
        error = "decode failed" if replies.failed else None
        return ack_message(mode=_ack_mode(settings), wav_name=settings.wav_name, error=error)


def _ack_mode(settings: Settings) -> str:
    return settings.mode.value if settings.mode is Mode.OFFLINE else "2pass"
