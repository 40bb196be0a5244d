"""The page in headless Chromium, with recordings as microphone and as files."""

from __future__ import annotations

import array
import itertools
import json
import math
import socket
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.web.conftest import Deployment
from tests.web.fake_server import (
    ABORT,
    DIALOGUE,
    FakeServer,
    Script,
    empty_final,
    live_script,
    live_steps,
    offline_script,
    partial,
)
from tests.web.flows import file_flow, microphone_flow
from tests.web.page import BLOCK, Page, chromium

pytestmark = pytest.mark.browser

FIRST, SECOND = DIALOGUE[0][0], DIALOGUE[1][0]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(downloads: Path, data_dir: Path) -> Iterator[webdriver.Chrome]:
    """A browser that hears the dialogue when it records."""
    with chromium(
        downloads,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={data_dir / 'dialogue.wav'}%noloop",
    ) as session:
        yield session


@pytest.fixture
def page(driver: webdriver.Chrome, page_url: str, downloads: Path) -> Iterator[Page]:
    page = Page(driver, page_url, downloads)
    yield page
    driver.get("about:blank")
    assert page.script_errors() == []


def wav_samples(path: Path) -> array.array[int]:
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 16000)
        return array.array("h", wav.readframes(wav.getnframes()))


def rms(samples: array.array[int]) -> float:
    return math.sqrt(sum(x * x for x in samples) / max(1, len(samples)))


# --- microphone ----------------------------------------------------------------------------------


def test_microphone(deployment: Deployment, page: Page) -> None:
    page.url = deployment.page_url
    rows = microphone_flow(page, deployment.server_url)
    if deployment.fake is None:
        return
    assert [row.text for row in rows[:2]] == [FIRST, SECOND]
    assert rows[0].times == "00:01.7 – 00:04.4"
    (utterance,) = deployment.fake.utterances
    assert utterance.ended
    assert utterance.config["mode"] == "2pass"
    assert utterance.config["chunk_size"] == [5, 10, 5]
    assert utterance.config["wav_name"] not in ("", "web_mic")
    assert {len(frame) for frame in utterance.frames[:-1]} == {1920}
    audio = array.array("h", utterance.audio)
    assert rms(audio) > 300, "the microphone is silent"
    # Speech starts where it does in the recording, give or take the start of the device.
    first_loud = next(i for i in range(0, len(audio), 160) if rms(audio[i : i + 160]) > 500)
    assert abs(first_loud / 16 - DIALOGUE[0][1]) < 1000


def test_stopping_waits_for_the_final(page: Page, fake_server: FakeServer) -> None:
    allowed = threading.Event()
    fake_server.script = live_script(final_allowed=allowed)
    page.open(fake_server.url)
    page.press_record()
    page.until(lambda: page.partial, "a partial is shown")
    page.press_record()
    page.until(lambda: page.state == "finishing", "finishing is shown")
    assert page.connection == "finishing"
    assert page.partial, "the partial stays while the final is awaited"
    allowed.set()
    page.wait_done()


def test_a_second_press_gives_up_waiting_and_keeps_the_text(
    page: Page, fake_server: FakeServer
) -> None:
    allowed = threading.Event()
    fake_server.script = live_script(final_allowed=allowed)
    page.open(fake_server.url)
    page.press_record()
    shown = page.until(lambda: page.partial, "a partial is shown")
    page.press_record()
    page.until(lambda: page.state == "finishing", "finishing is shown")
    page.press_record()
    page.until(lambda: page.state == "idle", "it ends")
    allowed.set()
    (row,) = page.rows
    assert row.unconfirmed and row.text.startswith(shown)


def test_keyboard(page: Page, fake_server: FakeServer) -> None:
    page.open(fake_server.url)
    button = page.find("#record")
    button.send_keys(Keys.ENTER)
    page.until(lambda: page.partial, "Enter starts")
    page.find("body").send_keys(Keys.ESCAPE)
    page.wait_done()
    button.send_keys(Keys.SPACE)
    page.until(lambda: page.state == "running", "Space starts")
    button.send_keys(Keys.SPACE)
    page.wait_done()


