"""The page in a real Chromium: what it shows is what the server has, in both languages and sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    Site,
    ask_api,
    centre_of,
    colour_at,
    find_voxel,
    hover,
    open_image,
    planes,
    read,
    sign_in,
    sign_out,
    wait_for_viewer,
)

pytestmark = pytest.mark.browser


def test_readout_tells_the_value_and_the_place_of_the_server(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site, "?axis=z&index=9")
    ask = ask_api(site.url, site.token)
    facts = ask(f"/api/imageinstance/{site.image}.json")["imaging"]
    for axis in "zyx":
        across, down = centre_of(page, axis)
        hover(page, across + 21, down - 17)
        (value,), (z, y, x), place = read(page)
        plane = ask(f"/api/imageinstance/{site.image}/plane/z/{z}")
        offset = 2 * (y * facts["shape"][2] + x)
        signed = plane.headers["X-Imaging-Dtype"] == "int16"
        stored = int.from_bytes(plane.content[offset : offset + 2], "little", signed=signed)
        assert value == stored * facts["rescale"]["slope"][0] + facts["rescale"]["intercept"][0]
        world = [sum(m * v for m, v in zip(row, (z, y, x, 1), strict=True)) for row in facts["affine_lps"][:3]]
        assert place == pytest.approx(world, abs=0.006)


def test_planes_carry_the_letters_of_the_body(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    for axis, letters in {"z": "RLAP", "y": "RLSI", "x": "APSI"}.items():
        shown = [
            page.get_by_test_id(f"letter-{axis}-{side}").inner_text() for side in ("left", "right", "top", "bottom")
        ]
        assert "".join(shown) == letters
        expect(page.get_by_test_id(f"scale-{axis}")).to_contain_text("mm")


def test_crosshair_moves_all_three_planes(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("tool-crosshair").click()
    across, down = centre_of(page)
    _, y, x = hover(page, across + 70, down - 44)
    page.mouse.click(across + 70, down - 44)
    # People count planes from 1, addresses and the API from 0.
    expect(page.get_by_test_id("place-y")).to_have_text(f"{y + 1} / {planes(page, 'y')}")
    expect(page.get_by_test_id("place-x")).to_have_text(f"{x + 1} / {planes(page, 'x')}")


def test_segmentation_is_an_overlay_that_can_be_hidden(page: Page, site: Site) -> None:
    sign_in(page, site)
    z, y, x = site.nodule
    open_image(page, site, f"?axis=z&index={z}")
    across, down = find_voxel(page, y, x)
    page.mouse.move(5, 5)

    def tinted() -> bool:
        red, green, blue = colour_at(page, across, down)
        return max(red, green, blue) - min(red, green, blue) > 20

    layer = page.get_by_test_id(f"layer-{site.layer}")
    expect(layer).to_have_attribute("aria-checked", "true")
    wait_for_paint(page)
    assert tinted()
    layer.click()
    expect(layer).to_have_attribute("aria-checked", "false")
    wait_for_paint(page)
    assert not tinted()


def test_segmentations_come_back_with_the_server(page: Page, site: Site) -> None:
    sign_in(page, site)
    z, y, x = site.nodule
    open_image(page, site, f"?axis=z&index={z + 1}")
    across, down = find_voxel(page, y, x)
    page.get_by_test_id(f"segmentation-{segmentation_of(site)}").wait_for()
    page.route("**/api/segmentation/**", lambda route: route.abort())
    page.mouse.wheel(0, -100)
    expect(page.get_by_test_id("missing-z")).to_contain_text("1 segmentation missing")
    page.unroute("**/api/segmentation/**")
    expect(page.get_by_test_id("missing-z")).to_have_count(0)
    page.mouse.move(5, 5)
    wait_for_paint(page)
    red, green, blue = colour_at(page, across, down)
    assert max(red, green, blue) - min(red, green, blue) > 20


def segmentation_of(site: Site) -> int:
    (found,) = ask_api(site.url, site.token)(f"/api/imageinstance/{site.image}/segmentation.json")["collection"]
    assert isinstance(found["id"], int)
    return found["id"]


def wait_for_paint(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_page_speaks_french_and_remembers_it(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.get_by_test_id("research-notice")).to_have_text("Research use only, not for diagnosis")
    page.get_by_test_id("language-fr").click()
    expect(page.get_by_test_id("sign-in-submit")).to_have_text("Se connecter")
    sign_in(page, site)
    expect(page.get_by_role("heading", name="Projets")).to_be_visible()
    open_image(page, site)
    expect(page.get_by_test_id("research-notice")).to_have_text("Pour la recherche uniquement, pas pour le diagnostic")
    expect(page.get_by_test_id("tool-polygon")).to_have_accessible_name("Polygone")
    expect(page.get_by_test_id("save-state")).to_contain_text("Enregistré")
    page.get_by_test_id("help").click()
    for key in ("Suppr", "Entrée", "Échap", "Maj"):
        expect(page.get_by_test_id("shortcut-sheet").get_by_text(key, exact=True).first).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.lang") == "fr"


def test_a_failed_sign_in_is_told_in_the_language_that_is_chosen_later(page: Page, site: Site) -> None:
    sign_in(page, site, password="not the password")
    problem = page.get_by_test_id("sign-in-problem")
    expect(problem).to_have_text("The user name or the password is not right.")
    page.get_by_test_id("language-fr").click()
    expect(problem).to_have_text("Le nom d’utilisateur ou le mot de passe est incorrect.")


def test_reload_keeps_the_window_the_crosshair_and_the_large_pane(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("preset-bone").click()
    page.get_by_test_id("tool-crosshair").click()
    across, down = centre_of(page)
    page.mouse.click(across + 70, down - 44)
    page.get_by_role("button", name="Maximise or restore Coronal").click()
    page.mouse.move(5, 5)
    before = read(page)[1]
    page.wait_for_url(re.compile("axis=y"))
    page.reload()
    page.wait_for_selector('.viewer[data-ready="true"]')
    expect(page.get_by_test_id("pane-y")).to_be_visible()
    expect(page.get_by_test_id("pane-z")).to_have_count(0)
    expect(page.get_by_test_id("preset-bone")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("readout")).to_have_attribute("data-index", ",".join(str(part) for part in before))


def test_choosing_an_image_leaves_its_card_as_it_is(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.get_by_test_id(f"project-{site.project}").click()
    card = page.get_by_test_id(f"image-{site.image}")
    for width, height in ((1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        picture = card.locator("img")
        expect(picture).to_be_visible()
        before = card.bounding_box(), picture.bounding_box()
        card.get_by_role("checkbox").check()
        expect(page.get_by_test_id("predict-open")).to_be_visible()
        assert (card.bounding_box(), picture.bounding_box()) == before
        card.get_by_role("checkbox").uncheck()


def test_address_of_no_image_leads_back(page: Page, site: Site) -> None:
    sign_in(page, site)
    expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
    page.goto(f"{site.url}/#/project/{site.project}/image/999999")
    expect(page.get_by_test_id("to-projects")).to_be_visible()
    expect(page.get_by_test_id("save-state")).to_have_count(0)
    expect(page.get_by_test_id("readout")).to_have_count(0)
    expect(page.get_by_test_id("research-notice")).to_be_visible()
    page.get_by_role("link", name="Back to the project", exact=True).click()
    expect(page.get_by_test_id(f"image-{site.image}")).to_be_visible()


def test_wrong_password_is_told_and_an_ended_session_asks_again(page: Page, site: Site) -> None:
    sign_in(page, site, password="not the password")
    expect(page.get_by_test_id("sign-in-problem")).to_be_visible()
    sign_in(page, site)
    page.get_by_test_id(f"project-{site.project}").click()
    expect(page.get_by_test_id(f"image-{site.image}")).to_be_visible()
    page.context.clear_cookies()
    page.goto(f"{site.url}/#/project/{site.project}/image/{site.image}")
    expect(page.get_by_test_id("sign-in-username")).to_be_visible()


@pytest.fixture
def pixel_access(site: Site) -> Iterator[Any]:
    """Sets what pixels the project sends; the others find it as it was."""

    def allow(access: str) -> None:
        ask_api(site.url, site.token)(f"/api/project/{site.project}.json", "PUT", json={"pixelAccess": access})

    yield allow
    allow("full")


def test_project_of_pictures_shows_what_the_exact_one_does(page: Page, site: Site, pixel_access: Any) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("preset-bone").click()
    page.get_by_test_id("view-layers").click()
    wait_for_paint(page)
    across, down = (round(part) for part in centre_of(page))
    places = [(across + step, down + step // 2) for step in range(-90, 91, 36)]
    exact = [colour_at(page, *place) for place in places]
    assert len(set(exact)) > 1

    pixel_access("rendered")
    refused: list[str] = []
    page.on("response", lambda response: refused.append(response.url) if response.status == 403 else None)
    with page.expect_response(lambda response: "/render/z/" in response.url and "center=400" in response.url):
        page.reload()
    wait_for_viewer(page)
    expect(page.get_by_test_id("pictures-only")).to_be_visible()
    expect(page.get_by_test_id("pane-z")).to_have_attribute("data-exact", "true")
    wait_for_paint(page)
    for before, place in zip(exact, places, strict=True):
        assert colour_at(page, *place) == pytest.approx(before, abs=1)
    page.mouse.move(across, down)
    expect(page.get_by_test_id("readout")).to_have_attribute("data-value", "")
    assert refused == []


def test_project_without_pixels_says_so(page: Page, site: Site, pixel_access: Any) -> None:
    pixel_access("none")
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}/image/{site.image}")
    expect(page.get_by_test_id("no-pixels")).to_contain_text("This project shows no pixels")
    page.get_by_test_id("language-fr").click()
    expect(page.get_by_test_id("no-pixels")).to_contain_text("Ce projet ne montre aucun pixel")


def test_signing_out_keeps_the_member_until_it_is_done_and_then_forgets_everything(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.get_by_test_id(f"project-{site.project}").click()
    expect(page.get_by_test_id(f"image-{site.image}")).to_be_visible()
    page.evaluate("window.before = true")
    page.route(
        "**/api/session.json", lambda route: route.abort() if route.request.method == "DELETE" else route.fallback()
    )
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    expect(page.get_by_test_id("signed-in-user")).to_be_visible()
    page.unroute("**/api/session.json")
    sign_out(page)
    # What the page knew of the member lived in its memory, which a loaded page has not.
    assert page.evaluate("window.before === undefined")
    page.goto(f"{site.url}/#/project/{site.project}")
    expect(page.get_by_test_id("sign-in-username")).to_be_visible()


NAMED = "button|link|textbox|searchbox|spinbutton|slider|checkbox|combobox|radio|switch|img|dialog|application|tab"


def nameless(page: Page) -> list[str]:
    """Find what a screen reader would announce without a name."""
    tree = page.locator("body").aria_snapshot()
    assert re.search(r'- (button|textbox) "', tree)
    return [line for line in tree.splitlines() if re.match(rf'\s*- ({NAMED})(?! ")\b', line)]


def test_everything_that_can_be_used_has_a_name(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.get_by_test_id("sign-in-submit")).to_be_visible()
    assert nameless(page) == []
    sign_in(page, site)
    expect(page.get_by_test_id(f"project-{site.project}")).to_be_visible()
    assert nameless(page) == []
    page.get_by_test_id(f"project-{site.project}").click()
    expect(page.get_by_test_id(f"image-{site.image}")).to_be_visible()
    assert nameless(page) == []
    for opener in ("upload-open", "train-open"):
        page.get_by_test_id(opener).click()
        assert nameless(page) == []
        page.keyboard.press("Escape")
    open_image(page, site)
    assert nameless(page) == []
    for axis, name in (("z", "Axial"), ("y", "Coronal"), ("x", "Sagittal")):
        expect(page.get_by_test_id(f"pane-{axis}").get_by_role("img")).to_have_accessible_name(re.compile(name))


def test_keys_scroll_and_choose_tools_and_the_place_is_announced(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.get_by_test_id("pane-z").focus()
    place, spoken = page.get_by_test_id("place-z"), page.get_by_test_id("spoken")
    start = read(page)[1][0]
    for key, step in (("ArrowDown", 1), ("ArrowUp", 0), ("PageDown", 10), ("PageUp", 0)):
        page.keyboard.press(key)
        expect(place).to_have_text(f"{start + step + 1} / {planes(page)}")
    page.keyboard.press("ArrowDown")
    expect(spoken).to_contain_text(f"Axial, plane {start + 2} of {planes(page)}")
    expect(spoken).to_contain_text(f"{read(page)[0][0]:,.0f} HU")
    page.get_by_test_id("pane-y").focus()
    page.keyboard.press("ArrowDown")
    expect(spoken).to_contain_text("Coronal, plane ")
    keys = {"w": "window", "h": "pan", "z": "zoom", "c": "crosshair", "v": "select"}
    for key, tool in (keys | {"p": "point", "l": "line", "r": "rectangle", "g": "polygon"}).items():
        page.keyboard.press(key)
        expect(page.get_by_test_id(f"tool-{tool}")).to_have_attribute("aria-pressed", "true")


def test_nothing_is_cut_off_at_the_promised_sizes(page: Page, site: Site) -> None:
    sign_in(page, site)
    for width, height in ((1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for place in ("/", f"/project/{site.project}", f"/project/{site.project}/image/{site.image}"):
            page.goto(f"{site.url}/#{place}")
            page.wait_for_load_state("networkidle")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, place
        wait_for_viewer(page)
        inside = page.evaluate(
            """() => [...document.querySelectorAll('.toolbar button, header button, [data-testid=readout]')]
                .every((part) => { const box = part.getBoundingClientRect();
                  return box.width > 0 && box.right <= innerWidth && box.bottom <= innerHeight })"""
        )
        assert inside


def test_nothing_of_the_viewer_is_cut_off_at_900_pixels_in_french(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 900, "height": 720})
    sign_in(page, site)
    page.get_by_test_id("language-fr").click()
    open_image(page, site)
    for layout in ("main", "row"):
        page.get_by_test_id(f"layout-{layout}").click()
        inside = page.evaluate(
            """() => [...document.querySelectorAll('.pane header > *')].every((part) => {
                const [box, pane] = [part.getBoundingClientRect(), part.closest('.pane').getBoundingClientRect()]
                return box.left >= pane.left && box.right <= pane.right && part.scrollWidth <= part.clientWidth + 1
            })"""
        )
        assert inside, layout
    for part in ("h1", "[data-testid=research-notice]"):
        assert page.locator(part).evaluate("part => part.scrollWidth <= part.clientWidth"), part
