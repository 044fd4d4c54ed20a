"""Drawing in the page in a real Chromium: nothing is lost, and everybody keeps to their own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    Site,
    add_member,
    ask_api,
    centre_of,
    colour_at,
    drag_window,
    draw_point,
    draw_polygon,
    drawing_rows,
    drawings,
    imaging,
    open_from_lists,
    open_image,
    scroll,
    sign_in,
    take_back,
    vertices,
    wait_for_viewer,
    wait_until_saved,
)

pytestmark = pytest.mark.browser


def test_annotator_draws_undoes_redoes_and_finds_everything_again(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    plane = scroll(page, 4)
    drag_window(page, 60, 40)
    page.get_by_test_id(f"term-{site.term}").click()
    corners = [(across - 80, down - 60), (across + 70, down - 50), (across + 60, down + 80), (across - 40, down + 50)]
    voxels = draw_polygon(page, corners)
    rows = drawing_rows(page)
    expect(rows).to_have_count(1)

    page.get_by_test_id("undo").click()
    expect(rows).to_have_count(0)
    wait_until_saved(page)
    assert drawings(site) == []
    page.get_by_test_id("redo").click()
    expect(rows).to_have_count(1)
    wait_until_saved(page)

    page.reload()
    wait_for_viewer(page)
    expect(rows).to_have_count(1)
    expect(page.get_by_test_id("place-z")).to_contain_text(f"{plane + 1} /")
    # It is drawn on the plane: a click inside finds it.
    page.get_by_test_id("tool-select").click()
    page.mouse.click(across, down)
    expect(rows.get_by_role("button")).to_have_attribute("aria-pressed", "true")

    (saved,) = drawings(site)
    height = ask_api(site.url, site.token)(f"/api/imageinstance/{site.image}.json")["imaging"]["shape"][1]
    assert (saved["axis"], saved["index"], saved["term"]) == ("z", plane, [site.term])
    drawn = vertices(saved["location"])
    assert drawn[0] == drawn[-1]
    assert [(int(height - y), int(x)) for x, y in drawn[:-1]] == [(y, x) for _, y, x in voxels]

    page.keyboard.press("Delete")
    expect(rows).to_have_count(0)
    wait_until_saved(page)
    assert drawings(site) == []


def test_many_drawings_scroll_their_panel_and_never_the_page(page: Page, site: Site) -> None:
    ask = ask_api(site.url, site.token)
    made = {"image": site.image, "project": site.project, "axis": "z", "index": 3}
    sent = [made | {"location": f"POINT ({10 + 2 * step} 30)"} for step in range(30)]
    keys = [drawn["id"] for drawn in ask("/api/annotation.json", "POST", json=sent)["collection"]]
    sign_in(page, site)
    open_image(page, site)
    expect(drawing_rows(page)).to_have_count(30)
    assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
    for key in keys:
        ask(f"/api/annotation/{key}.json", "DELETE")


def test_drawing_shows_the_layers_that_were_hidden(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("view-layers").click()
    expect(page.get_by_test_id("view-layers")).to_have_attribute("aria-pressed", "true")
    eye = page.get_by_test_id(f"layer-{site.layer}")
    expect(eye).to_have_attribute("aria-checked", "false")
    draw_point(page)
    expect(eye).to_have_attribute("aria-checked", "true")
    expect(page.get_by_test_id("view-layers")).to_have_attribute("aria-pressed", "false")
    wait_until_saved(page)
    take_back(page, site)


def test_editing_what_somebody_deleted_says_so(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    draw_point(page)
    wait_until_saved(page)
    (saved,) = drawings(site)
    ask_api(site.url, site.token)(f"/api/annotation/{saved['id']}.json", "DELETE")
    page.get_by_test_id("tool-select").click()
    page.get_by_test_id(f"term-{site.term}").click()
    expect(page.get_by_test_id("conflict")).to_contain_text("This annotation was deleted elsewhere")
    expect(page.get_by_test_id("conflict-mine")).to_be_focused()
    page.get_by_test_id("conflict-theirs").click()
    expect(drawing_rows(page)).to_have_count(0)
    wait_until_saved(page)


def test_a_click_on_a_drawing_changes_nothing(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    draw_polygon(page, [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)])
    wait_until_saved(page)
    (before,) = drawings(site)
    page.get_by_test_id("tool-select").click()
    for _ in range(3):
        page.mouse.click(across, down)
    wait_until_saved(page)
    assert drawings(site) == [before]
    take_back(page, site)


BOX = "POLYGON ((20 20, 70 20, 70 70, 20 70, 20 20))"


def draw_box(site: Site, token: str) -> int:
    """Draw a large box on the plane that the page shows first."""
    ask = ask_api(site.url, token)
    middle = (ask(f"/api/imageinstance/{site.image}.json")["imaging"]["shape"][0] - 1) // 2
    made = {"location": BOX, "image": site.image, "project": site.project, "axis": "z", "index": middle}
    key = ask("/api/annotation.json", "POST", json=made)["annotation"]["id"]
    assert isinstance(key, int)
    return key


def test_a_colleagues_drawing_is_told_apart_and_cannot_be_changed(page: Page, site: Site) -> None:
    password = add_member(site, "colleague")
    key = draw_box(site, site.token)
    (before,) = drawings(site)
    sign_in(page, replace(site, username="colleague"), password=password)
    open_from_lists(page, site)
    expect(drawing_rows(page)).to_contain_text(site.username)
    across, down = centre_of(page)
    page.get_by_test_id("tool-select").click()
    page.mouse.click(across, down)
    expect(page.get_by_test_id("drawing-list").get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("tool-delete")).to_be_disabled()
    told = page.get_by_text(f"This annotation belongs to {site.username}")

    def drag() -> None:
        page.mouse.move(across, down)
        page.mouse.down()
        page.mouse.move(across + 40, down + 30, steps=3)
        page.mouse.up()

    attempts: tuple[Callable[[], None], ...] = (
        lambda: page.keyboard.press("Delete"),
        lambda: page.get_by_test_id(f"term-{site.term}").click(),
        drag,
    )
    for attempt in attempts:
        attempt()
        expect(told).to_have_count(1)
        page.get_by_role("button", name="Dismiss").click()
    wait_until_saved(page)
    assert drawings(site) == [before]
    ask_api(site.url, site.token)(f"/api/annotation/{key}.json", "DELETE")


def test_a_manager_may_change_what_a_colleague_drew(page: Page, site: Site) -> None:
    add_member(site, "author")
    draw_box(site, imaging(site.workspace, "user", "token", "author")["token"])
    sign_in(page, site)
    open_from_lists(page, site)
    expect(drawing_rows(page)).to_contain_text("author")
    page.get_by_test_id("tool-select").click()
    page.mouse.click(*centre_of(page))
    page.get_by_test_id(f"term-{site.term}").click()
    wait_until_saved(page)
    assert drawings(site)[0]["term"] == [site.term]
    page.keyboard.press("Delete")
    expect(page.get_by_test_id("deleting")).to_contain_text("belongs to author. It cannot be brought back.")
    page.get_by_role("button", name="Cancel").click()
    expect(drawing_rows(page)).to_have_count(1)
    page.get_by_test_id("tool-delete").click()
    page.get_by_test_id("deleting-confirm").click()
    expect(drawing_rows(page)).to_have_count(0)
    wait_until_saved(page)
    assert drawings(site) == []
    expect(page.get_by_test_id("undo")).to_be_disabled()


READ_WITH_CYTOMINE = """
import json, sys
from cytomine import Cytomine
from cytomine.models import AnnotationCollection
host, public, private, project = sys.argv[1:]
with Cytomine(host, public, private, verbose=50):
    found = AnnotationCollection(project=int(project), showWKT=True, showTerm=True, showMeta=True).fetch()
    print(json.dumps([[drawn.id, drawn.location, drawn.term] for drawn in found]))
