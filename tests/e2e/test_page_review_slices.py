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
    expect(page.get_by_text("If its volume waits for other slices, you can still change this")).to_be_visible()
    # The other slice with text comes next, of all that is held.
    expect(page.get_by_role("dialog").get_by_title("3.dcm")).to_be_visible()
    leave(page, "1.dcm")
    work(site)
    kept = page.get_by_test_id(f"kept-{first}")
    expect(kept.get_by_text("Decided: paint over 1 drawn box and found text", exact=True)).to_be_visible()
    expect(kept.get_by_text("1 more file of its series to decide", exact=True)).to_be_visible()
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
    expect(page.get_by_test_id("review-decided")).to_have_text("Decided: paint over 1 drawn box and found text")
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
    likewise = page.get_by_label("Paint the same, boxes included, on 1 other slice of this series with text")
    expect(likewise).not_to_be_checked()
    likewise.check()
    redact = page.get_by_test_id("review-redact")
    expect(redact).to_have_text("Find text on 2 slices and paint it over")
    draw_box(page)
    expect(redact).to_have_text("Paint over 1 box on each of 2 slices")
    with page.expect_request("**/review.json") as sent:
        redact.click()
    assert len(sent.value.post_data_json["boxes"]) == 1
    assert set(sent.value.post_data_json["items"]) == {slices["1.dcm"], slices["3.dcm"]}
    expect_release(page, site, slices)


def test_accepting_takes_no_other_slice_along_and_says_so(page: Page, site: Site, slices: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, slices["1.dcm"])
    page.get_by_test_id("review-likewise").check()
    button = page.get_by_test_id("review-accept")
    button.click()
    told = page.get_by_test_id("review-as-it-is")
    expect(told).to_contain_text("1 other slice is not accepted with it and stays undecided.")
    expect(button).to_be_enabled()
    with page.expect_request("**/review.json") as sent:
        button.click()
    assert sent.value.post_data_json["items"] == [slices["1.dcm"]]


@pytest.mark.parametrize("decided", [True, False])
def test_deleting_a_slice_warns_of_the_gap_that_its_series_may_have(
    page: Page, site: Site, slices: dict[str, int], decided: bool
) -> None:
    open_list(page, site)
    if decided:
        open_file(page, slices["1.dcm"])
        page.get_by_test_id("review-redact").click()
        leave(page, "1.dcm")
        work(site)
    open_file(page, slices["3.dcm"])
    refuse = page.get_by_test_id("review-refuse")
    expect(refuse).to_be_enabled()
    expect(page.get_by_test_id("review-gap")).to_have_count(0)
    refuse.click()
    expect(page.get_by_test_id("review-gap")).to_have_text(
        "If this is a slice of a volume, the 3 other held files of its series become several images without it, "
        "parted where it was."
    )
