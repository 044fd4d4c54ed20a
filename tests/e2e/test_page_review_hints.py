"""What the page says beside a decision on a held file, and how much room it takes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging
from tests.e2e.reviewing import draw_box, open_file, open_list, save
from tests.imaging.dicom.burned_in import NAME, body, write_volume, written

_TURNS = itertools.count(200)


@pytest.fixture
def held(site: Site, tmp_path: Path) -> dict[str, int]:
    """Four slices of a volume with a name on each, and a picture with a name, by name."""
    write_volume(tmp_path, named=range(4))
    turn = next(_TURNS)
    save(tmp_path / "one.png", written(f"{NAME} {turn}", 20, 3000))
    save(tmp_path / "clean.png", np.roll(body(), turn, 1))  # An upload of which nothing becomes an image fails.
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def test_the_search_for_text_says_that_it_may_be_wrong_while_it_is_offered(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    caution, redact = page.get_by_test_id("review-caution"), page.get_by_test_id("review-redact")
    expect(caution).to_have_text(
        "The search may take anatomy for text, or overlook text: look at the image afterwards."
    )
    expect(redact).to_have_accessible_description(caution.inner_text())
    draw_box(page)
    expect(caution).to_be_visible()
    page.get_by_test_id("review-find").uncheck()
    expect(caution).not_to_be_visible()
    expect(redact).to_have_accessible_description("")


def test_nothing_is_said_of_a_search_where_no_detector_is_installed(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.fulfill(json=route.fetch().json() | {"finds": False}))
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    expect(page.get_by_test_id("review-caution")).to_have_count(0)


def test_deleting_a_file_that_nothing_waits_with_warns_of_no_gap(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    refuse = page.get_by_test_id("review-refuse")
    expect(refuse).to_be_enabled()
    refuse.click()
    expect(refuse).to_have_text("Delete for good?")
    expect(page.get_by_test_id("review-gap")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_all_that_is_said_fits_a_small_screen_and_moves_no_button(
    page: Page, site: Site, held: dict[str, int], language: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_list(page, site)
    page.get_by_test_id(f"language-{language}").click()
    open_file(page, held["0.dcm"])
    accept, refuse = page.get_by_test_id("review-accept"), page.get_by_test_id("review-refuse")
    expect(accept).to_be_enabled()
    page.get_by_test_id("review-likewise").check()

    def top() -> float:
        """Where the buttons are once nothing of the dialog is out of sight."""
        assert page.get_by_role("dialog").evaluate("seen => seen.scrollHeight - seen.clientHeight") == 0
        box = refuse.bounding_box()
        assert box is not None
        return box["y"]

    before = top()
    accept.click()
    expect(page.get_by_test_id("review-as-it-is")).to_be_visible()
    assert top() == before
    refuse.click()
    expect(page.get_by_test_id("review-gap")).to_be_visible()
    assert top() == before
    draw_box(page)
    expect(page.get_by_test_id("review-find")).to_be_visible()
    expect(page.get_by_test_id("review-caution")).to_be_visible()
    assert top() == before


def test_what_was_decided_tells_boxes_and_the_search_for_text_apart(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    box = ["--box", "4,4,20,200"]
    imaging(site.workspace, "quarantine", "redact", "Chests", str(held["0.dcm"]), *box, "--no-find")
    imaging(site.workspace, "quarantine", "redact", "Chests", str(held["1.dcm"]), *box, "--find")
    imaging(site.workspace, "quarantine", "redact", "Chests", str(held["2.dcm"]))
    open_list(page, site)
    for name, told in (
        ("0.dcm", "Decided: paint over 1 drawn box"),
        ("1.dcm", "Decided: paint over 1 drawn box and found text"),
        ("2.dcm", "Decided: find text and paint it over"),
    ):
        expect(page.get_by_test_id(f"kept-{held[name]}").get_by_text(told, exact=True)).to_be_visible()
    page.get_by_test_id("language-fr").click()
    expect(page.get_by_test_id(f"kept-{held['0.dcm']}")).to_contain_text("masquer 1 cadre tracé")


def test_a_drag_from_beside_the_picture_paints_over_its_very_edge(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, held["one.png"])
    expect(page.get_by_test_id("review-accept")).to_be_enabled()
    picture = page.get_by_test_id("review-picture").bounding_box()
    stage = page.get_by_test_id("review-stage").bounding_box()
    assert picture is not None
    assert stage is not None
    assert picture["x"] - stage["x"] > 20
    for start, end in (((-15, 40), (60, 80)), ((4, 5), (90, 30))):
        page.mouse.move(picture["x"] + start[0], picture["y"] + start[1])
        page.mouse.down()
        page.mouse.move(picture["x"] + end[0], picture["y"] + end[1], steps=3)
        page.mouse.up()
    boxes = page.get_by_test_id("review-picture").locator("rect")
    expect(boxes).to_have_count(2)
    assert [box.get_attribute("x") for box in boxes.all()] == ["0", "0"]
    assert boxes.last.get_attribute("y") == "0"


def test_the_keys_go_on_from_where_a_dialog_was_opened(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    opener = page.get_by_test_id(f"review-{held['one.png']}")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
