"""What a user does with the page, the same for a scripted and a real server."""

from __future__ import annotations

from pathlib import Path

from tests.web.page import Page, Row, parse_srt


def microphone_flow(page: Page, server: str, sentences: int = 2) -> list[Row]:
    """Record until some sentences are there, stop, and return all sentences."""
    page.open(server)
    page.press_record()
    page.until(lambda: page.connection == "open", "the server accepts")
    page.until(lambda: page.level > 20, "the level meter moves")
    page.until(lambda: page.partial, "a partial is shown")
    assert page.colour(".partial") != page.colour(".take h3"), "the partial is not set apart"
    page.until(lambda: len(page.rows) >= sentences, f"{sentences} sentences are shown")
    assert page.colour(".sentence .text") != page.colour(".partial")
    page.press_record()
    page.wait_done()
    assert page.partial == ""
    assert page.notice == ""
    assert page.find("#timer").text != "00:00"
    return page.rows


def file_flow(page: Page, server: str, path: Path, duration_ms: int) -> list[Row]:
    """Transcribe a file, download its subtitles, and return the sentences."""
    page.open(server)
    page.choose_file(path)
    page.wait_done()
    rows = page.rows
    assert rows and all(row.times and not row.unconfirmed for row in rows)
    cues = parse_srt(page.download("srt"))
    ends = [0, *(cue.end_ms for cue in cues)]
    for before, cue in zip(ends, cues, strict=False):
        assert before <= cue.start_ms < cue.end_ms <= duration_ms + 1000

    def letters(texts: list[str]) -> str:
        return "".join("".join(texts).split())

    assert letters([cue.text for cue in cues]) == letters([row.text for row in rows])
    return rows
