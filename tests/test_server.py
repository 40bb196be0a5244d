"""Accepting, refusing, stopping: everything about a server that is not recognition."""

from __future__ import annotations

import asyncio
import logging
import os
import socket as sockets
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from funasr_wss.config import ServerConfig
from funasr_wss.engines.base import OfflineRequest
from funasr_wss.recognition import EngineSet
from funasr_wss.server import RecognitionServer
from tests.fakes import (
    SENTENCES,
    FakeOffline,
    FakeVad,
    Gate,
    conversation,
    fake_engines,
    silence,
    speech,
)
from tests.serving import (
    DEADLINE,
    END,
    divide,
    eventually,
    everything,
    offline_texts,
    one_final,
    receive,
    serving,
    start,
    talk,
    until_final,
    url,
    utter,
)


def get(server: RecognitionServer, path: str) -> tuple[int, Mapping[str, str], bytes]:
    """Fetch a page; return status, headers and body."""
    address = f"http://127.0.0.1:{server.ports[0]}{path}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


async def fetch(server: RecognitionServer, path: str) -> tuple[int, Mapping[str, str], bytes]:
    return await asyncio.to_thread(get, server, path)


async def refusal(address: str) -> tuple[int, str]:
    """Connect where it is refused; return HTTP status and text."""
    with pytest.raises(InvalidStatus) as info:
        await connect(address)
    return info.value.response.status_code, info.value.response.body.decode()


