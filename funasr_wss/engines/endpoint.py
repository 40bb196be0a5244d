"""Sentence boundaries from speech probabilities: a pure state machine, one object a stream.

Every window of the stream is pushed with its speech probability and level. A sentence opens after
``min_speech`` of speech and ends after enough silence; both boundaries are padded so that quiet
first and last sounds survive, and padding never reaches into the neighbouring sentence. The longer
a sentence gets the shorter a pause may be to end it, and one that finds no pause at all is cut at
its quietest place before ``max_sentence``.

All positions are samples from the start of the stream.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .base import SAMPLE_RATE, SpeechEnd, SpeechStart

Event = SpeechStart | SpeechEnd


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Thresholds are probabilities, durations seconds. The defaults were tuned on recorded
    speech with ``python -m bench.recognition_direct``."""

    start_threshold: float = 0.5
    """From here on a window counts as speech."""
    end_threshold: float = 0.35
    """Below this a pause begins; it lasts until a window reaches ``start_threshold`` again."""
    weak_threshold: float = 0.3
    """At the end of a stream without any sentence so far this much is enough for one."""
    min_speech: float = 0.096
    """Speech needed to open a sentence; shorter clicks do not."""
    start_padding: float = 0.3
    end_padding: float = 0.3
    min_silence: float = 0.7
    """Silence that ends a sentence of up to ``patient_until``."""
    long_silence: float = 0.2
    """Silence that ends a sentence of ``hurried_from`` or more; in between it falls linearly."""
    patient_until: float = 10.0
    hurried_from: float = 24.0
    max_sentence: float = 29.5
    """Longest sentence, padding included: recognisers look at 30 s at a time."""
    cut_search: float = 8.0
    """How far back from the newest sample the forced cut looks for the quietest place."""
    weak_memory: float = 3.0
    """How long weak evidence is remembered."""

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.start_threshold < 1:
            raise ValueError("thresholds must satisfy 0 < end_threshold <= start_threshold < 1")
        if self.max_sentence <= 2 * self.cut_search:
            raise ValueError("max_sentence must be more than twice cut_search")
        if self.hurried_from <= self.patient_until:
            raise ValueError("hurried_from must be later than patient_until")


class Endpointer:
    """Turns windows of ``window`` samples into ``SpeechStart`` and ``SpeechEnd``."""

    def __init__(self, settings: EndpointSettings, window: int) -> None:
        self._set = settings
        self._window = window
        self._position = 0
        self._floor = 0  # end of the sentence before: padding must not reach below
        self._open: int | None = None
        self._quiet_since: int | None = None
        self._onset: int | None = None  # where the rise towards the current speech began
        self._run = 0  # samples of speech since the onset
        self._ever_open = False
        self._weak_at: int | None = None
        self._history: deque[tuple[float, float]] = deque(
            maxlen=max(1, _samples(settings.cut_search) // window)
        )

    @property
    def position(self) -> int:
        """Samples pushed so far."""
        return self._position

    @property
    def pause_at(self) -> int | None:
        """Where the open sentence will end if the silence goes on; set once the padding after
        the last speech has been heard."""
        if self._open is None or self._quiet_since is None:
            return None
        end = self._quiet_since + _samples(self._set.end_padding)
        return end if end <= self._position else None

    def push(self, probability: float, level_db: float, samples: int | None = None) -> list[Event]:
        """Take the next window: its speech probability and its RMS level in dBFS. Only the last
        window of a stream may hold fewer real ``samples`` than a full one."""
        begin = self._position
        self._position += self._window if samples is None else samples
        if self._open is None:
            return self._wait_for_speech(begin, probability)
        self._history.append((probability, level_db))
        return self._inside_sentence(begin, probability)

    def finish(self) -> list[Event]:
        """End of the stream: close the open sentence, or report the one that was only hinted at."""
        events: list[Event] = []
        if self._open is None:
            start = self._last_evidence()
            if start is None:
                return []
            events.append(self._open_at(start))
        end = self._position
        if self._quiet_since is not None:
            end = min(end, self._pause_end(self._quiet_since))
        return [*events, self._close(end)]

    def _wait_for_speech(self, begin: int, probability: float) -> list[Event]:
        s = self._set
        if self._weak_at is not None and begin - self._weak_at > _samples(s.weak_memory):
            self._weak_at = None
        if self._weak_at is None and probability >= s.weak_threshold:
            self._weak_at = begin
        if probability < s.end_threshold:
            self._onset, self._run = None, 0
            return []
        if self._onset is None or begin - self._onset > _samples(s.weak_memory):
            self._onset, self._run = begin, 0  # hovering between the thresholds for long
        if probability >= s.start_threshold:
            self._run += self._window
        if self._run < _samples(s.min_speech):
            return []
        return [self._open_at(max(self._floor, self._onset - _samples(s.start_padding), 0))]

    def _open_at(self, start: int) -> SpeechStart:
        self._open, self._ever_open = start, True
        self._quiet_since = self._onset = self._weak_at = None
        self._run = 0
        self._history.clear()
        return SpeechStart(start)

    def _inside_sentence(self, begin: int, probability: float) -> list[Event]:
        s = self._set
        assert self._open is not None
        if probability >= s.start_threshold:
            self._quiet_since = None
        elif probability < s.end_threshold and self._quiet_since is None:
            self._quiet_since = begin
        length = self._position - self._open
        full = length + self._window > _samples(s.max_sentence)
        if self._quiet_since is not None:
            silence = self._position - self._quiet_since
            if silence >= self._silence_needed(length) or full:
                return [self._close(min(self._position, self._pause_end(self._quiet_since)))]
        if full:
            cut = self._best_cut()
            return [self._close(cut), self._reopen(cut)]
        return []

    def _pause_end(self, quiet_since: int) -> int:
        return quiet_since + _samples(self._set.end_padding)

    def _silence_needed(self, length: int) -> int:
        s = self._set
        share = (length / SAMPLE_RATE - s.patient_until) / (s.hurried_from - s.patient_until)
        share = min(1.0, max(0.0, share))
        return _samples(s.min_silence + share * (s.long_silence - s.min_silence))

    def _close(self, end: int) -> SpeechEnd:
        self._open = self._quiet_since = None
        self._floor = end
        return SpeechEnd(end)

    def _reopen(self, start: int) -> SpeechStart:
        kept = (self._position - start) // self._window
        recent = list(self._history)[len(self._history) - kept :] if kept else []
        event = self._open_at(start)
        self._history.extend(recent)
        return event

    def _best_cut(self) -> int:
        """The middle of the window with the least speech and level around it."""
        history = list(self._history)
        loudest = max(level for _, level in history)
        cost = [p + (level - loudest) / 40.0 for p, level in history]
        # Two windows on each side (160 ms in all): a pause, not the closure of a stop consonant.
        margin = min(2, (len(cost) - 1) // 2)
        around = range(margin, len(cost) - margin)
        best = min(around, key=lambda i: (sum(cost[i - margin : i + margin + 1]), -i))
        behind = len(history) - best
        return self._position - behind * self._window + self._window // 2

    def _last_evidence(self) -> int | None:
        """Where a sentence that never reached the trigger would start, or ``None``."""
        onset = self._onset if self._run else None
        if onset is None and not self._ever_open:
            onset = self._weak_at
        if onset is None:
            return None
        return max(self._floor, onset - _samples(self._set.start_padding), 0)
