"""Uploads that stopped half-way, in the page: seen, ingested after all, deleted after a question."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from imaging.domain.base import ProjectKey, UploadKey
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.e2e.browser import Site, imaging, sign_in
from tests.imaging.dicom.burned_in import body

_TURNS = itertools.count(100)


@pytest.fixture
def stopped(site: Site) -> Iterator[int]:
    """One picture, sent by the site's member, that no job takes up."""
    workspace = Workspace.at(Settings.read(site.workspace, {}))
    project = workspace.open(ProjectKey(site.project), workspace.accounts.acting(None).id)
    picture = io.BytesIO()
    Picture.fromarray((np.roll(body(), next(_TURNS), 1) // 16).astype(np.uint8)).save(picture, "png")
    upload = project.uploads.create("page")
    project.uploads.add(upload, "PHANTOM^ALPHA.png", io.BytesIO(picture.getvalue()))
    yield upload
    if UploadKey(upload) in {row.id for row in project.uploads.stopped()}:
        project.uploads.discard(UploadKey(upload))
    workspace.close()


def open_list(page: Page, site: Site) -> None:
    sign_in(page, site)
    page.goto(f"{site.url}/#/project/{site.project}/held")
    expect(page.get_by_test_id("stopped")).to_be_visible()


def test_a_stopped_upload_is_ingested_after_all(page: Page, site: Site, stopped: int) -> None:
    open_list(page, site)
    row = page.get_by_test_id(f"stopped-{stopped}")
    expect(row).to_contain_text("Broken off on arrival")
    expect(page.locator("main")).not_to_contain_text("PHANTOM")
    before = len(imaging(site.workspace, "images", "Chests"))
    page.get_by_test_id(f"resume-{stopped}").click()
    expect(page.get_by_test_id("stopped")).to_have_count(0)
    imaging(site.workspace, "worker", "--once")
    assert len(imaging(site.workspace, "images", "Chests")) == before + 1


def test_a_stopped_upload_is_deleted_only_after_a_question(page: Page, site: Site, stopped: int) -> None:
    open_list(page, site)
    page.get_by_test_id(f"discard-{stopped}").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"upload #{stopped} will be deleted for good")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert [row["id"] for row in imaging(site.workspace, "quarantine", "uploads", "Chests")] == [stopped]
    page.get_by_test_id(f"discard-{stopped}").click()
    page.get_by_test_id("discard-confirm").click()
    expect(page.get_by_test_id("stopped")).to_have_count(0)
    assert imaging(site.workspace, "quarantine", "uploads", "Chests") == []


def test_somebody_who_was_faster_is_told(page: Page, site: Site, stopped: int) -> None:
    open_list(page, site)
    imaging(site.workspace, "quarantine", "discard", "Chests", str(stopped))
    page.get_by_test_id(f"resume-{stopped}").click()
    expect(page.get_by_test_id("stopped")).to_have_count(0)
    expect(page.get_by_text("Somebody took up or deleted this upload already.")).to_be_visible()
