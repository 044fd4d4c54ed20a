"""Held slices of an irregular series in the page: chosen together, accepted or deleted in one act."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Site, ask_api, imaging, sign_in
from tests.e2e.reviewing import open_file, open_list, save
from tests.imaging.dicom.burned_in import body, write_volume

_TURNS = itertools.count(200)


@pytest.fixture
def slices(site: Site, tmp_path: Path) -> dict[str, int]:
    """Four held slices at uneven distances and a text file, by name."""
    write_volume(tmp_path, named=())
    for z, height in enumerate((0, 2, 4.7, 6)):
        header = pydicom.dcmread(tmp_path / f"{z}.dcm")
        header.ImagePositionPatient = [0, 0, height]
        header.save_as(tmp_path / f"{z}.dcm")
    save(tmp_path / "clean.png", np.roll(body(), next(_TURNS), 1))  # An upload of which nothing becomes an image fails.
    (tmp_path / "notes.txt").write_text(f"no image {tmp_path}")
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    return {Path(row["name"]).name: row["id"] for row in rows if str(tmp_path) in row["name"]}


def group_of(page: Page, slices: dict[str, int], folder: Path) -> str:
    """The id by which the group of the slices goes: that of its first file."""
    first = min(key for name, key in slices.items() if name.endswith(".dcm"))
    group = page.get_by_test_id(f"group-{first}")
    expect(group).to_contain_text("4 files of one series")
    expect(group.get_by_title(str(folder))).to_be_visible()
    return f"choose-group-{first}"


def test_a_whole_irregular_series_is_accepted_in_one_act(
    page: Page, site: Site, slices: dict[str, int], tmp_path: Path
) -> None:
    before = {image["id"] for image in imaging(site.workspace, "images", "Chests")}
    keys = {key for name, key in slices.items() if name.endswith(".dcm")}
    open_list(page, site)
    page.get_by_test_id(group_of(page, slices, tmp_path)).check()
    for key in keys:
        expect(page.get_by_test_id(f"choose-{key}")).to_be_checked()
    expect(page.get_by_test_id("held-choice")).to_contain_text("4 files chosen")
    page.get_by_test_id("held-accept").click()
    expect(page.get_by_role("dialog", name="Accept 4 files together?")).to_be_visible()
    expect(page.get_by_test_id("held-lacking")).to_have_count(0)
    with page.expect_request("**/review.json") as sent:
        page.get_by_test_id("held-confirm").click()
    assert (set(sent.value.post_data_json["items"]), sent.value.post_data_json["accept"]) == (keys, True)
    for key in keys:
        expect(page.get_by_test_id(f"held-{key}").get_by_text("Decided", exact=True)).to_be_visible()
    imaging(site.workspace, "worker", "--once")
    for key in keys:
        expect(page.get_by_test_id(f"held-{key}")).to_have_count(0)
    (made,) = (image for image in imaging(site.workspace, "images", "Chests") if image["id"] not in before)
    assert (made["shape"][0], made["regular"]) == (4, False)


def test_files_that_stay_held_when_their_job_has_ended_are_told(
    page: Page, site: Site, slices: dict[str, int], tmp_path: Path
) -> None:
    open_list(page, site)
    page.get_by_test_id(group_of(page, slices, tmp_path)).check()
    page.get_by_test_id("held-accept").click()
    with page.expect_response("**/review.json") as sent:
        page.get_by_test_id("held-confirm").click()
    expect(page.get_by_test_id(f"held-{slices['1.dcm']}").get_by_text("Decided", exact=True)).to_be_visible()
    ask_api(site.url, site.token)(f"/api/job/{sent.value.json()['id']}/cancel.json", "POST", json={})
    expect(page.get_by_text("The job has ended: 4 files are held still")).to_be_visible()
    expect(page.get_by_test_id(f"choose-{slices['1.dcm']}")).to_be_visible()


def test_who_does_not_decide_is_told_of_their_own_files_only(page: Page, site: Site, slices: dict[str, int]) -> None:
    password = imaging(site.workspace, "user", "add", "carrier")["password"]
    imaging(site.workspace, "project", "member", "add", str(site.project), "carrier", "uploader")
    sign_in(page, replace(site, username="carrier"), password=password)
    page.goto(f"{site.url}/#/project/{site.project}/held")
    expect(page.get_by_text("None of your files is held")).to_be_visible()
    expect(page.get_by_text("Nothing is held")).to_have_count(0)


def test_a_part_of_a_series_says_how_many_more_are_held(
    page: Page, site: Site, slices: dict[str, int], tmp_path: Path
) -> None:
    open_list(page, site)
    group = group_of(page, slices, tmp_path)
    page.get_by_test_id(f"choose-{slices['1.dcm']}").check()
    assert page.get_by_test_id(group).evaluate("box => box.indeterminate")
    page.get_by_test_id("held-accept").click()
    told = "3 more files of this series are held, and the image will lack their planes."
    expect(page.get_by_test_id("held-lacking")).to_have_text(told)
    page.keyboard.press("Escape")
    page.get_by_test_id("choose-series").click()
    expect(page.get_by_test_id("held-choice")).to_contain_text("4 files chosen")
    page.get_by_role("button", name="Choose none").click()
    expect(page.get_by_test_id("held-choice")).to_have_count(0)
    # The same is said where one slice is looked at and accepted by itself.
    open_file(page, slices["1.dcm"])
    page.get_by_test_id("review-accept").click()
    expect(page.get_by_test_id("review-lacking")).to_have_text(told)


def test_files_held_for_other_reasons_are_deleted_together_but_not_accepted(
    page: Page, site: Site, slices: dict[str, int]
) -> None:
    open_list(page, site)
    page.get_by_test_id(f"choose-{slices['notes.txt']}").check()
    page.get_by_test_id(f"choose-{slices['0.dcm']}").check()
    expect(page.get_by_test_id("held-accept")).to_have_count(0)
    expect(page.get_by_test_id("held-one-by-one")).to_be_visible()
    page.get_by_test_id("held-refuse").click()
    expect(page.get_by_test_id("held-lacking")).to_contain_text("3 more files of this series stay held")
    page.get_by_test_id("held-confirm").click()
    expect(page.get_by_text("The files are deleted.")).to_be_visible()
    for name in ("notes.txt", "0.dcm"):
        expect(page.get_by_test_id(f"held-{slices[name]}")).to_have_count(0)
    expect(page.get_by_test_id(f"held-{slices['1.dcm']}")).to_be_visible()


def test_a_long_series_is_one_line_until_it_is_unfolded(page: Page, site: Site, tmp_path: Path) -> None:
    for z in range(8):
        write_volume(tmp_path / str(z), named=())
    paths = sorted(tmp_path.glob("*/0.dcm"))
    uid = pydicom.dcmread(paths[0]).SeriesInstanceUID
    for path in tmp_path.glob("*/[1-3].dcm"):
        path.unlink()
    for number, path in enumerate(paths):
        header = pydicom.dcmread(path)
        header.SeriesInstanceUID, header.ImagePositionPatient = uid, [0, 0, 2 * number + (number == 3)]
        header.save_as(path)
    save(tmp_path / "clean.png", np.roll(body(), next(_TURNS), 1))
    imaging(site.workspace, "ingest", "Chests", str(tmp_path))
    rows = imaging(site.workspace, "quarantine", "list", "Chests")
    keys = sorted(row["id"] for row in rows if str(tmp_path) in row["name"])
    assert len(keys) == 8
    open_list(page, site)
    expect(page.get_by_test_id(f"group-{keys[0]}")).to_contain_text("8 files of one series")
    expect(page.get_by_test_id(f"held-{keys[0]}")).to_have_count(0)
    fold = page.get_by_test_id(f"fold-{keys[0]}")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.click()
    for key in keys:
        expect(page.get_by_test_id(f"held-{key}")).to_be_visible()