def test_silence_says_so(page: Page, fake_server: FakeServer) -> None:
    fake_server.script = Script([], empty_final())
    page.open(fake_server.url)
    page.press_record()
    page.until(lambda: page.connection == "open", "the server accepts")
    page.press_record()
    page.wait_done()
    assert page.find(".take-note").text == "No speech was recognised."


@pytest.mark.parametrize(
    ("error", "key"),
    [
        ("NotFoundError", "micMissing"),
        ("NotReadableError", "micInUse"),
        ("NotAllowedError", "micDenied"),
        ("TypeError", "micFailed"),
    ],
)
def test_microphone_problems_are_told_apart(
    page: Page, fake_server: FakeServer, error: str, key: str
) -> None:
    page.open(fake_server.url)
    page.driver.execute_script(
        "navigator.mediaDevices.getUserMedia = () =>"
        "Promise.reject(Object.assign(new Error('broken'), {name: arguments[0]}))".replace(
            "arguments[0]", json.dumps(error)
        )
    )
    page.press_record()
    assert page.until(lambda: page.notice_key, "the problem is told") == key
    assert page.state == "idle"
    assert not fake_server.utterances


def test_permission_denied(page_url: str, fake_server: FakeServer, downloads: Path) -> None:
    switch = "--use-fake-device-for-media-stream"
    with chromium(downloads, switch, language="zh-CN", microphone=BLOCK) as driver:
        page = Page(driver, page_url, downloads)
        page.open(fake_server.url)
        page.press_record()
        page.until(lambda: page.notice, "the denial is told")
        assert "没有麦克风权限" in page.notice and "地址栏" in page.notice
        page.switch_language()
        assert "No permission to use the microphone" in page.notice


def test_insecure_page_says_what_to_do(page: Page, fake_server: FakeServer) -> None:
    page.url = page.url.replace("localhost", "asr.test")
    page.open(fake_server.url)
    origin = page.url.rstrip("/")
    for _ in ("on loading", "on pressing record"):
        for expected in (
            "python web_client/serve_client.py",
            "http://localhost:8000",
            "--certfile",
            f"https{origin.removeprefix('http')}",
            "chrome://flags/#unsafely-treat-insecure-origin-as-secure",
        ):
            assert expected in page.notice
        page.find(".notice-close").click()
        assert page.notice == ""
        page.press_record()
        page.until(lambda: page.notice, "it is told again")


# --- files ---------------------------------------------------------------------------------------


