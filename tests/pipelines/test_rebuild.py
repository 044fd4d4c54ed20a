"""Images out again: as the DICOM files that they were made of, pixel for pixel, or as one volume."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from imaging.dicom.decode import read_channels
from imaging.dicom.headers import read_instance
from imaging.dicom.headers_store import pack_headers, unpack_instances
from imaging.dicom.instance import Stored
from imaging.dicom.rebuild import PixelType, rebuild, save
from imaging.dicom.series import group
from imaging.dicom.stack import Stack
from imaging.dicom.walk import Found
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.beside import read_manifest
from imaging.workspace import Workspace
from pipelines import rebuild as pipeline
from pipelines.ingest import ingest
from tests.pipelines.conftest import Call, MakePicture, MakeSeries
from tests.pipelines.ingesting import silent, take, voxels_of

LOSSLESS = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "examples_rgb_color.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
]
"""Files of pydicom that are native or compressed without loss."""


def stack_of(*paths: Path) -> Stack:
    read = (read_instance(Found(path, path.name)) for path in paths)
    (stack,) = group([replace(instance, reviewed=True) for instance in read]).stacks
    return stack


def rebuild_all(stack: Stack, folder: Path) -> list[pydicom.Dataset]:
    """Put every file of a stack together again, its headers as they were."""
    packed = pack_headers(stack, [read_whole_header(instance.path) for instance in stack.instances])
    pixels = PixelType(stack.dtype, stack.attributes.bits_stored, stack.channels > 1)

    def read(t: int, z: int) -> Stored:
        return read_channels(stack, z, z + 1, t=t)[:, 0]

    made = []
    for number, instance in enumerate(unpack_instances(packed)):
        save(rebuild(instance, read, pixels, image=1), folder / f"{number}.dcm")
        made.append(pydicom.dcmread(folder / f"{number}.dcm"))
    return made


def read_whole_header(path: Path) -> pydicom.Dataset:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    header.decode()
    return header


@pytest.mark.parametrize("name", LOSSLESS)
def test_pixels_come_out_as_they_came_in(tmp_path: Path, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    (made,) = rebuild_all(stack_of(path), tmp_path)
    source = pydicom.dcmread(path)
    assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    np.testing.assert_array_equal(made.pixel_array, source.pixel_array)
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsStored", "PixelRepresentation", "SOPInstanceUID"):
        assert made.get(keyword) == source.get(keyword), keyword


@pytest.mark.parametrize("name", ["examples_palette.dcm", "examples_ybr_color.dcm", "JPGExtended.dcm"])
def test_what_another_library_decodes_to_comes_out(tmp_path: Path, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    stack = stack_of(path)
    rebuild_all(stack, tmp_path)
    ours = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "0.dcm")))
    channels = np.stack([read_channels(stack, 0, len(stack.planes[0]), t=t) for t in range(len(stack.planes))])
    np.testing.assert_array_equal(ours.reshape(-1), np.moveaxis(channels, 1, -1).reshape(-1))


@pytest.mark.parametrize("name", ["CT1", "MR4", "NM1", "XA1"])
def test_lossless_jpeg_comes_out_as_another_library_reads_it(shared_data: Path, tmp_path: Path, name: str) -> None:
    path = shared_data / "transfer_syntaxes_wg04" / name / f"{name}_JPLL.dcm"
    rebuild_all(stack_of(path), tmp_path)
    ours, theirs = (SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file))) for file in (tmp_path / "0.dcm", path))
    np.testing.assert_array_equal(ours, theirs)


def test_of_a_file_with_frames_in_two_images_each_gives_its_own(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "enhanced_multiframe" / "eCT_Supplemental.dcm"
    stack = stack_of(path)
    last = replace(stack, planes=((stack.planes[0][-1],),))
    (made,) = rebuild_all(last, tmp_path)
    source, frame = pydicom.dcmread(path), last.planes[0][0].frame
    np.testing.assert_array_equal(made.pixel_array, source.pixel_array[frame])
    (kept,), groups = made.PerFrameFunctionalGroupsSequence, source.PerFrameFunctionalGroupsSequence
    assert kept.PlanePositionSequence == groups[frame].PlanePositionSequence
    assert made.NumberOfFrames == 1
    assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID != source.SOPInstanceUID


@pytest.mark.parametrize("syntax", ["", JPEGLSLossless])
def test_a_series_comes_out_of_a_project_without_who_it_is(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path, syntax: str
) -> None:
    voxels = make_series(tmp_path / "in", planes=70)
    if syntax:
        for path in (tmp_path / "in").iterdir():
            header = pydicom.dcmread(path)
            header.compress(syntax, generate_instance_uid=False)
            header.save_as(path)
    take(project, tmp_path / "in")
    (image,) = project.images.list()
    code, out, err = call("rebuild", "phantoms", image.id, tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    files = [Path(name) for name in json.loads(out)["files"]]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    made = sorted((pydicom.dcmread(path) for path in files), key=lambda header: header.ImagePositionPatient[2])
    np.testing.assert_array_equal(np.stack([header.pixel_array for header in made]), voxels)
    assert {header.PatientID for header in made} == {image.subject}
    assert not any(word in path.read_bytes() for path in files for word in (b"PHA-000001", b"PHANTOM^ALPHA"))
    detail = project.journal.list()[-1]
    assert (detail.action, detail.detail) == ("take out", {"image": image.id, "format": "dicom", "files": 70})


def test_what_came_out_comes_in_as_the_same_image(
    project: Project, workspace: Workspace, image: Image, tmp_path: Path
) -> None:
    pipeline.rebuild_dicom(project, image, tmp_path / "out", silent)
    other = workspace.create_project(project.member.user.id, "again")
    made = take(other, tmp_path / "out")
    (again,) = other.images.list()
    assert len(made.images) == 1
    assert (again.shape, again.dtype) == (image.shape, image.dtype)
    assert again.attributes.affine_lps == image.attributes.affine_lps
    assert again.attributes.rescale == image.attributes.rescale


@pytest.mark.parametrize(("kind", "suffix"), [("nifti", ".nii.gz"), ("nifti", ".nii"), ("nrrd", ".nrrd")])
def test_a_volume_lies_where_the_series_lay(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path, kind: str, suffix: str
) -> None:
    voxels = make_series(tmp_path / "in", planes=40)
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        header.ImageOrientationPatient = [0.8, 0.6, 0, 0, 0, -1]
        height = float(header.ImagePositionPatient[2])
        header.ImagePositionPatient = [-10 - 0.6 * height, -20 + 0.8 * height, 5]
        header.RescaleSlope, header.RescaleIntercept = 2, -1000
        header.save_as(path)
    take(project, tmp_path / "in")
    (image,) = project.images.list()
    target = tmp_path / f"volume{suffix}"
    assert call("rebuild", "phantoms", image.id, target, "--format", kind)[0] == 0
    volume = SimpleITK.ReadImage(str(target))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(volume), voxels_of(project) * 2.0 - 1000)
    assert sorted(voxels_of(project)[:, 0, 0]) == sorted(voxels[:, 0, 0])
    affine = np.asarray(image.attributes.affine_lps)
    for index in ((0, 0, 0), (39, 3, 7), (12, 23, 19)):
        there = volume.TransformIndexToPhysicalPoint(tuple(int(n) for n in index[::-1]))
        np.testing.assert_allclose(there, (affine @ [*index, 1])[:3], atol=2e-4)


def test_times_become_the_fourth_axis(call: Call, project: Project, shared_data: Path, tmp_path: Path) -> None:
    made = ingest(project, [shared_data / "enhanced_multiframe"], silent)
    assert made.images
    image = next(image for image in project.images.list() if image.extent("t") > 1)
    assert call("rebuild", "phantoms", image.id, tmp_path / "a.nii", "--format", "nifti")[0] == 0
    volume = SimpleITK.ReadImage(str(tmp_path / "a.nii"))
    assert volume.GetSize() == tuple(image.extent(axis) for axis in "xyzt")
    assert call("rebuild", "phantoms", image.id, tmp_path / "a.nrrd", "--format", "nrrd")[0] == 3


def test_a_picture_was_not_made_of_dicom(
    call: Call, project: Project, make_picture: MakePicture, tmp_path: Path
) -> None:
    make_picture(tmp_path / "a.png", 7)
    take(project, tmp_path / "a.png")
    (image,) = project.images.list()
    code, _, err = call("rebuild", "phantoms", image.id, tmp_path / "out")
    assert (code, err.count("\n")) == (3, 1)
    assert call("rebuild", "phantoms", image.id, tmp_path / "out", "--format", "nifti")[0] == 0
    (written,) = (tmp_path / "out").iterdir()
    assert (SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written))) == 7).all()


def test_who_takes_nothing_out_gets_nothing(call: Call, project: Project, image: Image, tmp_path: Path) -> None:
    assert call("user", "add", "rosa")[0] == 0
    assert call("project", "member", "add", "phantoms", "rosa", Role.READER.value)[0] == 0
    code, _, err = call("rebuild", "phantoms", image.id, tmp_path / "out", "--as", "rosa")
    assert (code, err.count("\n")) == (3, 1)
    assert not (tmp_path / "out").exists()


def test_nothing_is_replaced_and_nothing_half_made_stays(
    call: Call, project: Project, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    assert call("rebuild", "phantoms", image.id, tmp_path / "full")[0] == 2

    def fail(header: object, target: Path) -> None:
        if target.name == "000003.dcm":
            raise OSError(28, "No space left on device")
        target.touch()

    monkeypatch.setattr(pipeline, "save", fail)
    with pytest.raises(InvalidInputError):
        pipeline.rebuild_dicom(project, image, tmp_path / "new" / "out", silent)
    assert list((tmp_path / "new").iterdir()) == []


def test_the_manifest_holds_what_the_decoded_pixels_were(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = make_series(tmp_path / "in", planes=70)
    take(project, tmp_path / "in")
    (image,) = project.images.list()
    parts = read_manifest(project.images.path(image.id)).voxels
    assert [(part.t, part.c, part.start, part.stop) for part in parts] == [(0, 0, 0, 64), (0, 0, 64, 70)]
    for part in parts:
        assert part.sha256 == hashlib.sha256(voxels[part.start : part.stop].astype("<i2").tobytes()).hexdigest()


def test_an_nrrd_claims_no_place_for_what_has_none(
    call: Call, project: Project, make_picture: MakePicture, tmp_path: Path
) -> None:
    make_picture(tmp_path / "a.png", 7)
    take(project, tmp_path / "a.png")
    (image,) = project.images.list()
    assert call("rebuild", "phantoms", image.id, tmp_path / "a.nrrd", "--format", "nrrd")[0] == 3
    assert not (tmp_path / "a.nrrd").exists()


def test_real_values_at_the_end_of_32_bits_are_not_wrapped() -> None:
    assert pipeline._narrow(np.array([2.0**31])).tolist() == [2.0**31]
    assert pipeline._narrow(np.array([2.0**31 - 1])).dtype == np.int32
    assert pipeline._narrow(np.array([-(2.0**15), 5])).dtype == np.int16
    assert pipeline._narrow(np.array([0.5])).dtype == np.float32
