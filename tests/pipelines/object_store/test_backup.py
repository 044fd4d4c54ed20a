"""Backups bring shards home; images of both kinds lie side by side."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.image import Image
from imaging.errors import UnavailableError, VerificationError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.labels import SegmentationReader
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.object_store import Bucket, Door, places_in
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import take, voxels_of
from tests.pipelines.object_store.storing import (
    labels_of,
    replace,
    segment,
)


def test_images_of_before_and_after_a_change_of_the_setting_are_both_read(
    project: Project, taken: Image, make_series: MakeSeries, tmp_path: Path, settings: Settings, bucket: Bucket
) -> None:
    plain = Workspace.at(Settings.read(settings.workspace, {}))
    same = plain.open(project.id, project.member.user.id)
    assert same.object_store is None
    more = make_series(tmp_path / "more", patient="PHA-000002", seed=2)
    take(same, tmp_path / "more")
    first, second = same.images.list()
    assert places_in(same.images.path(first.id))
    assert not places_in(same.images.path(second.id))
    made = segment(same, first)
    assert not places_in(same.images.path(first.id) / "labels")
    assert (labels_of(project, first, made.id) == 1).sum() == 20 * 6 * 4
    replace(project, first, made.id)
    assert (labels_of(same, first, made.id) == 2).all()
    np.testing.assert_array_equal(voxels_of(project, 1), more)
    assert voxels_of(same).shape == first.shape
    assert verify_project(same).ok
    plain.close()


def test_a_reader_of_a_segmentation_that_moves_into_the_store_is_given_an_error_and_no_zeros(
    project: Project, taken: Image, settings: Settings
) -> None:
    plain = Workspace.at(Settings.read(settings.workspace, {}))
    made = segment(plain.open(project.id, project.member.user.id), taken)
    plain.close()
    reader = SegmentationReader.open(project.images.path(taken.id), made.id)
    assert reader.region((0, 1, 3, 4, 4, 5)).item() == 1
    replace(project, taken, made.id)
    with pytest.raises(VerificationError):
        reader.region((0, 1, 3, 4, 4, 5))


def test_a_backup_needs_no_store(
    project: Project, taken: Image, workspace: Workspace, settings: Settings, tmp_path: Path, door: Door
) -> None:
    made = segment(project, taken)
    voxels, labels = voxels_of(project), labels_of(project, taken, made.id)
    workspace.backup(tmp_path / "B")
    door.close()
    assert not places_in(tmp_path / "B")
    (tmp_path / "B" / "secrets").mkdir(mode=0o700)
    for file in settings.secrets.glob("*.key"):
        (tmp_path / "B" / "secrets" / file.name).write_bytes(file.read_bytes())
        (tmp_path / "B" / "secrets" / file.name).chmod(0o600)
    restored = Workspace.at(Settings.read(tmp_path / "B", {}))
    again = restored.open(project.id, project.member.user.id)
    np.testing.assert_array_equal(voxels_of(again), voxels)
    np.testing.assert_array_equal(labels_of(again, taken, made.id), labels)
    assert verify_project(again).ok
    again.images.delete(taken.id)
    restored.close()
    door.open()
    assert verify_project(project).ok


def test_a_backup_while_segmentations_are_replaced_is_whole(
    project: Project, taken: Image, workspace: Workspace, tmp_path: Path
) -> None:
    made = segment(project, taken)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            replace(project, taken, made.id)

    other = threading.Thread(target=work)
    other.start()
    try:
        for number in range(3):
            workspace.backup(tmp_path / f"B{number}")
    finally:
        stop.set()
        other.join()
    for number in range(3):
        copied = tmp_path / f"B{number}" / "projects" / str(project.id) / "images" / f"{taken.id}.ome.zarr"
        reader = SegmentationReader.open(copied, made.id)
        assert set(np.unique(reader.region((0, taken.shape[0], 0, 24, 0, 20)))) in ({0, 1}, {2})
        assert not places_in(copied)


def test_a_backup_fails_where_the_store_does_not_answer_and_leaves_nothing(
    project: Project, taken: Image, workspace: Workspace, tmp_path: Path, door: Door
) -> None:
    door.close()
    with pytest.raises(UnavailableError):
        workspace.backup(tmp_path / "B")
    assert not list(tmp_path.glob("*B*"))
