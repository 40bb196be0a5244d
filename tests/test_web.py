"""The pages and health checks as plain functions."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funasr_wss.web import WEB_CLIENT, Pages, text_response

READY: dict[str, Any] = {"ready": True, "state": "ready"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "sub").mkdir(parents=True)
    (page / "index.html").write_text("<html>页面</html>", encoding="utf-8")
    (page / "app.js").write_text("1")
    (page / "sub" / "style.css").write_text("a{}")
    (page / "icon.svg").write_text("<svg/>")
    (page / "serve.py").write_text("secret")
    (tmp_path / "outside.html").write_text("secret")
    return page


def pages(folder: Path | None, health: dict[str, Any] | None = None) -> Pages:
    return Pages(folder, lambda: READY if health is None else health)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/?lang=zh#top", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/app.js?v=2", "text/javascript; charset=utf-8"),
        ("/sub/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/%61pp.js", "text/javascript; charset=utf-8"),
    ],
)
def test_files(folder: Path, target: str, kind: str) -> None:
    response = pages(folder).respond(target)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == kind
    assert response.headers["Content-Length"] == str(len(response.body))
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "target",
    ["/serve.py", "/nothing", "/sub", "/sub/", "/../outside.html", "/sub/../../outside.html",
     "/%2e%2e/outside.html", "/..%2foutside.html", "//outside.html", "", "/APP.JS", "*", "//[",
     "http://[::1/", "/%ff%fe"],
)  # fmt: skip
def test_everything_else_is_not_found(folder: Path, target: str) -> None:
    response = pages(folder).respond(target)
    assert response.status_code == 404
    assert b"secret" not in response.body


@given(target=st.text(max_size=40))
def test_no_target_raises(target: str) -> None:
    assert pages(None).respond(target).status_code in (200, 404)


def test_no_folder_no_page(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "missing"):
        assert pages(folder).respond("/").status_code == 404
        assert pages(folder).respond("/healthz").status_code == 200


def test_files_are_read_once(folder: Path) -> None:
    site = pages(folder)
    (folder / "index.html").unlink()
    assert site.respond("/").status_code == 200


def test_healthz() -> None:
    response = pages(None, {"ready": False}).respond("/healthz?x=1")
    assert (response.status_code, response.body) == (200, b"ok\n")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readyz(ready: bool, status: int) -> None:
    health = {"ready": ready, "state": "加载", "connections": 3}
    response = pages(None, health).respond("/readyz")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.body) == health


def test_text_response_writes_header_names_with_dashes() -> None:
    response = text_response(HTTPStatus.SERVICE_UNAVAILABLE, "Busy.", Retry_After="5")
    assert (response.status_code, response.reason_phrase) == (503, "Service Unavailable")
    assert response.headers["Retry-After"] == "5"
    assert response.body == b"Busy.\n"


def test_the_real_page_loads_nothing_from_elsewhere() -> None:
    """What the page refers to is served by this server, under the policy it is served with."""
    site = pages(WEB_CLIENT)
    body = site.respond("/").body.decode()
    assert "<html" in body
    for attribute in ('src="', 'href="'):
        for part in body.split(attribute)[1:]:
            target = part.split('"', 1)[0]
            if target.startswith(("#", "data:")):
                continue
            assert not target.startswith(("http:", "https:", "//")), target
            response = site.respond("/" + target.lstrip("./"))
            assert response.status_code == 200, target
