"""A profile may have faces removed: what goes, what stays to the voxel, and what is held instead."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import ndimage

from imaging.dicom.batch import Order, pseudonymise_folder
from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.profile import Profile
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, StateError
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers
from imaging.pyramid.read import Pyramid
from imaging.testing.head import Head, HeadPlan, build_head
from imaging.testing.phantoms import Phantom, chest_phantom, head_phantom
from imaging.testing.series import write_images
from imaging.testing.shapes import Grid, ellipsoid
from imaging.workspace import Workspace
from pipelines.face_mask import Sketch, find_face, find_head, is_more_than_head, is_no_head
from pipelines.ingest import ingest
from pipelines.repseudonymise import repseudonymise_project
from tests.pipelines.ingesting import silent, take, voxels_of

FACELESS = Profile.built_in("research").model_copy(update={"faces": "removed"})
PLAN = HeadPlan(seed=1, shape=(50, 84, 80), spacing=(3.2, 2.6, 2.6), face=True)
GRID = Grid(PLAN.shape, PLAN.spacing)
_AXIAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Steps along (z, y, x) of an axial volume, each of length 1, as columns (x, y, z) LPS."""


def look(head: Head, *, turned: NDArray[np.float64] | None = None, hounsfield: bool = False) -> Sketch:
    values = head.signal.astype(np.float32)
    if hounsfield:
        values = np.where(values > 100, values, -1000).astype(np.float32)
    axes = _AXIAL if turned is None else turned @ _AXIAL
    return Sketch(values, axes * np.asarray(PLAN.spacing), hounsfield)


def tilt(degrees: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    return np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])


@pytest.fixture(scope="module")
def head() -> Head:
    return build_head(PLAN)


@pytest.mark.parametrize("degrees", [-15, 0, 15])
@pytest.mark.parametrize("hounsfield", [False, True])
def test_what_protrudes_goes_and_the_brain_stays(head: Head, degrees: int, hounsfield: bool) -> None:
    sketch = look(head, turned=tilt(degrees), hounsfield=hounsfield)
    found = find_head(sketch)
    face = find_face(found, sketch)
    # A voxel measures 2.6 to 3.2 mm.
    standing_out = head.feature_mask & (ellipsoid(GRID, (-6.0, 0.0, 0.0), PLAN.skull) > 3)
    assert np.count_nonzero(standing_out) > 500
    assert not (standing_out & ~face).any()
    # Lower down the phantom has brain where people have eyes and a palate: 95 mm below the crown theirs ends in front.
    up, _, _ = GRID.axes
    assert not (face & head.brain_mask & (up > -9)).any()


def test_the_front_skin_goes_to_a_depth_and_the_back_stays(head: Head) -> None:
    sketch = look(head)
    face = find_face(find_head(sketch), sketch)
    inside = find_head(sketch)
    middle = PLAN.shape[2] // 2
    for plane in (20, 28, 36):
        front = np.flatnonzero(inside[plane, :, middle])[0]
        assert face[plane, front : front + 2, middle].all()
        back = np.flatnonzero(inside[plane, :, middle])[-1]
        assert not face[plane, back - 10 : back + 1, middle].any()


@pytest.mark.parametrize(("order", "flipped"), [((0, 1, 2), (0,)), ((2, 0, 1), ()), ((1, 2, 0), (0, 1, 2))])
def test_the_direction_of_the_planes_makes_no_difference(
    head: Head, order: tuple[int, ...], flipped: tuple[int, ...]
) -> None:
    straight = look(head)
    expected = find_face(find_head(straight), straight)
    signs = np.array([-1.0 if axis in flipped else 1.0 for axis in range(3)])
    steps = straight.steps[:, order] * signs
    turned = Sketch(np.flip(straight.values.transpose(order), flipped), steps, hounsfield=False)
    found = find_face(find_head(turned), turned)
    # Distances that are equal may be rounded otherwise.
    assert np.count_nonzero(found != np.flip(expected.transpose(order), flipped)) < 0.001 * found.size


def test_a_small_thing_is_no_head_and_shoulders_are_more_than_one(head: Head) -> None:
    sketch = look(head)
    assert not is_no_head(find_head(sketch), sketch)
    assert not is_more_than_head(find_head(sketch), sketch)
    small = Sketch(np.zeros((20, 60, 60), np.float32), _AXIAL * 2.0, hounsfield=False)
    small.values[5:15, 20:40, 20:40] = 500
    assert is_no_head(find_head(small), small)
    wide = Sketch(np.full((20, 60, 200), -1000, np.float32), _AXIAL * 2.0, hounsfield=True)
    wide.values[:, 10:50, 10:190] = 40
    assert is_more_than_head(find_head(wide), wide)


def test_an_empty_volume_has_no_head() -> None:
    empty = Sketch(np.zeros((4, 30, 30), np.float32), _AXIAL, hounsfield=False)
    assert is_no_head(find_head(empty), empty)


@pytest.mark.parametrize("number", [11, 12])
def test_an_ingest_takes_the_face_and_leaves_every_other_voxel(project: Project, tmp_path: Path, number: int) -> None:
    phantom = head_phantom(number)
    write_images(phantom, tmp_path / "in")
    ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    faceless = voxels_of(project)
    changed = phantom.stored != faceless
    assert 0.02 < np.count_nonzero(changed) / changed.size < 0.6
    assert len(np.unique(faceless[changed])) == 1
    assert not changed[phantom.labels > 0].any()
    for header in headers_of(project):
        assert "113102" in codes_of(header)
        assert header.RecognizableVisualFeatures == "NO"


