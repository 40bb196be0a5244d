"""How long live users wait: paced two-pass streams, alone and several at once.

``python -m bench.latency [--streams 1 4] [--pause 0.1]`` speaks sentences in real time and prints
first partial (after the first word), final (after the end signal) and event loop lag.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence

from .corpus import SYNTHETIC, Clip, conversation_turns, speech_dir
from .live import Spoken, percentiles, speak
from .server_process import running_server


async def _user(url: str, clips: Sequence[Clip], delay: float, config: str) -> list[Spoken]:
    await asyncio.sleep(delay)
    return [await speak(url, clip, svs_lang=config) for clip in clips]


async def _users(url: str, clips: Sequence[Clip], streams: int, language: str) -> list[Spoken]:
    """Share the clips out to ``streams`` users who start at random moments."""
    chance = random.Random(streams)
    shares = [list(clips[number::streams]) for number in range(streams)]
    users = [_user(url, share, chance.uniform(0, 2), language) for share in shares]
    return [result for results in await asyncio.gather(*users) for result in results]


def _row(streams: int, results: Sequence[Spoken], lag: dict[str, float]) -> str:
    partials = [value for result in results if (value := result.first_partial) is not None]
    finals = [result.final_delay for result in results]
    lost = sum(not result.text for result in results)
    first = percentiles(partials) if partials else "-"
    return (
        f"| {streams} | {len(results)} | {first} | {len(results) - len(partials)} | "
        f"{percentiles(finals)} | {lost} | {lag['p50']} / {lag['p99']} / {lag['p100']} |"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4])
    parser.add_argument(
        "--language",
        default="auto",
        help="svs_lang of the clients; zh leaves the other languages out",
    )
    parser.add_argument(
        "--pause", type=float, default=0.1, help="seconds between the last word and the end signal"
    )
    parser.add_argument("--synthetic", action="store_true", help="use the synthetic dialogue")
    args = parser.parse_args()
    if args.synthetic:
        paths = [SYNTHETIC / "dialogue.wav"]
    else:
        names = ["long_dev_zh"] if args.language == "zh" else ["long_dev_mixed", "long_dev_zh"]
        paths = [speech_dir() / f"{name}.wav" for name in names]
    clips = [clip for path in paths for clip in conversation_turns(path, args.pause)]
    print(
        "| streams | utterances | first partial p50 / p95 / max, s | without partial | "
        "final p50 / p95 / max, s | empty | loop lag p50 / p99 / max, ms |\n"
        "|---|---|---|---|---|---|---|"
    )
    for streams in args.streams:
        with running_server() as server:
            server.reset_lag()
            results = asyncio.run(_users(server.url, clips, streams, args.language))
        print(_row(streams, results, server.report["lag_ms"]), flush=True)


if __name__ == "__main__":
    main()
