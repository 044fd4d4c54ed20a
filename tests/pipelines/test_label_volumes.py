"""Label volumes come in through the readers that volumes have at ingest, and DICOM labels are looked at for text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from imaging.dicom.limits import Limits
from imaging.domain.image import Image
from imaging.errors import InvalidInputError, UnavailableError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from pipelines.annotations import Importer
from pipelines.label_volumes import LabelVolume, lay_on_image, read_dicom_series
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import take

LABELS = Path(__file__).parents[2] / "sample_dicom" / "labels" / "ct-chest-01"
RAS = np.array([[-0.75, 0, 0, 10.0], [0, -0.5, 0, 20], [0, 0, 2.5, 30], [0, 0, 0, 1]])
"""Voxel (x, y, z, 1) of `image` to RAS mm."""


def bring(project: Project, image: Image, path: Path, kind: str, *, partial: bool = False) -> np.ndarray:
    """Import one file onto an image; gives which voxels have a label."""
    importer = Importer(project, {"1": "nodule", "7": "lung"}, layer=None, reviewed=True, partial=partial)
    importer.import_files(image, [path], kind, scratch=path.parent / "scratch")
    (made,) = project.segmentations.list(image.id)
    reader = SegmentationReader.open(project.images.path(image.id), made.id)
    z, y, x = image.shape[-3:]
    nodule = project.ontology.find("nodule").value
    return np.where(reader.region((0, z, 0, y, 0, x)) == nodule, 1, 0)


def by_itk(labels: np.ndarray, dtype: str = "uint8") -> SimpleITK.Image:
    """Labels as SimpleITK lays them on `image`."""
    source = SimpleITK.GetImageFromArray(labels.astype(dtype))
    source.SetSpacing((0.75, 0.5, 2.5))
    source.SetOrigin((-10, -20, 30))
    return source


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64", "int64"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.nii", "nifti"), ("a.nii.gz", "nifti"), ("a.nrrd", "nrrd"), ("a.hdr", "nifti"), ("a.img", "nifti"),
     ("a.img.gz", "nifti"), ("a.nhdr", "nrrd")],
)  # fmt: skip
def test_labels_that_itk_wrote_come_in(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, name: str, kind: str, dtype: str
) -> None:
    SimpleITK.WriteImage(by_itk(labels, dtype), str(tmp_path / name), useCompression=name.endswith("hdr"))
    np.testing.assert_array_equal(bring(project, image, tmp_path / name, kind), labels == 1)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd"])
@pytest.mark.parametrize(
    "turn",
    [
        lambda source: SimpleITK.Flip(source, (True, False, True)),
        lambda source: SimpleITK.PermuteAxes(source, (2, 0, 1)),
        lambda source: SimpleITK.DICOMOrient(source, "PIR"),
    ],
    ids=["flipped", "permuted", "reoriented"],
)
def test_labels_that_itk_turned_lie_where_the_patient_has_them(
    project: Project,
    image: Image,
    labels: np.ndarray,
    tmp_path: Path,
    name: str,
    turn: Callable[[SimpleITK.Image], SimpleITK.Image],
) -> None:
    SimpleITK.WriteImage(turn(by_itk(labels)), str(tmp_path / name))
    kind = "nrrd" if name.endswith("nrrd") else "nifti"
    np.testing.assert_array_equal(bring(project, image, tmp_path / name, kind), labels == 1)


@pytest.mark.parametrize("version", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_rescaled_labels_of_one_time_point_come_in(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, version: type[nibabel.Nifti1Image]
) -> None:
    stored = tmp_path / "a.nii"
    nibabel.save(version((labels * 2).transpose(2, 1, 0)[..., None].astype(np.int16), RAS), stored)
    _set_slope(stored, version, 0.5)
    np.testing.assert_array_equal(bring(project, image, stored, "nifti"), labels == 1)


def _set_slope(path: Path, version: type[nibabel.Nifti1Image], slope: float) -> None:
    content = path.read_bytes()
    header = version.header_class(content[: version.header_class.sizeof_hdr], check=False)
    header["scl_slope"], header["scl_inter"] = slope, 0
    path.write_bytes(header.binaryblock + content[len(header.binaryblock) :])


def test_where_two_places_are_stated_the_one_of_the_image_comes_in(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    made = nibabel.Nifti1Image(labels.transpose(2, 1, 0), RAS)
    made.header.set_qform(RAS + np.outer([0, 0, 1, 0], [0, 0, 0, 40]), "scanner")
    made.header.set_sform(RAS, "aligned")
    nibabel.save(made, tmp_path / "a.nii")
    np.testing.assert_array_equal(bring(project, image, tmp_path / "a.nii", "nifti"), labels == 1)


def test_labels_measured_in_metres_lie_where_their_header_says(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    made = nibabel.Nifti1Image(labels.transpose(2, 1, 0), np.diag([0.001, 0.001, 0.001, 1]) @ RAS)
    made.header.set_xyzt_units("meter")
    nibabel.save(made, tmp_path / "a.nii")
    np.testing.assert_array_equal(bring(project, image, tmp_path / "a.nii", "nifti"), labels == 1)


def test_numbers_of_metres_are_not_taken_for_millimetres(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    made = nibabel.Nifti1Image(labels.transpose(2, 1, 0), RAS)
    made.header.set_xyzt_units("meter")
    nibabel.save(made, tmp_path / "a.nii")
    with pytest.raises(InvalidInputError, match=r"outside|grid"):
        bring(project, image, tmp_path / "a.nii", "nifti")


def test_labels_without_a_place_in_the_patient_are_not_laid_on_an_image_that_has_one(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    space = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 20 24 6\nencoding: raw\nspace dimension: 3\n"
    place = b"space directions: (0.75,0,0) (0,0.5,0) (0,0,2.5)\nspace origin: (-10,-20,30)\n\n"
    (tmp_path / "a.nrrd").write_bytes(space + place + labels.astype(np.uint8).tobytes())
    with pytest.raises(InvalidInputError, match="where in the patient"):
        bring(project, image, tmp_path / "a.nrrd", "nrrd")
    assert project.segmentations.list() == []


@pytest.mark.parametrize("placed", [True, False])
def test_labels_lie_on_an_image_without_a_place_by_their_distances(
    project: Project, labels: np.ndarray, tmp_path: Path, placed: bool
) -> None:
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 20 24 6\nspacings: 0.75 0.5 2.5\nencoding: raw\n\n"
    (tmp_path / "i.nrrd").write_bytes(header.encode() + (labels * 10).astype(np.uint8).tobytes())
    take(project, tmp_path / "i.nrrd")
    (image,) = project.images.list()
    assert not image.attributes.placed
    (tmp_path / "l.nrrd").write_bytes(header.encode() + labels.astype(np.uint8).tobytes())
    if placed:
        # As an editor of segmentations gives it back that read it without a place.
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "l.nrrd")), str(tmp_path / "l.nrrd"))
    np.testing.assert_array_equal(bring(project, image, tmp_path / "l.nrrd", "nrrd"), labels == 1)


def test_labels_without_a_place_fit_only_what_has_none(image: Image, labels: np.ndarray) -> None:
    affine = np.asarray(image.attributes.affine_lps, float)
    with pytest.raises(InvalidInputError, match="where in the patient"):
        lay_on_image(LabelVolume(labels, affine, placed=False), image, partial=True)


@pytest.mark.parametrize(("name", "kind"), [("a.nii.gz", "nrrd"), ("a.nrrd", "nifti")])
def test_a_volume_of_another_format_than_was_said_is_refused(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, name: str, kind: str
) -> None:
    SimpleITK.WriteImage(by_itk(labels), str(tmp_path / name))
    with pytest.raises(InvalidInputError, match=r"no .* volume"):
        bring(project, image, tmp_path / name, kind)


@pytest.mark.parametrize(("name", "kind"), [("a.nii", "nifti"), ("a.nii.gz", "nifti"), ("a.nrrd", "nrrd")])
def test_labels_that_end_early_are_refused_and_leave_nothing(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, name: str, kind: str
) -> None:
    SimpleITK.WriteImage(by_itk(labels), str(tmp_path / name))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-30])
    with pytest.raises(InvalidInputError, match="refused: truncated"):
        bring(project, image, tmp_path / name, kind)
    assert project.segmentations.list() == []
    assert [*(tmp_path / "scratch").iterdir()] == []


@dataclass(frozen=True)
class Tight(Limits):
    """Nothing may be packed tightly."""

    archive_ratio: float = 1.0
    volume_free_bytes: int = 100


@pytest.mark.parametrize(("name", "kind"), [("a.nii.gz", "nifti"), ("a.nrrd", "nrrd")])
def test_a_chosen_file_may_be_packed_more_tightly_than_an_upload(
    project: Project,
    image: Image,
    labels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    SimpleITK.WriteImage(by_itk(labels), str(tmp_path / name), useCompression=True)
    monkeypatch.setattr(f"plugins.{kind}.Limits", Tight)
    (held,) = take(project, tmp_path / name).quarantined
    assert held.detail == "the volume unpacks to too much"
    np.testing.assert_array_equal(bring(project, image, tmp_path / name, kind), labels == 1)


def test_a_header_that_names_a_file_elsewhere_reads_nothing_of_it(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    SimpleITK.WriteImage(by_itk(labels), str(tmp_path / "files" / "a.nhdr"), useCompression=False)
    header = (tmp_path / "files" / "a.nhdr").read_text()
    (tmp_path / "files" / "b.nhdr").write_text(header.replace("data file: a.raw", "data file: ../a.raw"))
    (tmp_path / "files" / "a.raw").rename(tmp_path / "a.raw")
    for name in ("a.nhdr", "b.nhdr"):
        with pytest.raises(InvalidInputError, match="a file of their own"):
            bring(project, image, tmp_path / "files" / name, "nrrd")


def _cropped(source: SimpleITK.Image) -> SimpleITK.Image:
    return source[2:18, 3:22, 1:5]


def _padded(source: SimpleITK.Image) -> SimpleITK.Image:
    return SimpleITK.ConstantPad(source, (0, 0, 2), (0, 0, 0))


def _moved(source: SimpleITK.Image) -> SimpleITK.Image:
    source.SetOrigin(source.TransformIndexToPhysicalPoint((0, 1, 0)))
    return source


@pytest.mark.parametrize("change", [_cropped, _padded, _moved])
@pytest.mark.parametrize(("name", "kind"), [("a.nii.gz", "nifti"), ("a.nrrd", "nrrd")])
def test_labels_of_another_size_come_in_only_where_that_is_meant(
    project: Project,
    image: Image,
    labels: np.ndarray,
    tmp_path: Path,
    call: Call,
    change: Callable[[SimpleITK.Image], SimpleITK.Image],
    name: str,
    kind: str,
) -> None:
    SimpleITK.WriteImage(change(by_itk(labels)), str(tmp_path / name))
    command = ("annotations", "import", "phantoms", "--image", image.id, tmp_path / name, "--format", kind)
    terms = ("--term", "1=nodule", "--term", "7=lung")
    before = project.journal.list(), sorted(project.folder.rglob("*"))
    code, out, err = call(*command, *terms)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("imaging: the labels have another size or place than the image")
    assert (project.journal.list(), sorted(project.folder.rglob("*"))) == before
    assert call(*command, *terms, "--partial")[0] == 0
    (made,) = project.segmentations.list(image.id)
    assert sum(term.voxels for term in made.terms) == 101


def test_partial_labels_of_which_two_places_are_stated_are_refused(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, call: Call
) -> None:
    SimpleITK.WriteImage(by_itk(labels), str(tmp_path / "a.nii.gz"))
    made: Any = nibabel.load(tmp_path / "a.nii.gz")
    moved = made.affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]])
    twice = nibabel.Nifti1Image(np.asanyarray(made.dataobj), moved)
    twice.set_qform(made.affine, "scanner")
    nibabel.save(twice, tmp_path / "b.nii.gz")
    command = ("annotations", "import", "phantoms", "--image", image.id, tmp_path / "b.nii.gz", "--format", "nifti")
    for partial in ((), ("--partial",)):
        code, out, err = call(*command, "--term", "1=nodule", "--term", "7=lung", *partial)
        assert (code, out, err.count("\n")) == (2, "", 1)
    assert project.segmentations.list(image.id) == []


@pytest.mark.parametrize("planes", [range(1, 5), [2]])
def test_a_series_of_labels_of_some_planes_comes_in_where_it_is_meant_so(
    project: Project, image: Image, tmp_path: Path, planes: Sequence[int]
) -> None:
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        z = round((header.ImagePositionPatient[2] - 30) / 2.5)
        if z in planes:
            header.PixelData = (np.indices((24, 20)).sum(axis=0) < 9).astype(np.int16).tobytes()
            header.save_as(tmp_path / "masks" / f"{z}.dcm")
    with pytest.raises(InvalidInputError, match="another size or place than the image: --partial"):
        bring(project, image, tmp_path / "masks", "dicom-series")
    assert project.segmentations.list(image.id) == []
    found = bring(project, image, tmp_path / "masks", "dicom-series", partial=True)
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == list(planes)


def test_labels_come_in_where_they_can_be_looked_at(image: Image, tmp_path: Path) -> None:
    assert set(np.unique(read_dicom_series([LABELS], image, tmp_path, partial=True).values)) == {0, 1}


def test_labels_that_nothing_can_look_at_are_refused_with_the_cause(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.label_volumes.load_detector", lambda: None)

    with pytest.raises(UnavailableError, match="text detector"):
        read_dicom_series([LABELS], image, tmp_path, partial=True)
