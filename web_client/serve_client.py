"""Serves the web page alone, for local use: python web_client/serve_client.py

Standard library only. The address of the recognition server is entered in the page.
"""

from __future__ import annotations

import argparse
import errno
import ssl
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # http: and https: let the page ask a server that refuses WebSockets for the reason.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self' ws: wss: http: https:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}


class PageHandler(SimpleHTTPRequestHandler):
    """Static files of this folder, of known types only; no directory listing."""

    extensions_map = MIME_TYPES

    def __init__(self, *args: object) -> None:
        super().__init__(*args, directory=str(FOLDER))  # type: ignore[arg-type]

    def send_head(self):  # type: ignore[no-untyped-def]
        path = Path(self.translate_path(self.path))
        path = FOLDER / "index.html" if path == FOLDER else path
        if path.suffix in MIME_TYPES and path.is_file():
            return super().send_head()
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the printed address is what the user needs to see."""


def make_server(host: str, port: int, certfile: str | None, keyfile: str | None):  # type: ignore[no-untyped-def]
    """Bind the page server; raises OSError, also for certificates that cannot be used."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certfile else None
    if tls and certfile:
        tls.load_cert_chain(certfile, keyfile)
    server = ThreadingHTTPServer((host, port), PageHandler)
    if tls:  # The handshake runs in the thread of the request: a stalled one blocks nobody.
        server.socket = tls.wrap_socket(server.socket, True, do_handshake_on_connect=False)
    return server


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serves the web page alone, for local use.")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--certfile", help="PEM certificate: serves https")
    parser.add_argument("--keyfile", help="PEM key, if not in the certificate file")
    args = parser.parse_args()
    if args.keyfile and not args.certfile:
        parser.error("--keyfile needs --certfile")
    if not 0 <= args.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    return args


def main() -> int:
    """Serve until interrupted; returns the exit status."""
    args = parse_args()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # for consoles
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]  # without Chinese
    try:
        server = make_server(args.host, args.port, args.certfile, args.keyfile)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {args.port} is in use, choose another with --port / 端口已被占用"
        else:
            reason = f"{error} (check the options / 请检查启动参数)"
        print(f"Cannot serve the page: {reason}", file=sys.stderr)
        return 1
    everywhere = args.host in ("0.0.0.0", "")
    host = "localhost" if everywhere or args.host == "127.0.0.1" else args.host
    scheme = "https" if args.certfile else "http"
    print(f"Open in a browser / 用浏览器打开: {scheme}://{host}:{server.server_port}/")
    if everywhere:
        print(
            "Elsewhere use the address of this machine; recording there needs --certfile"
            " / 其他电脑请用本机 IP 访问，录音需要 --certfile"
        )
    print("Stop with Ctrl+C / 按 Ctrl+C 停止", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