def test_file(deployment: Deployment, page: Page, data_dir: Path) -> None:
    page.url = deployment.page_url
    path = data_dir / "dialogue.wav"
    samples = wav_samples(path)
    rows = file_flow(page, deployment.server_url, path, len(samples) // 16)
    assert len(rows) >= 5
    if deployment.fake is None:
        return
    assert [row.text for row in rows] == [text for text, _, _ in DIALOGUE]
    (utterance,) = deployment.fake.utterances
    assert (utterance.config["wav_name"], utterance.config["wav_format"]) == ("dialogue.wav", "pcm")
    sent = array.array("h", utterance.audio)
    assert len(sent) == len(samples)
    assert max(abs(a - b) for a, b in zip(sent, samples, strict=True)) <= 1


def test_any_rate_and_channels_become_16_khz_mono(
    page: Page, fake_server: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    tone = [int(8000 * math.sin(2 * math.pi * 440 * i / 44100)) for i in range(44100)]
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(44100)
        wav.writeframes(array.array("h", [x for sample in tone for x in (sample, 0)]).tobytes())
    page.open(fake_server.url)
    page.choose_file(path)
    page.wait_done()
    sent = array.array("h", fake_server.utterances[0].audio)
    assert abs(len(sent) - 16000) <= 2
    crossings = sum(a < 0 <= b for a, b in itertools.pairwise(sent))
    assert abs(crossings - 440) <= 2
    assert rms(sent) == pytest.approx(4000 / math.sqrt(2), rel=0.05)


def test_offline_uploads_the_file_as_it_is(
    page: Page, fake_server: FakeServer, data_dir: Path
) -> None:
    fake_server.script = offline_script()
    page.open(fake_server.url)
    page.choose_mode("offline")
    page.choose_file(data_dir / "dialogue.wav")
    page.wait_done()
    (utterance,) = fake_server.utterances
    assert (utterance.config["mode"], utterance.config["wav_format"]) == ("offline", "wav")
    assert utterance.audio == (data_dir / "dialogue.wav").read_bytes()
    assert max(map(len, utterance.frames)) == 64 * 1024
    assert [row.text for row in page.rows] == [text for text, _, _ in DIALOGUE]


def test_settings_reach_the_server(page: Page, fake_server: FakeServer, data_dir: Path) -> None:
    page.open(fake_server.url)
    page.choose_mode("online")
    page.fill("language", "yue")
    page.fill("hotwords", "阿里巴巴 30\n达摩院")
    page.find("#itn").click()
    page.driver.refresh()  # settings are remembered
    page.choose_file(data_dir / "zh_01.wav")
    page.wait_done()
    config = fake_server.utterances[0].config
    assert (config["mode"], config["svs_lang"], config["itn"]) == ("online", "yue", False)
    assert json.loads(config["hotwords"]) == {"阿里巴巴": 30, "达摩院": 20}


def test_dropped_file(page: Page, fake_server: FakeServer) -> None:
    page.open(fake_server.url)
    page.driver.execute_script(
        "const data = new DataTransfer();"
        "data.items.add(new File([new Uint8Array(192000)], 'dropped.pcm'));"
        "for (const type of ['dragenter', 'dragover', 'drop'])"
        "  document.body.dispatchEvent(new DragEvent(type,"
        "    {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    page.wait_done()
    assert len(fake_server.utterances[0].audio) == 192000
    assert page.find(".take h3").text == "dropped.pcm"
    assert not page.find("#drop").is_displayed()


def test_undecodable_and_empty_files(page: Page, fake_server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"not audio at all" * 100)
    (tmp_path / "empty.wav").touch()
    page.open(fake_server.url)
    page.choose_file(tmp_path / "noise.mp3")
    page.until(lambda: page.notice_key == "undecodable", "the reason is told")
    assert "noise.mp3" in page.notice and page.state == "idle"
    page.choose_file(tmp_path / "empty.wav")
    page.until(lambda: page.notice_key == "emptyFile", "the reason is told")
    assert not fake_server.utterances


def test_downloads_and_copy(page: Page, fake_server: FakeServer, data_dir: Path) -> None:
    page.open(fake_server.url)
    page.choose_file(data_dir / "dialogue.wav")
    page.wait_done()
    lines = [text for text, _, _ in DIALOGUE]
    assert page.download("txt").splitlines() == lines
    vtt = page.download("vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:01.713 --> 00:00:04.438\n你好，")
    document = json.loads(page.download("json"))
    assert [row["text"] for row in document["sentences"]] == lines
    assert document["sentences"][0]["words"][0]["text"] == "你"
    assert (document["name"], document["mode"]) == ("dialogue.wav", "2pass")
    page.find("[data-export=copy]").click()
    page.until(lambda: page.find("[data-export=copy]").text == "Copied", "copying is confirmed")
    area = page.find("#hotwords")
    area.send_keys(Keys.CONTROL, "v")
    pasted = page.until(lambda: area.get_property("value"), "it can be pasted")
    assert str(pasted).splitlines() == lines


def test_clearing_can_be_undone(page: Page, fake_server: FakeServer, data_dir: Path) -> None:
    page.open(fake_server.url)
    for count in (1, 2):
        page.choose_file(data_dir / "zh_01.wav")
        page.wait_done()
        assert len(page.driver.find_elements(By.CSS_SELECTOR, ".take")) == count
    page.find("#clear").click()
    assert page.rows == [] and page.find("#empty").is_displayed()
    page.find(".notice-action").click()
    assert len(page.driver.find_elements(By.CSS_SELECTOR, ".take")) == 2
    assert page.notice == ""


# --- the server and the network ------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_answers(page: Page) -> None:
    address = f"ws://127.0.0.1:{free_port()}"
    page.open(f"{address}/?token=secret")
    page.press_record()
    page.until(lambda: page.notice_key == "unreachable", "the failure is told")
    assert f"Cannot connect to {address}" in page.notice
    assert "secret" not in page.notice
    assert (page.state, page.connection) == ("idle", "failed")


def test_busy(page: Page, fake_server: FakeServer) -> None:
    fake_server.refusing = True
    page.open(fake_server.url)
    page.press_record()
    page.until(lambda: page.notice_key == "busy", "the reason is told")
    assert fake_server.url in page.notice
    fake_server.refusing = False
    page.press_record()
    page.until(lambda: page.rows, "it works when there is room")
    page.press_record()
    page.wait_done()
    assert page.notice == ""


@pytest.mark.parametrize("address", ["", "ftp://127.0.0.1", "ws://a b"])
def test_bad_address(page: Page, address: str) -> None:
    page.open("placeholder")
    page.fill("server-url", address)
    page.press_record()
    page.until(lambda: page.notice_key == "badAddress", "the reason is told")
    assert page.state == "idle"


@pytest.mark.parametrize(
    ("how", "key"), [(ABORT, "lost"), (1001, "goingAway"), (1011, "serverError")]
)
def test_lost_connection_keeps_the_text(
    page: Page, fake_server: FakeServer, how: int, key: str
) -> None:
    steps = [*live_steps(DIALOGUE[:1]), (5200, partial("我想查询")), (5600, how)]
    fake_server.script = Script(steps, empty_final())
    page.open(fake_server.url)
    page.press_record()
    page.until(lambda: page.notice_key == key, "the loss is told")
    assert (page.state, page.connection) == ("idle", "lost")
    assert [(row.text, row.unconfirmed) for row in page.rows] == [
        (FIRST, False),
        ("我想查询", True),
    ]


def test_error_message_of_the_server(page: Page, fake_server: FakeServer, data_dir: Path) -> None:
    error = {"error_code": "unsupported_format", "error_message": "The file has no audio track."}
    fake_server.script = Script([], empty_final(**error))
    page.open(fake_server.url)
    page.choose_mode("offline")
    page.choose_file(data_dir / "zh_01.wav")
    page.until(lambda: page.notice_key == "unsupported_format", "the error is told")
    assert "The file has no audio track." in page.notice
    assert (page.state, page.connection) == ("idle", "error")


# --- languages and sizes -------------------------------------------------------------------------


def test_language_switch(page: Page, fake_server: FakeServer) -> None:
    page.open(fake_server.url)
    assert page.driver.title == "Speech to text"
    page.switch_language()
    assert page.driver.title == "语音识别"
    assert page.find("html").get_attribute("lang") == "zh-CN"
    assert page.find("#record").get_attribute("aria-label") == "开始录音"
    page.driver.refresh()
    assert page.driver.title == "语音识别", "the choice is remembered"
    page.switch_language()
    assert page.find("#transcript-title").text == "Transcript"


def test_every_control_has_a_name(page: Page, fake_server: FakeServer) -> None:
    page.open(fake_server.url)
    for control in page.driver.find_elements(By.CSS_SELECTOR, "button, input, select, textarea"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out(page: Page, fake_server: FakeServer, width: int) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.open(fake_server.url)
        for _ in range(2):
            box = "return document.documentElement.scrollWidth"
            assert page.driver.execute_script(box) <= width
            assert page.find("#record").is_displayed()
            page.switch_language()
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_default_server_of_a_page_served_alone(page: Page) -> None:
    page.open()
    expected = "ws://localhost:10095"
    page.until(
        lambda: page.find("#server-url").get_property("value") == expected, "the default is found"
    )
    page.fill("server-url", "ws://10.0.0.5:10095")
    page.find("#server-reset").click()
    page.until(lambda: page.find("#server-url").get_property("value") == expected, "it is reset")
