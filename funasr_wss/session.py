"""What one connection means: which frames belong to which utterance, and when it ends.

Pure and deterministic: frames in, actions out. The pipeline carries the actions out; it tells the
session when the time to hold early audio is over and when a speaker was heard.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from .compat import Switches, fingerprint, parse_switches, resolve
from .protocol import Mode, Settings, TextFrame, describe, parse_text_frame

logger = logging.getLogger(__name__)

HOLD_SECONDS = 1.0
"""How long audio that came before any config waits for one."""

HOLD_BYTES = 8 * 2**20
"""Early audio beyond this is not held any longer."""


class State(Enum):
    """Where an utterance stands."""

    IDLE = auto()
    """No audio yet; a config may still change everything."""
    STREAMING = auto()
    """Audio is arriving."""
    FINISHING = auto()
    """The end was signalled; results are on their way."""
    CLOSED = auto()
    """The final was sent, or nobody is there to receive it."""


class Event(Enum):
    """What can happen to an utterance."""

    CONFIG = auto()
    AUDIO = auto()
    END = auto()
    FINAL_SENT = auto()
    GONE = auto()
    """The connection closed, or a new start config replaced an utterance without speech."""


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.IDLE, Event.CONFIG): State.IDLE,
    (State.IDLE, Event.AUDIO): State.STREAMING,
    (State.IDLE, Event.END): State.FINISHING,
    (State.IDLE, Event.GONE): State.CLOSED,
    (State.STREAMING, Event.CONFIG): State.STREAMING,
    (State.STREAMING, Event.AUDIO): State.STREAMING,
    (State.STREAMING, Event.END): State.FINISHING,
    (State.STREAMING, Event.GONE): State.CLOSED,
    (State.FINISHING, Event.FINAL_SENT): State.CLOSED,
    (State.FINISHING, Event.GONE): State.CLOSED,
}
"""Every allowed step; anything else is a bug in the caller."""


@dataclass(slots=True)
class Utterance:
    """From a start config to the final. ``settings`` are those the client sees echoed."""

    number: int
    settings: Settings = field(default_factory=Settings)
    switches: Switches = field(default_factory=Switches)
    state: State = State.IDLE
    configured: bool = False
    """A config opened it; otherwise audio did."""
    speech_heard: bool = False
    wants_ack: bool = False

    def advance(self, event: Event) -> None:
        """Take one step of ``TRANSITIONS``.

        Raises:
            RuntimeError: the event cannot happen in this state.
        """
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            raise RuntimeError(f"{event.name} cannot happen in state {self.state.name}") from None

    @property
    def mode(self) -> Mode:
        """The mode that is served: ``online`` becomes ``2pass`` unless native was asked for."""
        if self.settings.mode is Mode.ONLINE and self.switches.online == "upgrade":
            return Mode.TWO_PASS
        return self.settings.mode


@dataclass(frozen=True, slots=True)
class Begin:
    """Start recognising an utterance; its replies follow those of the earlier ones."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Feed:
    """Audio bytes of an utterance."""

    utterance: Utterance
    data: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """New settings for the sentences that follow."""

    utterance: Utterance
    settings: Settings


@dataclass(frozen=True, slots=True)
class Finish:
    """No more audio will come; every result and the final are due."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget an utterance that nobody waits for; it gets no messages."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Answer a repeated end that asked for an acknowledgement."""

    settings: Settings


Action = Begin | Feed | Update | Finish | Discard | Acknowledge


