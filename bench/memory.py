"""What a connection costs in memory: idle ones and live streams, through the real server.

``python -m bench.memory [--idle 200] [--live 8]`` prints MiB a connection.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack

from websockets.asyncio.client import connect

from .corpus import SYNTHETIC, long_clip
from .live import speak
from .server_process import ServerProcess, running_server


async def idle_cost(server: ServerProcess, count: int) -> float:
    """Return MiB a connection that sent nothing."""
    before = server.memory_mb()
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(connect(server.url, compression=None))
        return (server.memory_mb() - before) / count


async def _peak(server: ServerProcess, streams: int) -> float:
    """Return the most MiB in use while ``streams`` clients speak."""
    clip, _ = long_clip(SYNTHETIC / "dialogue.wav")
    speaking = asyncio.gather(*(speak(server.url, clip) for _ in range(streams)))
    peak = 0.0
    while not speaking.done():
        peak = max(peak, server.memory_mb())
        await asyncio.sleep(0.2)
    await speaking
    return peak


async def live_cost(server: ServerProcess, count: int) -> float:
    """Return MiB a stream that ``count`` further live streams cost beside a few others.

    The few come first so that what all streams share (decoder workspaces) is not counted.
    """
    few = await _peak(server, 4)
    return (await _peak(server, 4 + count) - few) / count


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--live", type=int, default=4)
    args = parser.parse_args()
    print("| connections | number | MiB each |\n|---|---|---|")
    with running_server("--max_connections", str(args.idle + 8)) as server:
        asyncio.run(idle_cost(server, 8))
        print(f"| idle | {args.idle} | {asyncio.run(idle_cost(server, args.idle)):.3f} |")
        print(f"| live | {args.live} | {asyncio.run(live_cost(server, args.live)):.2f} |")


if __name__ == "__main__":
    main()
