"""The documents keep what they promise: links lead somewhere, both languages say the same."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from funasr_wss.config import ServerConfig

PAGES = ["README.md", "README_zh.md", "CONTRIBUTING.md", "docs/benchmarks.md", "docs/clients.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(repo_root: Path, page: str) -> None:
    text = (repo_root / page).read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)\)", text)
    for target in targets:
        if "://" not in target:
            assert (repo_root / page).parent.joinpath(target).exists(), target
    assert "@@" not in text


def test_both_readmes_have_the_same_parts(repo_root: Path) -> None:
    english, chinese = ((repo_root / page).read_text("utf-8") for page in PAGES[:2])
    for pattern in (r"^#+ ", r"^\|", r"^```", r"!\[", r"^- "):
        counts = [len(re.findall(pattern, text, re.M)) for text in (english, chinese)]
        assert counts[0] == counts[1], pattern


@pytest.mark.parametrize("page", PAGES[:2])
def test_options_in_the_readme_exist(repo_root: Path, page: str) -> None:
    known = {field.name for field in dataclasses.fields(ServerConfig)}
    text = (repo_root / page).read_text("utf-8")
    section = text.split("\n## ")[4]  # the server's
    options = re.findall(r"`--(\w+)`", section)
    assert len(options) > 10
    assert set(options) - {"help"} <= known


def test_readme_defaults_are_true(repo_root: Path) -> None:
    text = (repo_root / "README.md").read_text("utf-8")
    for field in dataclasses.fields(ServerConfig):
        row = re.search(rf"^\| `--{field.name}` \| `(\w+)` \|", text, re.M)
        if row is not None:
            default = int(field.default) if isinstance(field.default, bool) else field.default
            assert row[1] == (f"{default:g}" if isinstance(default, float) else str(default))
