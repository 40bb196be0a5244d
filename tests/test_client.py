"""The client class against servers that behave, that differ, and that break."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import string
import wave
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import soundfile
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.datastructures import Headers

from funasr_wss.cli.texts import CHINESE_ERRORS
from funasr_wss.client import (
    ClientError,
    ConnectError,
    ConnectionLost,
    Event,
    Final,
    Partial,
    RecognitionClient,
    RecognitionFailed,
    ResultTimeout,
    Sentence,
    ServerBusy,
    StreamSettings,
    TlsError,
    Unauthorized,
    Word,
    transcribe,
    unverified_tls,
)
from funasr_wss.client.errors import TEMPLATES
from funasr_wss.client.events import ResultTracker
from funasr_wss.client.sentences import sentences_of
from tests.peers import SECOND, SENTENCES, Peer, Script, peer_server, proper, stamps, whole_file
from tests.serving import serving, url

T = TypeVar("T")
DEADLINE = 30.0
LONG = 600.0
"""A timeout that must not be what ends a wait."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; a hang fails."""

    async def limited() -> T:
        return await asyncio.wait_for(work, DEADLINE)

    return asyncio.run(limited())


async def collect(client: RecognitionClient) -> list[Event]:
    return [event async for event in client.results()]


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Sentence)]


def final(events: list[Event]) -> Final:
    (found,) = [event for event in events if isinstance(event, Final)]
    assert events[-1] is found
    return found


async def talk(script: Script, audio: bytes = SECOND, **options: Any) -> list[Event]:
    """Send one utterance and return its events."""
    options = {"settle": LONG, "final_timeout": LONG, **options}
    async with peer_server(script) as (url, _), RecognitionClient(url, **options) as client:
        await client.send(audio)
        await client.end()
        return await collect(client)


# --- the ordinary case ---------------------------------------------------------------------------


def test_events_of_an_utterance() -> None:
    events = run(talk(proper, 2 * SECOND))
    assert events[:3] == [
        Partial("今天", "今天"),
        Partial("天气怎么样", "今天天气怎么样"),
        Sentence(
            "今天天气怎么样？",
            0,
            700,
            tuple(Word(c, 100 * i, 100 * i + 100) for i, c in enumerate("今天天气怎么样")),
        ),
    ]
    assert texts(events) == list(SENTENCES[:2])
    assert final(events).text == "今天天气怎么样？我们出发吧。"
    assert final(events).wav_name == "microphone"
    assert final(events).sentences == tuple(e for e in events if isinstance(e, Sentence))


def test_what_the_server_receives() -> None:
    async def work() -> None:
        headers: list[Headers] = []
        wanted = StreamSettings(
            wav_name="a.wav", audio_fs=8000, hotwords={"阿里巴巴": 20}, itn=False, language="zh"
        )
        async with (
            peer_server(requests=headers) as (url, seen),
            RecognitionClient(url, wanted, token="secret") as client,
        ):
            for start in range(0, 1000, 77):
                await client.send(bytes(range(256))[start % 256 :])
            await client.end()
            await collect(client)
        (utterance,) = seen
        config = utterance.config
        assert config.pop("compat")["is_final"] == "session"
        assert json.loads(config.pop("hotwords")) == {"阿里巴巴": 20}
        assert config == {
            "mode": "2pass",
            "wav_name": "a.wav",
            "wav_format": "pcm",
            "audio_fs": 8000,
            "chunk_size": [5, 10, 5],
            "chunk_interval": 10,
            "encoder_chunk_look_back": 4,
            "decoder_chunk_look_back": 0,
            "itn": False,
            "svs_lang": "zh",
            "is_speaking": True,
        }
        sent = b"".join(bytes(range(256))[start % 256 :] for start in range(0, 1000, 77))
        assert utterance.audio == sent
        assert utterance.end == {"is_speaking": False, "is_end": True}
        assert headers[0]["Authorization"] == "Bearer secret"
        assert headers[0]["Sec-WebSocket-Protocol"] == "binary"

    run(work())


def test_utterance_without_audio_has_an_empty_final() -> None:
    assert run(talk(proper, b"")) == [Final("", "microphone")]


