"""Whatever frames come in whatever order, each utterance gets exactly one final, in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedOK

from funasr_wss.config import ServerConfig
from funasr_wss.connection import ClientConnection
from funasr_wss.protocol import Mode
from funasr_wss.recognition import Recognition
from funasr_wss.session import Action, Begin, Discard, State, Utterance
from tests.conformance.recorders import fail_on, wav
from tests.fakes import SENTENCES, FakeOffline, conversation, fake_engines, silence, speech
from tests.serving import read

CONFIG = ServerConfig(port=0)
END = '{"is_speaking":false}'
END_ACK = '{"is_speaking":false,"is_end":true}'


class Line:
    """The far end of a connection, in memory: gives out frames, keeps what is sent."""

    def __init__(self, frames: Sequence[str | bytes]) -> None:
        self._frames = list(reversed(frames))
        self.sent: list[str] = []
        self.code: int | None = None
        self.drained = asyncio.Event()
        self._closed = asyncio.Event()

    async def recv(self) -> str | bytes:
        if not self._frames:
            self.drained.set()
            await self._closed.wait()
            raise ConnectionClosedOK(None, None)
        await asyncio.sleep(0)
        return self._frames.pop()

    async def send(self, message: str) -> None:
        if self.code is not None:
            raise ConnectionClosedOK(None, None)
        await asyncio.sleep(0)
        self.sent.append(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.code = self.code or code
        self._closed.set()

    async def wait_closed(self) -> None:
        await self._closed.wait()


class WatchedConnection(ClientConnection):
    """Remembers what the frames meant."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.utterances: list[Utterance] = []

    async def _carry_out(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Begin):
                self.utterances.append(action.utterance)
            elif isinstance(action, Discard):
                self.utterances.remove(action.utterance)
        await super()._carry_out(actions)


@pytest.fixture(scope="module")
def recognition() -> Iterator[Recognition]:
    engines = Recognition(fake_engines(FakeOffline(fail_on(SENTENCES[5]))))
    yield engines
    engines.close()


NAMES = st.sampled_from(["a", "b", "web_cam", "你好", ""])
AUDIO = st.one_of(
    st.builds(speech, st.integers(0, 5), st.sampled_from([0.05, 0.3, 1.1])),
    st.builds(silence, st.sampled_from([0.01, 0.2, 0.7])),
    st.builds(lambda n: wav(conversation(n)), st.integers(0, 3)),
    st.binary(max_size=9),
    st.just(b"RIFF"),
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["2pass", "offline", "online", "office", None, 5]),
        "wav_name": NAMES,
        "wav_format": st.sampled_from(["pcm", "wav", "mp3"]),
        "audio_fs": st.sampled_from([16000, 8000.0, "48000", -1]),
        "is_speaking": st.sampled_from([True, 1, "true", None]),
        "hotwords": st.sampled_from(["一 二", '{"一":3}', None]),
        "chunk_size": st.sampled_from([[5, 10, 5], "0,5,5", [1], 0]),
        "vad_events": st.booleans(),
        "compat": st.fixed_dictionaries(
            {},
            optional={
                "final_text": st.sampled_from(["full", "tail"]),
                "online": st.sampled_from(["native", "upgrade"]),
                "partial": st.sampled_from(["cumulative", "delta"]),
                "timestamp": st.sampled_from(["off", "always", "x"]),
            },
        ),
    },
).map(json.dumps)
GARBAGE = st.sampled_from(["", "START", "{", "[]", "5", '{"is_speaking":"maybe"}'])
ENDS = st.sampled_from([END, END, END_ACK, '{"is_finished":true,"wav_name":"c"}'])
FRAMES = st.lists(
    st.one_of(AUDIO, AUDIO, CONFIGS, ENDS, GARBAGE, st.just(silence(0.1))), max_size=25
)


def converse(
    frames: Sequence[str | bytes], recognition: Recognition
) -> tuple[WatchedConnection, Line]:
    """Play the frames to a connection, then stop it as a server that shuts down does."""

    async def run() -> tuple[WatchedConnection, Line]:
        line = Line(frames)
        connection = WatchedConnection(line, recognition, CONFIG)
        async with asyncio.timeout(20):
            running = asyncio.create_task(connection.run())
            drained = asyncio.create_task(line.drained.wait())
            await asyncio.wait([running, drained], return_when=asyncio.FIRST_COMPLETED)
            connection.stop()
            await running
        drained.cancel()
        return connection, line

    return asyncio.run(run())


def by_utterance(sent: Sequence[str]) -> tuple[list[list[dict[str, Any]]], int]:
    """Divide messages at the finals; return what each final ended and the number of acks."""
    groups: list[list[dict[str, Any]]] = [[]]
    acks = 0
    for raw in sent:
        message = read(raw)
        if message.get("is_end"):
            assert not groups[-1], "an acknowledgement stands between utterances"
            acks += 1
            continue
        groups[-1].append(message)
        if message["is_final"]:
            groups.append([])
    assert groups.pop() == [], "nothing follows the last final"
    return groups, acks


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=FRAMES)
def test_every_utterance_gets_one_final_in_order(
    frames: list[str | bytes], recognition: Recognition
) -> None:
    connection, line = converse(frames, recognition)
    groups, acks = by_utterance(line.sent)
    assert len(groups) == len(connection.utterances)
    assert acks == sum(frame == END_ACK for frame in frames)
    for messages, utterance in zip(groups, connection.utterances, strict=True):
        assert utterance.state is State.CLOSED
        assert messages[-1]["wav_name"] == utterance.settings.wav_name
        modes = {m["mode"] for m in messages} - {"vad"}
        if utterance.mode is Mode.OFFLINE:
            assert [m["mode"] for m in messages if m["mode"] != "vad"] == ["offline"]
        elif utterance.mode is Mode.ONLINE:
            assert modes == {"online"}
        else:
            assert messages[-1]["mode"] == "2pass-offline"
            assert modes <= {"2pass-online", "2pass-offline"}
        assert not any("error_code" in m or "error" in m for m in messages[:-1])
    assert line.code == 1001
    assert not connection._outbox.unfinished


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=FRAMES, config=CONFIGS)
def test_an_utterance_is_recognised_whatever_came_before(
    frames: list[str | bytes], config: str, recognition: Recognition
) -> None:
    plain = {"mode": "2pass", "wav_format": "pcm", "audio_fs": 16000, "wav_name": "last"}
    plain["compat"] = {"final_text": "tail"}  # type: ignore[assignment]
    tail = [END, json.dumps(plain), *[conversation(0, 1)], END]
    _, line = converse([*frames, config, *tail], recognition)
    groups, _ = by_utterance(line.sent)
    texts = [m["text"] for m in groups[-1] if m["mode"] == "2pass-offline" and m["text"]]
    assert texts == [SENTENCES[0], SENTENCES[1]]
    assert {m["wav_name"] for m in groups[-1]} == {"last"}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=FRAMES, lost=st.booleans())
def test_a_client_that_leaves_at_any_time_leaves_nothing(
    frames: list[str | bytes], lost: bool, recognition: Recognition
) -> None:
    async def run() -> None:
        line = Line(frames)
        connection = WatchedConnection(line, recognition, CONFIG)
        running = asyncio.create_task(connection.run())
        async with asyncio.timeout(20):
            if lost:
                await asyncio.sleep(0)
            else:
                await line.drained.wait()
            await line.close(1006)
            await running
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)
        assert recognition.waiting == 0

    asyncio.run(run())
