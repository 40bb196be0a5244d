"""The command line client: runs the jobs, shows them, writes the files, chooses the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from funasr_wss.client import ClientError, ConnectError, Event, Sentence, ServerBusy, transcribe
from funasr_wss.client.sources import AudioSource

from .display import Progress, Screen
from .inputs import Job, LiveInput, Microphone, list_jobs, standard_input
from .options import Options, parse_options
from .outputs import MessageLog, Result, append_text, check_writable, write_outputs
from .texts import Pick, UsageError, picker, sentence

OK, FAILED, USAGE, NO_CONNECTION, INTERRUPTED = 0, 1, 2, 3, 130
LAST_RESULT_S = 5.0
"""How long the final result is waited for after Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client and return its exit code; problems are one sentence on standard error."""
    pick = picker(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        options = parse_options(argv, pick, os.environ)
        jobs = _jobs(options)
        check_writable(options.outputs, (options.output_dir, options.log_dir))
        screen = Screen(sys.stdout, sys.stderr, os.environ)
        return asyncio.run(_Run(options, jobs, screen, pick).run())
    except UsageError as error:
        print(sentence(error, pick), file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read the output has gone; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _jobs(options: Options) -> list[Job]:
    if not options.inputs:
        return [Job("microphone", None)]
    if "-" not in options.inputs:
        return list_jobs(options.inputs)
    if len(options.inputs) > 1:
        raise UsageError(
            "- (standard input) cannot be combined with files.", "-（标准输入）不能与文件同时使用。"
        )
    return [Job("stdin", None)]


class _Run:
    """All jobs of one command."""

    def __init__(self, options: Options, jobs: Sequence[Job], screen: Screen, pick: Pick) -> None:
        self._options, self._screen, self._pick = options, screen, pick
        self._waiting = deque(enumerate(jobs))
        self._results = [Result(job.name) for job in jobs]
        self._progress = Progress(screen, pick, files=len(jobs), words_max=options.words_max_print)
        self._codes: set[int] = set()
        self._said: set[str] = set()
        self._stop = asyncio.Event()
        self._live: LiveInput | None = None
        self._recording = not options.inputs

    async def run(self) -> int:
        """Return the exit code."""
        options = self._options
        source = self._open_live()
        if options.unverified_by_default:
            self._screen.note(
                self._pick(
                    "Note: the server's certificate is not checked; --verify 1 checks it.",
                    "提示：未校验服务器证书，--verify 1 可开启校验。",
                )
            )
        streams = [
            asyncio.create_task(self._stream(number, source))
            for number in range(min(options.streams, len(self._results)))
        ]
        with self._interrupts(streams):
            await asyncio.gather(*streams, return_exceptions=True)
        self._screen.status("")
        for stream in streams:
            if not stream.cancelled():
                stream.result()
            elif self._recording:
                self._fail(
                    FAILED, self._pick("The final result did not come.", "没有等到最终结果。")
                )
        self._write()
        if self._stop.is_set() and not self._recording:
            self._codes.add(INTERRUPTED)
        # The most telling one: no connection before usage before failure.
        order = (NO_CONNECTION, USAGE, INTERRUPTED, FAILED, OK)
        return next((code for code in order if code in self._codes), OK)

    def _open_live(self) -> AudioSource | None:
        """Start live input, before the connection: what cannot be opened needs none."""
        settings = self._options.settings
        if self._recording:
            self._live = Microphone(settings.audio_fs, settings.packet_ms)
            self._screen.note(self._pick("Recording; Ctrl-C ends.", "正在录音，按 Ctrl-C 结束。"))
        elif self._options.inputs == ("-",):
            self._live = standard_input(settings.audio_fs, settings.packet_bytes(settings.audio_fs))
        return self._live.packets() if self._live is not None else None

    @contextlib.contextmanager
    def _interrupts(self, streams: Sequence[asyncio.Task[None]]) -> Iterator[None]:
        """First Ctrl-C: end the audio and wait for the rest of the text. Second: leave at once."""
        loop = asyncio.get_running_loop()

        def leave() -> None:
            for stream in streams:
                stream.cancel()

        def interrupt() -> None:
            if self._stop.is_set():
                return leave()
            self._stop.set()
            self._waiting.clear()
            if self._live is not None:
                self._live.stop()
            self._screen.note(
                self._pick("Stopping; waiting for the last result.", "正在结束，等待最后的结果。")
            )
            loop.call_later(LAST_RESULT_S, leave)

        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGINT)

    async def _stream(self, number: int, live: AudioSource | None) -> None:
        """Work through the jobs, one at a time."""
        while self._waiting:
            index, job = self._waiting.popleft()
            source = live if job.path is None else job.path
            assert source is not None
            await self._recognise(index, job, source)
            result = self._results[index]
            self._progress.finished(job.name, index)
            if self._options.output_dir is not None:
                append_text(self._options.output_dir, number, result)
            if not result.text and not result.error:
                nothing = self._pick("no speech found.", "没有识别到语音。")
                self._screen.note(f"{job.name}: {nothing}")

    async def _recognise(self, index: int, job: Job, source: AudioSource) -> None:
        from funasr_wss.audio import AudioError

        options, result = self._options, self._results[index]
        settings = replace(options.settings, wav_name=job.name)
        if self._live is not None:
            settings = replace(settings, audio_fs=self._live.rate)
        bar = options.settings.mode == "offline" and self._screen.interactive
        log = options.log_dir and MessageLog(options.log_dir, job.name, options.log_flush_every)
        try:
            outcome = await transcribe(
                options.url,
                source,
                settings,
                speed=options.speed,
                on_event=partial(self._event, result),
                on_progress=partial(self._progress.uploaded, index) if bar else None,
                # Live input stops by itself, after what was recorded.
                stop=None if self._live is not None else self._stop,
                ssl=options.tls,
                token=options.token,
                final_timeout=options.final_timeout,
                on_message=log or None,
            )
            result.duration_s = outcome.duration_s
        except ConnectError as error:
            if not isinstance(error, ServerBusy):
                self._waiting.clear()  # the next file would fare no better
            self._fail(NO_CONNECTION, sentence(error, self._pick), result)
        except ClientError as error:
            self._fail(FAILED, f"{job.name}: {sentence(error, self._pick)}", result)
        except AudioError as error:
            reason = self._pick(f"cannot be decoded: {error}", f"无法解码：{error}")
            self._fail(USAGE, f"{job.name}: {reason}", result)
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            self._fail(USAGE, f"{job.name}: {reason}", result)
        finally:
            if log:
                log.close()

    def _event(self, result: Result, event: Event) -> None:
        if isinstance(event, Sentence):
            result.sentences.append(event)
        self._progress.event(result.name, event)

    def _fail(self, code: int, text: str, result: Result | None = None) -> None:
        self._codes.add(code)
        if result is not None:
            result.error = text
        if text not in self._said:
            self._said.add(text)
            self._screen.note(text)

    def _write(self) -> None:
        if not any(result.sentences or not result.error for result in self._results):
            return  # an older file is worth more than an empty one
        try:
            write_outputs(self._options.outputs, self._results)
        except OSError as error:
            reason = error.strerror or str(error)
            self._fail(
                FAILED, self._pick(f"Results not written: {reason}", f"结果写入失败：{reason}")
            )
