"""The test run's own promise: nothing goes missing unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

def test_plain():
    pass

@pytest.mark.speech
def test_recorded():
    pass

def test_given_up():
    pytest.skip({reason!r})
"""


@pytest.fixture
def inner(
    pytester: pytest.Pytester, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A project with this project's conftest and settings, and no recorded speech."""
    pytester.makeconftest((repo_root / "tests" / "conftest.py").read_text())
    pytester.path.joinpath("pyproject.toml").write_text((repo_root / "pyproject.toml").read_text())
    pytester.mkdir("tests")
    monkeypatch.setenv("PYTHONPATH", str(repo_root))
    monkeypatch.setenv("FUNASR_WSS_SPEECH", str(pytester.path / "none"))
    monkeypatch.setenv("FUNASR_WSS_STRICT", "1")
    monkeypatch.setenv("FUNASR_WSS_REQUIRED_GROUPS", "unit")
    return pytester


def run(inner: pytest.Pytester, reason: str) -> pytest.RunResult:
    inner.path.joinpath("tests", "test_inner.py").write_text(TESTS.format(reason=reason))
    return inner.runpytest_inprocess()


def test_optional_skip_passes(inner: pytest.Pytester) -> None:
    result = run(inner, "optional: not here")
    result.assert_outcomes(passed=1, skipped=2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["speech * 1 skipped, (optional: no recorded speech in *"])


def test_other_skip_fails_a_strict_run(inner: pytest.Pytester) -> None:
    result = run(inner, "no reason")
    result.assert_outcomes(passed=1, skipped=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_other_skip_is_named_otherwise(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FUNASR_WSS_STRICT")
    result = run(inner, "no reason")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["unit * 1 passed, 1 skipped, (no reason)"])


def test_skipped_module_fails_a_strict_run(inner: pytest.Pytester) -> None:
    module = "import pytest\npytest.importorskip('no_such_module')\n"
    inner.path.joinpath("tests", "test_module.py").write_text(module)
    result = run(inner, "optional: not here")
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_required_group_without_a_test_fails(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNASR_WSS_REQUIRED_GROUPS", "unit speech")
    result = run(inner, "optional: not here")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED: no test of the required group speech ran"])
