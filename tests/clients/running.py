"""Runs programs that use third-party clients, unmodified, against a server of the test."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from funasr_wss.recognition import EngineSet
from tests.fakes import conversation, speech
from tests.serving import serving, url

PATIENCE = 90.0
"""Seconds for a program, whose client may load slow packages first."""

SPOKEN = (0, 2, 4, 1)
WHOLE = "今天天气怎么样？Hello there. Number five is here.我们出发吧。"
"""What the sentences ``SPOKEN`` are together."""


def recording(path: Path, *, tail: bool = True) -> Path:
    """Write the sentences ``SPOKEN`` as a WAV file.

    ``tail``: silence follows the last sentence, which is then found before the end signal, so
    that nothing is pending when that comes and the final is empty. Without it, the final carries
    the last sentence.
    """
    audio = conversation(*SPOKEN) if tail else conversation(*SPOKEN[:-1]) + speech(SPOKEN[-1])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(audio)
    return path


def use_client(
    command: Sequence[str | Path],
    *arguments: str | Path,
    engines: EngineSet | None = None,
    cwd: Path | None = None,
) -> Any:
    """Start a server, run ``command URL arguments``, and return what it printed last, as JSON.

    Fails with the output of the program unless it ends in time and without an error.
    """

    async def run() -> Any:
        async with serving(engines) as server:
            program = await asyncio.create_subprocess_exec(
                *map(str, command),
                url(server).rstrip("/"),
                *map(str, arguments),
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(PATIENCE):
                    output, errors = (part.decode() for part in await program.communicate())
            except TimeoutError:
                program.kill()
                output, errors = (part.decode() for part in await program.communicate())
                raise AssertionError(f"did not end: {output}{errors}") from None
            assert program.returncode == 0, output + errors
            return json.loads(output.splitlines()[-1])

    return asyncio.run(run())
