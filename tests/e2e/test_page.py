"""The page in a real Chromium: what an annotator does from signing in to finding the drawings again."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture
from playwright.sync_api import Browser, Page, expect, sync_playwright

from viewer.build import STATIC

pytestmark = pytest.mark.browser

SAMPLE = Path(__file__).parents[2] / "sample_dicom"
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 20_000


@dataclass(frozen=True)
class Site:
    """A running server with one chest CT and its reference segmentation."""

    url: str
    workspace: Path
    username: str
    password: str
    token: str
    keys: tuple[str, str]
    project: int
    image: int
    term: int
    layer: int
    nodule: tuple[int, int, int]


def imaging(workspace: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "imaging", *arguments, "--json", "--workspace", str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def serving(workspace: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "imaging", "serve", "--port", "0", "--no-worker", "--workspace", str(workspace)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            yield found.group()
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built (python -m viewer.build)")
    workspace = tmp_path_factory.mktemp("page") / "W"
    admin = imaging(workspace, "init")["admin"]
    project = imaging(workspace, "project", "create", "Chests")["id"]
    study = json.loads((SAMPLE / "manifest.json").read_text())["studies"][0]
    image = imaging(workspace, "ingest", "Chests", str(SAMPLE / study["images"]))["images"][0]["id"]
    options = ["--format", "dicom-series", "--term", "1=nodule", "--layer", "reference", "--reviewed"]
    imaging(
        workspace, "annotations", "import", "Chests", "--image", str(image), str(SAMPLE / study["labels"]), *options
    )
    token = imaging(workspace, "user", "token", "admin")["token"]
    pair = imaging(workspace, "user", "key", "admin")
    largest = max(study["nodules"], key=lambda nodule: nodule["radius_mm"])
    with serving(workspace) as url:
        ask = ask_api(url, token)
        yield Site(
            url=url,
            workspace=workspace,
            username=admin["username"],
            password=admin["password"],
            token=token,
            keys=(pair["publicKey"], pair["privateKey"]),
            project=project,
            image=image,
            term=ask(f"/api/project/{project}/term.json")["collection"][0]["id"],
            layer=ask(f"/api/imageinstance/{image}/segmentation.json")["collection"][0]["layer"],
            nodule=tuple(round(part) for part in largest["centre_voxel"]),
        )


def ask_api(url: str, token: str) -> Any:
    import httpx

    def ask(path: str, method: str = "GET", **sent: Any) -> Any:
        answer = httpx.request(method, url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30, **sent)
        answer.raise_for_status()
        return answer.json() if path.endswith(".json") or ".json?" in path else answer

    return ask


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = next((path for path in CHROMIUM if Path(path).exists()), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in English at the smallest size that is promised; any error in its console fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    yield opened
    context.close()
    assert errors == []


def sign_in(page: Page, site: Site, *, password: str | None = None) -> None:
    page.goto(site.url)
    page.get_by_test_id("sign-in-username").fill(site.username)
    page.get_by_test_id("sign-in-password").fill(password or site.password)
    page.get_by_test_id("sign-in-submit").click()


def open_image(page: Page, site: Site, query: str = "") -> None:
    page.goto(f"{site.url}/#/project/{site.project}/image/{site.image}{query}")
    wait_for_viewer(page)


def open_from_lists(page: Page, site: Site) -> None:
    page.get_by_test_id(f"project-{site.project}").click()
    page.get_by_test_id(f"image-{site.image}").get_by_role("link").first.click()
    wait_for_viewer(page)


def wait_for_viewer(page: Page) -> None:
    page.wait_for_selector('.viewer[data-ready="true"]')
    for axis in "zyx":
        expect(page.get_by_test_id(f"pane-{axis}")).to_have_attribute("data-exact", "true")


def read(page: Page) -> tuple[list[float], tuple[int, int, int], list[float]]:
    readout = page.get_by_test_id("readout")
    numbers = {name: (readout.get_attribute(f"data-{name}") or "").split(",") for name in ("value", "index", "lps")}
    z, y, x = (int(part) for part in numbers["index"])
    return [float(part) for part in numbers["value"]], (z, y, x), [float(part) for part in numbers["lps"]]


def centre_of(page: Page, axis: str = "z") -> tuple[float, float]:
    box = page.get_by_test_id(f"pane-{axis}").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def hover(page: Page, x: float, y: float) -> tuple[int, int, int]:
    page.mouse.move(x, y)
    return read(page)[1]


def find_voxel(page: Page, y: int, x: int) -> tuple[float, float]:
    """Find the screen position of a voxel of the axial pane by walking towards it."""
    across, down = centre_of(page)
    _, y0, x0 = hover(page, across, down)
    step = 180
    _, y1, x1 = hover(page, across + step, down + step)
    pixels = step / ((x1 - x0 + y1 - y0) / 2)
    for _ in range(12):
        _, at_y, at_x = hover(page, across, down)
        if (at_y, at_x) == (y, x):
            return across, down
        across, down = across + (x - at_x) * pixels, down + (y - at_y) * pixels
    raise AssertionError(f"the pointer never reached voxel {y}, {x}")


def colour_at(page: Page, x: float, y: float) -> tuple[int, int, int]:
    shot = page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})
    pixel = Picture.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


def wait_until_saved(page: Page) -> None:
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")


def drawings(site: Site) -> list[dict[str, Any]]:
    query = f"/api/annotation.json?image={site.image}&showWKT=true&showTerm=true&showMeta=true"
    found = ask_api(site.url, site.token)(query)["collection"]
    assert isinstance(found, list)
    return found


def vertices(wkt: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", wkt)]


def draw_polygon(page: Page, corners: list[tuple[float, float]]) -> list[tuple[int, int, int]]:
    page.get_by_test_id("tool-polygon").click()
    voxels = []
    for x, y in corners:
        voxels.append(hover(page, x, y))
        page.mouse.click(x, y)
    page.keyboard.press("Enter")
    wait_until_saved(page)
    return voxels


def scroll(page: Page, notches: int) -> int:
    before = hover(page, *centre_of(page))[0]
    for _ in range(notches):
        page.mouse.wheel(0, 100)
    expect(page.get_by_test_id("place-z")).to_contain_text(f"z {before + notches}")
    page.wait_for_url(re.compile(rf"axis=z&index={before + notches}"))
    return before + notches


def drag_window(page: Page, right: int, down: int) -> None:
    """Drag with the tool that is chosen at first: to the right is wider, down is a higher centre."""
    fields = [page.get_by_test_id(f"window-{part}") for part in ("width", "center")]
    before = [float(field.input_value()) for field in fields]
    x, y = centre_of(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()
    assert all(float(field.input_value()) > value for field, value in zip(fields, before, strict=True))


def test_annotator_draws_undoes_redoes_and_finds_everything_again(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_from_lists(page, site)
    across, down = centre_of(page)
    plane = scroll(page, 4)
    drag_window(page, 60, 40)
    page.get_by_test_id(f"term-{site.term}").click()
    corners = [(across - 80, down - 60), (across + 70, down - 50), (across + 60, down + 80), (across - 40, down + 50)]
    voxels = draw_polygon(page, corners)
    rows = page.get_by_test_id("drawing-list").get_by_role("listitem")
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
    expect(page.get_by_test_id("place-z")).to_contain_text(f"z {plane}")
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
    expect(page.get_by_text("before you scroll")).to_be_visible()
    assert place.inner_text() == before
    page.keyboard.press("Enter")
    wait_until_saved(page)
    assert len(drawings(site)) == 1
    page.get_by_test_id("undo").click()
    wait_until_saved(page)


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
    assert saved["location"].startswith(("POLYGON", "MULTIPOLYGON"))
    page.get_by_test_id("undo").click()
    wait_until_saved(page)
    assert drawings(site) == []


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
    page.get_by_test_id("undo").click()
    wait_until_saved(page)
    assert drawings(site) == []


def test_a_colleagues_drawing_cannot_be_deleted(page: Page, site: Site) -> None:
    imaging(site.workspace, "user", "add", "colleague")
    imaging(site.workspace, "project", "member", "add", str(site.project), "colleague", "annotator")
    theirs = ask_api(site.url, imaging(site.workspace, "user", "token", "colleague")["token"])
    sign_in(page, site)
    open_from_lists(page, site)
    plane = int(page.get_by_test_id("place-z").inner_text().split()[1])
    box = "POLYGON ((20 20, 70 20, 70 70, 20 70, 20 20))"
    made = {"location": box, "image": site.image, "project": site.project, "axis": "z", "index": plane}
    key = theirs("/api/annotation.json", "POST", json=made)["annotation"]["id"]
    page.reload()
    wait_for_viewer(page)
    page.get_by_test_id("tool-select").click()
    page.mouse.click(*centre_of(page))
    expect(page.get_by_test_id("drawing-list").get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("tool-delete")).to_be_disabled()
    page.keyboard.press("Delete")
    wait_until_saved(page)
    assert [drawn["id"] for drawn in drawings(site)] == [key]
    theirs(f"/api/annotation/{key}.json", "DELETE")


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

    page.get_by_test_id("undo").click()
    wait_until_saved(page)
    assert drawings(site) == []


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
    expect(page.get_by_test_id("place-y")).to_contain_text(f"y {y} ")
    expect(page.get_by_test_id("place-x")).to_contain_text(f"x {x} ")


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


def wait_for_paint(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


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
    shown = page.get_by_test_id("drawing-list").get_by_role("listitem").inner_text()
    (text,) = re.findall(r"([\d.,]+) mm", shown)
    assert float(text.replace(",", "")) == pytest.approx(saved["lengthMm"], abs=0.5)
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("drawing-list").get_by_role("listitem")).to_have_count(0)
    wait_until_saved(page)


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
    assert page.evaluate("document.documentElement.lang") == "fr"


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
    page.reload()
    wait_for_viewer(page)
    expect(page.get_by_test_id("pictures-only")).to_be_visible()
    with page.expect_response(lambda response: "/render/z/" in response.url and "center=400" in response.url):
        page.get_by_test_id("preset-bone").click()
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
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-in-username")).to_be_visible()
    # What the page knew of the member lived in its memory, which a loaded page has not.
    page.wait_for_function("window.before === undefined")
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
        expect(place).to_contain_text(f"z {start + step} ")
    page.keyboard.press("ArrowDown")
    expect(spoken).to_contain_text(f"Axial, plane {start + 1} of ")
    expect(spoken).to_contain_text(f"{read(page)[0][0]:,.0f} HU")
    page.get_by_test_id("pane-y").focus()
    page.keyboard.press("ArrowDown")
    expect(spoken).to_contain_text("Coronal, plane ")
    keys = {"w": "window", "h": "pan", "z": "zoom", "c": "crosshair", "v": "select"}
    for key, tool in (keys | {"p": "point", "l": "line", "r": "rectangle", "g": "polygon"}).items():
        page.keyboard.press(key)
        expect(page.get_by_test_id(f"tool-{tool}")).to_have_attribute("aria-pressed", "true")


def test_unsaved_drawings_are_asked_for_before_another_image_opens(page: Page, site: Site) -> None:
    sign_in(page, site)
    open_image(page, site)
    page.route(
        "**/api/annotation.json", lambda route: route.abort() if route.request.method == "POST" else route.fallback()
    )
    page.get_by_test_id("tool-point").click()
    page.mouse.click(*centre_of(page))
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "error")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    other = f"#/project/{site.project}/image/{site.image + 1}"
    page.evaluate("(hash) => { location.hash = hash }", other)
    page.wait_for_url(re.compile(rf"image/{site.image}(\?|$)"))
    expect(page.get_by_test_id("drawing-list").get_by_role("listitem")).to_have_count(1)
    assert len(asked) == 1
    page.unroute("**/api/annotation.json")
    page.get_by_role("button", name="Try again").click()
    wait_until_saved(page)
    page.get_by_test_id("undo").click()
    wait_until_saved(page)
    assert drawings(site) == []


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
