"""Review of annotations in the page: accepted, corrected, rejected and validated, and seen by who drew them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    Site,
    add_member,
    ask_api,
    centre_of,
    drawing_rows,
    drawings,
    find_voxel,
    imaging,
    open_image,
    sign_in,
    sign_out,
    vertices,
    wait_until_saved,
)

pytestmark = pytest.mark.browser

ANNOTATOR, REVIEWER = "ada", "rosa"
PLANE, SIDE = 4, 40


@pytest.fixture
def drawn(site: Site) -> dict[str, str]:
    """Three squares of an annotator on two planes, and a reviewer; gives the passwords of both."""
    passwords = {name: add_member(site, name) for name in (ANNOTATOR, REVIEWER)}
    imaging(site.workspace, "project", "member", "add", str(site.project), REVIEWER, "reviewer")
    _, height, width = ask_api(site.url, site.token)(f"/api/imageinstance/{site.image}.json")["imaging"]["shape"]
    made = {"image": site.image, "project": site.project, "axis": "z", "term": [site.term]}
    places = [(PLANE, width // 2, height // 2), (PLANE, width // 4, height // 2), (PLANE + 3, width // 2, height // 2)]
    with httpx.Client(base_url=site.url, headers={"X-Requested-With": "XMLHttpRequest"}) as client:
        signed = {"username": ANNOTATOR, "password": passwords[ANNOTATOR]}
        client.post("/api/session.json", json=signed).raise_for_status()
        sent = [made | {"index": index, "location": _square(x, y)} for index, x, y in places]
        client.post("/api/annotation.json", json=sent).raise_for_status()
    return passwords


def _square(x: int, y: int) -> str:
    left, right, low, high = x - SIDE // 2, x + SIDE // 2, y - SIDE // 2, y + SIDE // 2
    return f"POLYGON (({left} {low}, {right} {low}, {right} {high}, {left} {high}, {left} {low}))"


def _copies(site: Site) -> list[dict[str, Any]]:
    query = f"/api/annotation.json?image={site.image}&reviewed=True&showWKT=true&showTerm=true&showMeta=true"
    found = ask_api(site.url, site.token)(query)["collection"]
    assert isinstance(found, list)
    return [one for one in found if one["parentIdent"] is not None]


def _counts(page: Page, text: str) -> None:
    expect(page.get_by_test_id("review-counts")).to_have_text(text)


def _drag_corner(page: Page, site: Site, copy: dict[str, Any]) -> None:
    height = ask_api(site.url, site.token)(f"/api/imageinstance/{site.image}.json")["imaging"]["shape"][1]
    x, y = max(vertices(copy["location"]))
    _drag(page, *find_voxel(page, int(height - y), int(x)))


def _drag(page: Page, across: float, down: float) -> None:
    page.mouse.move(across, down)
    page.mouse.down()
    page.mouse.move(across + 24, down, steps=4)
    page.mouse.up()
    wait_until_saved(page)


def test_who_is_late_is_told_who_reviews_the_image(page: Page, site: Site) -> None:
    ask = ask_api(site.url, site.token)
    password = add_member(site, "late")
    imaging(site.workspace, "project", "member", "add", str(site.project), "late", "reviewer")
    review = f"/api/imageinstance/{site.image}/review.json"
    sign_in(page, replace(site, username="late"), password=password)
    open_image(page, site)
    ask(review, "POST")
    page.get_by_test_id("review-start").click()
    expect(page.get_by_role("status").filter(has_text="admin reviews this image: only they accept")).to_be_visible()
    expect(page.get_by_test_id("review-who")).to_have_text("admin reviews this image.")
    expect(page.get_by_test_id("review-start")).to_have_count(0)
    ask(f"{review}?cancel=True", "DELETE")


def test_a_reviewer_accepts_corrects_and_validates_and_the_annotator_sees_it(
    page: Page, site: Site, drawn: dict[str, str]
) -> None:
    sign_in(page, replace(site, username=REVIEWER), password=drawn[REVIEWER])
    open_image(page, site, f"?axis=z&index={PLANE}")
    expect(drawing_rows(page)).to_have_count(3)
    expect(drawing_rows(page).locator("[data-standing]")).to_have_count(0)
    page.get_by_test_id("review-start").click()
    expect(page.get_by_test_id("review-who")).to_have_text("You review this image.")
    _counts(page, "none accepted3 wait")
    _accept_and_reject_by_keys(page, site)
    _accept_the_layer_but_one(page, site)
    _correct(page, site)
    page.get_by_test_id("review-validate").click()
    expect(page.get_by_test_id("review-question")).to_contain_text("1 annotation still waits")
    page.get_by_test_id("review-confirm").click()
    expect(page.get_by_test_id("review-badge")).to_have_text("reviewed")
    expect(page.get_by_test_id("review-cancel")).to_have_text("Take validation back")
    sign_out(page)
    _look_as_annotator(page, site, drawn[ANNOTATOR])


def _accept_and_reject_by_keys(page: Page, site: Site) -> None:
    """Walk to the last one that waits, on another plane."""
    for _ in range(3):
        page.keyboard.press("n")
    expect(page.get_by_test_id("place-z")).to_contain_text(f"{PLANE + 4} /")
    page.keyboard.press("a")
    _counts(page, "1 accepted2 wait")
    expect(drawing_rows(page).locator('[data-standing="copy"]')).to_have_count(1)
    (copy,) = _copies(site)
    assert copy["index"] == PLANE + 3
    page.keyboard.press("Control+z")
    _counts(page, "none accepted3 wait")
    page.keyboard.press("Control+Shift+z")
    _counts(page, "1 accepted2 wait")
    assert [one["id"] for one in _copies(site)] == [copy["id"]]
    drawing_rows(page).locator('[data-standing="copy"]').click()
    page.keyboard.press("d")
    _counts(page, "none accepted3 wait")
    assert _copies(site) == []


def _accept_the_layer_but_one(page: Page, site: Site) -> None:
    rows = drawing_rows(page)
    (layer,) = {one["layer"] for one in drawings(site)}
    page.get_by_test_id(f"accept-layer-{layer}").click()
    _counts(page, "3 acceptednone waits")
    assert len(_copies(site)) == 3
    expect(rows).to_have_count(6)
    page.get_by_test_id("drawing-kind").select_option("copy")
    expect(rows).to_have_count(3)
    rows.nth(1).locator('[data-verdict="reject"]').click()
    _counts(page, "2 accepted1 waits")


def _correct(page: Page, site: Site) -> None:
    """Move a corner of a copy, which lies over its original; what would be lost is asked first."""
    drawing_rows(page).first.get_by_role("button").first.click()
    before = next(one for one in _copies(site) if one["index"] == PLANE)
    _drag_corner(page, site, before)
    after = next(one for one in _copies(site) if one["id"] == before["id"])
    assert after["version"] == before["version"] + 1
    assert max(vertices(after["location"])) > max(vertices(before["location"]))
    page.keyboard.press("d")
    expect(page.get_by_test_id("review-question")).to_contain_text("What was corrected in it is lost")
    page.keyboard.press("Escape")


def _look_as_annotator(page: Page, site: Site, password: str) -> None:
    """Sign in as who drew them: they see the review and its copies, and change none."""
    page.get_by_test_id("sign-in-username").fill(ANNOTATOR)
    page.get_by_test_id("sign-in-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()
    page.get_by_test_id(f"project-{site.project}").click()
    expect(page.get_by_test_id(f"review-{site.image}")).to_have_text("reviewed")
    open_image(page, site)
    expect(page.get_by_test_id("review-who")).to_contain_text(f"Reviewed by {REVIEWER}")
    expect(page.get_by_test_id("review-panel").locator(".button")).to_have_count(0)
    page.get_by_test_id("drawing-kind").select_option("copy")
    expect(drawing_rows(page)).to_have_count(2)
    drawing_rows(page).first.get_by_role("button").click()
    expect(page.get_by_test_id("tool-delete")).to_be_disabled()
    page.keyboard.press("Delete")
    expect(page.get_by_text("The review of this image is validated")).to_be_visible()
    _drag(page, *centre_of(page))
    assert {one["version"] for one in _copies(site)} == {0, 1}
