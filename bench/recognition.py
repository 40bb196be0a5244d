"""Accuracy of the whole server: the recorded speech set, sent live, against its transcripts.

``python -m bench.recognition [--speed 4]`` starts a server, speaks every clip to it as a live
two-pass client and prints error rates as a Markdown table, then checks that in the long
recordings every sentence arrived, in order, once.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from difflib import SequenceMatcher

from .corpus import SYNTHETIC, Clip, long_clip, single_clips, speech_dir
from .live import Spoken, speak
from .scoring import ErrorCount, cer, mixed_tokens, normalise, wer
from .server_process import running_server

FOUND = 0.5
"""A sentence counts as found when this share of its tokens is in its place in the result."""


def score(results: Sequence[Spoken], language: str) -> ErrorCount:
    """Return the summed errors of one language: characters for Chinese, words for English."""
    count = wer if language == "en" else cer
    chosen = [r for r in results if r.clip.language == language and r.clip.trusted]
    total = ErrorCount()
    for result in chosen:
        total += count(result.clip.reference, result.text)
    return total


def missing_sentences(segments: Sequence[tuple[float, float, str]], text: str) -> list[str]:
    """Return the sentences of a long recording that have no place of their own in ``text``.

    Sentences are aligned in order against the whole text, so one that came twice or in the
    wrong place leaves another without its own.
    """
    hypothesis = mixed_tokens(normalise(text))
    reference = [mixed_tokens(normalise(sentence)) for _, _, sentence in segments]
    owner = [number for number, tokens in enumerate(reference) for _ in tokens]
    flat = [token for tokens in reference for token in tokens]
    hits = [0] * len(segments)
    matcher = SequenceMatcher(None, flat, hypothesis, autojunk=False)
    for block in matcher.get_matching_blocks():
        for position in range(block.a, block.a + block.size):
            hits[owner[position]] += 1
    return [
        segments[number][2]
        for number, tokens in enumerate(reference)
        if hits[number] < FOUND * len(tokens)
    ]


async def _speak_all(url: str, clips: Sequence[Clip], speed: float, streams: int) -> list[Spoken]:
    gate = asyncio.Semaphore(streams)

    async def one(clip: Clip) -> Spoken:
        language = clip.language or "auto"
        async with gate:
            return await speak(url, clip, speed=speed, svs_lang=language)

    return list(await asyncio.gather(*(one(clip) for clip in clips)))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=4.0, help="times real time, 0 = at once")
    parser.add_argument("--streams", type=int, default=2, help="clips spoken at the same time")
    parser.add_argument("--show", action="store_true", help="print every text")
    args = parser.parse_args()
    folder = speech_dir()
    clips = single_clips(folder)
    long_files = [folder / "long_dev_zh.wav", folder / "long_dev_mixed.wav"]
    long_files.append(SYNTHETIC / "dialogue.wav")
    with running_server() as server:
        results = asyncio.run(_speak_all(server.url, clips, args.speed, args.streams))
        longs = [long_clip(path) for path in long_files if path.exists()]
        spoken = asyncio.run(
            _speak_all(server.url, [clip for clip, _ in longs], args.speed, args.streams)
        )
    if args.show:
        for result in [*results, *spoken]:
            print(f"{result.clip.name}\n  ref {result.clip.reference}\n  hyp {result.text}")
    print("| language | clips | error rate | sub / ins / del / ref |\n|---|---|---|---|")
    for language, unit in (("zh", "CER"), ("en", "WER"), ("ja", "CER")):
        total = score(results, language)
        number = sum(r.clip.language == language and r.clip.trusted for r in results)
        edits = f"{total.substitutions} / {total.insertions} / {total.deletions} / {total.length}"
        print(f"| {language} | {number} | {unit} {total.rate:.1%} | {edits} |")
    print("\n| recording | sentences | missing | finals |\n|---|---|---|---|")
    for (_, segments), result in zip(longs, spoken, strict=True):
        missing = missing_sentences(segments, result.text)
        finals = sum(message["is_final"] for message in result.messages)
        shown = "; ".join(missing) or "none"
        print(f"| {result.clip.name} | {len(segments)} | {shown} | {finals} |")


if __name__ == "__main__":
    main()
