"""Runs the unit tests of the page's modules, which are written for Node's own test runner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = sorted(path.name for path in Path(__file__).parent.glob("*.test.mjs"))
pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def page_copy(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's scripts where Node takes them for modules, as browsers do."""
    folder = tmp_path_factory.mktemp("page")
    for script in (repo_root / "web_client").glob("*.js"):
        shutil.copy(script, folder)
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    return folder


@pytest.mark.parametrize("name", TESTS)
def test_module(page_copy: Path, name: str) -> None:
    result = subprocess.run(
        ["node", "--test", str(Path(__file__).parent / name)],
        env={**os.environ, "PAGE": page_copy.as_uri()},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    passed = re.search(r"^\S+ pass (\d+)", result.stdout, re.MULTILINE)
    assert passed and int(passed[1]) > 0, result.stdout
