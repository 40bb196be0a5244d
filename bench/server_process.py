"""Runs the real server in a process of its own and says what it cost.

``python -m bench.server_process [server options]`` prints one line of JSON when the server is
ready and one when it was stopped: event loop lag and peak memory.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import Any

import numpy as np

LAG_INTERVAL = 0.01
"""Seconds between two looks at the event loop's clock."""


async def _watch_lag(lags: list[float]) -> None:
    while True:
        due = time.perf_counter() + LAG_INTERVAL
        await asyncio.sleep(LAG_INTERVAL)
        lags.append(max(0.0, time.perf_counter() - due))


async def _serve(argv: Sequence[str]) -> None:
    from funasr_wss.config import load_config
    from funasr_wss.engines.registry import build_engines, choose_profile
    from funasr_wss.server import RecognitionServer

    config = load_config(argv)
    profile, _ = choose_profile(config)
    server = RecognitionServer(config, lambda: build_engines(config, profile))
    await server.start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, lags.clear)
    watcher = asyncio.create_task(_watch_lag(lags))
    print(json.dumps({"port": server.ports[0]}), flush=True)
    await stopped.wait()
    watcher.cancel()
    await server.stop()
    values = np.array(lags or [0.0]) * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = {
        "lag_ms": {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95, 99, 100)},
        "peak_mb": round(peak, 1),
    }
    print(json.dumps(report), flush=True)


@dataclass
class ServerProcess:
    """A running server. ``report`` is filled when it was stopped."""

    process: Popen[str]
    port: int
    report: dict[str, Any]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self.port}/"

    def memory_mb(self) -> float:
        """Resident memory now, MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def reset_lag(self) -> None:
        """Forget the event loop lag measured so far."""
        self.process.send_signal(signal.SIGUSR1)


@contextmanager
def running_server(*options: str) -> Iterator[ServerProcess]:
    """Start the server on a free port and stop it at the end."""
    command = [sys.executable, "-m", "bench.server_process", "--port", "0", *options]
    process = Popen(command, stdout=PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start; its log is above")
        server = ServerProcess(process, json.loads(line)["port"], {})
        yield server
        process.send_signal(signal.SIGTERM)
        server.report.update(json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
