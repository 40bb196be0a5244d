"""Third-party clients with the real engines: what their users read is what was said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from funasr_wss.config import ServerConfig
from funasr_wss.engines.registry import build_engines
from funasr_wss.recognition import EngineSet
from tests.clients.running import use_client
from tests.clients.test_funasr_client import FILE
from tests.clients.test_funasr_python import FILES

pytestmark = [pytest.mark.clients, pytest.mark.models]

SAID = "今天天气很好，我们一起去公园散步吧。"


@pytest.fixture(scope="module")
def engines(models_dir: Path) -> EngineSet:
    return build_engines(ServerConfig(models_dir=str(models_dir)), "embedded")


def test_funasr_client(
    client_python: Callable[[str], Path], engines: EngineSet, data_dir: Path
) -> None:
    command = [client_python("funasr-client"), "-c", FILE]
    result = use_client(command, data_dir / "zh_01.wav", "2pass", engines=engines)
    assert result["text"] == SAID


def test_funasr_python(
    client_python: Callable[[str], Path], engines: EngineSet, data_dir: Path
) -> None:
    command = [client_python("funasr-python"), "-c", FILES]
    result = use_client(command, "2pass", data_dir / "zh_01.wav", engines=engines)
    assert result["texts"] == [SAID]
