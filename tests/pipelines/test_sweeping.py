"""What a killed process left behind is removed by the next work; what a living one is writing is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.base import SegmentationKey
from imaging.domain.segmentation import TermVoxels
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.labels import count_voxels, write_segmentation
from pipelines.ingest import ingest
from pipelines.sweeping import publishing, publishing_models, sweep_abandoned, working_folder
from tests.pipelines.conftest import MakePicture


@pytest.fixture
def segmented(project: Project, make_picture: MakePicture, tmp_path: Path) -> Project:
    """A project with one image and one segmentation on it."""
    ingest(project, [make_picture(tmp_path / "a.png", 1)], lambda percent, message: None)
    (image,) = project.images.list()
    labels = np.ones((1, 30, 40), np.uint16)
    terms = [project.ontology.find("lung")]

    def write(key: SegmentationKey) -> None:
        write_segmentation(project.images.path(image.id), key, labels, terms)

    counts: tuple[TermVoxels, ...] = count_voxels(labels, terms)
    project.segmentations.create(image.id, project.layers.named("masks").id, "lung", counts, write)
    return project


def leave_segmentation(project: Project) -> None:
    """Voxels and manifest without a row, as a kill between the two leaves them."""
    (image,) = project.images.list()
    key = SegmentationKey(project.segmentations.list()[0].id + 1_000)
    labels = np.ones((1, 30, 40), np.uint16)
    write_segmentation(project.images.path(image.id), key, labels, [project.ontology.find("lung")])


def test_a_segmentation_without_a_row_goes_and_the_others_stay(segmented: Project) -> None:
    leave_segmentation(segmented)
    assert not verify_project(segmented).ok
    sweep_abandoned(segmented)
    assert verify_project(segmented).ok
    assert segmented.segmentations.path(segmented.segmentations.list()[0].id).is_dir()
    assert len(list((segmented.folder / "manifests").iterdir())) == 2


def test_a_list_of_segmentations_that_was_not_rewritten_is_mended(segmented: Project) -> None:
    listing = segmented.images.path(segmented.images.list()[0].id) / "labels" / "zarr.json"
    listing.write_text("{}")
    sweep_abandoned(segmented)
    assert verify_project(segmented).ok


def test_nothing_is_swept_while_somebody_publishes(segmented: Project) -> None:
    with publishing(segmented):
        leave_segmentation(segmented)
        sweep_abandoned(segmented)
        assert not verify_project(segmented).ok
    sweep_abandoned(segmented)
    assert verify_project(segmented).ok


def test_a_bundle_without_a_row_goes_unless_somebody_registers(project: Project) -> None:
    bundle = project.folder / "models" / "12345"
    with publishing_models(project) as models:
        bundle.mkdir(parents=True)
        (models / ".staging" / "half").mkdir()
        sweep_abandoned(project)
        assert bundle.is_dir()
    sweep_abandoned(project)
    assert [path.name for path in models.rglob("*")] == [".staging"]


def test_a_working_folder_goes_with_its_process(project: Project) -> None:
    with working_folder(project) as mine:
        abandoned = mine.with_name("abandoned")
        abandoned.mkdir()
        sweep_abandoned(project)
        assert mine.is_dir()
        assert not abandoned.exists()
        assert mine.stat().st_mode & 0o777 == 0o700
    assert os.listdir(mine.parent) == []
