"""The server and the client as processes, the way a user runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_S = 60
"""Longest that a process may take to start, to answer or to end."""


@dataclass
class ServerProcess:
    """A running server and what it printed until it was ready."""

    process: subprocess.Popen[str]
    address: str
    """``host:port`` of its main port."""
    banner: str

    def terminate(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE_S)


@contextmanager
def server_process(models_dir: Path, *options: str) -> Iterator[ServerProcess]:
    """Start the server on a free port and wait until it says that it is ready."""
    command = [sys.executable, "funasr_wss_server.py", "--port", "0", *options]
    environment = {**os.environ, "FUNASR_WSS_MODELS_DIR": str(models_dir)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        banner = ""
        try:
            while "--audio_in" not in banner:
                line = process.stdout.readline()
                assert line, f"the server ended before it was ready: {banner}"
                banner += line
            found = re.search(r"wss?://(\S+)", banner)
            assert found is not None, banner
            yield ServerProcess(process, found.group(1), banner)
        finally:
            process.kill()


def run_script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts of the source tree to its end."""
    return subprocess.run(
        [sys.executable, name, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