def test_several_utterances_on_one_connection() -> None:
    async def work() -> None:
        async with peer_server() as (url, _), RecognitionClient(url) as client:
            for number in range(3):
                # All are sent before the first result is looked at.
                await client.start(StreamSettings(wav_name=f"clip{number}"))
                await client.send((number + 1) * SECOND)
                await client.end()
            for number in range(3):
                events = await collect(client)
                assert final(events).wav_name == f"clip{number}"
                assert texts(events) == list(SENTENCES[: number + 1])

    run(work())


def test_start_inside_an_utterance_is_refused() -> None:
    async def work() -> None:
        async with peer_server() as (url, _), RecognitionClient(url) as client:
            await client.send(SECOND)
            with pytest.raises(RuntimeError, match="end"):
                await client.start()

    run(work())


def test_results_are_read_while_sending() -> None:
    """A server that writes megabytes before it reads again must not block the client."""

    async def flood(peer: Peer) -> None:
        for _ in range(5000):
            await peer.say("2pass-online", "x", padding="x" * 1000)
        await proper(peer)

    async def work() -> None:
        async with peer_server(flood) as (url, _), RecognitionClient(url) as client:
            for _ in range(20):
                await client.send(20 * SECOND)
            await client.end()
            events = await collect(client)
            assert len(final(events).sentences) == 400

    run(work())


def test_raw_messages_can_be_watched() -> None:
    messages: list[str] = []
    run(talk(proper, on_message=messages.append))
    assert [json.loads(message)["mode"] for message in messages][-2:] == ["2pass-offline", "2pass"]


def test_a_failing_watcher_is_reported_to_the_reader() -> None:
    def fail(message: str) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(talk(proper, on_message=fail))


# --- other servers -------------------------------------------------------------------------------


def test_server_that_marks_every_sentence() -> None:
    """No acknowledgement; all sentences marked final, before and after the end signal."""

    async def script(peer: Peer) -> None:
        async def sentence(second: int) -> None:
            await peer.say("2pass-online", "…")
            await peer.say("2pass-offline", SENTENCES[second], final=True)

        await peer.utterance(each_second=sentence)
        await peer.say("2pass-offline", SENTENCES[2], final=True)
        await peer.say("2pass-offline", SENTENCES[3], final=True)
        await peer.say("2pass-offline", "", final=True)
        await peer.socket.wait_closed()

    events = run(talk(script, 2 * SECOND, settle=0.3))
    assert texts(events) == list(SENTENCES)
    assert final(events).text == "今天天气怎么样？我们出发吧。Hello there. Number four."


def test_acknowledgement_ends_an_utterance_at_once() -> None:
    """Sentences marked final mid-stream, no final after the end, only the acknowledgement."""

    async def script(peer: Peer) -> None:
        async def sentence(second: int) -> None:
            await peer.say("2pass-offline", SENTENCES[second], final=True)

        await peer.utterance(each_second=sentence)
        await peer.acknowledge()
        await peer.socket.wait_closed()

    assert texts(run(talk(script, 2 * SECOND))) == list(SENTENCES[:2])


def test_server_without_mode_key() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.socket.send('{"text": "好。", "is_final": false, "wav_name": "x"}')
        await peer.socket.send('{"text": "", "is_final": true}')
        await peer.socket.wait_closed()

    assert run(talk(script, settle=0.2))[-1].text == "好。"


def test_server_with_inverted_marks() -> None:
    """Partials marked final while speech goes on, the last result unmarked."""

    async def script(peer: Peer) -> None:
        async def partial(second: int) -> None:
            await peer.say("2pass-online", "好", final=True)

        await peer.utterance(each_second=partial)
        await peer.say("2pass-offline", "好。")
        await peer.socket.wait_closed()

    assert texts(run(talk(script, settle=0.2))) == ["好。"]


def test_one_unmarked_answer_to_a_whole_file() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("offline", "全文。")
        await peer.socket.wait_closed()

    events = run(talk(script, settings=StreamSettings(mode="offline"), settle=0.2))
    assert final(events).text == "全文。"


def test_server_that_closes_after_the_final() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("2pass-offline", "好。", final=True)

    assert final(run(talk(script))).text == "好。"


