"""What a client asks of the server for one utterance, and the frames that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

FRAME_MS = 60
"""Unit of ``chunk_size``, ms."""

SESSION_SEMANTICS = {
    "is_final": "session",
    "final_text": "tail",
    "partial": "delta",
    "close_after_final": "no",
}
"""What this client expects, whatever a listener or a ``wav_name`` would make the server assume."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Settings of an utterance; the defaults are those of FunASR clients."""

    mode: str = "2pass"
    """``2pass``, ``online`` or ``offline``."""
    wav_name: str = "microphone"
    """Echoed in every result."""
    wav_format: str = "pcm"
    """``pcm`` = raw 16-bit mono; anything else: the server recognises the container."""
    audio_fs: int = 16000
    """Sampling rate of raw PCM, Hz."""
    chunk_size: tuple[int, int, int] = (5, 10, 5)
    """In frames of 60 ms; the middle one is the wanted interval between partials."""
    chunk_interval: int = 10
    """A packet lasts ``chunk_size[1] * 60 / chunk_interval`` ms."""
    encoder_chunk_look_back: int = 4
    decoder_chunk_look_back: int = 0
    hotwords: str | Mapping[str, int] = ""
    """Word to weight, or text that goes to the server as it is."""
    itn: bool = True
    """Numbers as digits where people would write them so."""
    language: str = "auto"
    """``auto``, ``zh``, ``en``, ``ja``, ``ko`` or ``yue``."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Further keys of the start frame."""

    @property
    def packet_ms(self) -> float:
        """Duration of one audio packet of a live stream, ms."""
        return max(1.0, self.chunk_size[1] * FRAME_MS / self.chunk_interval)

    def packet_bytes(self, rate: int) -> int:
        """Size of one packet of 16-bit mono audio at ``rate`` Hz."""
        return max(1, int(rate * self.packet_ms / 1000)) * 2

    def start_frame(self) -> str:
        """Return the text frame that opens an utterance."""
        hotwords = self.hotwords
        if not isinstance(hotwords, str):
            hotwords = json.dumps(dict(hotwords), ensure_ascii=False)
        frame: dict[str, object] = {
            "mode": self.mode,
            "wav_name": self.wav_name,
            "wav_format": self.wav_format,
            "audio_fs": self.audio_fs,
            "chunk_size": list(self.chunk_size),
            "chunk_interval": self.chunk_interval,
            "encoder_chunk_look_back": self.encoder_chunk_look_back,
            "decoder_chunk_look_back": self.decoder_chunk_look_back,
            "hotwords": hotwords,
            "itn": self.itn,
            "svs_lang": self.language,
            "is_speaking": True,
            "compat": SESSION_SEMANTICS,
            **self.extra,
        }
        return json.dumps(frame, ensure_ascii=False)


def end_frame(*, acknowledge: bool) -> str:
    """Return the text frame that ends an utterance and may ask for an acknowledgement."""
    frame = {"is_speaking": False}
    return json.dumps({**frame, "is_end": True} if acknowledge else frame)
