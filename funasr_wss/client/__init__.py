"""Client of a FunASR-protocol speech recognition server, for use in other programs.

``RecognitionClient`` is one connection; ``transcribe`` is the short way from a file to its text.
"""

from __future__ import annotations

from .connection import RecognitionClient
from .errors import (
    ClientError,
    ConnectError,
    ConnectionLost,
    RecognitionFailed,
    ResultTimeout,
    ServerBusy,
    TlsError,
    Unauthorized,
)
from .events import Event, Final, Partial
from .opening import unverified_tls
from .sentences import Sentence, Word
from .settings import StreamSettings
from .transcribe import Transcription, transcribe

__all__ = [
    "ClientError",
    "ConnectError",
    "ConnectionLost",
    "Event",
    "Final",
    "Partial",
    "RecognitionClient",
    "RecognitionFailed",
    "ResultTimeout",
    "Sentence",
    "ServerBusy",
    "StreamSettings",
    "TlsError",
    "Transcription",
    "Unauthorized",
    "Word",
    "transcribe",
    "unverified_tls",
]
