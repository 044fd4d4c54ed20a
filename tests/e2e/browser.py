"""What an annotator does in the page, as the tests of it say it."""

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

from PIL import Image as Picture
from playwright.sync_api import Locator, Page, expect

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


def ask_api(url: str, token: str) -> Any:
    import httpx

    def ask(path: str, method: str = "GET", **sent: Any) -> Any:
        answer = httpx.request(method, url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30, **sent)
        answer.raise_for_status()
        return answer.json() if path.endswith(".json") or ".json?" in path else answer

    return ask


def add_member(site: Site, name: str) -> str:
    """Add an annotator to the site's project and give their password."""
    added = imaging(site.workspace, "user", "add", name)
    imaging(site.workspace, "project", "member", "add", str(site.project), name, "annotator")
    assert isinstance(added["password"], str)
    return added["password"]


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


def sign_out(page: Page) -> None:
    """Sign out and wait until the page has loaded itself anew: Chromium does not close one between two documents."""
    with page.expect_event("load"):
        page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-in-username")).to_be_visible()


def take_back(page: Page, site: Site) -> None:
    """Undo the only drawing, so that the next test finds none."""
    page.get_by_test_id("undo").click()
    expect(drawing_rows(page)).to_have_count(0)
    wait_until_saved(page)
    assert drawings(site) == []


def drawing_rows(page: Page) -> Locator:
    return page.get_by_test_id("drawing-list").get_by_role("listitem")


def drawings(site: Site) -> list[dict[str, Any]]:
    query = f"/api/annotation.json?image={site.image}&showWKT=true&showTerm=true&showMeta=true"
    found = ask_api(site.url, site.token)(query)["collection"]
    assert isinstance(found, list)
    return found


def vertices(wkt: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", wkt)]


def draw_point(page: Page) -> None:
    """Place a point at the middle of the axial plane."""
    page.get_by_test_id("tool-point").click()
    page.mouse.click(*centre_of(page))


def draw_polygon(page: Page, corners: list[tuple[float, float]]) -> list[tuple[int, int, int]]:
    page.get_by_test_id("tool-polygon").click()
    voxels = []
    for x, y in corners:
        voxels.append(hover(page, x, y))
        page.mouse.click(x, y)
    page.keyboard.press("Enter")
    wait_until_saved(page)
    return voxels


def planes(page: Page, axis: str = "z") -> int:
    return int(page.get_by_test_id(f"slider-{axis}").get_attribute("max") or 0) + 1


def scroll(page: Page, notches: int) -> int:
    before = hover(page, *centre_of(page))[0]
    for _ in range(notches):
        page.mouse.wheel(0, 100)
    expect(page.get_by_test_id("place-z")).to_have_text(f"{before + notches + 1} / {planes(page)}")
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
