"""The page as its user sees it, driven through Chromium."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

DEADLINE_S = 30.0
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,800",
    # A name that is not localhost, and so no secure context without TLS.
    "--host-resolver-rules=MAP asr.test 127.0.0.1",
)
ALLOW, BLOCK = 1, 2
"""Content settings of Chromium."""


@contextmanager
def chromium(
    downloads: Path, *switches: str, language: str = "en", microphone: int = ALLOW
) -> Iterator[webdriver.Chrome]:
    """A fresh browser profile; files are saved to ``downloads`` without asking."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser and driver, "chromium or chromedriver is missing: run ./run_tests.sh"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (*SWITCHES, *switches):
        options.add_argument(switch)
    options.add_experimental_option(
        "prefs",
        {
            "download.default_directory": str(downloads),
            "intl.accept_languages": language,
            "profile.default_content_setting_values.media_stream_mic": microphone,
            "profile.default_content_setting_values.clipboard": ALLOW,
        },
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Old Chromium wrappers read the environment; nothing of the user's may get in.
    service = webdriver.ChromeService(driver, env={**os.environ, "CHROMIUM_FLAGS": ""})
    session = webdriver.Chrome(options=options, service=service)
    try:
        yield session
    finally:
        session.quit()


@dataclass(frozen=True)
class Row:
    """A sentence as displayed."""

    text: str
    times: str
    unconfirmed: bool


class Page:
    """Finds things by what they are for; waits with a deadline, never for a fixed time."""

    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path) -> None:
        self.driver = driver
        self.url = url
        self.downloads = downloads

    def open(self, server: str | None = None) -> None:
        """Load the page with no settings but the server address."""
        self.driver.get(self.url)
        self.driver.execute_script("localStorage.clear()")
        self.driver.get(self.url)
        self.until(lambda: not self.driver.find_elements(By.ID, "boot"), "the page starts")
        if server is not None:
            self.fill("server-url", server)

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        """Return the first true value of the condition."""
        waiter = WebDriverWait(self.driver, DEADLINE_S, poll_frequency=0.05)
        try:
            return waiter.until(lambda _: condition() or False)
        except TimeoutException:
            shown = f"state {self.state}, {self.connection}, notice {self.notice!r}"
        raise AssertionError(f"waited in vain until {what}; {shown}")

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    # --- controls ----------------------------------------------------------------------------

    def fill(self, element_id: str, text: str) -> None:
        """Replace what a field holds, as if typed and left."""
        self.driver.execute_script(
            "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('change', {bubbles: true}))",
            element_id,
            text,
        )

    def choose_mode(self, mode: str) -> None:
        self.find(f"input[name=mode][value='{mode}']").click()

    def press_record(self) -> None:
        self.find("#record").click()

    def choose_file(self, path: Path) -> None:
        self.find("#file-input").send_keys(str(path))

    def switch_language(self) -> None:
        self.find("#ui-language").click()

    def download(self, kind: str) -> str:
        """Press a download button of the newest transcript and return the file's text."""
        before = set(self.downloads.iterdir())
        self.driver.find_elements(By.CSS_SELECTOR, f"[data-export={kind}]")[-1].click()

        def saved() -> Path | None:
            new = set(self.downloads.iterdir()) - before
            return next((path for path in new if path.suffix == f".{kind}"), None)

        return self.until(saved, f"the {kind} file is saved").read_text("utf-8")

    # --- what is shown -----------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.find("#record").get_attribute("data-state") or ""

    @property
    def connection(self) -> str:
        return self.find("#connection").get_attribute("data-state") or ""

    @property
    def notice(self) -> str:
        """Text of the message at the top, empty if there is none."""
        return self.find("#notice").text

    @property
    def notice_key(self) -> str:
        box = self.find("#notice")
        return (box.get_attribute("data-key") or "") if box.is_displayed() else ""

    @property
    def level(self) -> int:
        return int(self.find("#level").get_attribute("aria-valuenow") or 0)

    @property
    def partial(self) -> str:
        shown = self.driver.find_elements(By.CSS_SELECTOR, ".partial:not([hidden])")
        return shown[-1].text if shown else ""

    @property
    def rows(self) -> list[Row]:
        found = self.driver.execute_script(
            "return [...document.querySelectorAll('.sentence')].map(row => ["
            "row.querySelector('.text').textContent,"
            "row.querySelector('time')?.textContent ?? '',"
            "row.classList.contains('unconfirmed')])"
        )
        return [Row(*row) for row in found]

    def colour(self, selector: str) -> str:
        return self.find(selector).value_of_css_property("color")

    def wait_done(self) -> None:
        self.until(lambda: self.state == "idle" and self.connection == "done", "it is done")

    def script_errors(self) -> list[str]:
        """Errors of the page's own scripts and breaches of its content security policy."""
        entries = [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        return [e for e in entries if re.search(r"Uncaught|Content Security Policy|CSP", e)]


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str


def parse_srt(content: str) -> list[Cue]:
    """Read SubRip; fails if the numbering or a time is not as the format wants it."""
    cues = []
    for number, block in enumerate(filter(None, content.strip().split("\n\n")), 1):
        index, times, *lines = block.split("\n")
        assert index == str(number)
        match = re.fullmatch(
            r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})", times
        )
        assert match and lines, block
        h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups())
        start, end = ((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
        cues.append(Cue(start, end, "".join(lines)))
    return cues
