"""Bytes of one utterance in, 16 kHz mono float32 out.

``AudioDecoder`` takes raw PCM, WAV and compressed files in slices of any size; ``read_file`` runs
a file on disk through the same code.
"""

from __future__ import annotations

from funasr_wss.audio.decoder import AudioDecoder
from funasr_wss.audio.errors import AudioError
from funasr_wss.audio.files import read_file

__all__ = ["AudioDecoder", "AudioError", "read_file"]
