"""The command line client: options, files, output, exit codes, the live line in a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import signal
import ssl
import struct
import subprocess
import sys
import termios
import threading
import types
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyte
import pytest
import soundfile
import trustme

from funasr_wss.cli import main
from funasr_wss.cli.display import Progress, Screen, fit, printable
from funasr_wss.cli.hotwords import load_hotwords
from funasr_wss.cli.inputs import list_jobs
from funasr_wss.cli.options import Options, parse_options
from funasr_wss.cli.texts import UsageError, picker
from funasr_wss.client import Sentence
from funasr_wss.cues import width
from tests.peers import SECOND, SENTENCES, Peer, peer_thread, proper, whole_file
from tests.test_client import unsupported, unused_port

TWO = "今天天气怎么样？\n我们出发吧。\n"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "NO_COLOR", "FUNASR_WSS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """Two seconds of audio: two sentences for the scripted server."""
    return write_wav(tmp_path / "clip.wav", 2)


def write_wav(path: Path, seconds: int) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(seconds * SECOND)
    return str(path)


def options(*argv: str, **environ: str) -> Options:
    return parse_options(argv, picker(environ), environ)


# --- options -------------------------------------------------------------------------------------


def test_defaults() -> None:
    found = options()
    assert found.url == "ws://127.0.0.1:10095/"
    assert (found.speed, found.streams, found.inputs, found.tls) == (1.0, 1, (), None)
    assert found.settings.mode == "2pass"
    assert found.final_timeout == 300


def test_every_option_of_the_funasr_client() -> None:
    found = options(
        "--host", "h", "--port", "1", "--chunk_size", "5, 8, 5", "--encoder_chunk_look_back", "3",
        "--decoder_chunk_look_back", "2", "--chunk_interval", "4", "--hotword", "阿里巴巴 通义",
        "--audio_in", "a.wav", "--audio_fs", "8000", "--send_without_sleep", "--thread_num", "7",
        "--words_max_print", "9", "--output_dir", "out", "--ssl", "1", "--use_itn", "0",
        "--mode", "online", "--result_timeout", "5", "--log_dir", "logs", "--log_flush_every", "2",
    )  # fmt: skip
    settings = found.settings
    assert found.url == "wss://h:1/"
    assert (settings.chunk_size, settings.chunk_interval) == ((5, 8, 5), 4)
    assert (settings.encoder_chunk_look_back, settings.decoder_chunk_look_back) == (3, 2)
    assert (settings.hotwords, settings.itn, settings.mode) == ("阿里巴巴 通义", False, "online")
    assert (settings.audio_fs, found.inputs) == (8000, ("a.wav",))
    assert (found.speed, found.streams, found.words_max_print) == (0.0, 7, 9)
    assert (found.output_dir, found.log_dir) == (Path("out"), Path("logs"))
    assert (found.log_flush_every, found.final_timeout) == (2, 5.0)


@pytest.mark.parametrize(
    ("argv", "url"),
    [
        ("--host 10.0.0.5", "ws://10.0.0.5:10095/"),
        ("--host 10.0.0.5 --ssl 1", "wss://10.0.0.5:10095/"),
        ("--host wss://asr --port 9", "wss://asr:9/"),
        ("--host wss://asr:8/x?a=b --port 9", "wss://asr:8/x?a=b"),
        ("--host asr:8", "ws://asr:8/"),
        ("--host ::1", "ws://[::1]:10095/"),
        ("--host http://127.0.0.1:10095/", "ws://127.0.0.1:10095/"),
        ("--url wss://example.com/asr", "wss://example.com/asr"),
        ("--url https://example.com", "wss://example.com/"),
        ("--url asr", "ws://asr:10095/"),
    ],
)
def test_addresses(argv: str, url: str) -> None:
    assert options(*argv.split()).url == url


@pytest.mark.parametrize(
    ("argv", "speed"),
    [("", 1.0), ("--mode online", 1.0), ("--mode offline", 0.0), ("--speed 0", 0.0),
     ("--mode offline --speed 2.5", 2.5), ("--send_without_sleep", 0.0)],
)  # fmt: skip
def test_speed(argv: str, speed: float) -> None:
    assert options(*argv.split()).speed == speed


def test_certificates(tmp_path: Path) -> None:
    plain = options("--ssl", "1")
    assert plain.unverified_by_default
    assert plain.tls is not None and plain.tls.verify_mode == ssl.CERT_NONE
    asked = options("--ssl", "1", "--verify", "0")
    assert not asked.unverified_by_default
    strict = options("--ssl", "1", "--verify", "1")
    assert strict.tls is not None and strict.tls.verify_mode == ssl.CERT_REQUIRED
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = options("--ssl", "1", "--ca_file", str(tmp_path / "ca.pem"))
    assert own.tls is not None and own.tls.verify_mode == ssl.CERT_REQUIRED


def test_token_from_option_or_environment() -> None:
    assert options("--token", "a", FUNASR_WSS_TOKEN="b").token == "a"
    assert options(FUNASR_WSS_TOKEN="b").token == "b"


BAD = [
    "--port 0", "--port x", "--mode office", "--chunk_size 5,10", "--chunk_size 5,0,5",
    "--chunk_interval 0", "--speed -1", "--speed nan", "--thread_num 0", "--output a.doc",
    "--host wss://", "--url ftp://x", "--host a/b:c", "--ssl 2", "--unknown", "--mic --audio_in a",
    "--ssl 1 --ca_file /none", "--hotword none.txt", "--token \u4ee4", "--audio_in - a.wav",
    "--audio_in", "--output /none/a.txt --audio_in {clip}", "--audio_in /none.wav",
    "--audio_in .", "--audio_in none.scp", "--output_dir {clip} --audio_in {clip}",
]  # fmt: skip


@pytest.mark.parametrize("argv", BAD)
@pytest.mark.parametrize("language", ["en_US.UTF-8", "zh_CN.UTF-8"])
def test_wrong_usage_is_one_sentence(
    argv: str,
    language: str,
    clip: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", language)
    assert main(argv.format(clip=clip).split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.strip()[-1] in ".。"
    assert any("\u4e00" <= c <= "\u9fff" for c in err) >= language.startswith("zh")


@pytest.mark.parametrize(("language", "word"), [("en_US", "recognition"), ("zh_CN.UTF-8", "识别")])
def test_help(
    language: str,
    word: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", language)
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert word in text
    assert "[5,10,5]" in text
    assert "--audio_in meeting.wav" in text


def test_language_follows_the_locale_variables() -> None:
    assert picker({"LANG": "zh_CN.UTF-8"})("a", "b") == "b"
    assert picker({"LC_ALL": "C", "LANG": "zh_CN"})("a", "b") == "a"
    assert picker({})("a", "b") == "a"


# --- inputs --------------------------------------------------------------------------------------


def test_kaldi_list(tmp_path: Path) -> None:
    for name in ("a.wav", "b c.wav"):
        (tmp_path / name).touch()
    listing = tmp_path / "wav.scp"
    listing.write_text(
        f"\ufeffutt1 {tmp_path}/a.wav\n\nutt2\tb c.wav\n{tmp_path}/a.wav\n", encoding="utf-8"
    )
    assert [(job.name, job.path) for job in list_jobs([str(listing)])] == [
        ("utt1", tmp_path / "a.wav"),
        ("utt2", tmp_path / "b c.wav"),
        ("a.wav", tmp_path / "a.wav"),
    ]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"utt1 /none.wav\n", b"\xff\xfe\xff"])
def test_bad_kaldi_lists(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wav.scp").write_bytes(content)
    with pytest.raises(UsageError):
        list_jobs([str(tmp_path / "wav.scp")])


def test_hotword_file(tmp_path: Path) -> None:
    path = tmp_path / "hotwords"
    path.write_text("\ufeff阿里巴巴 20\n\nopen ai 5\n通义\n降权 -3\n", encoding="utf-8")
    assert load_hotwords(str(path)) == {"阿里巴巴": 20, "open ai": 5, "通义": 20, "降权": -3}


@pytest.mark.parametrize("text", ["", "阿里巴巴 通义", '{"a": 1}', "a" * 5000, "a\0b"])
def test_hotword_text_is_left_to_the_server(text: str) -> None:
    assert load_hotwords(text) == text


def test_hotword_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes("阿里".encode("gbk"))
    with pytest.raises(UsageError, match="UTF-8"):
        load_hotwords(str(tmp_path / "words.txt"))


# --- recognition ---------------------------------------------------------------------------------


def test_live_file(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    with peer_thread() as (url, seen):
        assert main(["--url", url, "--audio_in", clip, "--speed", "50"]) == 0
    assert capsys.readouterr() == (TWO, "")
    (utterance,) = seen
    assert utterance.config["wav_name"] == "clip.wav"
    assert utterance.audio == 2 * SECOND
    assert set(utterance.packets[:-1]) == {1920}


def test_options_reach_the_server(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_text("阿里巴巴 30\n", encoding="utf-8")
    argv = f"--hotword {tmp_path}/words.txt --itn 0 --language zh --chunk_size 3,8,3 --speed 0"
    with peer_thread() as (url, seen):
        assert main(["--url", url, "--audio_in", clip, *argv.split()]) == 0
    config = seen[0].config
    assert json.loads(config["hotwords"]) == {"阿里巴巴": 30}
    assert (config["itn"], config["svs_lang"], config["chunk_size"]) == (False, "zh", [3, 8, 3])


def test_offline_upload_of_a_container(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "talk.ogg"
    soundfile.write(path, np.zeros(16000, np.float32), 16000)
    with peer_thread(whole_file) as (url, seen):
        assert main(["--url", url, "--mode", "offline", "--audio_in", str(path)]) == 0
    assert capsys.readouterr().out == TWO
    assert seen[0].audio == path.read_bytes()
    assert seen[0].config["wav_format"] == "ogg"


def test_file_that_is_no_audio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "note.mp3"
    path.write_text("not audio " * 100)
    with peer_thread() as (url, seen):
        assert main(["--url", url, "--audio_in", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("note.mp3: cannot be decoded")
    assert len(err.splitlines()) == 1
    assert seen == []


def test_silence_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_wav(tmp_path / "quiet.wav", 0)
    with peer_thread() as (url, _):
        assert main(["--url", url, "--audio_in", path]) == 0
    assert capsys.readouterr() == ("", "quiet.wav: no speech found.\n")


def test_words_max_print(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    with peer_thread() as (url, _):
        main(["--url", url, "--audio_in", clip, "--speed", "0", "--words_max_print", "3"])
    assert capsys.readouterr().out == "么样？\n发吧。\n"


def test_parallel_list_with_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"utt{n} {write_wav(tmp_path / f'{n}.wav', 2)}\n" for n in range(5)]
    (tmp_path / "wav.scp").write_text("".join(lines))
    out = tmp_path / "out"
    argv = ["--audio_in", str(tmp_path / "wav.scp"), "--thread_num", "3", "--speed", "0"]
    for name in ("all.txt", "all.srt", "all.json"):
        argv += ["--output", str(tmp_path / name)]
    with peer_thread() as (url, seen):
        assert main(["--url", url, *argv, "--output_dir", str(out)]) == 0
    text = "今天天气怎么样？我们出发吧。"
    rows = [f"utt{n}\t{text}" for n in range(5)]
    assert (tmp_path / "all.txt").read_text(encoding="utf-8").splitlines() == rows
    assert not (tmp_path / "all.srt").exists()
    for n in range(5):
        assert "00:00:01,000 --> 00:00:01,700" in (tmp_path / f"all.utt{n}.srt").read_text()
    documents = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [(d["name"], d["text"], d["duration_ms"]) for d in documents] == [
        (f"utt{n}", text, 2000) for n in range(5)
    ]
    streams = sorted(file.name for file in out.iterdir())
    assert set(streams) <= {"text.0", "text.1", "text.2"}
    appended = "".join((out / name).read_text(encoding="utf-8") for name in streams)
    assert sorted(appended.splitlines()) == rows
    shown = capsys.readouterr().out.splitlines()
    assert sorted(shown) == sorted(f"[utt{n}] {s}" for n in range(5) for s in TWO.split())
    assert len(seen) == 5


def test_single_outputs(clip: str, tmp_path: Path) -> None:
    argv = []
    for suffix in ("txt", "srt", "vtt", "json"):
        argv += ["--output", str(tmp_path / f"x.{suffix}")]
    with peer_thread() as (url, _):
        assert main(["--url", url, "--audio_in", clip, "--speed", "0", *argv]) == 0
    read = {p.suffix: p.read_text(encoding="utf-8") for p in tmp_path.glob("x.*")}
    assert read[".txt"] == TWO
    assert read[".srt"].startswith("1\n00:00:00,000 --> 00:00:00,700\n今天天气怎么样？\n")
    assert read[".vtt"].startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.700\n")
    document = json.loads(read[".json"])
    assert document["name"] == "clip.wav"
    assert document["sentences"][1]["words"][0] == {"text": "我", "start_ms": 1000, "end_ms": 1100}


def test_server_messages_are_logged(clip: str, tmp_path: Path) -> None:
    with peer_thread() as (url, _):
        main(["--url", url, "--audio_in", clip, "--speed", "0", "--log_dir", str(tmp_path / "log")])
    lines = (tmp_path / "log" / "clip.wav.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["message"]["mode"] for row in rows][-1] == "2pass"
    assert len(rows) == 7


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(2 * SECOND)))
    with peer_thread() as (url, seen):
        assert main(["--url", url, "--audio_in", "-"]) == 0
    assert capsys.readouterr().out == TWO
    assert seen[0].audio == 2 * SECOND


# --- microphone ----------------------------------------------------------------------------------


class FakeSoundDevice(types.ModuleType):
    """Records two seconds at the only rate that the device knows."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *, rate: int = 16000, broken: bool = False) -> None:
        super().__init__("sounddevice")
        self.rate, self.broken = rate, broken
        self.closed = False

    def check_input_settings(self, **wanted: Any) -> None:
        if wanted["samplerate"] != self.rate:
            raise self.PortAudioError("rate")

    def query_devices(self, kind: str) -> dict[str, float]:
        return {"default_samplerate": float(self.rate)}

    def RawInputStream(self, **wanted: Any) -> Any:
        if self.broken:
            raise self.PortAudioError("Error querying device -1")
        assert (wanted["samplerate"], wanted["dtype"]) == (self.rate, "int16")

        def start() -> None:
            for _ in range(4):
                wanted["callback"](SECOND[:16000], 8000, None, None)

        def close() -> None:
            self.closed = True

        return types.SimpleNamespace(start=start, stop=lambda: None, close=close)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_microphone_until_ctrl_c(
    rate: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = FakeSoundDevice(rate=rate)
    monkeypatch.setitem(sys.modules, "sounddevice", device)

    async def script(peer: Peer) -> None:
        say = peer.say

        async def listening(mode: str, text: str, **more: Any) -> None:
            await say(mode, text, **more)
            if text == "我们":
                os.kill(os.getpid(), signal.SIGINT)

        peer.say = listening  # type: ignore[method-assign]
        await proper(peer)

    with peer_thread(script) as (url, seen):
        assert main(["--url", url, "--mic"]) == 0
    out, err = capsys.readouterr()
    assert out == TWO
    assert "Ctrl-C" in err and "Traceback" not in err
    assert seen[0].config["audio_fs"] == rate
    assert seen[0].audio == 2 * SECOND
    assert seen[0].config["wav_name"] == "microphone"
    assert device.closed


def test_no_microphone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(broken=True))
    assert main([]) == 2
    assert "No microphone can be opened" in capsys.readouterr().err


