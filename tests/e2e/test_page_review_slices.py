"""A volume with text on several slices in the page: decided on slice by slice, or on all of them at once."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging
from tests.e2e.reviewing import draw_box, open_file, open_list, save
from tests.imaging.dicom.burned_in import body, write_volume

_TURNS = itertools.count(100)


@pytest.fixture
def slices(site: Site, tmp_path: Path) -> dict[str, int]:
    """Four held slices of a volume by name, a name on the second and on the last."""
    write_volume(tmp_path, named=(1, 3))
    save(tmp_path / "clean.png", np.roll(body(), next(_TURNS), 1))  # An upload of which nothing becomes an image fails.
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def work(site: Site) -> None:
    imaging(site.workspace, "worker", "--once")


def leave(page: Page, name: str) -> None:
    """Close the dialog, once it has gone on from the file that was decided on."""
    expect(page.get_by_role("dialog").get_by_title(name)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def expect_release(page: Page, site: Site, slices: dict[str, int]) -> None:
    """All slices are decided on at once, and none is held once the worker has made the image."""
    for key in slices.values():
        expect(page.get_by_test_id(f"held-{key}").get_by_text("Decided", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    work(site)
    for key in slices.values():
        expect(page.get_by_test_id(f"held-{key}")).to_have_count(0)


def accept(page: Page) -> None:
    button = page.get_by_test_id("review-accept")
    for _ in range(2):
        expect(button).to_be_enabled()
        button.click()


def test_each_slice_is_decided_on_by_itself_and_the_last_releases_the_volume(
    page: Page, site: Site, slices: dict[str, int]
) -> None:
    first, last = slices["1.dcm"], slices["3.dcm"]
    open_list(page, site)
    open_file(page, first)
    draw_box(page)
    page.get_by_test_id("review-redact").click()
    expect(page.get_by_text("its volume is made when its other slices with text are decided")).to_be_visible()
    # The other slice with text comes next, of all that is held.
    expect(page.get_by_role("dialog").get_by_title("3.dcm")).to_be_visible()
    leave(page, "1.dcm")
    work(site)
    expect(page.get_by_test_id(f"kept-{first}")).to_have_text(
        "Decided: to be painted over · 1 more file of its series to decide"
    )
    for key in slices.values():
        expect(page.get_by_test_id(f"review-{key}")).to_be_visible()
    open_file(page, last)
    accept(page)
    expect_release(page, site, slices)


def test_what_was_decided_is_shown_again_and_can_be_changed(page: Page, site: Site, slices: dict[str, int]) -> None:
    first = slices["1.dcm"]
    open_list(page, site)
    open_file(page, first)
    draw_box(page)
    page.get_by_test_id("review-redact").click()
    leave(page, "1.dcm")
    work(site)
    expect(page.get_by_test_id(f"review-{first}")).to_have_text("Change")
    open_file(page, first)
    expect(page.get_by_test_id("review-decided")).to_have_text("Decided: to be painted over")
    expect(page.get_by_test_id("review-picture").locator("rect")).to_have_count(1)
    # Nothing is lost by closing what was only looked at.
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    open_file(page, first)
    page.get_by_test_id("review-undo").click()
    accept(page)
    leave(page, "1.dcm")
    work(site)
    expect(page.get_by_test_id(f"kept-{first}")).to_contain_text("Decided: as it is")


def test_slices_with_text_are_painted_the_same_way_at_once(page: Page, site: Site, slices: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, slices["1.dcm"])
    likewise = page.get_by_label("The same for 1 other slice of this series with text")
    expect(likewise).not_to_be_checked()
    likewise.check()
    page.get_by_test_id("review-redact").click()
    expect_release(page, site, slices)