def test_native_online_mode() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("online", "今天")
        await peer.say("online", "天气", final=True)
        await peer.acknowledge()

    events = run(talk(script, settings=StreamSettings(mode="online")))
    assert events[:2] == [Partial("今天", "今天"), Sentence("今天天气")]


def test_late_acknowledgement_does_not_end_the_next_utterance() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("2pass-offline", "一。", final=True)
        utterance = peer.utterance()
        reader = asyncio.create_task(utterance)
        await peer.socket.send("ping me")  # not JSON: ignored
        await reader
        await peer.acknowledge()
        await peer.say("2pass-offline", "二。", final=True)
        await peer.acknowledge()

    async def work() -> None:
        async with peer_server(script) as (url, _), RecognitionClient(url, settle=0.2) as client:
            for text in ("一。", "二。"):
                await client.send(SECOND)
                await client.end()
                assert final(await collect(client)).text == text

    run(work())


def test_a_sentence_taken_back_clears_its_partial() -> None:
    async def script(peer: Peer) -> None:
        await peer.say("2pass-online", "嗯")
        await peer.utterance()
        await peer.say("2pass-online", "嗯")
        await peer.say("2pass-offline", "")
        await peer.say("2pass-offline", "", final=True)
        await peer.acknowledge()

    events = run(talk(script))
    assert Partial("", "") in events
    assert final(events) == Final("", "microphone")


# --- failures ------------------------------------------------------------------------------------


async def unsupported(peer: Peer) -> None:
    """Give up at the first audio, as servers do with bytes that are no audio."""
    peer.seen.append(await _first_audio(peer))
    await peer.say(
        "2pass-offline", "", final=True, error_code="unsupported_format", error_message="No audio."
    )
    async for frame in peer.socket:
        if isinstance(frame, str) and json.loads(frame).get("is_end"):
            await peer.acknowledge(final=False, error="No audio.")


async def _first_audio(peer: Peer) -> Any:
    from tests.peers import Utterance

    config = json.loads(await peer.socket.recv())
    return Utterance(config, bytes(await peer.socket.recv()))  # type: ignore[arg-type]


def test_error_final_before_the_end() -> None:
    async def work() -> None:
        async with peer_server(unsupported) as (url, _), RecognitionClient(url) as client:
            await client.send(SECOND)
            events = await collect(client)
            assert final(events).error_code == "unsupported_format"
            with pytest.raises(RecognitionFailed, match="No audio") as caught:
                await client.send(SECOND)
            assert caught.value.code == "unsupported_format"
            await client.end()

    run(work())


def test_transcribe_raises_the_error_of_the_server() -> None:
    async def work() -> None:
        async with peer_server(unsupported) as (url, _):
            with pytest.raises(RecognitionFailed, match=r"unsupported_format.*No audio"):
                await transcribe(url, 500 * SECOND)

    run(work())


def test_acknowledgement_with_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.acknowledge(final=False, error="decode failed")

    found = final(run(talk(script)))
    assert (found.error_code, found.error_message) == ("server_error", "decode failed")


def test_error_as_object() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("2pass", "", error={"code": 7, "message": "out of memory"})

    assert final(run(talk(script))).error_message == "out of memory"