def test_sounddevice_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["--mic"]) == 2
    assert "./install.sh --extras mic" in capsys.readouterr().err


# --- failures ------------------------------------------------------------------------------------


def assert_one_line(text: str, *words: str) -> None:
    assert len(text.strip().splitlines()) == 1
    assert "Traceback" not in text
    for word in words:
        assert word in text


def test_nobody_listens(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--port", str(unused_port()), "--audio_in", clip, clip, clip, "--thread_num", "2"]
    assert main(argv) == 3
    assert_one_line(capsys.readouterr().err, "Cannot connect")


@pytest.mark.parametrize(("status", "word"), [(503, "busy"), (401, "token"), (404, "HTTP 404")])
def test_refused(status: int, word: str, clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    with peer_thread(status=status) as (url, _):
        assert main(["--url", url, "--audio_in", clip]) == 3
    assert_one_line(capsys.readouterr().err, word)


def test_untrusted_certificate(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with peer_thread(tls=context) as (url, _):
        assert main(["--url", url, "--audio_in", clip, "--verify", "1"]) == 3
        assert_one_line(capsys.readouterr().err, "cannot be trusted")
        assert main(["--url", url, "--audio_in", clip, "--speed", "0"]) == 0
        assert_one_line(capsys.readouterr().err, "not checked")


def test_error_of_the_server(clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "x.txt"
    with peer_thread(unsupported) as (url, _):
        assert main(["--url", url, "--audio_in", clip, "--output", str(output)]) == 1
    assert_one_line(capsys.readouterr().err, "clip.wav", "unsupported_format", "No audio.")
    assert not output.exists()


def test_connection_lost_keeps_what_was_recognised(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("2pass-offline", SENTENCES[0])
        await peer.socket.close(1011)

    output = tmp_path / "x.txt"
    argv = ["--audio_in", clip, "--speed", "0", "--output", str(output)]
    with peer_thread(script) as (url, _):
        assert main(["--url", url, *argv]) == 1
    out, err = capsys.readouterr()
    assert out == SENTENCES[0] + "\n"
    assert_one_line(err, "lost")
    assert output.read_text(encoding="utf-8") == SENTENCES[0] + "\n"


def test_one_bad_file_does_not_stop_the_others(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"nothing")
    with peer_thread() as (url, _):
        assert main(["--url", url, "--audio_in", str(bad), clip, "--speed", "0"]) == 2
    out, err = capsys.readouterr()
    assert out.count("[clip.wav]") == 2
    assert_one_line(err, "bad.mp3")


# --- as a process, in a terminal -----------------------------------------------------------------


def command(repo_root: Path, *argv: str) -> list[str]:
    return [sys.executable, str(repo_root / "funasr_wss_client.py"), *argv]


def test_as_a_process(repo_root: Path, clip: str) -> None:
    with peer_thread() as (url, _):
        done = subprocess.run(
            command(repo_root, "--url", url, "--audio_in", clip, "--speed", "0"),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, TWO, "")


def test_ctrl_c_ends_a_file_cleanly(repo_root: Path, tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "long.wav", 600)
    speaking = threading.Event()

    async def script(peer: Peer) -> None:
        say = peer.say

        async def listening(mode: str, text: str, **more: Any) -> None:
            await say(mode, text, **more)
            speaking.set()

        peer.say = listening  # type: ignore[method-assign]
        await proper(peer)

    with peer_thread(script) as (url, seen):
        process = subprocess.Popen(
            command(repo_root, "--url", url, "--audio_in", clip, "--speed", "4"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert speaking.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith(SENTENCES[0])
    assert_one_line(err, "Stopping")
    assert seen[0].end["is_speaking"] is False


class Terminal:
    """A process on a pseudo terminal, and what a person sees there."""

    def __init__(self, argv: list[str], columns: int = 30, **environ: str) -> None:
        self.screen = pyte.Screen(columns, 12)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, columns, 0, 0))
        self._process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **environ},
        )
        os.close(slave)
        self.data = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux reports the end of a terminal as an error
                break
            if not chunk:
                break
            self.data += chunk
        os.close(master)
        self.code = self._process.wait(timeout=60)

    def views(self) -> Iterator[list[str]]:
        """Yield the lines on the screen after every drawing."""
        stream = pyte.Stream(self.screen)
        for part in self.data.decode().split("\r"):
            stream.feed(part)
            yield self.lines()
            stream.feed("\r")

    def lines(self) -> list[str]:
        # pyte puts an empty cell after a wide character.
        return [line.rstrip() for line in self.screen.display if line.strip()]


PARTIALS = ["今天天气", "真不错我们一起去北京看看", "长城和故宫吧然后再回来吃晚饭"]


async def talkative(peer: Peer) -> None:
    """Partials wider than the terminal, then a sentence that replaces them."""
    await peer.utterance()
    for text in PARTIALS:
        await peer.say("2pass-online", text)
    await peer.say("2pass-offline", "晴天。", start_time=61_250, end_time=62_000)
    await peer.say("2pass-online", "\x1b[2J走")
    await peer.say("2pass-offline", "走吧。", final=True)
    await peer.acknowledge()


def test_live_line_in_a_terminal(repo_root: Path, clip: str) -> None:
    with peer_thread(talkative) as (url, _):
        terminal = Terminal(command(repo_root, "--url", url, "--audio_in", clip, "--speed", "0"))
    views = list(terminal.views())
    assert terminal.code == 0
    # The partial grew, was cut to one line, and was replaced.
    assert ["今天天气"] in views
    cut = [view[0] for view in views if view and view[0].startswith("…")]
    assert cut == ["…天气真不错我们一起去北京看看", "…长城和故宫吧然后再回来吃晚饭"]
    assert all(width(line) <= 29 for line in cut)
    assert all(len(view) <= 1 for view in views if not any("晴天" in line for line in view))
    assert views[-1] == ["1:01.2 晴天。", "走吧。"]
    assert b"\x1b[90m" in terminal.data
    assert b"\x1b[2J" not in terminal.data


def test_no_color_keeps_the_live_line(repo_root: Path, clip: str) -> None:
    with peer_thread(talkative) as (url, _):
        terminal = Terminal(
            command(repo_root, "--url", url, "--audio_in", clip, "--speed", "0"), NO_COLOR="1"
        )
    views = list(terminal.views())
    assert ["今天天气"] in views
    assert views[-1] == ["1:01.2 晴天。", "走吧。"]
    assert b"\x1b[90m" not in terminal.data


def test_dumb_terminal_gets_plain_lines(repo_root: Path, clip: str) -> None:
    with peer_thread(talkative) as (url, _):
        terminal = Terminal(
            command(repo_root, "--url", url, "--audio_in", clip, "--speed", "0"), TERM="dumb"
        )
    assert terminal.data.decode().split() == ["晴天。", "走吧。"]


def test_progress_bar_in_a_terminal(repo_root: Path, clip: str) -> None:
    argv = command(repo_root, "--url", "{}", "--audio_in", clip, "--mode", "offline")
    with peer_thread(whole_file) as (url, _):
        terminal = Terminal([word.format(url) for word in argv], columns=80)
    views = list(terminal.views())
    bars = [view for view in views if view and "100%" in view[0]]
    assert bars and "64 kB/64 kB" in bars[0][0]
    assert views[-1] == ["0:00.0 今天天气怎么样？", "0:01.0 我们出发吧。"]


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…cd"),
        ("今天天气", 8, "今天天气"),
        ("今天天气", 7, "…天天气"),
        ("今天天气", 6, "…天气"),
        ("xe\u0301ab", 3, "…ab"),
        ("", 0, ""),
    ],
)
def test_fit(text: str, columns: int, shown: str) -> None:
    assert fit(text, columns) == shown
    assert width(shown) <= columns


def test_printable() -> None:
    assert printable("a\x1b[31mb\nc\td\x7f\x9be") == "a[31mb c de"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_partial_is_shown_on_stderr_when_stdout_is_a_file() -> None:
    out, err = io.StringIO(), Tty()
    screen = Screen(out, err, {})
    screen.status("partial")
    screen.line("sentence", margin="0:00.0")
    assert out.getvalue() == "sentence\n"
    assert "partial" in err.getvalue()


def test_progress_bar_is_gone_when_the_text_comes() -> None:
    """Whatever standard output is piped into may write to the same terminal."""
    out, err = io.StringIO(), Tty()
    progress = Progress(Screen(out, err, {}), picker({}), files=1, words_max=100)
    progress.uploaded(0, 10, 10)
    assert "100%" in err.getvalue()
    progress.event("a", Sentence("text", 0, 1))
    view = pyte.Screen(80, 2)
    pyte.Stream(view).feed(err.getvalue())
    assert "".join(view.display).strip() == ""
    assert out.getvalue() == "text\n"
