"""The one exception of this package."""

from __future__ import annotations

from typing import Literal

ErrorCode = Literal["unsupported_format", "bad_audio", "audio_too_long"]


class AudioError(Exception):
    """The bytes of an utterance cannot be turned into audio; final for that utterance.

    ``unsupported_format``: no known audio format, or no audio track in it.
    ``bad_audio``: the format is known, but the file is damaged or has absurd parameters.
    ``audio_too_long``: more audio (or a larger file) than the configured limit.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