@pytest.mark.parametrize(
    ("code", "reason"), [(1001, "shutdown"), (1009, "too_large"), (1011, "lost"), (1000, "lost")]
)
def test_connection_closed_early(code: int, reason: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.say("2pass-online", "今天")
        await peer.socket.close(code, "because")

    with pytest.raises(ConnectionLost) as caught:
        run(talk(script))
    assert caught.value.reason == reason


def test_connection_cut() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        peer.socket.transport.abort()

    with pytest.raises(ConnectionLost, match="lost"):
        run(talk(script))


def test_sending_on_a_lost_connection() -> None:
    async def work() -> None:
        async def script(peer: Peer) -> None:
            await peer.socket.close(1011)

        async with peer_server(script) as (url, _), RecognitionClient(url) as client:
            with pytest.raises(ConnectionLost):
                for _ in range(10000):
                    await client.send(SECOND)
            with pytest.raises(ConnectionLost):
                await collect(client)

    run(work())


def test_final_that_never_comes() -> None:
    async def script(peer: Peer) -> None:
        await peer.utterance()
        await peer.socket.wait_closed()

    with pytest.raises(ResultTimeout, match="no final result"):
        run(talk(script, b"", final_timeout=0.1))


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (503, ServerBusy, "busy"),
        (401, Unauthorized, "unauthorized"),
        (403, Unauthorized, "unauthorized"),
        (404, ConnectError, "http_status"),
    ],
)
def test_refused_handshake(status: int, kind: type[ConnectError], reason: str) -> None:
    async def work() -> None:
        async with peer_server(status=status) as (url, _), RecognitionClient(url):
            pass

    with pytest.raises(kind) as caught:
        run(work())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ws://127.0.0.1:{port}", "unreachable"),
        ("ws://localhost:{port}", "unreachable"),
        ("ws://no-such-host.invalid:1", "unresolved"),
        ("http://127.0.0.1", "bad_url"),
        ("ws://[::1", "bad_url"),
        ("nonsense", "bad_url"),
    ],
)
def test_address_without_server(address: str, reason: str) -> None:
    async def work() -> None:
        async with RecognitionClient(address.format(port=unused_port())):
            pass

    with pytest.raises(ConnectError) as caught:
        run(work())
    assert caught.value.reason == reason


def test_server_that_does_not_answer() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            async with RecognitionClient(f"ws://127.0.0.1:{port}", open_timeout=0.2):
                pass

    with pytest.raises(ConnectError) as caught:
        run(work())
    assert caught.value.reason == "timeout"


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def connect_tls(authority: trustme.CA, client: ssl.SSLContext | None) -> str:
    async with peer_server(tls=server_context(authority)) as (url, _):
        return (await transcribe(url, SECOND, ssl=client)).text


def test_tls_certificate_is_verified_by_default(authority: trustme.CA) -> None:
    with pytest.raises(TlsError, match="cannot be trusted"):
        run(connect_tls(authority, None))


