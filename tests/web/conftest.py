"""The served page, the servers it talks to, and the browser that shows it."""

from __future__ import annotations

import os
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


REAL = os.environ.get("FUNASR_WSS_PAGE_URL", ""), os.environ.get("FUNASR_WSS_SERVER_URL", "")


@pytest.fixture(params=["scripted", *(["real"] if all(REAL) else [])])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The scripted server; also the one named by FUNASR_WSS_PAGE_URL and FUNASR_WSS_SERVER_URL."""
    if request.param == "real":
        return Deployment(*REAL, None)
    fake = request.getfixturevalue("fake_server")
    return Deployment(request.getfixturevalue("page_url"), fake.url, fake)
