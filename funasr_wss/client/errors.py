"""What can go wrong between a program and a recognition server.

Every exception says one thing in one English sentence. ``reason`` and ``fields`` carry the same
facts for programs that want to word the sentence themselves, for instance in another language.
"""

from __future__ import annotations

TEMPLATES = {
    "bad_url": "{url} is not a server address; use ws://HOST:PORT or wss://HOST:PORT.",
    "unreachable": "Cannot connect to {url}: {detail}; check that the server is running and that "
    "host and port are right.",
    "unresolved": "Cannot connect to {url}: the host name is not known; check its spelling.",
    "timeout": "Cannot connect to {url}: no answer within {seconds:g} s; check the address and "
    "the firewall.",
    "busy": "The server at {url} is busy and takes no more connections; try again later.",
    "unauthorized": "The server at {url} refused the access token (HTTP {status}); give the right "
    "token.",
    "bad_certificate": "The certificate of {url} cannot be trusted ({detail}); give its "
    "certificate authority, or switch certificate checks off if you know this server.",
    "bad_tls": "No TLS connection to {url} ({detail}); if the server has no certificate use "
    "ws:// instead of wss://.",
    "not_websocket": "What answers at {url} is not a plain WebSocket server; check the port, and "
    "use wss:// if it expects TLS.",
    "http_status": "The server at {url} refused the connection with HTTP {status}; check the "
    "address.",
    "proxy": "The proxy on the way to {url} failed: {detail}.",
    "lost": "The connection was lost before the result was complete ({detail}); the server may "
    "have stopped, try again.",
    "shutdown": "The server shut down before the result was complete; try again when it is back.",
    "too_large": "The server closed the connection because too much was sent at once ({detail}).",
    "no_final": "The server sent no final result within {seconds:g} s after the end of the audio; "
    "it may be overloaded.",
    "failed": "Recognition failed ({code}): {detail}",
}
"""English sentence of every ``reason``; the names in braces are the keys of ``fields``."""


class ClientError(Exception):
    """Base class; ``str(error)`` is the English sentence."""

    def __init__(self, reason: str, **fields: object) -> None:
        self.reason = reason
        """Short token, a key of ``TEMPLATES``."""
        self.fields = fields
        """Values that belong into the sentence."""
        super().__init__(TEMPLATES[reason].format(**fields))


class ConnectError(ClientError):
    """No connection could be opened."""


class ServerBusy(ConnectError):
    """The server refused the connection because it is full (HTTP 503)."""


class Unauthorized(ConnectError):
    """The server wants another access token (HTTP 401 or 403)."""


class TlsError(ConnectError):
    """TLS failed: certificate not trusted, or the server speaks no TLS on this port."""


class ConnectionLost(ClientError):
    """The connection ended before the final result."""


class ResultTimeout(ClientError):
    """The audio is complete, but the final result does not come."""


class RecognitionFailed(ClientError):
    """The server ended the utterance with an error code."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        """Short token of the server, such as ``unsupported_format``."""
        super().__init__("failed", code=code, detail=detail or code)
