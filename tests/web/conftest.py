"""The served page, the servers it talks to, and the browser that shows it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.fake_server import FakeServer


@pytest.fixture(scope="session")
def page_url(repo_root: Path) -> Iterator[str]:
    """The page as ``serve_client.py`` serves it."""
    command = [sys.executable, str(repo_root / "web_client" / "serve_client.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://localhost:" in line, line
        yield line.split()[-1]
        process.terminate()


@pytest.fixture(scope="session")
def running_fake_server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def fake_server(running_fake_server: FakeServer) -> FakeServer:
    """The scripted server, as new."""
    running_fake_server.reset()
    return running_fake_server


@dataclass(frozen=True)
class Deployment:
    """A page and the server that it shall use; ``fake`` is None if the server recognises."""

    page_url: str
    server_url: str
    fake: FakeServer | None


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.models)])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The page and the scripted server; then the real server, which serves the page itself."""
    if request.param == "real":
        address = request.getfixturevalue("real_server").address
        return Deployment(f"http://{address}/", f"ws://{address}/", None)
    fake = request.getfixturevalue("fake_server")
    return Deployment(request.getfixturevalue("page_url"), fake.url, fake)