def run_server(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start the real command, which is expected to end at once."""
    root = Path(__file__).resolve().parent.parent
    return subprocess.run(
        [sys.executable, str(root / "funasr_wss_server.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )


# --- HTTP and readiness ---------------------------------------------------------------------------


def test_page_and_health() -> None:
    async def run() -> None:
        async with serving() as server:
            status, headers, body = await fetch(server, "/")
            assert status == 200 and headers["Content-Type"].startswith("text/html")
            assert b"<html" in body
            assert (await fetch(server, "/?lang=en"))[0] == 200
            status, _, body = await fetch(server, "/healthz")
            assert (status, body) == (200, b"ok\n")
            status, headers, body = await fetch(server, "/readyz")
            assert status == 200 and b'"ready": true' in body
            assert headers["Content-Type"] == "application/json"
            for path in ("/nothing", "/../config.py", "/%2e%2e/pyproject.toml", "/index.html/"):
                status, _, body = await fetch(server, path)
                assert status == 404, path

    asyncio.run(run())


@pytest.mark.parametrize(
    "target",
    ["/../../etc/passwd", "//etc/passwd", "/..%2f..%2fetc/passwd", "/%00", "//[", "/" + "x" * 4000,
     "/\\..\\..", "/serve_client.py", "http://[/", "*"],
)  # fmt: skip
def test_strange_targets_are_not_found(target: str) -> None:
    async def run() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            async with asyncio.timeout(10):
                answer = await reader.read()
            writer.close()
            assert answer.split(b" ")[1] == b"404", answer[:80]

    asyncio.run(run())


def test_garbage_instead_of_http() -> None:
    async def run() -> None:
        async with serving() as server:
            for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 99, b"HELO x\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
                writer.write(garbage)
                writer.write_eof()
                async with asyncio.timeout(10):
                    await reader.read()
                writer.close()
            async with connect(url(server)) as socket:
                one_final(await utter(socket, [], start()))

    asyncio.run(run())


def test_no_page_when_switched_off() -> None:
    async def run() -> None:
        async with serving(web=False) as server:
            assert (await fetch(server, "/"))[0] == 404
            assert (await fetch(server, "/healthz"))[0] == 200

    asyncio.run(run())


def held_load() -> tuple[threading.Event, Callable[[], EngineSet]]:
    """Return a loader of engines and the event that it waits for."""
    loaded = threading.Event()

    def load() -> EngineSet:
        assert loaded.wait(timeout=30)
        return fake_engines()

    return loaded, load


def test_not_ready_until_the_models_are_loaded() -> None:
    loaded, load = held_load()

    async def run() -> None:
        server = RecognitionServer(ServerConfig(port=0), load)
        starting = asyncio.create_task(server.start())
        await eventually(lambda: server._servers)
        assert (await fetch(server, "/healthz"))[0] == 200
        status, _, body = await fetch(server, "/readyz")
        assert status == 503 and b"loading" in body
        status, text = await refusal(url(server))
        assert status == 503 and "loading" in text
        loaded.set()
        await starting
        assert (await fetch(server, "/readyz"))[0] == 200
        async with connect(url(server)) as socket:
            one_final(await utter(socket, [], start()))
        await server.stop()

    asyncio.run(run())


def test_stopped_while_the_models_load() -> None:
    loaded, load = held_load()

    async def run() -> None:
        server = RecognitionServer(ServerConfig(port=0), load)
        starting = asyncio.create_task(server.start())
        await eventually(lambda: server._servers)
        async with asyncio.timeout(10):
            await server.stop()
        loaded.set()
        await starting

    asyncio.run(run())


# --- limits ---------------------------------------------------------------------------------------


def test_connection_cap() -> None:
    async def run() -> None:
        async with serving(max_connections=2) as server:
            first = await connect(url(server))
            second = await connect(url(server))
            for _ in range(3):
                status, text = await refusal(url(server))
                assert status == 503 and "busy" in text
            assert (await fetch(server, "/healthz"))[0] == 200
            one_final(await utter(first, [conversation(0)], start()))
            await second.close()
            await eventually(lambda: len(server._accepted) == 1)
            async with connect(url(server)) as third:
                one_final(await utter(third, [conversation(0)], start()))
            await first.close()

    asyncio.run(run())


def test_failed_handshakes_take_no_place() -> None:
    async def run() -> None:
        async with serving(max_connections=1) as server:
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n")
                async with asyncio.timeout(10):
                    assert b" 101 " not in await reader.read()
                writer.close()
            await eventually(lambda: not server._accepted)
            async with connect(url(server)):
                pass

    asyncio.run(run())


def test_idle_connection_is_closed() -> None:
    async def converse(socket: ClientConnection) -> None:
        assert await everything(socket) == []
        assert socket.close_code == 1001

    talk(converse, idle_timeout_s=0.1)


def test_client_that_falls_silent_gets_its_final_first() -> None:
    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        await socket.send(speech(1))
        messages = await everything(socket)
        assert socket.close_code == 1001
        one_final(messages)
        assert offline_texts(messages) == [SENTENCES[0], SENTENCES[1]]

    talk(converse, idle_timeout_s=0.1)


def test_nobody_is_idle_while_a_result_is_due() -> None:
    gate = Gate()

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        await socket.send(END)
        await eventually(gate.entered.is_set)
        await asyncio.sleep(0.4)  # several idle timeouts
        async with asyncio.timeout(10):
            await (await socket.ping())
        gate.open()
        assert offline_texts([one_final(await until_final(socket))]) == [SENTENCES[0]]
        await everything(socket)
        assert socket.close_code == 1001

    talk(converse, engines=fake_engines(FakeOffline(gate)), idle_timeout_s=0.1)


def test_text_and_audio_keep_a_connection_from_being_idle() -> None:
    async def converse(socket: ClientConnection) -> None:
        for _ in range(8):
            await socket.send('{"is_speaking":true}')
            await asyncio.sleep(0.1)
        one_final(await utter(socket, [conversation(0)]))

    talk(converse, idle_timeout_s=0.4)


def test_upload_is_slowed_not_dropped() -> None:
    """More audio than may wait for the second pass: the server stops reading, loses nothing."""
    gate = Gate()
    offline = FakeOffline(gate)
    count = 12

    async def run() -> None:
        audio = (speech(0) + silence(0.5)) * count
        engines = fake_engines(offline)
        async with serving(engines, max_backlog_s=2.0) as server, connect(url(server)) as socket:
            await socket.send(start(mode="offline"))
            upload = asyncio.create_task(_send_all(socket, [*divide(audio, 16000), END]))
            await eventually(lambda: server._clients)
            (client,) = server._clients.values()
            await eventually(lambda: client._pipelines)
            (pipeline,) = client._pipelines.values()
            await eventually(lambda: not pipeline._room.is_set())
            assert pipeline._buffer.end < len(audio) // 4, "half of it is more than may wait"
            gate.open()
            final = one_final(await until_final(socket))
            await upload
            assert final["text"] == SENTENCES[0] * count

    asyncio.run(run())


async def _send_all(socket: ClientConnection, frames: list[Any]) -> None:
    for frame in frames:
        await socket.send(frame)


# --- stopping -------------------------------------------------------------------------------------


def test_stop_finishes_what_is_open() -> None:
    gate = Gate()

    async def run() -> None:
        async with serving(fake_engines(FakeOffline(gate))) as server:
            idle = await connect(url(server))
            silent = await connect(url(server))
            speaking = await connect(url(server))
            waiting = await connect(url(server))
            early = await connect(url(server))
            await silent.send(start())
            await speaking.send(start(wav_name="speaking"))
            await speaking.send(conversation(0) + speech(1))
            await waiting.send(start(mode="offline"))
            await waiting.send(conversation(2))
            await waiting.send(END)
            await early.send(speech(3))
            await eventually(lambda: gate.entered.is_set() and len(server._clients) == 5)
            for socket in (speaking, waiting, early):
                await (await socket.ping())
            stopping = asyncio.create_task(server.stop())
            await eventually(lambda: server._draining)
            gate.open()
            assert await everything(idle) == []
            assert await everything(silent) == []
            messages = await everything(speaking)
            assert offline_texts(messages) == [SENTENCES[0], SENTENCES[1]]
            assert one_final(messages)["wav_name"] == "speaking"
            assert one_final(await everything(waiting))["text"] == SENTENCES[2]
            assert one_final(await everything(early))["text"] == SENTENCES[3]
            for socket in (idle, silent, speaking, waiting, early):
                assert socket.close_code == 1001
            await stopping

    asyncio.run(run())


def test_stop_refuses_newcomers() -> None:
    gate = Gate()

    async def run() -> None:
        async with serving(fake_engines(FakeOffline(gate))) as server:
            port = server.ports[0]
            async with connect(url(server)) as socket:
                await socket.send(start())
                await socket.send(conversation(0))
                await socket.send(END)
                await eventually(gate.entered.is_set)
                stopping = asyncio.create_task(server.stop())
                await eventually(lambda: server._draining)
                await asyncio.sleep(0)
                with pytest.raises((OSError, InvalidStatus)):
                    await connect(f"ws://127.0.0.1:{port}")
                gate.open()
                one_final(await everything(socket))
                await stopping

    asyncio.run(run())


def test_stop_tells_those_who_cannot_be_finished_in_time() -> None:
    gate = Gate()

    async def run() -> None:
        engines = fake_engines(FakeOffline(gate))
        async with serving(engines, drain_timeout_s=0.2) as server:
            socket = await connect(url(server))
            for name in ("a", "b"):
                await socket.send(start(wav_name=name))
                await socket.send(conversation(0))
                await socket.send(END)
            (client,) = server._clients.values()
            await eventually(lambda: gate.entered.is_set() and client._outbox.unfinished == 2)
            stopping = asyncio.create_task(server.stop())
            messages = await everything(socket)
            assert socket.close_code == 1001
            finals = [m for m in messages if m["is_final"]]
            assert [m["wav_name"] for m in finals] == ["a", "b"]
            assert [m["error_code"] for m in finals] == ["server_shutdown"] * 2
            assert messages[-1]["is_final"]
            gate.open()
            await stopping

    asyncio.run(run())


def test_stop_closes_politely_on_a_client_that_goes_on_talking(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its frames must not hide its answer to the close frame."""

    async def talk_on(socket: ClientConnection) -> None:
        try:
            await socket.send(start())
            while True:
                await socket.send(speech(0, 0.5))
                await asyncio.sleep(0)
        except Exception:
            return

    async def run() -> None:
        async with serving() as server, connect(url(server)) as socket:
            talking = asyncio.create_task(talk_on(socket))
            assert (await receive(socket))["mode"] == "2pass-online"
            stopping = asyncio.create_task(server.stop())
            one_final(await everything(socket))
            assert socket.close_code == 1001
            await talking
            await stopping

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert "not finished in time" not in caplog.text


@pytest.mark.parametrize("uploads", [False, True])
def test_stop_does_not_wait_for_a_client_that_never_answers(uploads: bool) -> None:
    """It neither reads nor answers the close frame, and its connection stays open."""
    gate = Gate()

    async def run() -> None:
        engines = fake_engines(FakeOffline(gate))
        async with serving(engines, drain_timeout_s=0.2) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
            writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            if uploads:
                utterance = ((1, start().encode()), (2, conversation(0)), (1, END.encode()))
                for opcode, data in utterance:
                    head = bytes([0x80 | opcode, 0xFF]) + len(data).to_bytes(8, "big") + bytes(4)
                    writer.write(head + data)
                await eventually(gate.entered.is_set)
            await eventually(lambda: server._clients)
            stopping = asyncio.create_task(server.stop())
            await eventually(lambda: server._draining and not server._clients)
            gate.open()
            await stopping
            writer.close()

    asyncio.run(run())


def test_client_admitted_while_the_server_stops_is_not_forgotten() -> None:
    async def run() -> None:
        async with serving() as server:
            socket = await connect(url(server))
            await eventually(lambda: server._clients)
            (connection,) = server._clients
            await socket.close()
            await eventually(lambda: not server._clients)
            server._draining = True
            served = asyncio.create_task(server._serve(_Quiet(connection), {}))  # type: ignore[arg-type]
            async with asyncio.timeout(10):
                await served
            server._draining = False

    asyncio.run(run())


class _Quiet:
    """An accepted connection whose client says nothing."""

    def __init__(self, connection: Any) -> None:
        self.request = connection.request
        self._closed = asyncio.Event()

    async def recv(self) -> str:
        await self._closed.wait()
        return ""

    async def send(self, message: str) -> None:
        raise AssertionError(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        assert code == 1001
        self._closed.set()

    async def wait_closed(self) -> None:
        await self._closed.wait()


def test_fault_in_the_server_is_told_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    async def converse(socket: ClientConnection) -> None:
        await socket.send(start())
        await socket.send(conversation(0))
        while (await receive(socket))["mode"] == "2pass-online":
            pass
        monkeypatch.setattr("funasr_wss.pipeline.UtterancePipeline.feed", broken)
        await socket.send(conversation(1))
        final = one_final(await everything(socket))
        assert final["error_code"] == "internal_error"
        assert socket.close_code == 1011

    talk(converse)


# --- starting -------------------------------------------------------------------------------------


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence that the command said before it gave up."""
    assert result.returncode in (1, 2), result
    assert "Traceback" not in result.stderr + result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("funasr_wss_server")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_port_in_use() -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_server("--port", str(port), "--profile", "embedded")
    assert result.returncode == 1
    assert f"port {port} is already in use" in complaint(result)


def test_second_port_in_use_frees_the_first() -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def run() -> None:
            config = ServerConfig(port=0, listener=str(port))
            server = RecognitionServer(config, fake_engines)
            with pytest.raises(Exception, match="already in use"):
                await server.start()
            assert not any(s.is_serving() for s in server._servers)

        asyncio.run(run())


def test_address_that_is_not_here() -> None:
    result = run_server("--host", "203.0.113.7", "--port", "0", "--profile", "embedded")
    assert result.returncode == 1
    assert "203.0.113.7" in complaint(result) and "--host" in complaint(result)


def pems(folder: Path) -> dict[str, str]:
    """Write two certificates with their keys, an encrypted key and a file that is neither."""
    authority = trustme.CA()
    for name in ("a", "b"):
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    (folder / "text.pem").write_text("not a certificate\n")
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "a.key").read_bytes(), None)
    (folder / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return {path.name: str(path) for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("cert", "key"),
    [("a.pem", "b.key"), ("text.pem", "a.key"), ("a.pem", "text.pem"), ("a.pem", "locked.key")],
)
def test_certificates_that_cannot_be_used(cert: str, key: str, tmp_path: Path) -> None:
    files = pems(tmp_path)
    result = run_server(
        "--port", "0", "--profile", "embedded", "--certfile", files[cert], "--keyfile", files[key]
    )
    assert result.returncode == 1
    assert "--certfile" in complaint(result) and "--keyfile" in complaint(result)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--port", "99999"], "99999"),
        (["--port", "many"], "many"),
        (["--certfile", "/no/such.pem", "--keyfile", "/no/such.key"], "/no/such.pem"),
        (["--certfile", __file__], "--keyfile"),
        (["--listener", "10096,is_final=sometimes"], "is_final=sometimes"),
        (["--listener", "here"], "here"),
        (["--port", "5000", "--listener", "5000"], "5000"),
        (["--max_connections", "0"], "--max_connections"),
        (["--idle_timeout_s", "nan"], "--idle_timeout_s"),
        (["--language", "klingon"], "klingon"),
        (["--no_such_option"], "--no_such_option"),
        (["--web", "maybe"], "maybe"),
    ],
)
def test_bad_options(arguments: list[str], hint: str) -> None:
    result = run_server(*arguments)
    assert result.returncode == 2
    assert hint in complaint(result).replace("_server.py", "_server")


def test_bad_environment() -> None:
    result = run_server(FUNASR_WSS_PORT="many")
    assert result.returncode == 2
    assert "many" in complaint(result)


def test_requests_of_one_client_never_reach_another() -> None:
    """Twenty clients at once, each with its own words and name."""
    seen: list[OfflineRequest] = []

    async def client(address: str, number: int) -> None:
        async with connect(address) as socket:
            name, sentence = f"client{number}", number % 6
            frames = divide(conversation(sentence), 1920)
            messages = await utter(socket, frames, start(wav_name=name, hotwords=[name]))
            one_final(messages)
            assert {m["wav_name"] for m in messages} == {name}
            assert offline_texts(messages) == [SENTENCES[sentence]]

    async def run() -> None:
        async with serving(fake_engines(FakeOffline(seen.append))) as server:
            await asyncio.gather(*(client(url(server), i) for i in range(20)))

    asyncio.run(run())
    words = sorted(word for request in seen for word in request.options.hotwords)
    assert words == sorted(f"client{i}" for i in range(20))


def test_a_client_that_dies_while_its_upload_is_slowed_frees_its_place() -> None:
    gate = Gate()

    async def run() -> None:
        engines = fake_engines(FakeOffline(gate))
        async with serving(engines, max_backlog_s=1.0) as server:
            socket = await connect(url(server))
            await socket.send(start(mode="offline"))

            async def upload() -> None:
                while True:
                    await socket.send(speech(0) + silence(0.5))

            uploading = asyncio.create_task(upload())
            await asyncio.to_thread(gate.entered.wait, DEADLINE)
            (client,) = server._clients.values()
            (pipeline,) = client._pipelines.values()
            await eventually(lambda: not pipeline._room.is_set())
            (accepted,) = server._accepted
            await eventually(lambda: not accepted.transport.is_reading())
            uploading.cancel()
            # A reset: a plain close would wait behind what the server does not read.
            raw = socket.transport.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
            socket.transport.abort()
            await eventually(lambda: not server._accepted)
            gate.open()

    asyncio.run(run())


def test_native_online_without_a_first_pass_is_served_as_two_pass() -> None:
    engines = EngineSet(vad=FakeVad(), offline=FakeOffline())
    config = start(mode="online")
    messages = talk(
        lambda socket: utter(socket, [conversation(0)], config),
        engines=engines,
        path="/?online=native",
    )
    assert offline_texts(messages) == [SENTENCES[0]]


def test_plain_port_beside_a_port_with_a_certificate(tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(cert)

    async def run() -> None:
        options = {"certfile": str(cert), "keyfile": str(key), "listener": "0,tls=0"}
        async with serving(**options) as server, connect(url(server, listener=1)) as socket:
            messages = await utter(socket, [conversation(0)], start())
            assert offline_texts(messages) == [SENTENCES[0]]

    asyncio.run(run())
