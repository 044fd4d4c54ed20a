"""Sending files in the page: on over a killed server and a closed page, and what became of each file afterwards."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging, sign_in
from tests.e2e.test_tus_client import serving
from tests.imaging.dicom.burned_in import body

_TURNS = itertools.count(300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, the same picture once more, a note, and a table of two pictures of which one is here."""
    made = tmp_path / "PHANTOM^ALPHA"
    made.mkdir()
    Picture.fromarray((np.roll(body(), next(_TURNS), 1) // 16).astype(np.uint8)).save(made / "a.png")
    (made / "b.png").write_bytes((made / "a.png").read_bytes())
    (made / "note.txt").write_bytes(os.urandom(500))
    (made / "terms.csv").write_text("file,term\na.png,lung\ngone.png,lung\n")
    return made


def open_dialog(page: Page, url: str, project: int) -> None:
    page.goto(f"{url}/#/project/{project}/images")
    page.get_by_test_id("upload-open").click()


def state(page: Page, phase: str, timeout: float = 60_000) -> None:
    expect(page.get_by_test_id("upload-progress")).to_have_attribute("data-phase", phase, timeout=timeout)


def test_what_became_of_each_file_is_told_by_name(page: Page, site: Site, folder: Path) -> None:
    sign_in(page, site)
    open_dialog(page, site.url, site.project)
    page.get_by_test_id("upload-folder").set_input_files(str(folder))
    page.get_by_test_id("upload-send").click()
    state(page, "ended")
    imaging(site.workspace, "worker", "--once")
    outcomes = page.get_by_test_id("outcomes")
    expect(outcomes.get_by_test_id("outcome")).to_have_count(4)
    expect(outcomes.get_by_test_id("outcome-unmatched")).to_contain_text("1 row speaks of an image that is not here")
    expect(outcomes.get_by_test_id("outcome").first).to_contain_text("PHANTOM^ALPHA/note.txt")
    expect(outcomes.get_by_test_id("outcome").first).to_contain_text("not DICOM")
    outcomes.get_by_test_id("outcome-kind-duplicate").click()
    expect(outcomes.get_by_test_id("outcome")).to_have_count(1)
    outcomes.get_by_test_id("outcome-kind-image").click()
    outcomes.get_by_role("link", name="Open image").click()
    page.wait_for_url("**/image/*")
    page.goto(f"{site.url}/#/project/{site.project}/jobs")
    page.locator("[data-testid^=job-files-]").first.click()
    expect(page.get_by_role("dialog").get_by_test_id("outcome")).to_have_count(4)
    page.get_by_role("dialog").get_by_role("link", name="Held files").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def throttle(page: Page, speed: int) -> None:
    conditions = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": speed}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def send_files(page: Page, files: list[str]) -> None:
    page.get_by_test_id("upload-files").set_input_files(files)
    page.get_by_test_id("upload-send").click()


def pause_and_go_on(page: Page) -> None:
    state(page, "sending")
    page.get_by_test_id("upload-pause").click()
    state(page, "paused")
    page.get_by_test_id("upload-go-on").click()
    state(page, "sending")


def test_a_killed_server_and_a_closed_page_cost_nothing_that_arrived(page: Page, site: Site, tmp_path: Path) -> None:
    large, small = tmp_path / "PHANTOM^ALPHA.bin", tmp_path / "PHANTOM^BETA.txt"
    large.write_bytes(os.urandom(1 << 20) * 48)
    small.write_bytes(b"text " * 30)
    page.on("dialog", lambda question: question.accept())
    with serving(site.workspace) as (url, server):
        sign_in(page, replace(site, url=url))
        expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
        open_dialog(page, url, site.project)
        throttle(page, 3_000_000)
        send_files(page, [str(large), str(small)])
        pause_and_go_on(page)
        server.kill()
        server.wait()
        state(page, "waiting")
        expect(page.get_by_text("It goes on by itself")).to_be_visible()
    with serving(site.workspace, int(url.rpartition(":")[2])):
        state(page, "sending")
        expect(page.get_by_test_id("upload-amounts")).to_contain_text("1 of 2 files", timeout=60_000)
        page.reload()
        page.get_by_test_id("upload-open").click()
        expect(page.get_by_text("An upload has not ended")).to_be_visible()
        throttle(page, -1)
        send_files(page, [str(large), str(small)])
        state(page, "ended")
        expect(page.get_by_text("1 of these files was there already.")).to_be_visible()
    imaging(site.workspace, "worker", "--once")
    held = {row["name"] for row in imaging(site.workspace, "quarantine", "list", "Chests")}
    assert {large.name, small.name} <= held


def test_an_upload_is_cancelled_after_a_question(page: Page, site: Site, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(os.urandom(1 << 20) * 32)
    sign_in(page, site)
    expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
    open_dialog(page, site.url, site.project)
    throttle(page, 1_000_000)
    send_files(page, [str(tmp_path / "large.bin")])
    state(page, "sending")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("upload-open")).to_contain_text("Uploading")
    page.get_by_test_id("upload-open").click()
    page.get_by_test_id("upload-cancel").click()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.get_by_test_id("upload-cancel-confirm").click()
    expect(page.get_by_text("The upload is cancelled")).to_be_visible()
    page.get_by_test_id("upload-open").click()
    expect(page.get_by_text("An upload has not ended")).to_have_count(0)
    assert imaging(site.workspace, "quarantine", "uploads", "Chests") == []
