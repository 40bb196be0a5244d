"""Shared fixtures, and the accounting that keeps any group of tests from going missing unseen.

Every test belongs to one group, named by its marker (``unit`` without one). At the end each
group is listed with what ran and why something did not. With ``FUNASR_WSS_STRICT=1`` a skip is a
failure unless its reason starts with ``optional:``, and so is a group named in
``FUNASR_WSS_REQUIRED_GROUPS`` of which no test ran.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from funasr_wss.models import ModelError, default_models_dir, locate_embedded
from tests.processes import ServerProcess, server_process

ROOT = Path(__file__).resolve().parent.parent
OPTIONAL = "optional:"
MARKED_GROUPS = ("speech", "clients", "browser", "models", "node")
"""Most demanding first: a test with several markers belongs to the first of them."""


def _speech_dir() -> Path:
    return Path(os.environ.get("FUNASR_WSS_SPEECH") or ROOT.parent / "shared" / "speech")


def _clients_dir() -> Path:
    return Path(sys.prefix) / "clients"


def _missing_speech() -> str:
    path = _speech_dir()
    return "" if path.is_dir() else f"{OPTIONAL} no recorded speech in {path} (FUNASR_WSS_SPEECH)"


def _missing_clients() -> str:
    wanted = sorted((ROOT / "requirements" / "clients").glob("*.txt"))
    missing = [file.stem for file in wanted if not (_clients_dir() / file.stem / "bin").is_dir()]
    return f"{', '.join(missing)} not installed; run ./run_tests.sh" if missing else ""


def _missing_programs(*programs: str) -> str:
    missing = [name for name in programs if shutil.which(name) is None]
    return f"{', '.join(missing)} not found; run ./run_tests.sh" if missing else ""


def _missing_models() -> str:
    try:
        locate_embedded(default_models_dir())
    except ModelError as error:
        return str(error)
    return ""


MISSING: dict[str, Callable[[], str]] = {
    "speech": _missing_speech,
    "clients": _missing_clients,
    "browser": lambda: _missing_programs("chromium", "chromedriver"),
    "models": _missing_models,
    "node": lambda: _missing_programs("node"),
}
"""Why the tests of a marker cannot run here; empty when they can."""


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The recordings and other files that belong to the tests."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the model files; tests that use it carry the marker ``models``."""
    if reason := _missing_models():
        pytest.skip(reason)
    return default_models_dir()


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """The recorded speech set; tests that use it carry the marker ``speech``."""
    if reason := _missing_speech():
        pytest.skip(reason)
    return _speech_dir()


@pytest.fixture(scope="session")
def client_python() -> Callable[[str], Path]:
    """Name of a file in ``requirements/clients/`` -> interpreter of the environment that has
    this third-party client, unmodified; tests that use it carry the marker ``clients``."""

    def interpreter(name: str) -> Path:
        path = _clients_dir() / name / "bin" / "python"
        assert path.exists(), f"no third-party client {name}: run ./run_tests.sh"
        return path

    return interpreter


@pytest.fixture(scope="session")
def real_server(models_dir: Path) -> Iterator[ServerProcess]:
    """``funasr_wss_server.py`` with the real models, as a user starts it; tests that use it carry
    the marker ``models``."""
    with server_process(models_dir) as server:
        yield server


# Machines under load miss any deadline per example; the timeout per test stays.
settings.register_profile("default", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
# The same examples in every run: a failure belongs to the change and can be seen again.
settings.register_profile("strict", deadline=None, derandomize=True)
settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Accounting(), "accounting")


def _group(item: pytest.Item) -> str:
    return next((name for name in MARKED_GROUPS if item.get_closest_marker(name)), "unit")


class Accounting:
    """Counts the outcomes of each group and turns silent gaps into failures when strict."""

    def __init__(self) -> None:
        self.strict = os.environ.get("FUNASR_WSS_STRICT") == "1"
        self.required = os.environ.get("FUNASR_WSS_REQUIRED_GROUPS", "").split()
        self.group_of: dict[str, str] = {}
        self.outcomes: dict[str, dict[str, str]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.deselected: Counter[str] = Counter()
        self.gaps: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        missing = {name: check() for name, check in MISSING.items()}
        for item in items:
            for name in MARKED_GROUPS:
                if missing[name] and item.get_closest_marker(name):
                    item.add_marker(pytest.mark.skip(reason=missing[name]))
            self.group_of[item.nodeid] = _group(item)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected.update(_group(item) for item in items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._judge_skip(report)
        # With several processes the report travels to the one that counts, and its group with it.
        report.group = self.group_of.get(item.nodeid, "unit")
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        group = report.group  # type: ignore[attr-defined]
        outcomes = self.outcomes.setdefault(group, {})
        # A failure in any phase is the outcome of the test.
        if report.when == "call" or report.outcome != "passed":
            expected = report.skipped and hasattr(report, "wasxfail")
            outcomes[report.nodeid] = "failed as expected" if expected else report.outcome
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self.reasons.setdefault(group, Counter())[reason] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, object]:
        report = yield
        self._judge_skip(report)
        return report

    def _judge_skip(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not self.strict or not report.skipped or not isinstance(report.longrepr, tuple):
            return  # passed, failed, or an expected failure
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(OPTIONAL):
            report.outcome = "failed"
            report.longrepr = f"skipped, which a strict run does not allow: {reason}"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus != pytest.ExitCode.OK or hasattr(session.config, "workerinput"):
            return
        for group in self.required:
            if not set(self.outcomes.get(group, {}).values()) - {"skipped"}:
                self.gaps.append(group)
        if self.gaps:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("groups")
        for group in ("unit", *reversed(MARKED_GROUPS)):
            terminalreporter.write_line(f"{group:8} {self._describe(group)}")
        for group in self.gaps:
            terminalreporter.write_line(f"FAILED: no test of the required group {group} ran")

    def _describe(self, group: str) -> str:
        counts = Counter(self.outcomes.get(group, {}).values())
        parts = [f"{count} {outcome}" for outcome, count in sorted(counts.items())]
        if self.deselected[group]:
            parts.append(f"{self.deselected[group]} not selected")
        parts += [f"({reason})" for reason in self.reasons.get(group, ())]
        return ", ".join(parts) or "no tests"
