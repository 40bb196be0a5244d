"""Accuracy of the embedded engines without the server: what each setting gives.

``python -m bench.recognition_direct`` decodes the recorded speech set three ways, each a row of a
Markdown table: whole clips through faster-whisper itself (30 s windows, nothing of this project),
whole clips through the offline engine, and the sentences that voice activity finds through the
offline engine. Settings take lists; every combination is a row:

``python -m bench.recognition_direct --beam 1,2,5 --context 8,10 --endpoint min_silence=0.5,0.8``
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from funasr_wss.engines.base import OfflineRequest, RecognitionOptions, Samples, VadRequest
from funasr_wss.engines.endpoint import EndpointSettings
from funasr_wss.engines.silero_vad import SileroVad
from funasr_wss.engines.whisper import BEAM_SIZE, CONTEXT_SECONDS, PAD_SECONDS, WhisperOffline
from funasr_wss.engines.whisper_model import WhisperModel
from funasr_wss.engines.whisper_text import decoder_prompt
from funasr_wss.models import EmbeddedModels, default_models_dir, prepare_embedded

from .corpus import SYNTHETIC, Clip, long_clip, single_clips, speech_dir
from .recognition import missing_sentences
from .scoring import ErrorCount, cer, wer

Recognise = Callable[[Clip], str]


def audio(clip: Clip) -> Samples:
    """Samples of a clip as the engines take them."""
    return clip.samples.astype(np.float32) / np.float32(32768)


def sentences(vad: SileroVad, samples: Samples) -> list[tuple[int, int]]:
    """Start and end sample of every sentence."""
    result = vad.run([VadRequest(vad.open(), samples, is_end=True)])[0]
    if isinstance(result, Exception):
        raise result
    edges = [event.sample for event in result.events]
    return list(zip(edges[::2], edges[1::2], strict=True))


def recognise(engine: WhisperOffline, samples: Samples, language: str) -> str:
    """Text of one sentence."""
    result = engine.run([OfflineRequest(samples, RecognitionOptions(language=language))])[0]
    if isinstance(result, Exception):
        raise result
    return result.text


def by_clip(engine: WhisperOffline, clip: Clip) -> str:
    """Text of a clip, all of it at once."""
    return recognise(engine, audio(clip), clip.language)


def by_sentences(engine: WhisperOffline, vad: SileroVad, clip: Clip) -> str:
    """Text of a clip, sentence by sentence."""
    samples = audio(clip)
    texts = [recognise(engine, samples[a:b], clip.language) for a, b in sentences(vad, samples)]
    return " ".join(texts)


def reference_decoder(models: EmbeddedModels, beam: int) -> Recognise:
    """Whole clips through faster-whisper's own transcription, same model, beam and prompt."""
    import faster_whisper

    model = faster_whisper.WhisperModel(
        str(models.whisper), device="cpu", compute_type="int8", cpu_threads=1
    )

    def run(clip: Clip) -> str:
        segments, _ = model.transcribe(
            audio(clip),
            language=clip.language,
            beam_size=beam,
            initial_prompt=decoder_prompt(clip.language, ()) or None,
        )
        return " ".join(segment.text for segment in segments)

    return run


def row(name: str, clips: Sequence[Clip], run: Recognise, *, show: bool) -> str:
    """Recognise all clips and return their error rates as a line of the table."""
    totals = {"zh": ErrorCount(), "en": ErrorCount()}
    begin = time.perf_counter()
    for clip in clips:
        text = run(clip)
        count = (wer if clip.language == "en" else cer)(clip.reference, text)
        totals[clip.language] += count
        if show:
            print(f"{clip.name} {count.edits}/{count.length} {text}")
    seconds = (time.perf_counter() - begin) / sum(clip.seconds for clip in clips)
    rates = " | ".join(f"{100 * totals[code].rate:.2f}" for code in ("zh", "en"))
    return f"| {name} | {rates} | {seconds:.3f} |"


def endpoint_variants(texts: Sequence[str]) -> Iterator[tuple[str, EndpointSettings]]:
    """Every combination of ``name=value,value`` settings, named by what it sets."""
    names = [text.partition("=")[0] for text in texts]
    values = [text.partition("=")[2].split(",") for text in texts]
    for combination in itertools.product(*values):
        chosen = dict(zip(names, map(float, combination), strict=True))
        label = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
        yield label, EndpointSettings(**chosen)


def check_long(engine: WhisperOffline, vad: SileroVad, path: Path) -> None:
    """Print the sentences found in a concatenated recording and those of it that are missing."""
    clip, segments = long_clip(path)
    samples = audio(clip)
    texts = []
    print(f"\n{path.name}: {len(segments)} spoken")
    for start, end in sentences(vad, samples):
        texts.append(recognise(engine, samples[start:end], "auto"))
        print(f"  {start / 16000:7.2f} {end / 16000:7.2f} {texts[-1]}")
    print(f"  missing: {missing_sentences(segments, ' '.join(texts)) or 'none'}")


def numbers(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Argument type: a comma-separated list."""
    return lambda text: [kind(item) for item in text.split(",")]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--speech", type=Path, help="folder of the speech set")
    parser.add_argument("--models_dir", type=Path, default=default_models_dir())
    parser.add_argument("--beam", type=numbers(int), default=[BEAM_SIZE])
    parser.add_argument("--context", type=numbers(float), default=[CONTEXT_SECONDS])
    parser.add_argument("--pad", type=numbers(float), default=[PAD_SECONDS])
    parser.add_argument("--endpoint", action="append", default=[], metavar="NAME=V,V")
    parser.add_argument("--only_sentences", action="store_true", help="leave out whole clips")
    parser.add_argument("--long", action="store_true", help="also check the long recordings")
    parser.add_argument("--show", action="store_true", help="print every text")
    args = parser.parse_args()
    folder = args.speech or speech_dir()
    clips = [c for c in single_clips(folder) if c.trusted and c.language in ("zh", "en")]
    models = prepare_embedded(args.models_dir)
    model = WhisperModel(models.whisper, workers=1)
    print("| decoding | zh CER % | en WER % | real time factor |\n|---|---|---|---|")

    def show_row(name: str, run: Recognise) -> None:
        print(row(name, clips, run, show=args.show), flush=True)

    if not args.only_sentences:
        for beam in args.beam:
            run = reference_decoder(models, beam)
            show_row(f"whole clips, faster-whisper, beam {beam}", run)
    for beam, context, pad in itertools.product(args.beam, args.context, args.pad):
        engine = WhisperOffline(model, beam_size=beam, context_seconds=context, pad_seconds=pad)
        name = f"beam {beam}, context {context:g} s, pad {pad:g} s"
        if not args.only_sentences:
            show_row(f"whole clips, {name}", partial(by_clip, engine))
        for label, settings in endpoint_variants(args.endpoint):
            vad = SileroVad(models.vad, settings)
            show_row(
                f"sentences, {name}" + (f", {label}" if label else ""),
                partial(by_sentences, engine, vad),
            )
    if args.long:
        engine = WhisperOffline(model, beam_size=args.beam[-1])
        vad = SileroVad(models.vad)
        longs = [folder / "long_dev_zh.wav", folder / "long_dev_mixed.wav"]
        for path in [*longs, SYNTHETIC / "dialogue.wav"]:
            check_long(engine, vad, path)


if __name__ == "__main__":
    main()
