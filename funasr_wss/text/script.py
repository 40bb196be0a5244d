"""Traditional to simplified Chinese characters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

logger = logging.getLogger(__name__)

# OpenCC's table for the Taiwan standard: characters only, no regional vocabulary, and the one of
# its tables that tells 說著 (说着) from 著作 (著作).
_CONFIG = "tw2s"


@lru_cache(maxsize=1)
def _converter() -> Callable[[str], str]:
    try:
        import opencc

        convert: Callable[[str], str] = opencc.OpenCC(_CONFIG).convert
    except Exception as error:
        logger.error("traditional characters stay as they are, OpenCC cannot be used: %s", error)
        return lambda text: text
    return convert


def to_simplified(text: str) -> str:
    """Return ``text`` with traditional characters replaced by simplified ones.

    One character becomes one character, so positions in the text stay valid. Japanese text must
    not be given here: its kanji would be replaced too. Never raises; without OpenCC the text
    comes back unchanged.
    """
    if text.isascii():
        return text
    try:
        # A NUL would end the text inside of the library.
        converted = "\0".join(_converter()(part) for part in text.split("\0"))
        return converted if len(converted) == len(text) else text
    except Exception as error:  # lone surrogates cannot be encoded
        logger.warning("text left in its own script: %s", error)
        return text
