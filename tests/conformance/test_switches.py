"""Clients that contradict the default dialect: the switches, where they come from, the rules."""

from __future__ import annotations

import asyncio
import json
import uuid
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.fakes import SENTENCES, conversation, silence, speech
from tests.serving import (
    END,
    divide,
    everything,
    nothing_more,
    one_final,
    receive,
    serving,
    start,
    url,
    utter,
)

SPOKEN = divide(conversation(0, 1), 1920)
WHOLE = SENTENCES[0] + SENTENCES[1]
SOURCES = ["query", "config", "listener"]


def converse_with(
    switches: dict[str, str], source: str, converse: Any, config: dict[str, Any] | None = None
) -> Any:
    """Run a conversation with switches from one source; ``converse(socket, config)``."""
    pairs = [f"{name}={value}" for name, value in switches.items()]
    options = {"listener": ",".join(["0", *pairs])} if source == "listener" else {}
    path = "/?token=x&" + "&".join(pairs) if source == "query" else "/"
    compat = {"compat": switches} if source == "config" else {}

    async def run() -> Any:
        async with serving(**options) as server:
            address = url(server, path, listener=len(server.ports) - 1)
            async with connect(address) as socket:
                return await converse(socket, start(**(config or {}), **compat))

    return asyncio.run(run())


async def two_sentences_then_end(socket: ClientConnection, config: str) -> list[dict[str, Any]]:
    """Both sentences are answered before the end is sent, so the end finds nothing pending."""
    messages = []
    await socket.send(config)
    for frame in SPOKEN:
        await socket.send(frame)
    while sum(m["mode"] == "2pass-offline" for m in messages) < 2:
        messages.append(await receive(socket))
    await socket.send(END)
    messages.append(await receive(socket))
    await nothing_more(socket)
    return messages


def second_pass(messages: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    return [(m["text"], m["is_final"]) for m in messages if m["mode"] != "2pass-online"]


@pytest.mark.parametrize("source", SOURCES)
def test_is_final_segment(source: str) -> None:
    messages = converse_with({"is_final": "segment"}, source, two_sentences_then_end)
    assert second_pass(messages) == [(SENTENCES[0], True), (SENTENCES[1], True), ("", True)]
    assert not any(m["is_final"] for m in messages if m["mode"] == "2pass-online")


def test_is_final_session_is_the_default() -> None:
    messages = converse_with({}, "config", two_sentences_then_end)
    assert second_pass(messages) == [(SENTENCES[0], False), (SENTENCES[1], False), ("", True)]


@pytest.mark.parametrize("source", SOURCES)
def test_final_text_full(source: str) -> None:
    messages = converse_with({"final_text": "full"}, source, two_sentences_then_end)
    assert second_pass(messages)[-1] == (WHOLE, True)
    one_final(messages)


async def utter_and_wait(socket: ClientConnection, config: str) -> list[dict[str, Any]]:
    messages = await utter(socket, SPOKEN, config)
    messages += await everything(socket)
    assert socket.close_code == 1000
    return messages


@pytest.mark.parametrize("value", ["yes", "1", "true"])
@pytest.mark.parametrize("source", SOURCES)
def test_close_after_final(source: str, value: str) -> None:
    one_final(converse_with({"close_after_final": value}, source, utter_and_wait))


async def one_utterance(socket: ClientConnection, config: str) -> list[dict[str, Any]]:
    messages = await utter(socket, SPOKEN, config)
    await nothing_more(socket)
    return messages


@pytest.mark.parametrize("source", SOURCES)
def test_online_native(source: str) -> None:
    config = {"mode": "online"}
    messages = converse_with({"online": "native"}, source, one_utterance, config)
    assert {m["mode"] for m in messages} == {"online"}
    one_final(messages)
    assert "".join(m["text"] for m in messages) == WHOLE.replace("？", "").replace("。", "")


def test_online_native_separates_latin_sentences() -> None:
    async def converse(socket: ClientConnection, config: str) -> list[dict[str, Any]]:
        return await utter(socket, [conversation(2, 4)], config)

    messages = converse_with({"online": "native"}, "query", converse, {"mode": "online"})
    assert "".join(m["text"] for m in messages) == "Hello there Number five is here"


async def paced_partials(socket: ClientConnection, config: str) -> list[str]:
    await socket.send(config)
    await socket.send(silence(0.4) + speech(3, 0.1))
    texts = []
    for _ in range(3):
        await socket.send(speech(3, 0.6))
        texts.append((await receive(socket))["text"])
    return texts


@pytest.mark.parametrize("source", SOURCES)
def test_partial_cumulative(source: str) -> None:
    texts = converse_with({"partial": "cumulative"}, source, paced_partials)
    deltas = converse_with({"partial": "delta"}, source, paced_partials)
    for before, after in pairwise(["", *texts]):
        assert after.startswith(before) and after != before
    assert SENTENCES[3].startswith(texts[-1])
    assert all(deltas) and SENTENCES[3].startswith("".join(deltas))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("value", "expected"), [("off", False), ("safe", True), ("always", True)])
