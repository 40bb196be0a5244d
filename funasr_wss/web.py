"""Plain HTTP on the WebSocket port: the web page and the health checks."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.http11 import Response

WEB_CLIENT = Path(__file__).resolve().parent.parent / "web_client"
"""The page lives beside the package in the source tree."""

PAGE_TYPES = {".html", ".css", ".js", ".mjs", ".svg", ".png", ".ico", ".webmanifest"}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; connect-src *; img-src 'self' data:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
}


def respond(status: HTTPStatus, body: bytes, content_type: str, **headers: str) -> Response:
    """Build an HTTP response; header names are written with ``_`` for ``-``."""
    fields = Headers()
    fields["Content-Type"] = content_type
    fields["Content-Length"] = str(len(body))
    fields["Connection"] = "close"
    fields["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        fields[name.replace("_", "-")] = value
    return Response(status.value, status.phrase, fields, body)


def text_response(status: HTTPStatus, text: str, **headers: str) -> Response:
    """Build a one-line text response."""
    return respond(status, (text + "\n").encode(), "text/plain; charset=utf-8", **headers)


class Pages:
    """Answers every request that is not a WebSocket handshake.

    Args:
        folder: the page's files, read once; None = no page.
        health: returns what ``/readyz`` reports; ``ready`` in it decides the status.
    """

    def __init__(self, folder: Path | None, health: Callable[[], Mapping[str, Any]]) -> None:
        self._health = health
        self._files: dict[str, tuple[bytes, str]] = {}
        if folder is not None and folder.is_dir():
            for path in folder.rglob("*"):
                if path.is_file() and path.suffix in PAGE_TYPES:
                    name = "/" + path.relative_to(folder).as_posix()
                    self._files[name] = (path.read_bytes(), _content_type(path))

    def respond(self, target: str) -> Response:
        """Return the response to ``GET target``."""
        path = unquote(target.partition("?")[0].partition("#")[0])
        if path == "/healthz":
            return text_response(HTTPStatus.OK, "ok", Access_Control_Allow_Origin="*")
        if path == "/readyz":
            health = self._health()
            status = HTTPStatus.OK if health["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
            body = json.dumps(health, ensure_ascii=False).encode()
            return respond(status, body, "application/json", Access_Control_Allow_Origin="*")
        found = self._files.get("/index.html" if path == "/" else path)
        if found is None:
            return text_response(HTTPStatus.NOT_FOUND, "There is no such page here.")
        response = respond(HTTPStatus.OK, *found)
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        return response


def _content_type(path: Path) -> str:
    if path.suffix in (".js", ".mjs"):
        return "text/javascript; charset=utf-8"
    guess = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{guess}; charset=utf-8" if guess.startswith("text/") else guess
