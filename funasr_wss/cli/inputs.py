"""What to recognise: files, lists of files, standard input, the microphone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .texts import UsageError

STDIN_PACKETS = 16
"""How many packets are read from standard input ahead of the network."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file, or the live input."""

    name: str
    """Echoed by the server; the id of a list, the file's name otherwise."""
    path: Path | None
    """None for live input."""


class LiveInput(Protocol):
    """Audio without an end of its own."""

    rate: int
    """Sampling rate, Hz."""

    def packets(self) -> AsyncIterator[bytes]: ...

    def stop(self) -> None:
        """End ``packets`` after what was recorded so far."""


def list_jobs(inputs: Sequence[str]) -> list[Job]:
    """Return a job for every file. Raises ``UsageError`` for the first that cannot be read."""
    jobs: list[Job] = []
    for text in inputs:
        path = Path(text)
        found = _read_list(path) if path.suffix.lower() == ".scp" else [Job(path.name, path)]
        for job in found:
            assert job.path is not None
            _check_readable(job.path)
        jobs += found
    return jobs


def _read_list(path: Path) -> list[Job]:
    """Read a Kaldi list: ``id path`` or just ``path`` a line."""
    _check_readable(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(
            f"The list {path} is not UTF-8 text.", f"列表 {path} 不是 UTF-8 文本。"
        ) from None
    jobs = []
    for line in filter(str.strip, lines):
        name, _, rest = line.strip().partition("\t" if "\t" in line.strip() else " ")
        target = Path(rest.strip() or name)
        beside = path.parent / target
        if not target.exists() and beside.exists():
            target = beside
        jobs.append(Job(name if rest.strip() else target.name, target))
    if not jobs:
        raise UsageError(f"The list {path} names no files.", f"列表 {path} 里没有文件。")
    return jobs


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder; give audio files.", f"{path} 是文件夹，请给出音频文件。"
        )
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise UsageError(
            f"{path} does not exist; check the path.", f"{path} 不存在，请检查路径。"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{path} cannot be read: {reason}.", f"无法读取 {path}：{reason}。"
        ) from None


class _Queued:
    """Packets handed over from another thread."""

    def __init__(self, rate: int, limit: int = 0) -> None:
        self.rate = rate
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(limit)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def packets(self) -> AsyncIterator[bytes]:
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            while True:
                getter = asyncio.create_task(self._queue.get())
                await asyncio.wait({getter, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not getter.done():
                    getter.cancel()
                    return
                packet = getter.result()
                if packet is None:
                    return
                yield packet
        finally:
            stopped.cancel()


class StandardInput(_Queued):
    """Raw PCM from a pipe."""

    def __init__(self, stream: BinaryIO, rate: int, packet_bytes: int) -> None:
        super().__init__(rate, STDIN_PACKETS)
        # A daemon: a read that never returns must not keep the process alive.
        threading.Thread(target=self._read, args=(stream, packet_bytes), daemon=True).start()

    def _read(self, stream: BinaryIO, size: int) -> None:
        read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        with contextlib.suppress(RuntimeError, asyncio.CancelledError):
            while True:
                packet = read(size)
                put = self._queue.put(packet or None)
                try:
                    asyncio.run_coroutine_threadsafe(put, self._loop).result()
                except RuntimeError:  # the loop is gone
                    put.close()
                    return
                if not packet:
                    return


class Microphone(_Queued):
    """The default recording device. Raises ``UsageError`` when there is none."""

    def __init__(self, rate: int, packet_ms: float) -> None:
        super().__init__(rate)
        sounddevice = _import_sounddevice()
        try:
            self.rate = _device_rate(sounddevice, rate)
            self._stream = sounddevice.RawInputStream(
                samplerate=self.rate,
                channels=1,
                dtype="int16",
                blocksize=max(1, int(self.rate * packet_ms / 1000)),
                callback=self._recorded,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, OSError, ValueError) as error:
            raise UsageError(
                f"No microphone can be opened ({error}); connect one or give --audio_in FILE.",
                f"无法打开麦克风（{error}）：请接好设备，或用 --audio_in 指定文件。",
            ) from None

    def _recorded(self, data: Any, frames: int, time: object, status: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._queue.put_nowait, bytes(data))

    def stop(self) -> None:
        self._stream.stop()
        self._stream.close()
        super().stop()


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise UsageError(
            "The microphone needs the package sounddevice: run ./install.sh --extras mic, "
            "or give --audio_in FILE.",
            "使用麦克风需要 sounddevice：运行 ./install.sh --extras mic，"
            "或用 --audio_in 指定文件。",
        ) from None
    except OSError:
        raise UsageError(
            "The microphone needs the PortAudio library: on Debian and Ubuntu "
            "apt-get install libportaudio2, or give --audio_in FILE.",
            "使用麦克风需要 PortAudio 库：Debian/Ubuntu 上 apt-get install libportaudio2，"
            "或用 --audio_in 指定文件。",
        ) from None
    return sounddevice


def _device_rate(sounddevice: Any, rate: int) -> int:
    """Return ``rate`` if the device records at it, else the rate it prefers."""
    try:
        sounddevice.check_input_settings(samplerate=rate, channels=1, dtype="int16")
        return rate
    except sounddevice.PortAudioError:
        return int(sounddevice.query_devices(kind="input")["default_samplerate"])


def standard_input(rate: int, packet_bytes: int) -> StandardInput:
    """Return the process's standard input as live PCM."""
    return StandardInput(sys.stdin.buffer, rate, packet_bytes)
