"""install.sh and start_server.sh with a stand-in for Python that records what it is asked for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Answers questions about the interpreter truthfully; environments, pip and the server are acted.
FAKE_PYTHON = f"""#!/bin/bash
here=$(cd "$(dirname "$0")/.." && pwd -P)
case "$1 $2" in
"-I -c" | "-I -") exec '{sys.executable}' "$@" ;;
"-m venv")
    mkdir -p "$4/bin" && cp "$0" "$4/bin/python"
    printf '#!/bin/bash\\necho "pip 99 from %s/lib"\\n' "$4" >"$4/bin/pip"
    chmod +x "$4/bin/pip"
    ;;
*)
    echo "$*" >>"$CALLS"
    [ "$3" != install ] || exit "${{PIP_STATUS:-0}}"
    case $1 in *_server.py) echo serving && exec sleep 60 ;; esac
    ;;
esac
"""


class Tree:
    """A copy of the scripts in a folder with a space in its name."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.root = folder / "a b"
        self.root.mkdir()
        for name in ("install.sh", "start_server.sh"):
            shutil.copy2(source / name, self.root)
        shutil.copytree(source / "requirements", self.root / "requirements")
        self.calls = folder / "calls.log"
        self.calls.touch()
        python = folder / "python3"
        python.write_text(FAKE_PYTHON)
        python.chmod(0o755)
        hidden = ("FUNASR_WSS_", "PIP_")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        self.env |= {"FUNASR_WSS_PYTHON": str(python), "CALLS": str(self.calls)}

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / script), *arguments],
            env=self.env | env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def new_calls(self) -> list[str]:
        """What Python was asked to run since the last look."""
        lines = self.calls.read_text().splitlines()
        self.calls.write_text("")
        return lines

    def installs(self) -> list[str]:
        return [line for line in self.new_calls() if "pip install" in line]


@pytest.fixture
def tree(tmp_path: Path, repo_root: Path) -> Tree:
    return Tree(tmp_path, repo_root)


def test_first_run_installs_packages_then_models(tree: Tree) -> None:
    done = tree.run("install.sh", "--profile", "embedded")
    assert done.returncode == 0, done.stderr
    packages, models = tree.new_calls()
    assert packages == "-m pip install -c requirements/constraints.txt --quiet -e .[embedded]"
    assert models == "-m funasr_wss.models --profile embedded"
    assert "安装完成" in done.stdout


def test_second_run_installs_nothing(tree: Tree) -> None:
    tree.run("install.sh")
    tree.new_calls()
    assert tree.run("install.sh", "--quiet").stdout == ""
    assert tree.installs() == []


@pytest.mark.parametrize("name", ["base", "embedded", "constraints"])
def test_changed_requirements_are_installed(tree: Tree, name: str) -> None:
    tree.run("install.sh")
    tree.new_calls()
    with (tree.root / "requirements" / f"{name}.txt").open("a") as file:
        file.write("# changed\n")
    tree.run("install.sh")
    assert len(tree.installs()) == 1


def test_extras_stay_installed(tree: Tree) -> None:
    tree.run("install.sh", "--extras", "test,mic")
    assert tree.installs()[0].endswith("-e .[embedded,test,mic]")
    for arguments in ((), ("--extras=test",), ("--extras", "mic")):
        tree.run("install.sh", *arguments)
    assert tree.installs() == []


def test_failed_install_is_tried_again(tree: Tree) -> None:
    done = tree.run("install.sh", PIP_STATUS="1")
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    tree.new_calls()
    assert tree.run("install.sh").returncode == 0
    assert len(tree.installs()) == 1


def test_moved_tree_gets_a_new_environment(tree: Tree) -> None:
    tree.run("install.sh")
    tree.new_calls()
    tree.root = tree.root.rename(tree.root.with_name("c d"))
    assert "Creating" in tree.run("install.sh").stdout
    assert len(tree.installs()) == 1


def test_broken_interpreter_is_replaced(tree: Tree) -> None:
    tree.run("install.sh")
    (tree.root / ".venv" / "bin" / "python").unlink()
    assert "Creating" in tree.run("install.sh").stdout


def test_foreign_folder_is_left_alone(tree: Tree, tmp_path: Path) -> None:
    precious = tmp_path / "mine" / "file"
    precious.parent.mkdir()
    precious.touch()
    done = tree.run("install.sh", FUNASR_WSS_VENV=str(precious.parent))
    assert done.returncode == 1
    assert "was not made by this script" in done.stderr
    assert precious.exists()


def test_missing_python_names_the_package(tree: Tree) -> None:
    done = tree.run("install.sh", FUNASR_WSS_PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert "apt-get install python3 python3-venv" in done.stderr


@pytest.mark.parametrize("answer", ["exit 0", "exit 1"])
def test_auto_says_why(tree: Tree, tmp_path: Path, answer: str) -> None:
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(f"#!/bin/bash\n{answer}\n")
    driver.chmod(0o755)
    done = tree.run("install.sh", PATH=f"{driver.parent}:{tree.env['PATH']}")
    reason = "a GPU was found" if answer == "exit 0" else "no working NVIDIA GPU was found"
    assert reason in done.stdout
    assert tree.installs()[0].endswith("-e .[embedded]")


@pytest.mark.parametrize(
    "arguments",
    [["--profile", "nano"], ["--profile", "large"], ["--profile"], ["--extras", "x"], ["--what"]],
)
def test_usage_errors(tree: Tree, arguments: list[str]) -> None:
    done = tree.run("install.sh", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2, "one sentence in English and one in Chinese"
    assert tree.new_calls() == []


def test_server_replaces_the_script_and_gets_its_options(tree: Tree) -> None:
    server = subprocess.Popen(
        [str(tree.root / "start_server.sh"), "--profile=embedded", "--models_dir", "m d"],
        env=tree.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        assert any(line == "serving\n" for line in lines), "the server was not started"
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == -signal.SIGTERM
    *_, models, started = tree.new_calls()
    assert models == "-m funasr_wss.models --profile embedded"
    assert started == f"{tree.root}/funasr_wss_server.py --profile=embedded --models_dir m d"


def test_failed_install_starts_no_server(tree: Tree) -> None:
    assert tree.run("start_server.sh", PIP_STATUS="1").returncode == 1
    assert not any("_server.py" in line for line in tree.new_calls())
