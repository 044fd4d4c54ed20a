"""Held segments and contours in the page: nothing to be seen of them, and accepted all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, imaging
from tests.e2e.reviewing import open_file, open_list
from tests.imaging.dicom.burned_in import SIDE, write_volume
from tests.pipelines.dicom_objects import describe, write_contours, write_segments


@pytest.fixture
def held(site: Site, tmp_path: Path) -> dict[str, int]:
    """Segments and contours whose terms nobody added, and a text file, by name."""
    write_volume(tmp_path / "in", named=())
    masks = np.zeros((4, SIDE, SIDE), np.uint8)
    masks[1:3, 4:40, 5:60] = 1
    spot = (1, "POINT", np.array([[30.0, 40.0, 2.0]]))
    paths = [
        write_segments(tmp_path, masks, [describe(1, "spleen")]),
        write_contours(tmp_path / "rtss.dcm", [spot], {1: "kidney"}, tmp_path / "in" / "0.dcm"),
        tmp_path / "notes.txt",
    ]
    paths[-1].write_text(f"no image {tmp_path}")
    if "carrier" not in {user["username"] for user in imaging(site.workspace, "user", "list")}:
        imaging(site.workspace, "user", "add", "carrier")
        imaging(site.workspace, "project", "member", "add", str(site.project), "carrier", "uploader")
    imaging(site.workspace, "ingest", "Chests", str(tmp_path / "in"), *map(str, paths), "--as", "carrier")
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def test_what_shows_no_picture_is_accepted_where_it_lacks_terms_alone(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    errors: list[str] = []
    open_list(page, site)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for name in ("seg.dcm", "rtss.dcm"):
        # What may be accepted here may be accepted with others.
        page.get_by_test_id(f"choose-{held[name]}").check()
        expect(page.get_by_test_id("held-accept")).to_be_visible()
        page.get_by_test_id(f"choose-{held[name]}").uncheck()
        open_file(page, held[name])
        expect(page.get_by_test_id("review-unseen")).to_contain_text("segments, drawings and labels go to the image")
        for absent in ("review-redact", "review-zoom-2", "review-frame"):
            expect(page.get_by_test_id(absent)).to_have_count(0)
        accept = page.get_by_test_id("review-accept")
        expect(accept).to_have_text("Accept as it is")
        accept.click()
        expect(accept).to_have_text("Accept without looking?")
        accept.click()
        expect(page.get_by_test_id(f"held-{held[name]}")).to_contain_text("Decided")
    imaging(site.workspace, "worker", "--once")
    imaging(site.workspace, "worker", "--once")
    assert {row["id"] for row in imaging(site.workspace, "quarantine", "list", "Chests")} == {held["notes.txt"]}
    assert errors == []


def test_what_shows_no_picture_and_is_no_part_of_an_image_can_only_be_deleted(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    open_file(page, held["notes.txt"])
    expect(page.get_by_test_id("review-unseen")).to_contain_text("it can only be deleted")
    expect(page.get_by_test_id("review-refuse")).to_be_enabled()
    expect(page.get_by_test_id("review-accept")).to_have_count(0)


def test_a_file_is_not_said_to_show_nothing_where_the_server_does_not_answer(
    page: Page, site: Site, held: dict[str, int]
) -> None:
    open_list(page, site)
    page.route("**/preview.json", lambda route: route.abort())
    open_file(page, held["notes.txt"])
    expect(page.get_by_test_id("review-unseen")).to_have_text("The server does not answer. Check the connection.")
    expect(page.get_by_test_id("review-accept")).to_have_count(0)