class Session:
    """Divides the frames of one connection into utterances.

    Args:
        defaults: settings in force until a config changes them.
        listener: compatibility switches of the port.
        query: switches of the request's URL.
        fingerprints: recognise clients by their first config.
    """

    def __init__(
        self,
        *,
        defaults: Settings | None = None,
        listener: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        fingerprints: bool = True,
    ) -> None:
        self._settings = defaults or Settings()
        self._listener = listener or {}
        self._query = query or {}
        self._fingerprint: Mapping[str, Any] = {}
        self._look_for_fingerprint = fingerprints
        self._compat: dict[str, Any] = {}
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._count = 0
        self.utterance = Utterance(number=0, settings=self._settings)
        """The utterance that the next frame belongs to."""

    @property
    def holding(self) -> bool:
        """Audio came before its config and waits; call ``release`` after ``HOLD_SECONDS``."""
        return bool(self._held)

    def receive_text(self, data: str) -> list[Action]:
        """Take one text frame. A frame that is not a JSON object is logged and ignored."""
        frame = parse_text_frame(data)
        if frame is None:
            logger.warning("ignored text that is not a JSON object: %s", describe(data[:80]))
            return []
        for warning in frame.warnings:
            logger.warning("config: %s", warning)
        self._apply_switches(frame)
        actions = self._end(frame) if frame.is_end else self._config(frame)
        return actions

    def receive_audio(self, data: bytes) -> list[Action]:
        """Take one binary frame of any length, empty ones included."""
        if not data:
            return []
        current = self.utterance
        if current.state is State.IDLE and not current.configured:
            self._held.append(data)
            self._held_bytes += len(data)
            return self.release() if self._held_bytes > HOLD_BYTES else []
        return [*self._begin(), Feed(current, data)]

    def release(self) -> list[Action]:
        """Stop holding early audio: run with the settings in force."""
        if not self._held:
            return []
        held, self._held, self._held_bytes = self._held, [], 0
        current = self.utterance
        return [*self._begin(), *(Feed(current, data) for data in held)]

    def end(self, *, always: bool = False) -> list[Action]:
        """End the open utterance as if the client had said so (shutdown, idle).

        Args:
            always: end one even if no audio has opened it.
        """
        actions = [*self._drop_leftover(), *self.release()]
        if always or self.utterance.state is State.STREAMING:
            actions += self._finish()
        return actions

    def _apply_switches(self, frame: TextFrame) -> None:
        if frame.compat:
            switches, warnings = parse_switches(frame.compat)
            self._compat.update(switches)
            for warning in warnings:
                logger.warning("config: %s", warning)
        if self._look_for_fingerprint:
            self._look_for_fingerprint = False
            match = fingerprint(frame)
            if match:
                logger.info("client recognised by rule %s", match.rule)
                self._fingerprint = match.switches
                if match.mode is not None:
                    self._settings = self._settings.updated({"mode": match.mode})

    def _config(self, frame: TextFrame) -> list[Action]:
        actions = self._drop_leftover()
        if self.utterance.state is State.STREAMING:
            return self._update(frame)
        self._settings = self._settings.updated(frame.changes)
        self.utterance.advance(Event.CONFIG)
        self.utterance.configured = True
        return actions + self.release()

    def _drop_leftover(self) -> list[Action]:
        """Some clients send a little silence after the end; it must not become the next
        utterance's beginning, nor get a final. (The first utterance has no such past.)"""
        current = self.utterance
        if self._count and all(data.count(0) == len(data) for data in self._held):
            self._held, self._held_bytes = [], 0
        if current.state is not State.STREAMING or current.number == 0:
            return []
        if current.configured or current.speech_heard:
            return []
        current.advance(Event.GONE)
        self._next()
        return [Discard(current)]

    def _update(self, frame: TextFrame) -> list[Action]:
        current = self.utterance
        current.advance(Event.CONFIG)
        self._settings = self._settings.updated(frame.changes)
        return [Update(current, current.settings.updated(frame.changes, mid_utterance=True))]

    def _end(self, frame: TextFrame) -> list[Action]:
        actions: list[Action] = []
        if self.utterance.state is State.STREAMING:
            if frame.changes:
                actions = self._update(frame)
        else:
            self._settings = self._settings.updated(frame.changes)
            if self._count and not self.utterance.configured and not self._held:
                return [Acknowledge(self._settings)] if frame.wants_ack else []
            actions = self.release()
        self.utterance.wants_ack = frame.wants_ack
        return actions + self._finish()

    def _begin(self) -> list[Action]:
        current = self.utterance
        starting = current.state is State.IDLE
        current.advance(Event.AUDIO)
        return [self._start()] if starting else []

    def _finish(self) -> list[Action]:
        current = self.utterance
        actions: list[Action] = [self._start()] if current.state is State.IDLE else []
        current.advance(Event.END)
        self._next()
        return [*actions, Finish(current)]

    def _start(self) -> Begin:
        current = self.utterance
        current.settings = self._settings
        current.switches = resolve(
            compat=self._compat,
            query=self._query,
            fingerprint=self._fingerprint,
            listener=self._listener,
        )
        self._count += 1
        return Begin(current)

    def _next(self) -> Utterance:
        self.utterance = Utterance(number=self._count, settings=self._settings)
        return self.utterance
