"""The only place that knows wetext: one call, serialised, cached, never raising."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from typing import Any, Literal

logger = logging.getLogger(__name__)

# wetext keeps its transducers in module globals shared by all Normalizer objects, and says nothing
# about threads; a call takes well below a millisecond, so one lock for all costs nothing.
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _normalizer_class() -> Any:
    from wetext import Normalizer

    return Normalizer


@lru_cache(maxsize=8)
def _log_once(message: str) -> None:
    logger.error("numbers stay as recognised, wetext failed: %s", message)


_MAX_SPAN = 120
"""Characters; no number is longer, and composition time grows with the length."""


@lru_cache(maxsize=4096)
def convert(text: str, language: Literal["zh", "en"], operator: Literal["tn", "itn"]) -> str | None:
    """Return wetext's reading of a short span of text; ``None`` if it has none, fails or the span
    is too long to be a number.

    ``tn`` writes digits out in words, ``itn`` turns words into digits. The first call imports the
    library and its transducers (about 0.4 s, 50 MB).
    """
    if len(text) > _MAX_SPAN:
        return None
    try:
        with _lock:
            normalizer = _normalizer_class()(lang=language, operator=operator)
            result = str(normalizer.normalize(text))
    except Exception as error:
        _log_once(f"{type(error).__name__}: {error}"[:200])
        return None
    return result or None