def test_timestamp(source: str, value: str, expected: bool) -> None:
    messages = converse_with({"timestamp": value}, source, one_utterance, {"mode": "offline"})
    stamp = messages[0].get("timestamp")
    assert (stamp is not None) is expected
    if stamp is not None:
        assert len(json.loads(stamp)) == len("今天天气怎么样我们出发吧")


PRECEDENCE = [
    # listener, fingerprint, query, config -> is_final in force
    ("segment", False, "session", None, "session"),
    ("session", False, "segment", "session", "session"),
    ("session", True, None, None, "segment"),
    ("segment", True, "session", None, "session"),
    ("session", True, "session", "segment", "segment"),
    ("segment", False, None, "nonsense", "segment"),
    ("segment", False, "nonsense", None, "segment"),
]


@pytest.mark.parametrize(("listener", "page", "query", "config", "expected"), PRECEDENCE)
def test_precedence(
    listener: str, page: bool, query: str | None, config: str | None, expected: str
) -> None:
    async def run() -> None:
        async with serving(listener=f"0,is_final={listener}") as server:
            path = f"/?is_final={query}" if query else "/"
            async with connect(url(server, path, listener=1)) as socket:
                fields: dict[str, Any] = {"wav_name": "web_mic"} if page else {}
                if config:
                    fields["compat"] = {"is_final": config}
                messages = await two_sentences_then_end(socket, start(**fields))
        finals = [final for _, final in second_pass(messages)]
        assert finals == ([True] * 3 if expected == "segment" else [False, False, True])

    asyncio.run(run())


def test_the_main_port_keeps_the_default_dialect_beside_another_listener() -> None:
    async def run() -> None:
        async with (
            serving(listener="0,is_final=segment;0,final_text=full") as server,
            connect(url(server)) as plain,
            connect(url(server, listener=2)) as full,
        ):
            messages = await two_sentences_then_end(plain, start())
            assert second_pass(messages)[-1] == ("", True)
            one_final(messages)
            assert (await utter(full, SPOKEN, start()))[-1]["text"] == WHOLE

    asyncio.run(run())


CONFIGS: dict[str, dict[str, Any]] = {
    "R1": {"mode": "2pass", "wav_name": "web_mic", "is_speaking": True},
    "R2": {"mode": "2pass", "wav_name": "voice.wav", "chunk_size": [5, 10, 5]},
    "R3": {
        "mode": "2pass", "wav_name": "stream", "wav_format": "pcm", "audio_fs": 16000,
        "chunk_interval": 10, "chunk_size": [5, 10, 5],
    },
    "R4": {
        "mode": "2pass", "wav_name": str(uuid.UUID(int=7 << 100)), "svs_itn": True,
        "encoder_chunk_look_back": 4, "wav_format": "pcm", "chunk_interval": 10,
    },
    "R5": {"wav_name": "a.wav", "chunk_interval": 10, "wav_format": "pcm", "is_speaking": True},
    "R6": {"mode": "offline", "wav_name": "a.wav", "is_speaking": True},
}  # fmt: skip


def by_rule(config: dict[str, Any], converse: Any, **options: Any) -> list[dict[str, Any]]:
    async def run() -> Any:
        async with serving(**options) as server, connect(url(server)) as socket:
            return await converse(socket, json.dumps(config))

    return list(asyncio.run(run()))


def test_rule_of_the_one_file_servers_page() -> None:
    messages = by_rule(CONFIGS["R1"], two_sentences_then_end)
    assert [final for _, final in second_pass(messages)] == [True] * 3
    texts = by_rule(CONFIGS["R1"], paced_partials)
    assert texts[2].startswith(texts[1]) and texts[1].startswith(texts[0])  # type: ignore[arg-type]


def test_rule_of_xiaozhi_java() -> None:
    messages = by_rule(CONFIGS["R2"], utter_and_wait)
    assert one_final(messages)["text"] == WHOLE


@pytest.mark.parametrize("rule", ["R3", "R4"])
def test_rules_of_clients_that_read_only_the_final(rule: str) -> None:
    messages = by_rule(CONFIGS[rule], two_sentences_then_end)
    assert one_final(messages)["text"] == WHOLE


def test_rule_of_the_cpp_offline_client() -> None:
    (final,) = by_rule(CONFIGS["R5"], one_utterance)
    assert (final["mode"], final["text"], final["is_final"]) == ("offline", WHOLE, True)


def test_rule_of_the_csharp_offline_client() -> None:
    (final,) = by_rule(CONFIGS["R6"], one_utterance)
    assert (final["mode"], final["text"], final["is_final"]) == ("offline", WHOLE, True)
    assert "timestamp" not in json.dumps(final)


@pytest.mark.parametrize("rule", CONFIGS)
def test_rules_can_be_disabled(rule: str) -> None:
    messages = by_rule(CONFIGS[rule], one_utterance, fingerprints=False)
    final = one_final(messages)
    if rule == "R6":
        assert isinstance(final["timestamp"], str)
    else:
        assert final["text"] in ("", SENTENCES[1])
        assert final["mode"] == "2pass-offline"


def test_only_the_first_config_is_looked_at() -> None:
    async def converse(socket: ClientConnection, config: str) -> list[dict[str, Any]]:
        await utter(socket, [], start())
        return await two_sentences_then_end(socket, config)

    one_final(by_rule(CONFIGS["R1"], converse))
