"""Held slices of one volume in the page: which is the reason, what comes along; the list in a narrow window."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging
from tests.e2e.reviewing import open_file, open_list, save
from tests.imaging.dicom.burned_in import body, write_volume

_TURNS = itertools.count(1)


@pytest.fixture
def slices(site: Site, tmp_path: Path) -> dict[str, int]:
    """Four held slices of a volume by name, a name on the second."""
    write_volume(tmp_path)
    save(tmp_path / "clean.png", np.roll(body(), next(_TURNS), 1))  # An upload of which nothing becomes an image fails.
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def test_the_slice_that_shows_a_name_comes_first_and_the_others_say_that_they_wait(
    page: Page, site: Site, slices: dict[str, int]
) -> None:
    open_list(page, site)
    shown = [row.get_attribute("data-testid") for row in page.get_by_role("row").all()]
    assert shown.index(f"held-{slices['1.dcm']}") < shown.index(f"held-{slices['0.dcm']}")
    first = page.get_by_test_id(f"held-{slices['1.dcm']}")
    expect(first).to_contain_text("text was found in the picture")
    for name in ("0.dcm", "2.dcm", "3.dcm"):
        told = page.get_by_test_id(f"held-{slices[name]}")
        expect(told).to_contain_text("another slice of its volume waits for review")
    open_file(page, slices["0.dcm"])
    expect(page.get_by_role("dialog")).to_contain_text("another slice of its volume waits for review")
    page.keyboard.press("Escape")
    page.get_by_test_id("language-fr").click()
    expect(first).to_contain_text("du texte a été trouvé dans l’image")


def test_slices_that_come_along_are_not_offered_again(
    page: Page, site: Site, slices: dict[str, int], tmp_path: Path
) -> None:
    open_list(page, site)
    open_file(page, slices["1.dcm"])
    page.get_by_test_id("review-redact").click()
    # Slices of other volumes may still wait for a decision.
    expect(page.get_by_role("dialog").get_by_title(str(tmp_path))).to_have_count(0)
    page.keyboard.press("Escape")
    for key in slices.values():
        expect(page.get_by_test_id(f"held-{key}")).to_contain_text("Decided")
        expect(page.get_by_test_id(f"review-{key}")).to_have_count(0)
    imaging(site.workspace, "worker", "--once")
    for key in slices.values():
        expect(page.get_by_test_id(f"held-{key}")).to_have_count(0)


def test_what_a_decision_did_not_release_is_offered_again(page: Page, site: Site, slices: dict[str, int]) -> None:
    open_list(page, site)
    open_file(page, slices["0.dcm"])
    accept = page.get_by_test_id("review-accept")
    for _ in range(2):
        expect(accept).to_be_enabled()
        accept.click()
    expect(page.get_by_test_id(f"held-{slices['0.dcm']}")).to_contain_text("Decided")
    # The slice that shows the name needs a decision of its own, and the others wait for it.
    for name in ("1.dcm", "2.dcm", "3.dcm"):
        expect(page.get_by_test_id(f"review-{slices[name]}")).to_be_visible()
    imaging(site.workspace, "worker", "--once")
    for key in slices.values():
        expect(page.get_by_test_id(f"review-{key}")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_narrow_window_shows_the_title_and_nothing_beside_it(
    page: Page, site: Site, slices: dict[str, int], language: str
) -> None:
    assert slices
    page.set_viewport_size({"width": 720, "height": 800})
    title = "Thoracic demonstration"
    where = f"**/api/project/{site.project}.json"
    page.route(where, lambda route: route.fulfill(json=route.fetch().json() | {"name": title}))
    open_list(page, site)
    page.get_by_test_id(f"language-{language}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    for shown in (page.get_by_role("heading", level=1), page.get_by_role("banner").get_by_text(title)):
        assert shown.evaluate("part => part.scrollWidth - part.clientWidth") <= 0
