"""Hotwords of the command line: a file in FunASR's format, or the words themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .texts import UsageError

DEFAULT_WEIGHT = 20


def load_hotwords(text: str) -> str | Mapping[str, int]:
    """Return the words and weights of a file, or ``text`` itself for the server to parse.

    A line of a file is ``word weight``; the word may contain spaces, the weight may be missing.
    """
    text = text.strip()
    if not text or not _names_file(text):
        return text
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"The hotword file {text} cannot be read: {reason}.",
            f"无法读取热词文件 {text}：{reason}。",
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"The hotword file {text} is not UTF-8 text; convert it.",
            f"热词文件 {text} 不是 UTF-8 编码，请先转换。",
        ) from None
    words: dict[str, int] = {}
    for line in lines:
        parts = line.split()
        if len(parts) > 1 and parts[-1].lstrip("-").isdecimal():
            words[" ".join(parts[:-1])] = int(parts[-1])
        elif parts:
            words[" ".join(parts)] = DEFAULT_WEIGHT
    return words


def _names_file(text: str) -> bool:
    if text[0] in "{[":
        return False
    try:
        exists = os.path.exists(text)
    except ValueError:
        return False
    return exists or text.lower().endswith(".txt")