def test_tls_with_its_authority(authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    assert run(connect_tls(authority, context)) == SENTENCES[0]


def test_tls_without_verification(authority: trustme.CA) -> None:
    assert run(connect_tls(authority, unverified_tls())) == SENTENCES[0]


def test_tls_to_a_plain_server() -> None:
    async def work() -> None:
        async with peer_server() as (url, _):
            await transcribe(url.replace("ws:", "wss:"), SECOND)

    with pytest.raises(TlsError, match="ws://"):
        run(work())


def test_plain_connection_to_a_tls_server(authority: trustme.CA) -> None:
    async def work() -> None:
        async with peer_server(tls=server_context(authority)) as (url, _):
            await transcribe(url.replace("wss:", "ws:"), SECOND)

    with pytest.raises(ConnectError, match="wss://"):
        run(work())


# --- transcribe ----------------------------------------------------------------------------------


def write_wav(path: Path, samples: np.ndarray[Any, Any], rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


async def upload(source: Any, script: Script = proper, **options: Any) -> tuple[Any, Any]:
    async with peer_server(script) as (url, seen):
        result = await transcribe(url, source, **options)
        return result, seen[0]


def test_transcribe_bytes() -> None:
    result, utterance = run(upload(2 * SECOND))
    assert result.text == "今天天气怎么样？我们出发吧。"
    assert [sentence.start_ms for sentence in result.sentences] == [0, 1000]
    assert result.duration_s == 2.0
    assert utterance.audio == 2 * SECOND


def test_transcribe_wav_sends_its_samples_and_rate(tmp_path: Path) -> None:
    samples = np.arange(-4000, 4000)
    result, utterance = run(upload(write_wav(tmp_path / "a.wav", samples, 8000)))
    assert utterance.audio == samples.astype("<i2").tobytes()
    assert (utterance.config["audio_fs"], utterance.config["wav_format"]) == (8000, "pcm")
    assert result.duration_s == 1.0


def test_transcribe_wav_with_a_wrong_length(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", np.arange(8000))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    _, utterance = run(upload(path))
    assert utterance.audio == np.arange(8000).astype("<i2").tobytes()


def test_transcribe_raw_file(tmp_path: Path) -> None:
    path = tmp_path / "a.PCM"
    path.write_bytes(SECOND)
    result, utterance = run(upload(path, settings=StreamSettings(audio_fs=8000)))
    assert utterance.audio == SECOND
    assert result.duration_s == 2.0


def test_offline_container_goes_up_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(16000, np.float32), 16000)
    progress: list[tuple[int, int | None]] = []
    result, utterance = run(
        upload(
            path,
            whole_file,
            settings=StreamSettings(mode="offline"),
            on_progress=lambda sent, total: progress.append((sent, total)),
        )
    )
    size = path.stat().st_size
    assert utterance.audio == path.read_bytes()
    assert utterance.config["wav_format"] == "flac"
    assert progress[-1] == (size, size)
    assert result.duration_s is None
    assert [(s.text, s.start_ms, s.end_ms) for s in result.sentences] == [
        (SENTENCES[0], 0, 700),
        (SENTENCES[1], 1000, 1500),
    ]


@pytest.mark.parametrize(("mode", "speed"), [("2pass", 0.0), ("offline", 1000.0)])
def test_container_is_decoded_here_when_time_matters(
    tmp_path: Path, mode: str, speed: float
) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.full((24000, 2), 0.25, np.float32), 24000)
    _, utterance = run(upload(path, settings=StreamSettings(mode=mode), speed=speed))
    assert (utterance.config["audio_fs"], utterance.config["wav_format"]) == (16000, "pcm")
    assert len(utterance.audio) == len(SECOND)
    middle = np.frombuffer(utterance.audio, "<i2")[8000]
    assert middle == pytest.approx(0.25 * 32767, abs=50)


def test_paced_audio_goes_in_packets_of_the_chunk_settings() -> None:
    halves = StreamSettings(chunk_size=(5, 10, 5), chunk_interval=5)
    _, utterance = run(upload(SECOND, settings=halves, speed=500.0))
    assert set(utterance.packets[:-1]) == {3840}
    assert utterance.audio == SECOND


def test_transcribe_live_iterator() -> None:
    async def microphone() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield SECOND[:3200]

    result, utterance = run(upload(microphone()))
    assert result.text == "今天天气怎么样？我们出发吧。"
    assert result.duration_s == 2.0
    assert utterance.packets == [3200] * 20


def test_failing_source_is_raised() -> None:
    async def microphone() -> AsyncIterator[bytes]:
        yield SECOND
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        run(upload(microphone()))


def test_stop_ends_the_audio_and_keeps_the_text() -> None:
    async def work() -> None:
        stop = asyncio.Event()

        def watch(event: Event) -> None:
            if isinstance(event, Partial):
                stop.set()

        result, utterance = await upload(100 * SECOND, speed=5.0, on_event=watch, stop=stop)
        assert result.text.startswith(SENTENCES[0])
        assert len(utterance.audio) < 100 * len(SECOND)
        assert utterance.end == {"is_speaking": False, "is_end": True}

    run(work())


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(upload(tmp_path / "none.wav"))


def test_against_the_real_server() -> None:
    """Protocol, session and pipeline are the real ones, the engines are not."""
    from tests.fakes import SENTENCES as SPOKEN
    from tests.fakes import silence, speech

    audio = silence(0.5) + speech(0) + silence(1) + speech(1) + silence(1)

    async def work(mode: str, **options: Any) -> Any:
        async with serving(**options) as server:
            return await transcribe(url(server), audio, StreamSettings(mode=mode))

    for mode in ("2pass", "online", "offline"):
        result = run(work(mode))
        assert [sentence.text for sentence in result.sentences] == SPOKEN[:2]
        assert all(sentence.start_ms is not None for sentence in result.sentences)
        assert result.text == "".join(SPOKEN[:2])


# --- messages, without a connection --------------------------------------------------------------


def test_offline_text_is_divided_by_its_stamps() -> None:
    text = "Well, hello there. “今天，天气”怎么样？3 o'clock"
    segments = [
        ("well", ","), ("hello there", "."), ("今 天", "，"), ("天 气 怎 么 样", "？"),
        ("3 o'clock", ""),
    ]  # fmt: skip
    message = {
        "mode": "offline",
        "stamp_sents": [
            {"text_seg": seg, "punc": punc, "start": 1000 * i, "end": 1000 * i + 900, "ts_list": []}
            for i, (seg, punc) in enumerate(segments)
        ],
    }
    found = sentences_of(message, text)
    assert [(s.text, s.start_ms, s.end_ms) for s in found] == [
        ("Well, hello there.", 0, 1900),
        (" “今天，天气”怎么样？", 2000, 3900),
        ("3 o'clock", 4000, 4900),
    ]
    assert "".join(s.text for s in found) == text


def test_offline_text_that_differs_from_its_stamps_is_spelled_from_them() -> None:
    message = {
        "mode": "offline",
        "stamp_sents": [
            {"text_seg": "一 百 元", "punc": "。", "start": 0, "end": 900, "ts_list": []},
            {"text_seg": "ok then", "punc": ".", "start": 1000, "end": 1900, "ts_list": []},
        ],
    }
    assert [s.text for s in sentences_of(message, "100元。OK then.")] == ["一百元。", "ok then."]


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({"timestamp": "[[430,600],[600,760]]"}, (430, 760)),
        ({"timestamp": [[430, 600], [600, 760]]}, (430, 760)),
        ({"timestamp": 17}, (None, None)),
        ({"timestamp": "[[430]]"}, (None, None)),
        ({"start_time": 5, "end_time": 9}, (5, 9)),
        ({"stamp_sents": ""}, (None, None)),
        ({"stamp_sents": [{"text_seg": "好", "start": -1, "end": -1}]}, (None, None)),
    ],
)
def test_times_of_other_servers(
    fields: dict[str, object], times: tuple[int | None, int | None]
) -> None:
    (found,) = sentences_of({"mode": "2pass-offline", **fields}, "好")
    assert (found.text, found.start_ms, found.end_ms) == ("好", *times)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["2pass-online", "2pass-offline", "online", "offline", 3]),
        "text": st.text(max_size=5) | json_values,
        "is_final": json_values,
        "is_end": json_values,
        "timestamp": json_values,
        "error": json_values,
        "error_code": json_values,
        "start_time": json_values,
        "stamp_sents": json_values
        | st.lists(
            st.fixed_dictionaries(
                {"text_seg": json_values, "punc": json_values},
                optional={"start": json_values, "end": json_values, "ts_list": json_values},
            ),
            max_size=3,
        ),
    },
)


