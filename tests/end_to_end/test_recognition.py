"""The whole server with the real engines: what clients get for real audio."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.corpus import long_clip
from bench.recognition import missing_sentences
from funasr_wss.audio import read_file
from tests.processes import ServerProcess, run_script, server_process
from tests.serving import END, divide, start, until_final

pytestmark = pytest.mark.models

SAID = "今天天气很好，我们一起去公园散步吧。"


def pcm(path: Path) -> bytes:
    return (read_file(path) * 32768).astype("<i2").tobytes()


def talk_to(
    server: ServerProcess, frames: list[bytes], query: str = "", **config: Any
) -> list[dict[str, Any]]:
    """Say one utterance and return its messages."""

    async def run() -> list[dict[str, Any]]:
        async with connect(f"ws://{server.address}/{query}", max_size=None) as socket:
            await socket.send(start(**config))
            for frame in frames:
                await socket.send(frame)
            await socket.send(END)
            return await until_final(socket)

    return asyncio.run(run())


def sentences(messages: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [
        (m["text"], m["start_time"], m["end_time"])
        for m in messages
        if m["mode"] != "2pass-online" and m["text"]
    ]


def test_a_sentence_is_recognised_with_times(real_server: ServerProcess, data_dir: Path) -> None:
    (result,) = sentences(talk_to(real_server, divide(pcm(data_dir / "zh_01.wav"), 1920)))
    assert result[0] == SAID
    assert 0 <= result[1] < 500 and 3300 < result[2] <= 3851


@pytest.mark.parametrize("size", [320, 640, 1_000_000, 10_000_000])
def test_frames_do_not_matter(real_server: ServerProcess, data_dir: Path, size: int) -> None:
    audio = pcm(data_dir / "dialogue.wav")[: 2 * 16000 * 15]
    expected = sentences(talk_to(real_server, divide(audio, 1920), svs_lang="zh"))
    assert len(expected) == 3
    assert sentences(talk_to(real_server, divide(audio, size), svs_lang="zh")) == expected


def test_every_sentence_of_a_dialogue_once_and_in_order(
    real_server: ServerProcess, data_dir: Path
) -> None:
    _, spoken = long_clip(data_dir / "dialogue.wav")
    for mode in ("2pass", "offline"):
        messages = talk_to(real_server, divide(pcm(data_dir / "dialogue.wav"), 64000), mode=mode)
        text = "".join(m["text"] for m in messages if m["mode"] != "2pass-online")
        assert missing_sentences(spoken, text) == []
        assert [m["is_final"] for m in messages].count(True) == 1
    assert len(messages) == 1


def test_numbers_as_spoken_or_as_digits(real_server: ServerProcess, data_dir: Path) -> None:
    frames = divide(pcm(data_dir / "zh_14.wav"), 64000)
    digits, words = (
        "".join(text for text, *_ in sentences(talk_to(real_server, frames, itn=itn)))
        for itn in (True, False)
    )
    assert "138" in digits
    assert "一三八" in words and not any(c.isdigit() for c in words)


@pytest.mark.parametrize("language", ["zh", "en", "ja", "yue", "auto"])
def test_silence_and_noise_give_an_empty_final(real_server: ServerProcess, language: str) -> None:
    noise = np.random.default_rng(1).normal(0, 300, 16000 * 3).astype("<i2").tobytes()
    messages = talk_to(real_server, [bytes(96000), noise], svs_lang=language)
    assert [(m["text"], m["is_final"]) for m in messages] == [("", True)]


def test_traditional_characters_never_come_out(real_server: ServerProcess, data_dir: Path) -> None:
    for language in ("zh", "yue"):
        messages = talk_to(real_server, [pcm(data_dir / "zh_04.wav")], svs_lang=language)
        text = "".join(text for text, *_ in sentences(messages))
        assert "请问" in text and "請" not in text


def test_partials_grow_while_somebody_speaks(
    real_server: ServerProcess, data_dir: Path
) -> None:
    async def run() -> list[dict[str, Any]]:
        async with connect(f"ws://{real_server.address}/") as socket:
            await socket.send(start(svs_lang="en"))
            for frame in divide(pcm(data_dir / "en_01.wav"), 1920):
                await socket.send(frame)
                await asyncio.sleep(0.06)  # the pace of speech is what is tested
            await socket.send(END)
            return await until_final(socket)

    messages = asyncio.run(run())
    partials = [m["text"] for m in messages if m["mode"] == "2pass-online"]
    assert len(partials) >= 3
    assert "brown fox" in "".join(partials).lower()


async def _live(address: str, audio: bytes, begun: asyncio.Event) -> tuple[list[str], int | None]:
    async with connect(f"ws://{address}/") as socket:
        await socket.send(start())
        for frame in divide(audio, 1920):
            await socket.send(frame)
        await (await socket.ping())  # everything before it has arrived
        begun.set()
        return await _until_closed(socket), socket.close_code


async def _until_closed(socket: ClientConnection) -> list[str]:
    messages: list[str] = []
    try:
        while True:
            messages.append(str(await socket.recv()))
    except ConnectionClosed:
        return messages


def test_stop_finishes_what_is_open(models_dir: Path, data_dir: Path) -> None:
    audio = pcm(data_dir / "zh_01.wav")

    async def run(server: ServerProcess) -> None:
        started = [asyncio.Event() for _ in range(2)]
        clients = [asyncio.create_task(_live(server.address, audio, e)) for e in started]
        await asyncio.gather(*(event.wait() for event in started))
        status = await asyncio.to_thread(server.terminate)
        assert status == 0
        for messages, code in [await client for client in clients]:
            parsed = [json.loads(message) for message in messages]
            assert [m["is_final"] for m in parsed].count(True) == 1 and parsed[-1]["is_final"]
            text = "".join(m["text"] for m in parsed if m["mode"] == "2pass-offline")
            assert text.startswith("今天天气")
            assert code == 1001

    with server_process(models_dir) as server:
        asyncio.run(asyncio.wait_for(run(server), 60))


def test_client_writes_subtitles(
    real_server: ServerProcess, data_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.srt"
    host, _, port = real_server.address.partition(":")
    result = run_script(
        "funasr_wss_client.py",
        *("--host", host, "--port", port, "--mode", "offline"),
        *("--audio_in", str(data_dir / "zh_01.wav"), "--output", str(output)),
    )
    assert (result.returncode, result.stderr) == (0, ""), result
    assert SAID in result.stdout
    assert "00:00:0" in output.read_text("utf-8") and "公园" in output.read_text("utf-8")


def test_broken_model_file_is_explained(models_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "models"
    shutil.copytree(models_dir, copy)
    model = next(copy.rglob("model.bin"))
    with model.open("r+b") as file:
        file.truncate(1000)
    result = run_script("funasr_wss_server.py", "--port", "0", "--models_dir", str(copy))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "model.bin" in result.stderr.splitlines()[-1]


def test_missing_models_are_explained(tmp_path: Path) -> None:
    result = run_script("funasr_wss_server.py", "--port", "0", "--models_dir", str(tmp_path))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr and "install.sh" in result.stderr.splitlines()[-1]
