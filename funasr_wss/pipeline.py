"""The way of one utterance's audio: bytes, samples, sentences, first and second pass, replies.

Audio that was accepted is never dropped; partials may be. ``feed`` returns only when there is
room for more, which is how a fast upload is slowed: nobody reads the socket meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .audio import AudioDecoder, AudioError
from .audio.buffer import StreamBuffer
from .batching import Kind
from .engines.base import (
    SAMPLE_RATE,
    OfflineRequest,
    OnlineRequest,
    RecognitionOptions,
    Samples,
    SpeechStart,
    Transcript,
    VadRequest,
    Word,
)
from .outbox import Replies
from .protocol import Mode, Settings
from .recognition import Recognition
from .results import ErrorInfo, SentenceInfo, vad_message
from .session import Utterance

logger = logging.getLogger(__name__)

SLICE_BYTES = 32 * 1024
"""Bytes decoded between two looks at the event loop: 1 s of 16 kHz audio."""

AHEAD_S = 3.0
"""A stream so far ahead of the clock is an upload: its partials would be stale."""

LEAD_MEMORY_S = 5.0
"""Seconds in which a burst is forgotten. An upload 1.6 times as fast as speech stays ahead."""

MIN_EARLY_S = 0.3
"""Shorter sentences are not decoded before their end is certain."""

INTERNAL_ERROR = ErrorInfo(
    "recognition_failed", "The server could not recognise this audio; its log says why."
)

T = TypeVar("T")


@dataclass(slots=True)
class _Sentence:
    index: int
    start: int
    options: RecognitionOptions
    online_state: Any = None
    heard: int = 0
    """Samples before this one have been given to the first pass."""
    partial: asyncio.Task[None] | None = None
    shown: bool = False
    """Some of its text was sent as a partial."""
    early: asyncio.Task[Transcript] | None = None
    early_end: int = -1


def milliseconds(sample: int) -> int:
    """Convert a position in samples at 16 kHz to ms."""
    return sample * 1000 // SAMPLE_RATE


def recognition_options(settings: Settings) -> RecognitionOptions:
    """Return what the engines need to know of a client's settings."""
    return RecognitionOptions(
        language=settings.language,
        hotwords=tuple(hotword.word for hotword in settings.hotwords),
        itn=settings.itn and settings.svs_itn,
        punctuation=settings.svs_itn,
    )