@settings(deadline=None, max_examples=60)
@given(st.lists(messages | json_values, max_size=12), st.integers(0, 12))
def test_any_messages_give_at_most_one_final_and_settle_gives_the_rest(
    frames: list[object], end_at: int
) -> None:
    tracker = ResultTracker()
    tracker.start("2pass", "x")
    events: list[Event] = []
    for index, frame in enumerate(frames):
        if index == end_at:
            tracker.end()
        events += tracker.feed(json.dumps(frame))
    tracker.end()
    events += tracker.settle()
    found = final(events)
    assert found.sentences == tuple(e for e in events if isinstance(e, Sentence))
    assert not tracker.pending


@settings(deadline=None)
@given(st.text() | st.binary())
def test_frames_that_are_no_json_are_ignored(data: str | bytes) -> None:
    tracker = ResultTracker()
    tracker.start("2pass", "x")
    tracker.feed(data)
    assert tracker.pending


def test_stamps_with_words_for_a_live_sentence() -> None:
    text = SENTENCES[2]
    fields = stamps(text, 40)
    (found,) = sentences_of({"mode": "2pass-offline", **fields}, text)
    assert found.words == (Word("Hello", 40, 140), Word("there", 140, 240))


# --- wording -------------------------------------------------------------------------------------


def test_every_error_is_worded_in_both_languages_with_the_same_facts() -> None:
    def names(template: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    assert TEMPLATES.keys() == CHINESE_ERRORS.keys()
    for reason, template in TEMPLATES.items():
        assert names(template) == names(CHINESE_ERRORS[reason])


def test_errors_are_one_sentence_without_line_breaks() -> None:
    error: ClientError = ConnectError("unreachable", url="ws://x", detail="connection refused")
    assert str(error).startswith("Cannot connect to ws://x: connection refused;")
    assert "\n" not in str(error)
