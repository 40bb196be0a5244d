"""Every utterance gets exactly one final, last, in every mode and whatever goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from funasr_wss.engines.base import SpeechEnd, SpeechStart, VadRequest, VadResult
from tests.conformance.recorders import BrokenVad, fail, fail_on
from tests.fakes import (
    SENTENCES,
    FakeOffline,
    FakeOnline,
    conversation,
    fake_engines,
    silence,
    speech,
)
from tests.serving import divide, nothing_more, one_final, start, talk, utter

MODES = {
    "offline": {"mode": "offline"},
    "2pass": {"mode": "2pass"},
    "online": {"mode": "online"},
    "native": {"mode": "online", "compat": {"online": "native"}},
}
SPOKEN = speech(0, 1.7)
CASES: dict[str, tuple[list[bytes], str]] = {
    "speech": (divide(SPOKEN, 1920), SENTENCES[0]),
    "speech and trailing silence": (divide(SPOKEN + silence(3), 1920), SENTENCES[0]),
    "silence": (divide(silence(2), 1920), ""),
    "zero audio": ([], ""),
    "odd byte count": ([*divide(SPOKEN, 641), b"\x01"], SENTENCES[0]),
    "empty frames": ([b"", *divide(SPOKEN, 1920), b"", b""], SENTENCES[0]),
    "only empty frames": ([b"", b"", b""], ""),
    "a single byte": ([b"\x7f"], ""),
}
CODES = {"offline": "offline", "2pass": "2pass-offline", "online": "2pass-offline"}


def conclude(mode: str, frames: list[bytes], engines: Any = None, **fields: Any) -> list[Any]:
    """Send one utterance; return its messages after checking what holds for all of them."""

    async def converse(socket: ClientConnection) -> list[dict[str, Any]]:
        messages = await utter(socket, frames, start(wav_name="clip", **MODES[mode], **fields))
        await nothing_more(socket)
        return messages

    messages = talk(converse, engines=engines)
    final = one_final(messages)
    assert final["mode"] == CODES.get(mode, "online")
    assert {m["wav_name"] for m in messages} == {"clip"}
    partials = [m for m in messages if m["mode"] == "2pass-online"]
    assert all(m["text"] and not m["is_final"] for m in partials)
    if mode == "offline":
        assert len(messages) == 1
    return list(messages)


def text_of(mode: str, messages: list[dict[str, Any]]) -> str:
    return "".join(m["text"] for m in messages if m["mode"] != "2pass-online")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_one_final(mode: str, case: str) -> None:
    frames, text = CASES[case]
    messages = conclude(mode, frames)
    expected = text.rstrip("？") if mode == "native" else text
    assert text_of(mode, messages) == expected
    assert "error_code" not in messages[-1]


@pytest.mark.parametrize("mode", MODES)
def test_decode_failure(mode: str) -> None:
    online = FakeOnline()
    online.failing = True
    engines = fake_engines(FakeOffline(fail), online=online)
    messages = conclude(mode, divide(conversation(0, 1), 1920), engines)
    final = messages[-1]
    assert final["text"] == ""
    assert final["error_code"] == "recognition_failed"
    assert isinstance(final["error_message"], str) and final["error_message"]
    assert "error" not in final


@pytest.mark.parametrize("mode", ["2pass", "offline"])
def test_failure_of_one_sentence_costs_no_other(mode: str) -> None:
    engines = fake_engines(FakeOffline(fail_on(SENTENCES[1])))
    messages = conclude(mode, divide(conversation(0, 1, 3), 1920), engines)
    assert SENTENCES[0] in text_of(mode, messages)
    assert SENTENCES[3] in text_of(mode, messages)
    assert messages[-1]["error_code"] == "recognition_failed"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("label", "data", "code"),
    [
        ("mp3", b"this is no audio at all, " * 400, "unsupported_format"),
        ("others", bytes(range(256)) * 40, "unsupported_format"),
        ("pcm", b"RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff" + bytes(400), "bad_audio"),
        ("flac", b"fLaC" + b"\x55" * 5000, "bad_audio"),
    ],
)
def test_unsupported_format(mode: str, label: str, data: bytes, code: str) -> None:
    final = conclude(mode, divide(data, 1920), wav_format=label)[-1]
    assert (final["text"], final["error_code"]) == ("", code)


def broken_at(samples: int, change: Any) -> BrokenVad:
    seen: dict[int, int] = {}

    def fault(request: VadRequest, result: VadResult) -> VadResult:
        key = id(request.state)
        seen[key] = seen.get(key, 0) + len(request.samples)
        return change(request, result) if seen[key] >= samples else result

    return BrokenVad(fault)


def raises(_: VadRequest, __: VadResult) -> VadResult:
    raise RuntimeError("voice activity broken on purpose")


VAD_FAULTS = {
    "fails at once": broken_at(0, raises),
    "fails in the middle of a sentence": broken_at(16000, raises),
    "ends a sentence twice": broken_at(16000, lambda *_: VadResult((SpeechEnd(9000),))),
    "ends a sentence in the future": broken_at(16000, lambda *_: VadResult((SpeechEnd(10**9),))),
    "starts a sentence in the past": broken_at(
        9000, lambda *_: VadResult((SpeechStart(-(10**6)),))
    ),
    "starts a sentence twice": broken_at(
        16000, lambda *_: VadResult((SpeechStart(15000), SpeechEnd(15500)))
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", VAD_FAULTS)
def test_broken_voice_activity_still_gives_a_final(mode: str, fault: str) -> None:
    messages = conclude(mode, divide(speech(0, 2.0), 1920), fake_engines(vad=VAD_FAULTS[fault]))
    assert messages[-1]["error_code"] == "recognition_failed"
