"""FunASR-compatible WebSocket speech recognition: server, engines and client."""

__version__ = "0.1.0"
