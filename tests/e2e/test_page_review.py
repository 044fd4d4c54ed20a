"""Held files in the page: seen, painted over, accepted, deleted."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, ask_api, imaging, sign_in
from tests.imaging.dicom.burned_in import NAME, SIDE, body, written

_TURNS = itertools.count(1)


def save(path: Path, pixels: np.ndarray) -> None:
    Picture.fromarray((pixels // 16).astype(np.uint8)).save(path)


@pytest.fixture
def held(site: Site, tmp_path: Path) -> dict[str, int]:
    """Two pictures with a name on them and a text file, by name; a clean picture became an image."""
    turn = next(_TURNS)  # Bytes that are held or published already would not be held again.
    for number, name in enumerate(("one.png", "two.png")):
        save(tmp_path / name, written(f"{NAME} {number} {turn}", 20, 3000))
    save(tmp_path / "clean.png", np.roll(body(), turn, 0))
    (tmp_path / "notes.txt").write_text(f"no image {tmp_path}")
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def open_list(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}/held")
    expect(page.get_by_role("table")).to_be_visible()


def test_a_box_is_drawn_over_a_name_and_the_image_lacks_it(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    before = {image["id"] for image in imaging(site.workspace, "images", "Chests")}
    page.get_by_test_id(f"review-{held['one.png']}").click()
    picture = page.get_by_test_id("review-picture")
    expect(picture).to_be_visible()
    area = picture.bounding_box()
    assert area is not None
    scale = area["width"] / SIDE
    page.mouse.move(area["x"] + 4 * scale, area["y"] + 4 * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + 252 * scale, area["y"] + 44 * scale, steps=5)
    page.mouse.up()
    page.get_by_test_id("review-redact").click()
    # The next file of the same kind is shown at once.
    expect(page.get_by_role("dialog")).to_contain_text("two.png")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id(f"held-{held['one.png']}")).to_contain_text("Decided")
    imaging(site.workspace, "worker", "--once")
    expect(page.get_by_test_id(f"held-{held['one.png']}")).to_have_count(0)
    (made,) = (image["id"] for image in imaging(site.workspace, "images", "Chests") if image["id"] not in before)
    answer = ask_api(site.url, site.token)(f"/api/imageinstance/{made}/plane/z/0")
    stored = np.frombuffer(answer.content, np.uint8).reshape(SIDE, SIDE)
    assert stored[4:44, 4:252].max() < 60
    assert stored.max() > 60


def test_text_is_found_and_painted_without_a_box(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    page.get_by_test_id(f"review-{held['two.png']}").click()
    expect(page.get_by_test_id("review-picture")).to_be_visible()
    page.get_by_test_id("review-redact").click()
    imaging(site.workspace, "worker", "--once")
    assert held["two.png"] not in {row["id"] for row in imaging(site.workspace, "quarantine", "list", "Chests")}


def test_a_file_without_a_picture_is_deleted_after_a_second_question(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    page.get_by_test_id(f"review-{held['notes.txt']}").click()
    expect(page.get_by_test_id("review-unseen")).to_be_visible()
    refuse = page.get_by_test_id("review-refuse")
    refuse.click()
    expect(refuse).to_have_text("Delete for good?")
    refuse.click()
    expect(page.get_by_test_id(f"held-{held['notes.txt']}")).to_have_count(0)


def test_the_faint_look_shows_another_picture(page: Page, site: Site, held: dict[str, int]) -> None:
    open_list(page, site)
    page.get_by_test_id(f"review-{held['one.png']}").click()
    with page.expect_response(lambda answer: "look=contrast" in answer.url) as looked:
        page.get_by_role("button", name="Faint text").click()
    shown = Picture.open(io.BytesIO(looked.value.body()))
    assert shown.size == (SIDE, SIDE)
