"""Volumes in NIfTI and NRRD files become images like any others; nothing of their headers' words is kept."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from imaging.dicom.profile import Profile
from imaging.domain.job import IngestWork, ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import PaintedBox, Reviewed
from imaging.preview import Look, describe_frames, show_frame
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.read import Pyramid
from imaging.settings import Settings
from pipelines.ingest import ingest, ingest_upload
from pipelines.review import review
from pipelines.voxels import PERCENTILES, ImageVoxels
from tests.imaging.dicom.burned_in import NAME, body, written
from tests.pipelines.conftest import Call, MakePicture, MakeSeries
from tests.pipelines.ingesting import silent, take, voxels_of

RAS = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, 40], [0, 0, 2.5, -7], [0, 0, 0, 1]])
"""In LPS the axes run along x, y and z."""


def noise(shape: tuple[int, ...] = (6, 24, 20), seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 3000, shape).astype(np.int16)


def write_nifti(path: Path, stored: np.ndarray, affine: np.ndarray = RAS) -> Path:
    """Write (z, y, x), or (t, z, y, x), with names in all places that the header has for words."""
    image = nibabel.Nifti1Image(stored.transpose(*reversed(range(stored.ndim))), affine)
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = b"PHANTOM^ALPHA"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"PatientName PHANTOM^ALPHA"))
    nibabel.save(image, path)
    return path


def write_nrrd(path: Path, stored: np.ndarray) -> Path:
    image = SimpleITK.GetImageFromArray(stored)
    image.SetSpacing((0.5, 0.75, 2.5))
    image.SetMetaData("PatientName", "PHANTOM^ALPHA")
    SimpleITK.WriteImage(image, str(path), useCompression=True)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd"])
def test_a_volume_becomes_one_image_under_a_neutral_name(project: Project, tmp_path: Path, name: str) -> None:
    stored = noise()
    path = tmp_path / "PHANTOM^ALPHA" / name
    path.parent.mkdir()
    (write_nrrd if name.endswith("nrrd") else write_nifti)(path, stored)
    assert b"PHANTOM" in (gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes())
    (made,) = take(project, path.parent).images
    assert (made.axes, made.shape, made.dtype, made.spacing_mm) == ("zyx", (6, 24, 20), "int16", (2.5, 0.75, 0.5))
    (image,) = project.images.list()
    assert (image.name, image.attributes.modality, image.attributes.placed) == ("Volume 1", "OT", True)
    np.testing.assert_array_equal(voxels_of(project), stored)
    assert verify_project(project).ok
    for file in project.folder.rglob("*"):
        assert b"PHANTOM" not in (file.read_bytes() if file.is_file() else str(file).encode())


def test_voxels_and_affine_of_the_image_give_the_file_back(project: Project, tmp_path: Path) -> None:
    stored = noise()
    mirrored = RAS @ np.diag([-1, 1, 1, 1])
    write_nifti(tmp_path / "a.nii.gz", stored, mirrored)
    take(project, tmp_path / "a.nii.gz")
    affine = np.asarray(project.images.list()[0].attributes.affine_lps)
    ras = np.diag([-1, -1, 1, 1]) @ affine[:, [2, 1, 0, 3]]
    again = nibabel.Nifti1Image(voxels_of(project).transpose(2, 1, 0), ras)
    turned = nibabel.as_closest_canonical(again)
    original = nibabel.as_closest_canonical(nibabel.load(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(np.asarray(turned.dataobj), np.asarray(original.dataobj))
    np.testing.assert_allclose(turned.affine, original.affine, atol=1e-6)


def test_time_points_come_one_after_the_other(project: Project, tmp_path: Path) -> None:
    stored = noise((3, 6, 24, 20))
    write_nifti(tmp_path / "a.nii.gz", stored)
    (made,) = take(project, tmp_path / "a.nii.gz").images
    assert (made.axes, made.shape) == ("tzyx", (3, 6, 24, 20))
    pyramid = Pyramid.open(project.images.path(made.id))
    for t in range(3):
        np.testing.assert_array_equal(pyramid.region((0, 6, 0, 24, 0, 20), t=t), stored[t])


def test_a_large_volume_is_the_same_over_the_seams_of_its_slabs(project: Project, tmp_path: Path) -> None:
    stored = noise((150, 20, 300))
    write_nifti(tmp_path / "a.nii", stored, RAS @ np.diag([-1, 1, 1, 1]))
    take(project, tmp_path / "a.nii")
    np.testing.assert_array_equal(voxels_of(project), stored[::-1])
    assert len(Pyramid.open(project.images.path(project.images.list()[0].id)).levels) > 1
    assert verify_project(project).ok


def test_the_same_file_again_is_a_duplicate_and_packed_it_is_another(project: Project, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", noise())
    take(project, tmp_path / "a.nii")
    shutil.copy(tmp_path / "a.nii", tmp_path / "b.nii")
    assert take(project, tmp_path / "b.nii").duplicates == 1
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    assert len(take(project, tmp_path / "c.nii.gz").images) == 1


def test_each_volume_is_a_subject_of_its_own(project: Project, tmp_path: Path) -> None:
    for number in range(3):
        write_nifti(tmp_path / f"{number}.nii.gz", noise(seed=number))
    take(project, tmp_path)
    assert len({image.subject for image in project.images.list()}) == 3
    assert not any(image.series or image.study for image in project.images.list())


def test_volumes_series_and_pictures_of_one_archive_each_have_their_outcome(
    project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    make_series(folder / "s")
    make_picture(folder / "p.png", 3)
    write_nifti(folder / "v.nii.gz", noise())
    write_nrrd(folder / "w.nrrd", noise(seed=2))
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(noise()), str(folder / "x.nhdr"))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder))
    made = take(project, tmp_path / "all.zip")
    assert sorted(image.sources for image in made.images) == [1, 1, 1, 6]
    assert {item.name.rsplit("/")[-1]: item.reason for item in made.quarantined} == {
        "x.nhdr": Reason.NO_PIXELS,
        "x.raw.gz" if (folder / "x.raw.gz").exists() else "x.raw": Reason.NOT_DICOM,
    }


def test_an_upload_of_the_page_becomes_an_image_and_nothing_is_left_plain(
    project: Project, settings: Settings, tmp_path: Path
) -> None:
    upload = project.uploads.create("page")
    content = write_nifti(tmp_path / "a.nii.gz", noise()).read_bytes()
    project.uploads.add(upload, "PHANTOM^ALPHA.nii.gz", io.BytesIO(content))
    made = ingest_upload(project, IngestWork(upload=upload), silent)
    assert (made.files, len(made.images)) == (1, 1)
    assert list((settings.quarantine / "scratch").iterdir()) == []


def test_a_killed_ingest_leaves_nothing_and_the_next_one_finishes(
    project: Project, settings: Settings, tmp_path: Path
) -> None:
    write_nifti(tmp_path / "a.nii.gz", noise())
    script = (
        "import os, sys; from pathlib import Path\n"
        "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
        "import imaging.store.images as rows; from pipelines.ingest import ingest\n"
        "rows.insert_image = lambda *_: os._exit(9)\n"
        "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
        "user = workspace.accounts.acting(None)\n"
        "project = workspace.open(workspace.find_project(user, 'phantoms'), user.id)\n"
        "ingest(project, [Path(sys.argv[2])], lambda percent, message: None)\n"
    )
    arguments = [sys.executable, "-c", script, str(settings.workspace), str(tmp_path / "a.nii.gz")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    assert subprocess.run(arguments, check=False, env=environment).returncode == 9
    assert list((settings.quarantine / "scratch").glob("*/voxels"))
    (image,) = take(project, tmp_path / "a.nii.gz").images
    assert [path.name for path in (project.folder / "images").glob("*.ome.zarr")] == [f"{image.id}.ome.zarr"]
    assert list((settings.quarantine / "scratch").iterdir()) == []
    assert verify_project(project).ok


def test_a_profile_that_removes_faces_holds_every_volume(project: Project, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", noise())
    faceless = Profile.built_in("research").model_copy(update={"faces": "removed"})
    (held,) = ingest(project, [tmp_path / "a.nii"], silent, profile=faceless).quarantined
    assert (held.reason, held.detail) == (Reason.FACE_RISK, "a volume of unknown kind may show a face")


def test_two_places_wait_for_somebody_who_takes_the_sform(project: Project, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(noise().transpose(2, 1, 0), RAS)
    image.set_qform(RAS + np.eye(4)[:, [3, 0, 1, 2]], 1)
    nibabel.save(image, tmp_path / "a.nii.gz")
    (held,) = take(project, tmp_path / "a.nii.gz").quarantined
    assert held.reason is Reason.IRREGULAR_GEOMETRY
    (outcome,) = decide(project)
    (made,) = project.images.list()
    assert outcome.image == made.id
    assert np.asarray(made.attributes.affine_lps)[:3, 3].tolist() == [-30, -40, -7]


def test_learning_sees_0_where_a_volume_has_no_number(project: Project, tmp_path: Path) -> None:
    stored = noise().astype(np.float32)
    stored[2, 3, 4], stored[0, 0, 0] = np.nan, np.inf
    write_nifti(tmp_path / "a.nii", stored)
    take(project, tmp_path / "a.nii")
    np.testing.assert_array_equal(voxels_of(project), stored)
    read = ImageVoxels(Pyramid.open(project.images.path(project.images.list()[0].id)))
    values = read.normalised((0, 6, 0, 24, 0, 20), PERCENTILES)
    assert np.isfinite(values).all()
    assert read.read((2, 3, 3, 4, 4, 5)).item() == 0


def test_labels_that_are_imported_and_dumped_lie_where_those_of_the_file_lie(
    project: Project, call: Call, tmp_path: Path
) -> None:
    mirrored = RAS @ np.diag([-1, 1, 1, 1])
    write_nifti(tmp_path / "a.nii.gz", noise(), mirrored)
    labels = (noise(seed=3) > 2000).astype(np.uint8)
    write_nifti(tmp_path / "l.nii.gz", labels, mirrored)
    take(project, tmp_path / "a.nii.gz")
    (image,) = project.images.list()
    told = ("--image", image.id, tmp_path / "l.nii.gz", "--format", "nifti", "--term", "1=lung")
    assert call("annotations", "import", "phantoms", *told)[0] == 0
    assert call("annotations", "dump", "phantoms", tmp_path / "out", "--format", "nifti")[0] == 0
    (dumped,) = (tmp_path / "out").glob("*.nii.gz")
    ours, theirs = (nibabel.as_closest_canonical(nibabel.load(path)) for path in (dumped, tmp_path / "l.nii.gz"))
    np.testing.assert_array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-5)


@pytest.mark.parametrize("kind", ["int16", "int32", "uint32", "float32"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("form", "name"), [("nifti", "b.nii"), ("nifti", "b.nii.gz"), ("nrrd", "b.nrrd")])
def test_a_rebuilt_volume_has_the_voxels_of_the_file_where_they_were(
    project: Project, call: Call, tmp_path: Path, *, kind: str, mirrored: bool, form: str, name: str
) -> None:
    stored = (noise().astype(np.int64) + 2000).astype(kind)
    if "32" in kind:
        stored[0, 0, :2] = (2**24 + 1, 2**24 - 1) if "int" in kind else (0.1, np.pi)
    affine = np.array([[0.4, -0.45, 0, 30], [0.3, 0.6, 0, 40], [0, 0, 2.5, -7], [0, 0, 0, 1]])
    write_nifti(tmp_path / "a.nii", stored, affine @ np.diag([-1 if mirrored else 1, 1, 1, 1]))
    original = SimpleITK.ReadImage(str(tmp_path / "a.nii"))
    take(project, tmp_path / "a.nii")
    (image,) = project.images.list()
    assert call("rebuild", "phantoms", image.id, tmp_path / name, "--format", form)[0] == 0
    again = SimpleITK.ReadImage(str(tmp_path / name))
    for z, y, x in np.argwhere(np.ones(stored.shape))[::137].tolist():
        place = original.TransformIndexToPhysicalPoint((x, y, z))
        found = again.TransformPhysicalPointToIndex(place)
        np.testing.assert_allclose(again.TransformIndexToPhysicalPoint(found), place, atol=1e-4)
        assert again[found] == original[x, y, z]
    (made,) = take(project, tmp_path / name).images
    one, other = image, project.images.get(made.id)
    np.testing.assert_allclose(one.attributes.affine_lps, other.attributes.affine_lps, atol=1e-4)
    np.testing.assert_array_equal(voxels_of(project, 0), voxels_of(project, 1))


def with_name(planes: int = 4) -> np.ndarray:
    return np.stack([written(NAME, 20, 3000) if z == 1 else body() for z in range(planes)])


def decide(project: Project, *, boxes: tuple[PaintedBox, ...] = (), find: bool = False) -> list[Reviewed]:
    keys = tuple(item.id for item in project.quarantine.held())
    return list(review(project, ReviewWork(items=keys, boxes=boxes, find=find), silent))


@pytest.mark.parametrize("flip", [1, -1])
def test_a_volume_with_a_name_on_a_plane_is_held_and_shown_plane_by_plane(
    project: Project, tmp_path: Path, flip: int
) -> None:
    write_nifti(tmp_path / "a.nii.gz", with_name()[:, ::flip])
    (held,) = take(project, tmp_path / "a.nii.gz").quarantined
    assert held.reason is Reason.BURNED_IN_RISK
    (item,) = project.quarantine.held()
    with project.uploads.scratch() as scratch:
        path = project.quarantine.open(item.id, scratch)
        assert path is not None
        seen = describe_frames(path)
        assert (seen.frames, seen.rows, seen.columns) == (4, 256, 256)
        assert show_frame(path, 1, Look.RANGE)[::flip][10:40].max() > 200
        assert show_frame(path, 2, Look.CONTRAST).shape == (256, 256)
        assert [found.name for found in scratch.iterdir()] == [path.name]


def test_what_is_painted_is_gone_from_its_plane_and_from_no_other(project: Project, tmp_path: Path) -> None:
    stored = with_name()
    # Counted from the other end: frames are numbered as the image has them.
    write_nifti(tmp_path / "a.nii.gz", stored[::-1], RAS @ np.diag([-1, 1, 1, 1]))
    take(project, tmp_path / "a.nii.gz")
    (outcome,) = decide(project, find=True)
    assert {box.frame for box in outcome.painted} == {1}
    made = voxels_of(project)
    changed = made != stored
    assert changed[1].any()
    assert not changed[[0, 2, 3]].any()
    assert (made[1][stored[1] > 2500] < 1500).all()


def test_a_drawn_box_is_painted_on_every_plane_that_it_names(project: Project, tmp_path: Path) -> None:
    stored = with_name()
    write_nifti(tmp_path / "a.nii", stored)
    take(project, tmp_path / "a.nii")
    decide(project, boxes=(PaintedBox(top=4, left=4, rows=32, columns=240),))
    changed = np.argwhere(voxels_of(project) != stored)
    assert changed.min(axis=0).tolist() >= [0, 4, 4]
    assert changed.max(axis=0).tolist() <= [3, 35, 243]
    assert len(np.unique(changed[:, 0])) == 4


def test_text_across_the_planes_is_found_and_never_painted(project: Project, tmp_path: Path) -> None:
    turned = np.repeat(with_name(12), 4, axis=0)[:40].transpose(1, 2, 0)
    write_nifti(tmp_path / "a.nii", np.ascontiguousarray(turned))
    (held,) = take(project, tmp_path / "a.nii").quarantined
    assert (held.reason, held.detail.split(":")[0]) == (
        Reason.BURNED_IN_RISK, "text was found on planes that lie across",
    )  # fmt: skip
    (outcome,) = decide(project, find=True)
    assert outcome.decision == "held"
    assert project.images.list() == []
    (outcome,) = decide(project)
    assert outcome.image == project.images.list()[0].id
