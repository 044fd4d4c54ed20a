"""An image whose planes form no regular grid says so in the page, and a manager has a regular one made of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pydicom
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging, open_image, sign_in
from tests.imaging.dicom.burned_in import write_volume


def test_a_manager_has_a_regular_image_made_of_a_tilted_one(page: Page, site: Site, tmp_path: Path) -> None:
    write_volume(tmp_path, named=())
    for path in tmp_path.iterdir():
        header = pydicom.dcmread(path)
        x, y, z = map(float, header.ImagePositionPatient)
        header.ImagePositionPatient = [x, y + 0.4 * z, z]
        header.save_as(path)
    imaging(site.workspace, "project", "policy", "Chests", "--irregular", "keep")
    (image,) = imaging(site.workspace, "ingest", "Chests", str(tmp_path))["images"]
    sign_in(page, site)
    page.get_by_test_id(f"project-{site.project}").click()
    expect(page.get_by_test_id(f"irregular-{image['id']}")).to_have_attribute(
        "title", "the planes are tilted against their stack"
    )
    expect(page.get_by_text("irregular planes")).to_have_count(1)
    open_image(page, dataclasses.replace(site, image=image["id"]))
    expect(page.get_by_text("irregular planes")).to_have_attribute("title", "the planes are tilted against their stack")
    page.get_by_test_id("resample").click()
    expect(page.get_by_text("The regular image is queued")).to_be_visible()
    expect(page.get_by_test_id("resample")).to_be_disabled()
    imaging(site.workspace, "worker", "--once")
    made = max(imaging(site.workspace, "images", "Chests"), key=lambda one: one["id"])
    assert made["regular"]
    open_image(page, dataclasses.replace(site, image=made["id"]))
    expect(page.get_by_test_id("resampled")).to_have_attribute(
        "title", f"Made regular of image {image['id']}: values between its planes are interpolated."
    )
    expect(page.get_by_test_id("resample")).to_have_count(0)
