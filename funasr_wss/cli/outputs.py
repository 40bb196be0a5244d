"""Result files of the command line client."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from funasr_wss.client import Sentence
from funasr_wss.subtitles import document, to_json, to_srt, to_txt, to_vtt

from .texts import UsageError

SUBTITLES: dict[str, Callable[[Sequence[Sentence]], str]] = {".srt": to_srt, ".vtt": to_vtt}


@dataclass(slots=True)
class Result:
    """What is known about one file."""

    name: str
    sentences: list[Sentence] = field(default_factory=list)
    duration_s: float | None = None
    error: str = ""

    @property
    def text(self) -> str:
        return "".join(sentence.text for sentence in self.sentences).strip()

    def facts(self) -> dict[str, object]:
        """Head of the JSON document."""
        duration = None if self.duration_s is None else round(self.duration_s * 1000)
        facts: dict[str, object] = {"name": self.name, "duration_ms": duration}
        return {**facts, "error": self.error} if self.error else facts


def check_writable(outputs: Sequence[Path], folders: Sequence[Path | None]) -> None:
    """Make the folders and try the files. Raises ``UsageError``, before any work is done."""
    path = Path()
    try:
        for folder in filter(None, folders):
            path = folder
            folder.mkdir(parents=True, exist_ok=True)
        for path in outputs:
            existed = path.exists()
            path.open("a").close()
            if not existed:
                path.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{path} cannot be written: {reason}.", f"无法写入 {path}：{reason}。"
        ) from None


def write_outputs(outputs: Sequence[Path], results: Sequence[Result]) -> None:
    """Write every output file.

    With one input a file holds its text. With several, TXT has a line ``name<TAB>text`` a file
    and JSON a list, while subtitles become a file an input: ``x.srt`` gives ``x.NAME.srt``.
    """
    for path in outputs:
        suffix = path.suffix.lower()
        if suffix in SUBTITLES and len(results) > 1:
            used: set[str] = set()
            for result in results:
                name = _unique(safe_name(result.name), used)
                target = path.with_name(f"{path.stem}.{name}{path.suffix}")
                _write(target, SUBTITLES[suffix](result.sentences))
        elif suffix in SUBTITLES:
            _write(path, SUBTITLES[suffix](results[0].sentences))
        elif suffix == ".json" and len(results) == 1:
            _write(path, to_json(results[0].sentences, **results[0].facts()))
        elif suffix == ".json":
            documents = [document(result.sentences, **result.facts()) for result in results]
            _write(path, json.dumps(documents, ensure_ascii=False, indent=2) + "\n")
        elif len(results) == 1:
            _write(path, to_txt(results[0].sentences))
        else:
            _write(path, "".join(map(text_line, results)))


def text_line(result: Result) -> str:
    """Return ``name<TAB>text`` and a line end, the format of Kaldi text files."""
    return f"{result.name}\t{' '.join(result.text.split())}\n"


def append_text(folder: Path, stream: int, result: Result) -> None:
    """Add a result to the file of its stream."""
    with (folder / f"text.{stream}").open("a", encoding="utf-8") as file:
        file.write(text_line(result))


def safe_name(name: str) -> str:
    """Return a file name without anything a file system could take for more than a name."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:100] or "audio"


class MessageLog:
    """Every message of the server with the time it came, one JSON object a line."""

    def __init__(self, folder: Path, name: str, flush_every: int) -> None:
        path = folder / f"{safe_name(name)}.jsonl"
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._flush_every, self._count = flush_every, 0

    def __call__(self, message: str) -> None:
        try:
            content = json.loads(message)
        except ValueError:
            content = message
        row = {"received": round(time.time(), 3), "message": content}
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._count += 1
        if self._count % self._flush_every == 0:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _unique(name: str, used: set[str]) -> str:
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{name}-{number}", number + 1
    used.add(candidate)
    return candidate
