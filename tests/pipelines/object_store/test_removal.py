"""What is removed from an object store, and what becomes of it when a process or the store dies in the midst."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.base import SegmentationKey
from imaging.domain.image import Image
from imaging.errors import NotFoundError, UnavailableError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.layout import plan_layout
from imaging.pyramid.manifest import verify
from imaging.pyramid.publish import discard, publish
from imaging.pyramid.write import PyramidWriter
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines.ingest import ingest
from pipelines.sweeping import sweep_abandoned
from tests.object_store import Bucket, Door, places_in
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import take
from tests.pipelines.object_store.storing import (
    PLANES,
    Series,
    labels_of,
    segment,
    segmentations_on_disk,
    tokens_in,
    tokens_on_disk,
)


def test_a_deleted_image_leaves_nothing_in_the_bucket(project: Project, taken: Image, bucket: Bucket) -> None:
    segment(project, taken)
    project.images.delete(taken.id)
    assert bucket.names() == []
    assert not places_in(project.folder)


def test_an_image_stays_until_the_store_lets_go_of_it(
    project: Project, taken: Image, bucket: Bucket, door: Door
) -> None:
    door.close()
    with pytest.raises(UnavailableError):
        project.images.delete(taken.id)
    assert [image.id for image in project.images.list()] == [taken.id]
    door.open()
    assert verify_project(project).ok
    project.images.delete(taken.id)
    assert bucket.names() == []


def test_nothing_is_certified_while_the_store_may_hold_voxels_of_the_subject(
    project: Project, taken: Image, bucket: Bucket, door: Door, call: Call
) -> None:
    segment(project, taken)
    door.close()
    code, out, err = call("erase", "phantoms", "--subject", taken.subject, "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert bucket.names()
    door.open()
    code, out, _ = call("erase", "phantoms", "--subject", taken.subject, "--json")
    assert code == 0
    assert json.loads(out)["erased"]["images"] == [taken.id]
    assert bucket.names() == []


def test_what_a_removed_segmentation_left_in_a_store_that_was_away_keeps_erasure_from_being_certified(
    project: Project, taken: Image, bucket: Bucket, door: Door, call: Call
) -> None:
    made = segment(project, taken)
    door.close()
    project.segmentations.delete(made.id)
    assert segmentations_on_disk(project, taken) == []
    assert call("erase", "phantoms", "--subject", taken.subject)[0] == 1
    door.open()
    assert call("erase", "phantoms", "--subject", taken.subject)[0] == 0
    assert bucket.names() == []
    assert not places_in(project.folder)


def test_what_a_store_kept_that_was_away_goes_with_the_next_ingest(
    project: Project, taken: Image, bucket: Bucket, door: Door, make_series: MakeSeries, tmp_path: Path
) -> None:
    made = segment(project, taken)
    door.close()
    project.segmentations.delete(made.id)
    door.open()
    make_series(tmp_path / "more", patient="PHA-000002", seed=2)
    take(project, tmp_path / "more")
    assert tokens_in(bucket) == tokens_on_disk(project.folder)
    assert len(tokens_in(bucket)) == 2


def test_a_store_that_dies_in_the_midst_fails_the_ingest_in_one_line_and_leaves_no_image(
    project: Project, make_series: MakeSeries, tmp_path: Path, bucket: Bucket, door: Door
) -> None:
    make_series(tmp_path / "in", planes=PLANES * 2)

    def report(percent: int, message: str) -> None:
        if percent > 30 and bucket.names():
            door.close()

    with pytest.raises(UnavailableError, match="the object store is not available"):
        ingest(project, [tmp_path / "in"], report, workers=1)
    assert project.images.list() == []
    assert not list((project.folder / "images" / ".staging").iterdir())
    assert bucket.names()
    door.open()
    assert len(take(project, tmp_path / "in").images) == 1
    assert tokens_in(bucket) == tokens_on_disk(project.folder)
    assert len(tokens_in(bucket)) == 1
    assert verify_project(project).ok


def test_a_store_that_does_not_answer_is_told_before_anything_is_looked_at(
    project: Project, make_series: MakeSeries, tmp_path: Path, door: Door, call: Call
) -> None:
    make_series(tmp_path / "in")
    door.close()
    code, out, err = call("ingest", "phantoms", tmp_path / "in")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("imaging: the object store is not available")
    door.open()
    assert len(take(project, tmp_path / "in").images) == 1


def test_a_killed_ingest_leaves_nothing_that_no_folder_names_and_the_next_one_removes_it(
    settings: Settings, project: Project, make_series: MakeSeries, tmp_path: Path, bucket: Bucket
) -> None:
    make_series(tmp_path / "in", planes=PLANES * 2)
    kept = segment_and_keep(project, make_series, tmp_path)
    before = set(bucket.names())
    words = ["ingest", "phantoms", str(tmp_path / "in"), "--workers", "1", "--workspace", str(settings.workspace)]
    process = subprocess.Popen([sys.executable, "-m", "imaging", *words], stderr=subprocess.DEVNULL)
    try:
        while not set(bucket.names()) - before:
            assert process.poll() is None
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(project.images.list()) == 1
    # Whatever is there, a folder says so: nothing is left to be guessed.
    assert tokens_in(bucket) <= tokens_on_disk(project.folder)
    sweep_abandoned(project)
    assert set(bucket.names()) == before
    assert len(take(project, tmp_path / "in").images) == 1
    assert tokens_in(bucket) == tokens_on_disk(project.folder)
    assert (labels_of(project, project.images.list()[0], kept) == 1).any()
    assert verify_project(project).ok


def test_two_projects_and_two_workspaces_share_a_bucket_without_touching_each_other(
    workspace: Workspace, project: Project, taken: Image, bucket: Bucket, tmp_path: Path, series: Series
) -> None:
    other = workspace.create_project(workspace.accounts.acting(None).id, "others")
    take(other, series.folder)
    # Ids begin anew in every workspace, so two of them name the same project.
    twin = Workspace.create(Settings.read(tmp_path / "twin"))[0]
    third = twin.create_project(twin.accounts.acting(None).id, "phantoms")
    assert third.id == project.id
    take(third, series.folder)
    assert len(tokens_in(bucket)) == 3
    for one in (third, other):
        one.images.delete(one.images.list()[0].id)
        sweep_abandoned(one)
    twin.close()
    assert tokens_in(bucket) == tokens_on_disk(project.folder)
    assert verify_project(project).ok


def test_two_ingests_at_once_both_arrive(
    settings: Settings, project: Project, make_series: MakeSeries, tmp_path: Path, bucket: Bucket
) -> None:
    processes = []
    for number in (1, 2):
        folder = tmp_path / f"in{number}"
        make_series(folder, planes=70, patient=f"PHA-00000{number}", seed=number)
        words = ["ingest", "phantoms", str(folder), "--workspace", str(settings.workspace)]
        processes.append(subprocess.Popen([sys.executable, "-m", "imaging", *words], stderr=subprocess.DEVNULL))
    assert [process.wait() for process in processes] == [0, 0]
    assert len(project.images.list()) == 2
    assert tokens_in(bucket) == tokens_on_disk(project.folder)
    assert verify_project(project).ok


def test_what_is_written_after_its_folder_was_given_up_does_not_stay(
    project: Project, taken: Image, bucket: Bucket
) -> None:
    before = bucket.names()
    layout = plan_layout("zyx", (64, 24, 20), "int16", (1.0, 1.0, 1.0))
    staging = project.folder / "images" / ".staging" / "made"
    writer = PyramidWriter.create(staging, layout, taken.attributes, store=project.object_store)
    discard(staging, project.folder / "images")
    with pytest.raises(NotFoundError):
        writer.write_slab(0, np.ones((64, 24, 20), np.int16))
    assert bucket.names() == before


def test_what_a_worker_taken_for_dead_writes_after_publication_costs_nothing(
    project: Project, taken: Image, bucket: Bucket
) -> None:
    layout = plan_layout("zyx", (64, 24, 20), "int16", (1.0, 1.0, 1.0))
    images = project.folder / "images"
    writer = PyramidWriter.create(images / ".staging" / "made", layout, taken.attributes, store=project.object_store)
    stored = np.ones((64, 24, 20), np.int16)
    digest = writer.write_slab(0, stored)
    for level in range(1, len(layout.levels)):
        for slab in layout.slabs(level):
            writer.build_slab(slab)
    manifest = writer.finish([digest])
    publish(images / ".staging" / "made", images / "99.ome.zarr")
    before = bucket.names()
    writer.write_slab(0, stored)
    assert bucket.names() == before
    assert verify(images / "99.ome.zarr", manifest) == ()


def segment_and_keep(project: Project, make_series: MakeSeries, tmp_path: Path) -> SegmentationKey:
    make_series(tmp_path / "kept", patient="PHA-000009", seed=9)
    take(project, tmp_path / "kept")
    return segment(project, project.images.list()[0]).id
