"""A profile may have faces removed: what goes, what stays to the voxel, and what is held instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from imaging.dicom.batch import pseudonymise_folder
from imaging.dicom.copying import Order
from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.profile import Profile
from imaging.domain.job import ReviewWork
from imaging.domain.outcome import IngestReport, Reason
from imaging.errors import InvalidInputError, StateError
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers
from imaging.pyramid.read import Pyramid
from imaging.testing.head import HeadPlan, build_head
from imaging.testing.phantoms import Phantom, chest_phantom, head_phantom
from imaging.testing.series import write_images, write_labels
from imaging.workspace import Workspace
from pipelines.ingest import ingest
from pipelines.repseudonymise import repseudonymise_project
from pipelines.review import review
from tests.pipelines.conftest import MakePicture
from tests.pipelines.ingesting import silent, take, voxels_of

HASHES = ["7d7dcc4d672c3305", "19cc1b48f91717ca", "ed49f4dfba786a03"]
FACELESS = Profile.built_in("research").model_copy(update={"faces": "removed"})
AXIAL = HeadPlan(seed=11, shape=(40, 110, 88), spacing=(5.0, 2.1, 2.1), face=True)
SAGITTAL = HeadPlan(seed=12, shape=(96, 110, 34), spacing=(2.1, 2.1, 5.5), skull=(90.0, 94.0, 74.0), face=True)
FINE = HeadPlan(seed=1, shape=(30, 300, 280), spacing=(6.5, 0.8, 0.7), face=True)


def take_faceless(project: Project, *paths: Path) -> IngestReport:
    return ingest(project, paths, silent, profile=FACELESS)


def is_held_whole(made: IngestReport) -> bool:
    reasons = {held.reason for held in made.quarantined}
    return reasons == {Reason.FACE_RISK} and made.images == () and len(made.quarantined) == made.files


@pytest.mark.parametrize(("number", "plan"), [(11, AXIAL), (12, SAGITTAL)])
def test_an_ingest_takes_the_face_and_leaves_what_is_behind_it(
    project: Project, tmp_path: Path, number: int, plan: HeadPlan
) -> None:
    phantom = head_phantom(number, plan)
    write_images(phantom, tmp_path / "in")
    take_faceless(project, tmp_path / "in")
    faceless = voxels_of(project)
    changed = phantom.stored != faceless
    features = build_head(plan).feature_mask
    if number == 12:
        features = features[::-1, :, ::-1].transpose(2, 0, 1)
    assert len(np.unique(faceless[changed])) == 1
    assert np.mean(faceless[features] == np.unique(faceless[changed])[0]) > 0.9
    assert not changed[phantom.labels > 0].any()
    for header in headers_of(project):
        assert "113102" in codes_of(header)
        assert header.RecognizableVisualFeatures == "NO"


def test_every_level_of_the_pyramid_is_without_the_face(project: Project, tmp_path: Path) -> None:
    phantom = head_phantom(11, FINE)
    write_images(phantom, tmp_path / "in")
    take_faceless(project, tmp_path / "in")
    pyramid = Pyramid.open(project.images.path(project.images.list()[0].id))
    assert len(pyramid.levels) > 1
    nose = np.argwhere(build_head(FINE).feature_mask)
    tip = nose[nose[:, 1].argmin()] / phantom.stored.shape
    for number, level in enumerate(pyramid.levels):
        z, y, x = (int(part * length) for part, length in zip(tip, level.shape, strict=True))
        around = pyramid.region((z, z + 1, max(0, y - 1), y + 2, x - 1, x + 2), level=number)
        assert len(np.unique(around)) == 1


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


def without_part(header: Dataset) -> None:
    del header.BodyPartExamined


def as_echo_planar(header: Dataset) -> None:
    header.ScanningSequence = ["EP", "SE"]


def as_angiography(header: Dataset) -> None:
    header.Modality = "XA"


def as_nuclear_medicine(header: Dataset) -> None:
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
    header.Modality = "NM"
    for name in ("ImagePositionPatient", "ImageOrientationPatient"):
        del header[name]


def one_slice_of_a_chest(header: Dataset) -> None:
    header.BodyPartExamined = "CHEST" if header.InstanceNumber == 1 else "NECK"


@pytest.mark.parametrize("edit", [as_echo_planar, as_angiography, as_nuclear_medicine])
def test_a_head_in_images_of_other_kinds_is_held_whole(
    project: Project, tmp_path: Path, edit: Callable[[Dataset], None]
) -> None:
    change(head_phantom(11), tmp_path / "in", edit)
    assert is_held_whole(take_faceless(project, tmp_path / "in"))


@pytest.mark.parametrize("edit", [without_part, one_slice_of_a_chest])
def test_a_body_that_is_not_named_throughout_is_held_whole(
    project: Project, tmp_path: Path, edit: Callable[[Dataset], None]
) -> None:
    change(chest_phantom(1), tmp_path / "in", edit)
    assert is_held_whole(take_faceless(project, tmp_path / "in"))


def test_several_time_points_are_held_whole(project: Project, tmp_path: Path) -> None:
    write_images(head_phantom(11, AXIAL), tmp_path / "in")
    for path in sorted((tmp_path / "in").iterdir()):
        for moment in (1, 2):
            header = pydicom.dcmread(path)
            header.TemporalPositionIdentifier = moment
            uid = f"2.25.{10**30 + 2 * int(header.InstanceNumber) + moment}"
            header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = uid
            header.save_as(path.with_suffix(f".{moment}"))
        path.unlink()
    assert is_held_whole(take_faceless(project, tmp_path / "in"))


def test_a_label_map_is_held_with_the_way_by_which_labels_come_in(project: Project, tmp_path: Path) -> None:
    write_labels(head_phantom(11), tmp_path / "in" / "labels")
    change(head_phantom(12), tmp_path / "in" / "head", as_echo_planar)
    made = take_faceless(project, tmp_path / "in")
    assert is_held_whole(made)
    hinted = {"imaging annotations import" in held.detail: Path(held.name).parent.name for held in made.quarantined}
    assert hinted == {True: "labels", False: "head"}


def test_a_picture_is_held(project: Project, tmp_path: Path, make_picture: MakePicture) -> None:
    assert is_held_whole(take_faceless(project, make_picture(tmp_path / "a.png", 7)))


def test_accepting_one_slice_brings_its_volume_and_shows_no_face(project: Project, tmp_path: Path) -> None:
    change(chest_phantom(1), tmp_path / "in", without_part)
    take_faceless(project, tmp_path / "in")
    project.profile.set(FACELESS)
    held = project.quarantine.held()
    outcomes = review(project, ReviewWork(items=(held[0].id,)), silent)
    assert {outcome.reason for outcome in outcomes} == {Reason.FACE_RISK}
    assert len(outcomes) == len(held)
    project.profile.set(Profile.built_in("research"))
    outcomes = review(project, ReviewWork(items=(held[0].id,)), silent)
    assert {outcome.decision for outcome in outcomes} == {"released"}


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
    assert kept.hash != FACELESS.hash
    # Images that were made before there was this option hold these.
    hashes = [Profile.built_in(name).hash[:16] for name in ("research", "basic", "longitudinal")]
    assert hashes == HASHES
    assert kept.exceeds(FACELESS) == ("faces",)
    assert FACELESS.exceeds(kept) == ()


def test_a_real_head_keeps_its_tumour(workspace: Workspace, project: Project, shared_data: Path) -> None:
    session = shared_data / "mr_tumour_PGBM-001" / "session_1991-11-19"
    other = workspace.create_project(workspace.accounts.acting(None).id, "faceless")
    take(project, session / "T1post", session / "MaskTumor")
    made = take_faceless(other, session / "T1post")
    assert made.quarantined == ()
    volumes = [voxels_of(project, number) for number in range(2)]
    tumour, brain = sorted(volumes, key=lambda volume: len(np.unique(volume)))
    assert np.count_nonzero(tumour) == 2641
    changed = brain != voxels_of(other)
    assert changed.any()
    assert not changed[tumour > 0].any()


def change(phantom: Phantom, folder: Path, edit: Callable[[Dataset], None]) -> None:
    write_images(phantom, folder)
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        edit(header)
        header.save_as(path)


def headers_of(project: Project) -> list[Dataset]:
    (image,) = project.images.list()
    return list(unpack_headers(read_headers(project.images.path(image.id))))


def codes_of(header: Dataset) -> set[str]:
    return {item.CodeValue for item in header.DeidentificationMethodCodeSequence}
