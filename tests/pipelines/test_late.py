"""What waits for somebody's decision is not late, though another image of its series is published by then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import HeldFile
from imaging.project.project import Project
from pipelines.review import review
from tests.imaging.dicom.burned_in import SIDE, body
from tests.pipelines.ingesting import silent, take, voxels_of

_TEXT, _WAITS = "text was found in the picture", "another slice of its volume waits for review"


@pytest.fixture
def folder(volume: np.ndarray, tmp_path: Path) -> Path:
    """A series of two images: a smaller one that passes, and four slices that wait for the name on one of them."""
    header = pydicom.dcmread(tmp_path / "in" / "0.dcm")
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.Rows = SIDE // 2
    header.PixelData = body()[: SIDE // 2].tobytes()
    header.save_as(tmp_path / "in" / "smaller.dcm")
    return tmp_path / "in"


def held_for(project: Project, detail: str) -> list[HeldFile]:
    return [item for item in project.quarantine.held() if item.detail == detail]


def test_a_volume_is_released_whole_though_its_series_has_an_image(
    project: Project, folder: Path, volume: np.ndarray
) -> None:
    assert len(take(project, folder).images) == 1
    (shown,) = held_for(project, _TEXT)
    outcomes = review(project, ReviewWork(items=(shown.id,)), silent)
    assert [(outcome.decision, outcome.reason) for outcome in outcomes] == [("released", None)] * 4
    np.testing.assert_array_equal(voxels_of(project, 1), volume)


def test_slices_stay_held_for_what_they_were_held_for(project: Project, folder: Path) -> None:
    take(project, folder)
    waiting = held_for(project, _WAITS)[0]
    outcomes = review(project, ReviewWork(items=(waiting.id,)), silent)
    assert [outcome.reason for outcome in outcomes] == [Reason.BURNED_IN_RISK] * 4
    assert sorted(outcome.detail for outcome in outcomes) == [_WAITS] * 3 + [_TEXT]
    assert len(project.images.list()) == 1


def test_files_that_come_again_are_told_as_they_are_held(project: Project, folder: Path) -> None:
    take(project, folder)
    again = take(project, folder)
    assert (again.duplicates, len(project.quarantine.held())) == (1, 4)
    assert {(item.reason, item.detail) for item in again.quarantined} == {
        (Reason.BURNED_IN_RISK, _TEXT),
        (Reason.BURNED_IN_RISK, _WAITS),
    }


def test_a_slice_that_never_came_before_is_late(project: Project, folder: Path, tmp_path: Path) -> None:
    (folder / "3.dcm").rename(tmp_path / "3.dcm")
    take(project, folder)
    assert [item.reason for item in take(project, tmp_path / "3.dcm").quarantined] == [Reason.LATE_INSTANCE]


def test_a_late_slice_that_shows_text_is_held_for_the_text(project: Project, folder: Path, tmp_path: Path) -> None:
    (folder / "1.dcm").rename(tmp_path / "1.dcm")
    take(project, folder)
    (held,) = take(project, tmp_path / "1.dcm").quarantined
    assert (held.reason, held.detail) == (Reason.BURNED_IN_RISK, f"{_TEXT}; the series is published already")
