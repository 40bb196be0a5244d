"""A recognition server that follows a script: replies depend only on how much audio arrived."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BYTES_PER_MS = 32
DEADLINE_S = 20.0

ABORT = 0
"""In place of a close code: the connection breaks without a word."""

DIALOGUE = (
    ("你好，请问有什么可以帮助您？", 1713, 4438),
    ("我想查询一下昨天的订单什么时候发货。", 5869, 9031),
    ("麻烦您再说一遍，刚才没有听清楚。", 10996, 14534),
    ("请记住我的电话号码，13800138000。", 16650, 20875),
    ("如果网络中断，客户端会自动重新连接。", 21997, 25672),
    ("今天天气很好，我们一起去公园散步吧。", 27115, 30965),
    ("The quick brown fox jumps over the lazy dog near the river bank.", 33067, 37702),
)
"""Text, start and end (ms) of the sentences that the scripts below send."""

Message = dict[str, Any]
Sentence = tuple[str, int, int]


@dataclass(frozen=True)
class Script:
    """What is said when; ``steps`` are (ms of audio received, message or close code)."""

    steps: Sequence[tuple[int, Message | int]]
    final: Message | int
    final_allowed: threading.Event | None = None
    """The final waits for it."""


@dataclass
class Utterance:
    """What a client sent."""

    config: Message
    frames: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def audio(self) -> bytes:
        return b"".join(self.frames)


def partial(text: str) -> Message:
    return {"mode": "2pass-online", "text": text, "wav_name": "demo", "is_final": False}


def clauses(sentence: Sentence) -> list[Message]:
    """``stamp_sents`` of a sentence whose characters all take the same time."""
    text, start, end = sentence
    entries: list[Message] = []
    tokens: list[str] = []
    places: list[int] = []

    def close(punc: str) -> None:
        pairs = [[start + (end - start) * (p + d) // len(text) for d in (0, 1)] for p in places]
        entries.append(
            {
                "text_seg": " ".join(tokens),
                "punc": punc,
                "start": pairs[0][0],
                "end": pairs[-1][1],
                "ts_list": pairs,
            }
        )
        tokens.clear()
        places.clear()

    for place, char in enumerate(text):
        if char in "，。？.":
            close(char)
        elif char.isascii() and tokens and text[place - 1].isascii() and text[place - 1] != " ":
            tokens[-1] += char
        elif char != " ":
            tokens.append(char)
            places.append(place)
    return entries


def result(*sentences: Sentence, mode: str = "2pass-offline", is_final: bool = False) -> Message:
    return {
        "mode": mode,
        "text": "".join(text for text, _, _ in sentences),
        "wav_name": "demo",
        "is_final": is_final,
        "stamp_sents": [entry for sentence in sentences for entry in clauses(sentence)],
        "start_time": sentences[0][1],
        "end_time": sentences[-1][2],
    }


def empty_final(**more: object) -> Message:
    return {
        "mode": "2pass-offline",
        "text": "",
        "wav_name": "demo",
        "is_final": True,
        **more,
    }


def live_steps(sentences: Sequence[Sentence] = DIALOGUE) -> list[tuple[int, Message | int]]:
    """Two partials while a sentence is spoken, the sentence when it is over."""
    steps: list[tuple[int, Message | int]] = []
    for sentence in sentences:
        text, start, end = sentence
        half = len(text) // 2
        steps.append((start + (end - start) // 3, partial(text[:half])))
        steps.append((start + (end - start) * 2 // 3, partial(text[half:-1])))
        steps.append((end + 300, result(sentence)))
    return steps


def live_script(**more: Any) -> Script:
    return Script(live_steps(), empty_final(), **more)


def offline_script() -> Script:
    return Script([], result(*DIALOGUE, mode="offline", is_final=True))


class FakeServer:
    """Serves ``script`` to every client; runs in a thread of its own."""

    def __init__(self) -> None:
        self.script = live_script()
        self.refusing = False
        self.utterances: list[Utterance] = []
        self._url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])

    def __enter__(self) -> FakeServer:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    @property
    def url(self) -> str:
        return self._url

    def reset(self) -> None:
        self.script = live_script()
        self.refusing = False
        self.utterances = []

    async def _run(self) -> None:
        async with serve(
            self._handle, "127.0.0.1", 0, process_request=self._admit, compression=None
        ) as server:
            self._url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()
            await self._stop.wait()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refusing:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "busy\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        try:
            await self._utter(socket, self.script)
            await socket.wait_closed()
        except ConnectionClosed:
            pass

    async def _utter(self, socket: ServerConnection, script: Script) -> None:
        utterance = Utterance(json.loads(await socket.recv()))
        self.utterances.append(utterance)
        received = 0
        waiting = list(script.steps)
        async for frame in socket:
            if isinstance(frame, str):
                assert json.loads(frame) == {"is_speaking": False}
                break
            utterance.frames.append(frame)
            received += len(frame)
            while waiting and received >= waiting[0][0] * BYTES_PER_MS:
                await _say(socket, waiting.pop(0)[1])
        else:
            return
        utterance.ended = True
        if script.final_allowed is not None:
            await asyncio.to_thread(script.final_allowed.wait, DEADLINE_S)
        await _say(socket, script.final)


async def _say(socket: ServerConnection, what: Message | int) -> None:
    if what == ABORT:
        socket.transport.abort()
    elif isinstance(what, int):
        await socket.close(what)
    else:
        await socket.send(json.dumps(what, ensure_ascii=False))
