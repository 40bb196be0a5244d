"""Tokens, the web pages that may connect, and the ports that are exempt."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from funasr_wss.auth import Tokens
from tests.fakes import speech
from tests.serving import offline_texts, serving, start, url, utter


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# ours\nalpha\n\nbeta-贝塔\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("authorization", "query", "admitted"),
    [
        ("Bearer alpha", "", True),
        ("Bearer; alpha", "", True),
        ("bearer   alpha ", "", True),
        ("", "token=alpha", True),
        ("", "is_final=segment&token=beta-%E8%B4%9D%E5%A1%94", True),
        ("Bearer wrong", "token=alpha", True),
        ("", "", False),
        ("Bearer", "", False),
        ("Bearer alph", "", False),
        ("Basic alpha", "", False),
        ("", "token=", False),
        ("", "token=\udcff", False),
    ],
)
def test_spellings(tokens: Path, authorization: str, query: str, admitted: bool) -> None:
    assert Tokens.read(tokens).admit(authorization, query) is admitted


def test_unusable_files_are_explained(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n")
    with pytest.raises(ValueError, match="no token"):
        Tokens.read(empty)
    with pytest.raises(ValueError, match="cannot read"):
        Tokens.read(tmp_path)


def refusal(path: str = "/", port: int = 0, *, headers: Any = None, **options: Any) -> int:
    """Return the HTTP status of a refused handshake, or 101 after a recognised sentence."""

    async def run() -> int:
        async with serving(**options) as server:
            try:
                async with connect(url(server, path, port), **(headers or {})) as socket:
                    messages = await utter(socket, [speech(1)], start())
                    assert offline_texts(messages) == ["我们出发吧。"]
                    return 101
            except InvalidStatus as refused:
                return refused.response.status_code

    return asyncio.run(run())


def test_only_clients_with_a_token_are_served(tokens: Path) -> None:
    file = str(tokens)
    assert refusal(auth_token_file=file) == 401
    assert refusal("/?token=alpha", auth_token_file=file) == 101
    header = {"additional_headers": {"Authorization": "Bearer; alpha"}}
    assert refusal(headers=header, auth_token_file=file) == 101
    assert refusal("/", 1, auth_token_file=file, listener="0,auth=0") == 101


def test_only_listed_pages_are_served() -> None:
    origins = "https://a.example, https://b.example"
    assert refusal(headers={"origin": "https://c.example"}, origins=origins) == 403
    assert refusal(headers={"origin": "https://b.example"}, origins=origins) == 101
    assert refusal(origins=origins) == 101
    assert refusal(headers={"origin": "https://c.example"}) == 101
