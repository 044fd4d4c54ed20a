"""Shards in an object store: what is read, checked and replaced, and what is never there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image as Picture
from pydicom.data import get_testdata_file

from imaging.domain.image import Image
from imaging.errors import VerificationError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.read import Pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines.rebuild import rebuild_dicom
from tests.object_store import Bucket, places_in
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import silent, take, voxels_of
from tests.pipelines.object_store.storing import (
    PLANES,
    Series,
    labels_of,
    replace,
    segment,
    tokens_on_disk,
)


def test_an_image_is_read_as_it_came_and_only_its_shards_are_in_the_bucket(
    project: Project, series: Series, bucket: Bucket
) -> None:
    take(project, series.folder)
    np.testing.assert_array_equal(voxels_of(project), series.voxels)
    (image,) = project.images.list()
    path = project.images.path(image.id)
    assert not list(path.rglob("c"))
    (token,) = tokens_on_disk(path)
    assert sorted(bucket.names()) == [f"shards/{project.id}/{token}/0/c/{n}/0/0" for n in range(3)]
    assert all(file.name in ("zarr.json", "objects.json") for file in path.rglob("*") if file.is_file())


def test_the_folder_stays_valid_without_its_chunks(project: Project, taken: Image) -> None:
    group = zarr.open_group(project.images.path(taken.id), mode="r")
    # Warnings fail: nothing in the group is strange to zarr-python.
    assert [name for name, _ in group.members()] == ["0"]
    assert group["0"].shape == taken.shape


def test_what_is_in_the_bucket_names_nobody(project: Project, taken: Image, bucket: Bucket) -> None:
    segment(project, taken)
    for key in bucket.names():
        assert key.startswith(f"shards/{project.id}/")
        assert all(part.isdecimal() or part == "c" or len(part) == 32 for part in key.split("/")[1:])
        content = bucket[key]
        assert not [word for word in (b"PHA-000001", b"PHANTOM", b"ALPHA", taken.subject.encode()) if word in content]
        assert not content.startswith((b"{", b"\x1f\x8b", b"DICM"))


def test_shards_are_those_that_would_lie_in_the_folder(
    project: Project, series: Series, tmp_path: Path, bucket: Bucket
) -> None:
    take(project, series.folder)
    workspace = Workspace.create(Settings.read(tmp_path / "elsewhere", {}))[0]
    plain = workspace.create_project(workspace.accounts.acting(None).id, "plain")
    take(plain, series.folder)
    folder = plain.images.path(plain.images.list()[0].id)
    workspace.close()
    assert not places_in(folder)
    for key in bucket.names():
        assert (folder / "/".join(key.split("/")[3:])).read_bytes() == bucket[key]


def test_every_kind_of_image_is_the_same_from_the_store_as_from_the_disk(
    call: Call, project: Project, tmp_path: Path
) -> None:
    files = [Path(str(get_testdata_file(name))) for name in ("CT_small.dcm", "MR_small.dcm", "rtdose.dcm")]
    colour = np.random.default_rng(3).integers(0, 255, (600, 700, 3)).astype(np.uint8)
    Picture.fromarray(colour).save(tmp_path / "colour.png")
    files.append(tmp_path / "colour.png")
    code, out, _ = call("ingest", "phantoms", *files, "--json")
    workspace = Workspace.create(Settings.read(tmp_path / "elsewhere", {}))[0]
    plain = workspace.create_project(workspace.accounts.acting(None).id, "plain")
    there = take(plain, *files)
    made = json.loads(out)
    assert code == 0
    assert len(made["images"]) == len(there.images) == 4
    assert {len(image["axes"]) for image in made["images"]} == {3, 4}
    for stored, kept in zip(made["images"], there.images, strict=True):
        ours, theirs = Pyramid.open(Path(stored["path"])), Pyramid.open(Path(kept.path))
        assert places_in(Path(stored["path"]))
        assert [level.shape for level in ours.levels] == [level.shape for level in theirs.levels]
        for number, level in enumerate(ours.levels):
            length = {"t": 1, "c": 1} | dict(zip(ours.axes, level.shape, strict=True))
            for t, c in np.ndindex(length["t"], length["c"]):
                box = (0, level.shape[-3], 0, level.shape[-2], 0, level.shape[-1])
                np.testing.assert_array_equal(
                    ours.region(box, level=number, t=t, c=c), theirs.region(box, level=number, t=t, c=c)
                )
    workspace.close()
    assert verify_project(project).ok


@pytest.mark.parametrize("planes", [6, PLANES])
def test_dicom_is_rebuilt_from_the_store(
    project: Project, make_series: MakeSeries, tmp_path: Path, planes: int
) -> None:
    import pydicom

    voxels = make_series(tmp_path / "in", planes=planes)
    take(project, tmp_path / "in")
    made = rebuild_dicom(project, project.images.list()[0], tmp_path / "out", silent)
    found = sorted((pydicom.dcmread(path) for path in made), key=lambda one: one.ImagePositionPatient[2])
    np.testing.assert_array_equal(np.stack([one.pixel_array for one in found]), voxels)


def test_verify_names_what_was_changed_removed_or_added_in_the_bucket(
    project: Project, taken: Image, bucket: Bucket, call: Call
) -> None:
    assert verify_project(project).ok
    first, second, third = sorted(bucket.names())
    flipped = bytearray(bucket[first])
    flipped[100] ^= 1
    bucket[first] = bytes(flipped)
    bucket[second] = bucket[second] + b"!"
    bucket[third] = None
    bucket[first[:-1] + "7"] = b"?"
    code, _, err = call("verify", "phantoms")
    assert code == 4
    place = f"images/{taken.id}.ome.zarr/0"
    for name, problem in (("c/0/0/0", "changed"), ("c/1/0/0", "changed"), ("c/2/0/0", "missing"), ("c/0/0/7", "extra")):
        assert f"{place}/{name} ({problem})" in err
    with pytest.raises(VerificationError):
        voxels_of(project)


def test_verify_names_a_changed_place_and_a_file_under_the_name_of_an_object(project: Project, taken: Image) -> None:
    path = project.images.path(taken.id) / "0"
    (path / "c/0/0").mkdir(parents=True)
    (path / "c/0/0/0").write_bytes(b"planted")
    assert [(one.path[-7:], one.problem) for one in verify_project(project).differences] == [("c/0/0/0", "extra")]
    note = path / "objects.json"
    note.write_text(note.read_text().replace("shards", "s"))
    problems = {one.path.rsplit("ome.zarr/")[1]: one.problem for one in verify_project(project).differences}
    assert problems["0/objects.json"] == "changed"
    assert problems["0/c/1/0/0"] == "missing"


@pytest.mark.parametrize("url", ["s3://{bucket}/", "s3://{bucket}/shards/", "s3://{bucket}/../x/", "nothing"])
def test_a_place_that_is_none_of_an_array_is_never_read_or_emptied(
    project: Project, taken: Image, bucket: Bucket, url: str
) -> None:
    note = project.images.path(taken.id) / "0" / "objects.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"url": url.format(bucket=bucket.name)}))
    keys = bucket.names()
    assert not verify_project(project).ok
    with pytest.raises(VerificationError):
        Pyramid.open(project.images.path(taken.id)).region((0, 1, 0, 1, 0, 1))
    with pytest.raises(VerificationError):
        project.images.delete(taken.id)
    assert bucket.names() == keys
    assert project.images.list()


def test_a_replaced_segmentation_is_read_anew_and_its_old_objects_go(
    project: Project, taken: Image, bucket: Bucket
) -> None:
    before = set(bucket.names())
    made = segment(project, taken)
    path = project.images.path(taken.id)
    reader = SegmentationReader.open(path, made.id)
    assert reader.region((0, 1, 3, 4, 4, 5)).item() == 1
    old = set(bucket.names()) - before
    assert old
    replace(project, taken, made.id)
    assert not old & set(bucket.names())
    assert len(set(bucket.names()) - before) == len(old)
    # Opened before: what it finds is what is there now, never zeros.
    assert (reader.region((0, *taken.shape[:1], 0, taken.shape[1], 0, taken.shape[2])) == 2).all()
    assert (labels_of(project, taken, made.id) == 2).all()
    assert verify_project(project).ok
    project.segmentations.delete(made.id)
    assert set(bucket.names()) == before
    assert verify_project(project).ok