class UtterancePipeline:
    """Recognises one utterance.

    Args:
        utterance: its settings and switches.
        replies: where results go.
        recognition: the engines.
        notify: called whenever there may be something to send.
        max_backlog_s: audio that may wait for its second pass before ``feed`` waits.
        max_utterance_s: audio after which the utterance is refused.
    """

    def __init__(
        self,
        utterance: Utterance,
        replies: Replies,
        recognition: Recognition,
        notify: Callable[[], None],
        *,
        max_backlog_s: float = 60.0,
        max_utterance_s: float = 4 * 3600.0,
    ) -> None:
        self.utterance = utterance
        self.replies = replies
        self.refused: ErrorInfo | None = None
        """Why no more audio is taken."""
        self._recognition = recognition
        self._notify = notify
        self._decoder = AudioDecoder(
            wav_format=utterance.settings.wav_format,
            sample_rate=utterance.settings.audio_fs,
            max_seconds=max_utterance_s,
        )
        self._vad_state = recognition.vad.open()
        self._buffer = StreamBuffer()
        self._sentence: _Sentence | None = None
        self._count = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._backlog = 0
        self._max_backlog = int(max_backlog_s * SAMPLE_RATE)
        self._room = asyncio.Event()
        self._room.set()
        self._started = 0.0
        self._fed = 0.0
        self._heard = 0
        """Samples before this one were given to the first pass of a sentence that is closed."""
        self._live = utterance.mode is not Mode.OFFLINE

    def update(self, settings: Settings) -> None:
        """Use new settings from the next sentence on; replies carry the new name at once."""
        self.utterance.settings = settings

    async def feed(self, data: bytes) -> None:
        """Take audio bytes. Never raises for what a client can cause: the final reports it."""
        self._forget_lead()
        view = memoryview(data)
        for start in range(0, len(view), SLICE_BYTES):
            if self.refused:
                return
            piece = view[start : start + SLICE_BYTES]
            with self._reporting():
                await self._hear(await self._decode(self._decoder.feed, piece))

    async def finish(self) -> None:
        """No more audio: decode what is left and close the open sentence."""
        if not self.refused:
            with self._reporting():
                pieces = self._decoder.drain()
                while (piece := await self._decode(next, pieces, None)) is not None:
                    await self._hear(piece)
        with self._reporting():
            await self._detect(np.empty(0, np.float32), is_end=True)
        with self._reporting():
            if self._sentence is not None:  # voice activity failed: the audio is worth a try
                self._close_sentence(self._buffer.end)
        self._decoder.close()
        self._buffer = StreamBuffer()  # the passes have their own copies
        self.replies.finish(self._count)
        self._notify()

    def cancel(self) -> None:
        """Nobody waits for the results any more: free everything at once."""
        for task in self._tasks:
            task.cancel()
        self._decoder.close()

    async def _decode(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Call the decoder, in a thread if it may wait for a compressed file's decoder."""
        if self._decoder.blocking:
            return await asyncio.to_thread(step, *arguments)
        return step(*arguments)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn an exception into the utterance's error; what was heard so far is kept."""
        try:
            yield
        except AudioError as error:
            self._refuse(ErrorInfo(error.code, str(error)))
        except Exception:
            logger.exception("an utterance failed")
            self._refuse(INTERNAL_ERROR)

    def _refuse(self, error: ErrorInfo) -> None:
        self.refused = error
        self.replies.fail(error)

    async def _hear(self, samples: Samples) -> None:
        # A second at a time: other streams share the voice activity batch and wait for its end.
        for start in range(0, len(samples), SAMPLE_RATE):
            piece = samples[start : start + SAMPLE_RATE]
            self._buffer.append(piece)
            await self._detect(piece)
            self._first_pass()
            while self._backlog > self._max_backlog:
                self._room.clear()
                await self._room.wait()

    async def _detect(self, samples: Samples, *, is_end: bool = False) -> None:
        request = VadRequest(self._vad_state, samples, is_end)
        result = await self._recognition.detect(request, stream=self)
        for event in result.events:
            if isinstance(event, SpeechStart):
                self._open_sentence(event.sample)
            else:
                self._close_sentence(event.sample)
        if self._sentence is None:
            self._buffer.drop_before(self._buffer.end - self._recognition.vad.look_back)
        elif result.pause_at is not None:
            self._decode_early(self._sentence, result.pause_at)

    def _open_sentence(self, start: int) -> None:
        assert self._sentence is None, "voice activity started a sentence within another"
        self.utterance.speech_heard = True
        settings = self.utterance.settings
        # After a forced cut the first pass has already heard the beginning of this sentence.
        heard = max(start, self._heard) if self.utterance.mode is Mode.ONLINE else start
        sentence = _Sentence(self._count, start, recognition_options(settings), heard=heard)
        if self._live and self._recognition.online is not None:
            try:
                sentence.online_state = self._recognition.online.open(
                    sentence.options,
                    chunk_size=settings.chunk_size,
                    encoder_chunk_look_back=settings.encoder_chunk_look_back,
                    decoder_chunk_look_back=settings.decoder_chunk_look_back,
                )
            except Exception:
                logger.exception("no first pass for a sentence")
        self._count += 1
        self._sentence = sentence
        self._announce("speech_start")

    def _close_sentence(self, end: int) -> None:
        sentence, self._sentence = self._sentence, None
        assert sentence is not None, "voice activity ended a sentence that it never started"
        try:
            samples = self._buffer.slice(sentence.start, end)
        except IndexError:
            self.replies.sentence_failed(sentence.index, INTERNAL_ERROR)
            raise
        self._backlog += len(samples)
        if self.utterance.mode is Mode.ONLINE:
            rest = self._buffer.slice(min(sentence.heard, end), end)
            self._heard = max(sentence.heard, end)
            self._spawn(self._last_of_first_pass(sentence, rest, end))
        else:
            if sentence.partial is not None:
                sentence.partial.cancel()
            self._spawn(self._second_pass(sentence, samples, end))
        self._buffer.drop_before(end)
        self._announce("speech_end")

    def _announce(self, event: str) -> None:
        if self.utterance.settings.vad_events:
            name = self.utterance.settings.wav_name
            self.replies.event(vad_message(wav_name=name, event=event))
            self._notify()

    def _first_pass(self) -> None:
        """Start a partial if one is due: never two at once, none for a stale upload."""
        sentence = self._sentence
        if sentence is None or sentence.online_state is None or sentence.partial is not None:
            return
        if sentence.early is not None and not sentence.early.done():
            return
        interval = self.utterance.settings.partial_interval_ms * SAMPLE_RATE // 1000
        if not sentence.shown and self._recognition.idle:
            interval //= 3  # the first words are what a speaker waits for
        if self._buffer.end - sentence.heard < interval or self._ahead > AHEAD_S:
            return
        samples = self._buffer.slice(sentence.heard, self._buffer.end)
        sentence.heard = self._buffer.end
        sentence.partial = self._spawn(self._partial(sentence, samples))

    @property
    def _ahead(self) -> float:
        """Seconds by which the audio is ahead of the clock."""
        return self._buffer.end / SAMPLE_RATE - (time.monotonic() - self._started)

    def _forget_lead(self) -> None:
        """Let a burst be forgotten: a live stream that began with one is live all the same."""
        now = time.monotonic()
        self._started = self._started or now
        self._fed = self._fed or now
        self._started -= max(0.0, self._ahead) * min(1.0, (now - self._fed) / LEAD_MEMORY_S)
        self._fed = now

    async def _partial(self, sentence: _Sentence, samples: Samples) -> None:
        try:
            request = OnlineRequest(sentence.online_state, samples)
            delta = await self._recognition.partial(request, stream=self)
            if delta:
                sentence.shown = True
                self.replies.partial(sentence.index, delta)
                self._notify()
        except Exception:
            logger.warning("a partial failed", exc_info=True)
        finally:
            sentence.partial = None

    def _decode_early(self, sentence: _Sentence, end: int) -> None:
        """Start the second pass in a pause that may be the end, if a worker has nothing to do."""
        start = sentence.start
        if sentence.early_end == end or not self._live or self.utterance.mode is Mode.ONLINE:
            return
        if end - start < MIN_EARLY_S * SAMPLE_RATE or self._ahead > AHEAD_S:
            return
        if not self._recognition.idle:
            return
        if sentence.early is not None:
            sentence.early.cancel()
        request = OfflineRequest(self._buffer.slice(start, end), sentence.options)
        sentence.early_end = end
        sentence.early = self._spawn(
            self._recognition.transcribe(request, stream=self, kind=Kind.PARTIAL)
        )

    async def _second_pass(self, sentence: _Sentence, samples: Samples, end: int) -> None:
        try:
            transcript = await self._transcribe(sentence, samples, end)
            start_ms = milliseconds(sentence.start)
            words = tuple(
                Word(word.text, start_ms + word.start_ms, start_ms + word.end_ms)
                for word in transcript.words
            )
            info = SentenceInfo(transcript.text, start_ms, milliseconds(end), words)
            self.replies.sentence(sentence.index, info)
        except Exception:
            logger.exception("the second pass of a sentence failed")
            self.replies.sentence_failed(sentence.index, INTERNAL_ERROR)
        finally:
            self._settled(len(samples))

    async def _transcribe(self, sentence: _Sentence, samples: Samples, end: int) -> Transcript:
        if sentence.early is not None:
            if sentence.early_end == end:
                self._recognition.urge(self)
                try:
                    return await sentence.early
                except Exception:
                    logger.warning("early second pass failed, trying again", exc_info=True)
            else:
                sentence.early.cancel()
        request = OfflineRequest(samples, sentence.options)
        return await self._recognition.transcribe(request, stream=self)

    async def _last_of_first_pass(self, sentence: _Sentence, rest: Samples, end: int) -> None:
        """Native online mode: the first pass is all there is."""
        try:
            if sentence.partial is not None:
                await asyncio.wait([sentence.partial])
            if sentence.online_state is not None:
                request = OnlineRequest(sentence.online_state, rest)
                delta = await self._recognition.flush(request, stream=self)
                self.replies.partial(sentence.index, delta)
            info = SentenceInfo("", milliseconds(sentence.start), milliseconds(end))
            self.replies.sentence(sentence.index, info)
        except Exception:
            logger.exception("the first pass of a sentence failed")
            self.replies.sentence_failed(sentence.index, INTERNAL_ERROR)
        finally:
            self._settled(end - sentence.start)

    def _settled(self, samples: int) -> None:
        self._backlog -= samples
        self._room.set()
        self._notify()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # an early second pass that is not used may fail unseen
