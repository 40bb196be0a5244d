"""What the terminal shows: finished sentences as lines, and below them one line that changes.

The changing line (partial text, upload progress) goes to standard output if that is a terminal,
else to standard error if that is one, else nowhere. It never gets wider than the terminal, so one
carriage return always removes all of it.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Mapping
from typing import TextIO

from funasr_wss.client import Event, Partial, Sentence
from funasr_wss.cues import width

from .texts import Pick

GREY, RESET, ERASE = "\x1b[90m", "\x1b[0m", "\x1b[K"
BAR_COLUMNS = 24
REDRAW_S = 0.1
"""Shortest time between two drawings of the progress bar."""
FALLBACK_COLUMNS = 80


class Screen:
    """Owns both output streams."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str]) -> None:
        self._out, self._err = out, err
        dumb = environ.get("TERM") == "dumb"
        terminals = [stream for stream in (out, err) if stream.isatty() and not dumb]
        self._terminal = terminals[0] if terminals else None
        self._grey, self._reset = ("", "") if environ.get("NO_COLOR") else (GREY, RESET)
        self._status = ""

    @property
    def interactive(self) -> bool:
        """There is a terminal to draw the changing line on."""
        return self._terminal is not None

    def line(self, text: str, *, margin: str = "") -> None:
        """Print a finished line; ``margin`` is shown in grey before it, on terminals only."""
        text = printable(text)
        if margin and self._terminal is self._out:
            text = f"{self._grey}{margin}{self._reset} {text}"
        self._print(self._out, text)

    def note(self, text: str) -> None:
        """Print a remark to standard error."""
        self._print(self._err, printable(text))

    def status(self, text: str) -> None:
        """Replace the changing line; what does not fit is cut off on the left."""
        self._status = printable(text)
        self._draw()

    def _print(self, stream: TextIO, text: str) -> None:
        if self._terminal is not None and self._status:
            self._terminal.write(f"\r{ERASE}")
            self._terminal.flush()
        stream.write(text + "\n")
        stream.flush()
        if self._status:
            self._draw()

    def _draw(self) -> None:
        if self._terminal is None:
            return
        shown = fit(self._status, self._columns() - 1)
        self._terminal.write(f"\r{self._grey}{shown}{self._reset}{ERASE}")
        self._terminal.flush()

    def _columns(self) -> int:
        assert self._terminal is not None
        try:
            return os.get_terminal_size(self._terminal.fileno()).columns or FALLBACK_COLUMNS
        except (OSError, ValueError):
            return FALLBACK_COLUMNS


def fit(text: str, columns: int) -> str:
    """Return the end of ``text`` that fits into ``columns``, with an ellipsis if it was cut."""
    if width(text) <= columns:
        return text
    room, start = columns - 1, len(text)
    while start > 0 and room - width(text[start - 1]) >= 0:
        start -= 1
        room -= width(text[start])
    # A combining mark must not lose the letter it stands on.
    while start < len(text) and width(text[start]) == 0:
        start += 1
    return "…" + text[start:]


def printable(text: str) -> str:
    """Return ``text`` without characters that would steer the terminal."""
    return "".join(
        " " if symbol in "\t\r\n" else symbol
        for symbol in text
        if symbol in "\t\r\n" or unicodedata.category(symbol) not in ("Cc", "Cs")
    )


class Progress:
    """The changing line of several files at once."""

    def __init__(self, screen: Screen, pick: Pick, *, files: int, words_max: int) -> None:
        self._screen, self._pick = screen, pick
        self._files, self._words_max = files, words_max
        self._partials: dict[str, str] = {}
        self._uploads: dict[int, tuple[int, int]] = {}
        self._done = 0
        self._drawn = 0.0

    def event(self, name: str, event: Event) -> None:
        """Show a result of the file ``name``."""
        prefix = f"[{name}] " if self._files > 1 else ""
        if isinstance(event, Partial):
            self._partials.pop(name, None)
            if event.text:
                self._partials[name] = prefix + event.text.strip()[-self._words_max :]
            self._show_partials()
        elif isinstance(event, Sentence):
            if self._files == 1 and self._uploads:
                self._uploads.clear()
                self._screen.status("")
            if self._partials.pop(name, None) is not None:
                self._show_partials()
            text = event.text.strip()[-self._words_max :]
            self._screen.line(prefix + text, margin=_clock(event.start_ms))

    def uploaded(self, job: int, sent: int, total: int | None) -> None:
        """Show how much of a whole-file upload has gone out."""
        if total is None:
            return
        self._uploads[job] = (sent, total)
        now = time.monotonic()
        if now - self._drawn < REDRAW_S and sent < total:
            return
        self._drawn = now
        sent, total = (sum(values) for values in zip(*self._uploads.values(), strict=True))
        share = min(1.0, sent / total) if total else 1.0
        bar = "█" * round(share * BAR_COLUMNS)
        files = f"  {self._done}/{self._files}" if self._files > 1 else ""
        label = (
            self._pick("uploading", "上传") if sent < total else self._pick("recognising", "识别中")
        )
        self._screen.status(
            f"{label} {bar:░<{BAR_COLUMNS}} {share:4.0%}  {_size(sent)}/{_size(total)}{files}"
        )

    def finished(self, name: str, job: int) -> None:
        """Forget the file; the line disappears with the last one."""
        self._done += 1
        self._partials.pop(name, None)
        if not self._partials:
            self._screen.status("")
        if self._files == self._done:
            self._uploads.clear()

    def _show_partials(self) -> None:
        self._screen.status(next(reversed(self._partials.values()), ""))


def _clock(ms: int | None) -> str:
    if ms is None:
        return ""
    return f"{ms // 60000}:{ms // 1000 % 60:02}.{ms // 100 % 10}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.0f} kB"
