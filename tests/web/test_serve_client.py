"""The page served alone: what it answers, what it refuses, and what it says when it cannot run."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

DEADLINE_S = 20


def command(repo_root: Path, *options: str) -> list[str]:
    return [sys.executable, str(repo_root / "web_client" / "serve_client.py"), *options]


@contextmanager
def serving(repo_root: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run it on a free port; yields the process and the printed address."""
    arguments = command(repo_root, "--port", "0", *options)
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


def get(url: str, target: str, context: ssl.SSLContext | None = None) -> http.client.HTTPResponse:
    """Ask for a target exactly as written."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=context)
    connection.putrequest("GET", target)
    connection.endheaders()
    return connection.getresponse()


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/audio-worklet.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_files(page_url: str, target: str, content_type: str) -> None:
    response = get(page_url, target)
    assert (response.status, response.headers["Content-Type"]) == (200, content_type)
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert response.read()


@pytest.mark.parametrize(
    "target",
    [
        "/serve_client.py",
        "/nothing.js",
        "/../pyproject.toml",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/README.md",
        "//etc/passwd",
        "/app.js/",
        "/.",
        "/%00.js",
    ],
)
def test_nothing_else(page_url: str, target: str) -> None:
    response = get(page_url, target)
    body = response.read()
    if response.status == 200:  # a way to write the page itself
        assert b"<title>" in body
    else:
        assert response.status in (301, 404)
    assert b"root:" not in body and b"[project]" not in body and b"argparse" not in body


def test_page_needs_nothing_but_its_own_files(repo_root: Path) -> None:
    folder = repo_root / "web_client"
    page = (folder / "index.html").read_text("utf-8")
    assert "http" not in page.replace("http://localhost:8000", "")
    assert " style=" not in page and " onclick=" not in page and "<style" not in page
    assert page.count("<script") == 1 and 'src="app.js"' in page


def test_only_this_machine_unless_told_otherwise(repo_root: Path) -> None:
    with serving(repo_root) as (_, url):
        port = urlsplit(url).port
        assert url == f"http://localhost:{port}/"
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.2", port))


def test_both_languages_are_printed(repo_root: Path) -> None:
    with serving(repo_root, "--host", "0.0.0.0") as (process, url):
        assert get(url, "/").status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=DEADLINE_S) == 0
        assert process.stdout is not None and process.stderr is not None
        # Not communicate(): it would miss what the first readline() left in its buffer.
        output, errors = process.stdout.read(), process.stderr.read()
    assert "--certfile" in output and "录音" in output
    assert errors == ""


def test_https(repo_root: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(cert)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = ("--certfile", str(cert), "--keyfile", str(key))
    with serving(repo_root, *options) as (_, url), socket.socket() as stalled:
        assert url.startswith("https://localhost:")
        stalled.connect(("127.0.0.1", urlsplit(url).port))  # never shakes hands
        assert get(url, "/", context).status == 200


def fails(repo_root: Path, *options: str) -> tuple[int, str]:
    result = subprocess.run(
        command(repo_root, *options), capture_output=True, encoding="utf-8", timeout=DEADLINE_S
    )
    assert "Traceback" not in result.stderr
    return result.returncode, result.stderr


def test_port_in_use(repo_root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, message = fails(repo_root, "--port", str(port))
    assert status == 1
    assert message.count("\n") == 1 and f"port {port} is in use" in message and "端口" in message


def test_unusable_options(repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    for options in (
        ("--certfile", str(tmp_path / "cert.pem")),
        ("--certfile", str(tmp_path / "missing.pem")),
        ("--host", "192.0.2.1"),
    ):
        status, message = fails(repo_root, "--port", "0", *options)
        assert status == 1 and message.count("\n") == 1 and "Cannot serve" in message
    assert fails(repo_root, "--port", "99999")[0] == 2
    assert fails(repo_root, "--keyfile", "k.pem")[0] == 2
