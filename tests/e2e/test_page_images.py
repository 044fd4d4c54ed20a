"""The cards of images in the page: turned as the viewer turns them, and open wherever they are clicked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging, sign_in
from tests.imaging.dicom.burned_in import write_volume

pytestmark = pytest.mark.browser

FROM_BACK_TO_FRONT = ((1, 0, 0), (0, -1, 0), (0, 0, 1))
"""Columns are the LPS steps of x, y, z, as NIfTI files often have them."""
LYING = ((0, 1, 0), (-1, 0, 0), (0, 0, 1))


def _write(path: Path, direction: tuple[tuple[int, int, int], ...], front: tuple[slice, slice]) -> None:
    """Write a volume whose front half shines, up to a seam of noise that keeps volumes apart."""
    voxels = np.random.default_rng(len(path.name)).integers(0, 40, (6, 40, 64), np.int16)
    voxels[(slice(None), *front)] += 900
    volume = SimpleITK.GetImageFromArray(voxels)
    volume.SetDirection([float(part) for row in direction for part in row])
    SimpleITK.WriteImage(volume, str(path))


@pytest.mark.parametrize(
    ("direction", "front"),
    [(FROM_BACK_TO_FRONT, (slice(20, None), slice(None))), (LYING, (slice(None), slice(32, None)))],
    ids=["upside-down", "lying"],
)
def test_a_card_shows_the_front_above_as_the_viewer_does(
    page: Page,
    site: Site,
    tmp_path: Path,
    direction: tuple[tuple[int, int, int], ...],
    front: tuple[slice, slice],
) -> None:
    path = tmp_path / f"head-{direction[0][0]}.nii.gz"
    _write(path, direction, front)
    image = imaging(site.workspace, "ingest", "Chests", str(path))["images"][0]["id"]
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}")
    card = page.get_by_test_id(f"image-{image}")
    expect(card).to_be_visible()
    picture = card.locator("img")
    page.wait_for_function("picture => picture.complete && picture.naturalWidth > 0", arg=picture.element_handle())
    shown = np.asarray(Picture.open(io.BytesIO(card.locator(".picture").screenshot())).convert("L")).astype(int)
    height, width = shown.shape
    third = shown[:, width // 3 : 2 * width // 3]
    assert third[height // 8 : height * 3 // 8].mean() > third[height * 5 // 8 : height * 7 // 8].mean() + 150
    # A plane that lies on its side fills the height of the card, not more.
    box, frame = picture.bounding_box(), card.locator(".picture").bounding_box()
    assert box is not None
    assert frame is not None
    assert abs(box["height"] - frame["height"]) <= 1
    assert abs(box["y"] - frame["y"]) <= 1


@pytest.mark.parametrize("count", [2, 6])
def test_a_job_leads_to_each_of_a_few_images_else_to_all(page: Page, site: Site, tmp_path: Path, count: int) -> None:
    for number in range(count):
        _write(tmp_path / f"{'volume' * count}{number * '-'}.nii.gz", LYING, (slice(number + 1), slice(None)))
    made = [image["id"] for image in imaging(site.workspace, "ingest", "Chests", str(tmp_path))["images"]]
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}/jobs")
    job = page.locator("[data-testid^=job-]").filter(has_text=f"{count} images")
    expect(job).to_have_count(1)
    links = job.get_by_role("link", name="Open image")
    if count == 2:
        expect(links).to_have_count(2)
        links.first.click()
        page.wait_for_url(f"**/image/{made[0]}*")
    else:
        expect(links).to_have_count(0)
        job.get_by_role("link", name="To the images").click()
        for image in made:
            expect(page.get_by_test_id(f"image-{image}")).to_be_visible()


def test_an_image_says_that_planes_are_missing_and_that_it_is_painted_over(
    page: Page, site: Site, tmp_path: Path
) -> None:
    write_volume(tmp_path, named=(3,), places=(0, 1, 3, 4, 5))
    # One file that becomes an image, or the command would say that nothing was ingested.
    _write(tmp_path / "other.nii.gz", LYING, (slice(3), slice(7)))
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    held = imaging(site.workspace, "quarantine", "list", "Chests")
    ours = [str(item["id"]) for item in held if str(tmp_path) in item["name"]]
    shown = [str(item["id"]) for item in held if str(item["id"]) in ours and item["reason"] == "burned_in_risk"]
    imaging(site.workspace, "quarantine", "redact", "Chests", *shown)
    made = imaging(site.workspace, "quarantine", "accept", "Chests", *sorted({*ours} - {*shown}))
    short, painted = sorted({one["image"] for one in made})
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}")
    for image in (short, painted):
        expect(page.get_by_test_id(f"parted-{image}")).to_be_visible()
    expect(page.get_by_test_id(f"painted-{painted}")).to_be_visible()
    expect(page.get_by_test_id(f"painted-{short}")).to_have_count(0)
    page.goto(f"{site.url}/#/project/{site.project}/image/{painted}")
    expect(page.get_by_test_id("parted")).to_have_attribute("title", re.compile("planes are missing"))
    expect(page.get_by_test_id("painted")).to_be_visible()


def test_a_card_opens_its_image_wherever_it_is_clicked(page: Page, site: Site) -> None:
    sign_in(page, site)
    for part in (".picture", ".size", ".foot .badge"):
        page.goto(f"{site.url}/#/project/{site.project}")
        card = page.get_by_test_id(f"image-{site.image}")
        card.locator(part).first.scroll_into_view_if_needed()
        box = card.locator(part).first.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_url(f"**/image/{site.image}*")
    page.goto(f"{site.url}/#/project/{site.project}")
    card = page.get_by_test_id(f"image-{site.image}")
    expect(card.get_by_role("link")).to_have_count(1)
    card.get_by_role("checkbox").check()
    expect(card.get_by_role("checkbox")).to_be_checked()
