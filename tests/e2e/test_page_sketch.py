"""A drawing under way in a real Chromium: it is finished on purpose, and nothing else takes it away."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    Site,
    centre_of,
    draw_point,
    drawing_rows,
    drawings,
    open_from_lists,
    open_image,
    scroll,
    sign_in,
    sign_out,
    take_back,
    vertices,
    wait_until_saved,
)

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("delay", [0, 400])
@pytest.mark.parametrize("tool", ["line", "rectangle"])
def test_a_double_click_on_the_end_does_not_begin_another(page: Page, site: Site, tool: str, delay: int) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    page.get_by_test_id(f"tool-{tool}").click()
    page.mouse.click(across - 60, down - 40)
    page.mouse.dblclick(across + 50, down + 30, delay=delay)
    wait_until_saved(page)
    page.mouse.move(across, down + 80)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")
    assert len(drawings(site)) == 1
    # The next one begins where it is meant to, also at the same point.
    page.wait_for_timeout(600)
    page.mouse.click(across + 50, down + 30)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "drawing")
    page.keyboard.press("Escape")
    take_back(page, site)


def test_scrolling_does_not_lose_a_polygon_under_way(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    place = page.get_by_test_id("place-z")
    before = place.inner_text()
    page.get_by_test_id("tool-polygon").click()
    for x, y in [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)]:
        page.mouse.click(x, y)
    page.mouse.wheel(0, 100)
    told = page.get_by_text("Finish the drawing with Enter")
    expect(told).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.get_by_test_id("tool-line").click()
    page.get_by_test_id("layout-single").click()
    page.get_by_test_id(f"term-{site.term}").click()
    assert place.inner_text() == before
    expect(page.get_by_test_id("tool-polygon")).to_have_attribute("aria-pressed", "true")
    notice = told.bounding_box()
    pane = page.get_by_test_id("pane-x").bounding_box()
    assert notice is not None
    assert pane is not None
    assert notice["x"] >= pane["x"] + pane["width"]
    page.mouse.click(*centre_of(page, "y"))
    page.keyboard.press("Enter")
    wait_until_saved(page)
    expect(told).to_have_count(0)
    (saved,) = drawings(site)
    assert (len(vertices(saved["location"])), saved["term"]) == (4, [site.term])
    page.get_by_test_id("tool-line").click()
    expect(page.get_by_test_id("tool-line")).to_have_attribute("aria-pressed", "true")
    take_back(page, site)


def test_undo_in_the_middle_of_a_polygon_takes_back_corners_only(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    draw_point(page)
    wait_until_saved(page)
    scroll(page, 2)
    across, down = centre_of(page)
    corners = [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)]
    page.get_by_test_id("tool-polygon").click()
    for x, y in corners:
        page.mouse.click(x, y)
    undo, redo = page.get_by_test_id("undo"), page.get_by_test_id("redo")
    expect(undo).to_have_accessible_name("Undo: last point")
    expect(redo).to_be_disabled()
    page.keyboard.press("Control+z")
    page.keyboard.press("Backspace")
    expect(redo).to_have_accessible_name("Redo: last point")
    redo.click()
    page.keyboard.press("Control+Shift+z")
    expect(redo).to_be_disabled()
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    wait_until_saved(page)
    point, polygon = sorted(drawings(site), key=lambda drawn: drawn["id"])
    assert (point["location"].startswith("POINT"), len(vertices(polygon["location"]))) == (True, 4)

    for x, y in corners[:2]:
        page.mouse.click(x, y)
    for _ in range(2):
        undo.click()
    expect(undo).to_have_accessible_name("Undo: draw")
    assert len(drawings(site)) == 2
    # What is taken back on another plane is shown there.
    page.keyboard.press("Control+z")
    expect(drawing_rows(page)).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("place-z")).to_contain_text(f"{point['index'] + 1} /")
    expect(drawing_rows(page)).to_have_count(0)
    wait_until_saved(page)
    assert drawings(site) == []


def test_leaving_in_the_middle_of_a_drawing_asks_first(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)
    page.get_by_test_id("tool-polygon").click()
    for x, y in [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)]:
        page.mouse.click(x, y)
    state = page.get_by_test_id("save-state")
    expect(state).to_have_text("Drawing…")
    asked: list[str] = []

    leaving = False

    def answer(dialog: Any) -> None:
        asked.append(dialog.message)
        if leaving:
            dialog.accept()
        else:
            dialog.dismiss()

    # For as long as the page lives: a question that nobody answers keeps it from being closed.
    page.on("dialog", answer)
    page.get_by_test_id("back-to-project").click()
    page.get_by_test_id("sign-out").click()
    assert [message.startswith("The drawing under way") for message in asked] == [True, True]
    unload = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(unload)
    page.keyboard.press("Enter")
    wait_until_saved(page)
    assert len(vertices(drawings(site)[0]["location"])) == 4
    assert not page.evaluate(unload)
    take_back(page, site)

    page.mouse.click(across, down)
    expect(state).to_have_text("Drawing…")
    leaving = True
    sign_out(page)
    assert len(asked) == 3


def test_a_rectangle_stays_one_while_its_corner_is_dragged(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()

    def corners() -> list[tuple[float, float]]:
        wait_until_saved(page)
        return vertices(drawings(site)[0]["location"])[:-1]

    page.get_by_test_id("tool-rectangle").click()
    drag((across - 60, down - 40), (across + 60, down + 40))
    before = corners()
    page.get_by_test_id("tool-select").click()
    page.mouse.move(across + 20, down - 38)
    page.mouse.click(across + 20, down - 40)
    page.wait_for_timeout(400)
    assert corners() == before
    drag((across + 60, down + 40), (across + 100, down + 90))
    page.get_by_role("button", name="Undo: modify").wait_for()
    after = corners()
    assert len({x for x, _ in after}) == len({y for _, y in after}) == 2
    assert len(set(before) & set(after)) == 1
    page.keyboard.down("Alt")
    drag((across + 100, down + 90), (across + 60, down + 50))
    page.keyboard.up("Alt")
    wait_until_saved(page)
    assert len(set(corners()) & set(after)) == 3
    for _ in range(2):
        page.get_by_test_id("undo").click()
    take_back(page, site)


def test_only_a_double_click_the_first_corner_or_enter_closes_a_polygon(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)
    corners = [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)]
    page.get_by_test_id("tool-polygon").click()
    for x, y in corners:
        page.mouse.click(x, y)
    page.mouse.click(across + 7, down + 60)
    page.wait_for_timeout(600)
    page.mouse.click(across + 7, down + 60)
    page.wait_for_timeout(600)
    expect(drawing_rows(page)).to_have_count(0)
    page.mouse.click(across - 57, down - 37)
    expect(drawing_rows(page)).to_have_count(1)
    wait_until_saved(page)
    (saved,) = drawings(site)
    assert len(vertices(saved["location"])) == 5
    take_back(page, site)

    page.mouse.click(*corners[0])
    page.mouse.click(*corners[1])
    page.mouse.dblclick(*corners[2])
    expect(drawing_rows(page)).to_have_count(1)
    wait_until_saved(page)
    assert len(vertices(drawings(site)[0]["location"])) == 4
    take_back(page, site)


def test_a_polygon_that_crosses_itself_is_kept_and_one_of_two_corners_waits(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    page.get_by_test_id("tool-polygon").click()
    corners = [(across - 60, down - 60), (across + 60, down + 60), (across + 60, down - 60), (across - 60, down + 60)]
    for x, y in corners[:2]:
        page.mouse.click(x, y)
    page.keyboard.press("Enter")
    expect(page.get_by_text("three corners")).to_be_visible()
    for x, y in corners[2:]:
        page.mouse.click(x, y)
    page.keyboard.press("Enter")
    wait_until_saved(page)
    (saved,) = drawings(site)
    assert saved["location"].startswith("MULTIPOLYGON")
    expect(page.get_by_text("kept as 2 parts")).to_be_visible()
    row = drawing_rows(page)
    (text,) = re.findall(r"([\d.,]+)\smm²", row.inner_text())
    assert float(text.replace(",", "")) == pytest.approx(saved["areaMm2"], abs=0.5)
    expect(page.get_by_title("1 annotation", exact=True)).to_have_text("1")
    take_back(page, site)


def test_a_point_beside_the_image_is_refused(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    box = page.get_by_test_id("pane-z").bounding_box()
    assert box is not None
    page.get_by_test_id("tool-point").click()
    page.mouse.click(box["x"] + 8, box["y"] + 40)
    expect(page.get_by_text("has to be placed on the image")).to_be_visible()
    expect(drawing_rows(page)).to_have_count(0)