def test_every_level_of_the_pyramid_is_without_the_face(project: Project, tmp_path: Path) -> None:
    plan = HeadPlan(seed=1, shape=(24, 300, 280), spacing=(6.5, 0.7, 0.7), face=True)
    write_images(head_phantom(11, plan), tmp_path / "in")
    ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    pyramid = Pyramid.open(project.images.path(project.images.list()[0].id))
    assert len(pyramid.levels) > 1
    for number, level in enumerate(pyramid.levels):
        planes, _, columns = level.shape
        assert len(np.unique(pyramid.region((0, planes, 0, 1, 0, columns), level=number))) == 1


def test_a_profile_that_keeps_faces_says_nothing_of_them(project: Project, tmp_path: Path) -> None:
    write_images(head_phantom(11), tmp_path / "in")
    take(project, tmp_path / "in")
    assert all("113102" not in codes_of(header) for header in headers_of(project))


def test_a_chest_stays_as_it_is(project: Project, tmp_path: Path) -> None:
    phantom = chest_phantom(1)
    write_images(phantom, tmp_path / "in")
    made = ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    assert np.array_equal(voxels_of(project), phantom.stored)
    assert made.quarantined == ()
    assert all("113102" not in codes_of(header) for header in headers_of(project))


def test_a_body_that_nobody_names_is_held_whole(project: Project, tmp_path: Path) -> None:
    change(chest_phantom(1), tmp_path / "in", without_part)
    made = ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    assert made.images == ()
    assert {held.reason for held in made.quarantined} == {Reason.FACE_RISK}
    assert len(made.quarantined) == made.files


def test_a_head_of_which_little_is_seen_is_held_whole(project: Project, tmp_path: Path) -> None:
    phantom = head_phantom(11)
    skin = np.where(phantom.stored > 500, phantom.stored, 0)
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(skin > 0), iterations=3)
    opened = dataclasses.replace(phantom, stored=np.where(inside, 0, skin).astype(np.uint16))
    opened.stored[:, 40:, 40:48] = 0
    write_images(opened, tmp_path / "in")
    made = ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    assert {held.reason for held in made.quarantined} == {Reason.FACE_RISK}
    assert made.images == ()


def test_a_head_without_a_place_in_the_patient_is_held(project: Project, tmp_path: Path) -> None:
    change(head_phantom(11), tmp_path / "in", as_nuclear_medicine)
    made = ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    assert {held.reason for held in made.quarantined} == {Reason.FACE_RISK}
    assert made.images == ()


def test_echo_planar_images_show_no_skin(project: Project, tmp_path: Path) -> None:
    phantom = head_phantom(11)
    change(phantom, tmp_path / "in", as_echo_planar)
    ingest(project, [tmp_path / "in"], silent, profile=FACELESS)
    assert np.array_equal(voxels_of(project), phantom.stored)


def test_copies_without_a_project_refuse_a_profile_that_removes_faces(tmp_path: Path) -> None:
    write_images(head_phantom(11), tmp_path / "in")
    with pytest.raises(InvalidInputError, match="whole volumes"):
        pseudonymise_folder(tmp_path / "in", tmp_path / "out", Order(b"k" * 32, FACELESS, 1), lambda _: None)
    assert not (tmp_path / "out").exists()


def test_faces_of_images_that_are_here_are_not_removed_behind(project: Project, tmp_path: Path) -> None:
    write_images(head_phantom(11), tmp_path / "in")
    take(project, tmp_path / "in")
    before = project.images.list()
    project.profile.set(FACELESS)
    with pytest.raises(StateError, match="on the way in"):
        repseudonymise_project(project, silent)
    assert project.images.list() == before


def test_a_profile_that_keeps_faces_has_the_hash_it_had() -> None:
    kept = Profile.built_in("research")
    assert "faces" in Profile.model_fields
    assert kept.hash == kept.model_copy(update={"faces": "kept"}).hash != FACELESS.hash
    assert kept.exceeds(FACELESS) == ("faces",)
    assert FACELESS.exceeds(kept) == ()


def test_a_real_head_keeps_its_tumour(workspace: Workspace, project: Project, shared_data: Path) -> None:
    session = shared_data / "mr_tumour_PGBM-001" / "session_1991-11-19"
    other = workspace.create_project(workspace.accounts.acting(None).id, "faceless")
    shown = [session / "T1post", session / "MaskTumor"]
    take(project, *shown)
    ingest(other, shown, silent, profile=FACELESS)
    volumes = [voxels_of(project, number) for number in range(len(project.images.list()))]
    tumour = next(volume for volume in volumes if len(np.unique(volume)) == 2) > 0
    assert np.count_nonzero(tumour) == 2641
    for number, volume in enumerate(volumes):
        changed = volume != voxels_of(other, number)
        assert not changed[tumour].any()
        assert changed.any() == (len(np.unique(volume)) > 2)


def change(phantom: Phantom, folder: Path, edit: Callable[[Dataset], None]) -> None:
    write_images(phantom, folder)
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        edit(header)
        header.save_as(path)


def without_part(header: Dataset) -> None:
    del header.BodyPartExamined


def as_echo_planar(header: Dataset) -> None:
    header.ScanningSequence = ["EP", "SE"]


def as_nuclear_medicine(header: Dataset) -> None:
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
    header.Modality = "NM"
    for name in ("ImagePositionPatient", "ImageOrientationPatient"):
        del header[name]


def headers_of(project: Project) -> list[Dataset]:
    (image,) = project.images.list()
    return list(unpack_headers(read_headers(project.images.path(image.id))))


def codes_of(header: Dataset) -> set[str]:
    return {item.CodeValue for item in header.DeidentificationMethodCodeSequence}
