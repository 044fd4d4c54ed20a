"""Undo in the page beyond drawings: terms of the whole image, and what cannot be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, ask_api, draw_point, drawing_rows, open_image, sign_in, take_back, wait_until_saved

pytestmark = pytest.mark.browser


def _terms(site: Site) -> list[Any]:
    found = ask_api(site.url, site.token)(f"/api/imageinstance/{site.image}/term.json")["collection"]
    return [row["term"] for row in found]


def test_undo_takes_back_the_term_of_the_whole_image_and_no_drawing(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    draw_point(page)
    wait_until_saved(page)
    with page.expect_response("**/term/*.json"):
        page.get_by_test_id("image-term-add").select_option(str(site.term))
    expect(page.get_by_role("button", name="Undo: giving the image a term")).to_be_enabled()
    with page.expect_response("**/term/*.json"):
        page.keyboard.press("Control+z")
    assert _terms(site) == []
    expect(drawing_rows(page)).to_have_count(1)
    with page.expect_response("**/term/*.json"):
        page.keyboard.press("Control+Shift+z")
    assert _terms(site) == [site.term]
    with page.expect_response("**/term/*.json"):
        page.get_by_test_id("undo").click()
    take_back(page, site)