"""


def test_cytomine_client_reads_the_polygon_drawn_in_the_page(page: Page, site: Site, client_python: Path) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    page.get_by_test_id(f"term-{site.term}").click()
    draw_polygon(page, [(across - 60, down - 40), (across + 50, down - 30), (across + 10, down + 60)])
    wait_until_saved(page)
    (saved,) = drawings(site)

    arguments = [site.url, site.keys[0], site.keys[1], str(site.project)]
    done = subprocess.run(
        [str(client_python), "-c", READ_WITH_CYTOMINE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.strip().splitlines()[-1]) == [[saved["id"], saved["location"], [site.term]]]

    take_back(page, site)


def test_manager_names_a_term_where_it_is_needed(page: Page, site: Site) -> None:
    ask = ask_api(site.url, site.token)
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("term-new").click()
    page.get_by_test_id("term-new-name").fill("effusion")
    page.get_by_test_id("term-new-color").fill("#4aa8ff")
    page.get_by_test_id("term-new-add").click()
    chosen = page.get_by_role("radio", name="effusion")
    expect(chosen).to_have_attribute("aria-checked", "true")
    (term,) = [term for term in ask(f"/api/project/{site.project}/term.json")["collection"] if term["id"] != site.term]
    assert (term["name"], term["color"]) == ("effusion", "#4aa8ff")
    page.get_by_test_id("term-new").click()
    page.get_by_test_id("term-new-name").fill("effusion")
    page.get_by_test_id("term-new-add").click()
    expect(page.get_by_role("alert")).to_have_text("A term of this name is there already.")
    ask(f"/api/term/{term['id']}.json", "DELETE")


def test_chosen_term_is_there_after_a_reload_and_in_another_window(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    page.get_by_test_id(f"term-{site.term}").click()
    page.reload()
    expect(page.get_by_test_id(f"term-{site.term}")).to_have_attribute("aria-checked", "true")
    other = page.context.new_page()
    page.close()
    open_image(other, site)
    expect(other.get_by_test_id(f"term-{site.term}")).to_have_attribute("aria-checked", "true")


def test_member_who_may_not_name_terms_is_told_who_does(page: Page, site: Site) -> None:
    password = add_member(site, "reader")
    sign_in(page, replace(site, username="reader"), password=password)
    open_image(page, site)
    expect(page.get_by_test_id("term-managers")).to_be_visible()
    expect(page.get_by_test_id("term-new")).to_have_count(0)


def test_line_tells_its_length_in_mm(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)
    page.get_by_test_id("tool-line").click()
    page.mouse.move(across - 50, down)
    page.mouse.down()
    page.mouse.move(across + 50, down + 30, steps=3)
    page.mouse.up()
    wait_until_saved(page)
    (saved,) = drawings(site)
    shown = drawing_rows(page).inner_text()
    (text,) = re.findall(r"([\d.,]+)\smm", shown)
    assert float(text.replace(",", "")) == pytest.approx(saved["lengthMm"], abs=0.5)
    take_back(page, site)


def test_drawing_has_the_colour_of_its_term_in_every_layout(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id(f"term-{site.term}").click()
    page.get_by_test_id("layout-single").click()
    page.get_by_test_id("layout-main").click()
    wait_for_viewer(page)
    pane = page.get_by_test_id("pane-y")
    page.get_by_test_id("tool-rectangle").click()
    box = pane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 130, steps=3)
    term = ask_api(site.url, site.token)(f"/api/term/{site.term}.json")
    red, green, blue = (int(term["color"][start : start + 2], 16) for start in (1, 3, 5))
    assert colour_at(page, box["x"] + 110, box["y"] + 60) == pytest.approx((red, green, blue), abs=40)
    page.mouse.up()
    wait_until_saved(page)
    take_back(page, site)


def test_somebody_elses_newer_version_asks_for_a_decision(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    across, down = centre_of(page)
    draw_polygon(page, [(across - 60, down - 60), (across + 60, down - 60), (across, down + 60)])
    (saved,) = drawings(site)
    ask = ask_api(site.url, site.token)
    ask(f"/api/annotation/{saved['id']}.json", "PUT", json={"location": "POINT (3 3)", "version": saved["version"]})

    page.get_by_test_id("tool-select").click()
    page.get_by_test_id(f"term-{site.term}").click()
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "conflict")
    assert vertices(drawings(site)[0]["location"]) == [(3, 3)]
    page.get_by_test_id("conflict-mine").click()
    wait_until_saved(page)
    (mine,) = drawings(site)
    assert (mine["location"], mine["term"]) == (saved["location"], [site.term])

    ask(f"/api/annotation/{saved['id']}.json", "PUT", json={"location": "POINT (4 4)", "version": mine["version"]})
    page.get_by_test_id("term-none").click()
    page.get_by_test_id("conflict-theirs").click()
    wait_until_saved(page)
    (theirs,) = drawings(site)
    assert vertices(theirs["location"]) == [(4, 4)]

    ask(f"/api/annotation/{saved['id']}.json", "PUT", json={"location": "POINT (5 5)", "version": theirs["version"]})
    page.get_by_test_id("drawing-list").get_by_role("button").click()
    page.keyboard.press("Delete")
    expect(page.get_by_test_id("conflict")).to_contain_text("You deleted it here")
    assert vertices(drawings(site)[0]["location"]) == [(5, 5)]
    page.get_by_test_id("conflict-mine").click()
    wait_until_saved(page)
    assert drawings(site) == []


def test_unsaved_drawings_are_asked_for_before_another_image_opens(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.route(
        "**/api/annotation.json", lambda route: route.abort() if route.request.method == "POST" else route.fallback()
    )
    draw_point(page)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "error")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    other = f"#/project/{site.project}/image/{site.image + 1}"
    page.evaluate("(hash) => { location.hash = hash }", other)
    page.wait_for_url(re.compile(rf"image/{site.image}(\?|$)"))
    expect(drawing_rows(page)).to_have_count(1)
    assert len(asked) == 1
    page.unroute("**/api/annotation.json")
    page.get_by_role("button", name="Try again").click()
    wait_until_saved(page)
    take_back(page, site)
