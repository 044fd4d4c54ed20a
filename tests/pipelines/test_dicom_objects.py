"""Segmentation objects land on the voxels that they were drawn on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from imaging.domain.image import Image
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.dicom_objects import bring, describe, write_segments
from tests.pipelines.ingesting import take


def read_maps(project: Project, image: Image) -> list[np.ndarray]:
    shape = tuple(image.extent(axis) for axis in "zyx")
    readers = [
        SegmentationReader.open(project.images.path(image.id), known.id)
        for known in project.segmentations.list(image.id)
    ]
    return [reader.region((0, shape[0], 0, shape[1], 0, shape[2])) for reader in readers]


def value_of(project: Project, name: str) -> int:
    return project.ontology.find(name).value


def two_masks(*, overlapping: bool) -> np.ndarray:
    masks = np.zeros((6, 24, 20, 2), np.uint8)
    masks[1:3, 4:9, 5:15, 0] = 1
    masks[2 if overlapping else 4, 6:20, 3:10, 1] = 1
    return masks


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_land_on_their_voxels_under_the_names_of_the_file(
    kind: str, project: Project, image: Image, tmp_path: Path
) -> None:
    masks = two_masks(overlapping=False)
    path = write_segments(tmp_path, masks, [describe(1, "Liver"), describe(2, "Tumor")], kind)
    made = bring(project, image, path, "dicom-seg").made
    assert dict(made.voxels) == {"Liver": int(masks[..., 0].sum()), "Tumor": int(masks[..., 1].sum())}
    assert [(found.value, found.term, found.by.value) for found in made.values] == [
        (1, "Liver", "file"),
        (2, "Tumor", "file"),
    ]
    (labels,) = read_maps(project, image)
    expected = np.where(masks[..., 0], value_of(project, "Liver"), 0) + masks[..., 1] * value_of(project, "Tumor")
    np.testing.assert_array_equal(labels, expected)


def test_segments_that_share_voxels_become_segmentations_of_one_layer(
    project: Project, image: Image, tmp_path: Path
) -> None:
    masks = two_masks(overlapping=True)
    made = bring(
        project,
        image,
        write_segments(tmp_path, masks, [describe(1, "Liver"), describe(2, "Tumor")]),
        "dicom-seg",
        v2="lesion",
    ).made
    assert made.segmentations == 2
    liver, lesion = read_maps(project, image)
    np.testing.assert_array_equal(liver, masks[..., 0] * value_of(project, "Liver"))
    np.testing.assert_array_equal(lesion, masks[..., 1] * value_of(project, "lesion"))
    assert len({(known.layer, known.created) for known in project.segmentations.list(image.id)}) == 1


def test_segments_of_an_uneven_number_of_bits_land_on_their_voxels(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        header.Rows, header.Columns, header.PixelData = 23, 19, header.PixelData[: 2 * 23 * 19] + b"\0\0"
        header.save_as(path)
    take(project, tmp_path / "in")
    (image,) = project.images.list()
    mask = np.random.default_rng(5).integers(0, 2, (6, 23, 19)).astype(np.uint8)
    bring(project, image, write_segments(tmp_path, mask, [describe(1, "lung")]), "dicom-seg")
    np.testing.assert_array_equal(read_maps(project, image)[0], mask)


@pytest.mark.parametrize("whole", [1, 100, 200, 255])
def test_half_of_a_fraction_counts(whole: int, project: Project, image: Image, tmp_path: Path) -> None:
    stored = np.zeros((6, 24, 20), np.uint8)
    stored[2, 3], stored[3, 3], stored[4, 3] = (whole - 1) // 2, (whole + 1) // 2, whole
    path = write_segments(tmp_path, stored / whole, [describe(1, "Liver")], "FRACTIONAL", whole=whole)
    bring(project, image, path, "dicom-seg")
    np.testing.assert_array_equal(read_maps(project, image)[0] > 0, stored * 2.0 >= whole)


def test_the_colours_of_a_label_map_do_not_touch_its_labels(project: Project, image: Image, tmp_path: Path) -> None:
    masks = two_masks(overlapping=False)
    path = write_segments(tmp_path, masks, [describe(1, "Liver"), describe(2, "Tumor")], "LABELMAP")
    header = pydicom.dcmread(path)
    header.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        header.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 8])
        header.add_new(f"{colour}PaletteColorLookupTableData", "OW", bytes([0, 2, 1, *range(3, 256)]))
    header.save_as(path)
    made = bring(project, image, path, "dicom-seg").made
    assert dict(made.voxels) == {"Liver": int(masks[..., 0].sum()), "Tumor": int(masks[..., 1].sum())}


@pytest.mark.parametrize(
    ("label", "concept", "name"),
    [
        ("Lesion of PHANTOM ALPHA", codes.SCT.Liver, "Liver"),
        ("Zzyzx", codes.SCT.Liver, "Liver"),
        ("Zzyzx", Code("1234567", "99NOBODY", "Zzyzx"), "segment 1"),
        ("right lung", codes.SCT.Tissue, "right lung"),
    ],
    ids=["a name in the label", "an unknown word", "an unknown code too", "known words"],
)
def test_a_term_is_called_by_nothing_that_could_name_a_person(
    label: str, concept: Code, name: str, project: Project, image: Image, tmp_path: Path
) -> None:
    masks = two_masks(overlapping=False)[..., 0]
    made = bring(project, image, write_segments(tmp_path, masks, [describe(1, label, concept)]), "dicom-seg").made
    assert made.created_terms == [name]


def test_segments_that_cleaning_makes_alike_stay_apart(project: Project, image: Image, tmp_path: Path) -> None:
    segments = [describe(1, "Tumor alpha"), describe(2, "Tumor beta")]
    made = bring(project, image, write_segments(tmp_path, two_masks(overlapping=False), segments), "dicom-seg").made
    assert made.created_terms == ["Tissue (segment 1)", "Tissue (segment 2)"]


def damaged(path: Path, how: str) -> None:
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-200])
        return
    header = pydicom.dcmread(path)
    frames = header.PerFrameFunctionalGroupsSequence
    positions = [item.PlanePositionSequence[0].ImagePositionPatient for item in frames]
    change = {
        "elsewhere": lambda: [position.__setitem__(0, position[0] + 0.3) for position in positions],
        "miles away": lambda: positions[0].__setitem__(2, 30 - 2.5 * 200_000),
        "an image": lambda: setattr(header, "SOPClassUID", pydicom.uid.CTImageStorage),
        "no segments": lambda: setattr(header, "SegmentSequence", []),
        "one number": lambda: setattr(header.SegmentSequence[1], "SegmentNumber", 1),
        "far": lambda: positions[0].__setitem__(0, "1e308"),
        "twice": lambda: frames.__setitem__(1, frames[0]),
    }[how]
    change()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.save_as(path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "truncated"),
        ("elsewhere", "do not lie on the grid"),
        ("miles away", "lie outside the image"),
        ("an image", "no segmentation object"),
        ("no segments", "a segment that is not described"),
        ("one number", "no numbers of their own"),
        ("far", "a position or spacing makes no sense"),
        ("twice", "two frames of one segment lie at one place"),
    ],
)
def test_bad_segments_change_nothing(how: str, said: str, project: Project, image: Image, tmp_path: Path) -> None:
    path = write_segments(tmp_path, two_masks(overlapping=False), [describe(1, "Liver"), describe(2, "Tumor")])
    damaged(path, how)
    terms = project.ontology.terms()
    with pytest.raises(InvalidInputError, match=said):
        bring(project, image, path, "dicom-seg")
    assert (project.segmentations.list(), project.ontology.terms()) == ([], terms)


def test_real_segments_equal_their_published_volumes(project: Project, shared_data: Path) -> None:
    study = shared_data / "seg_dcmqi"
    take(project, *sorted(study.glob("ct-3slice/*.dcm")))
    (image,) = project.images.list()
    bring(project, image, study / "liver.dcm", "dicom-seg")
    bring(project, image, study / "partial_overlaps.dcm", "dicom-seg", v1="a", v2="b", v3="c", v4="d", v5="e")
    liver, *parts = read_maps(project, image)
    assert np.count_nonzero(liver) == 107_098
    ours = {
        name: sum((part == value_of(project, name) for part in parts), np.zeros(liver.shape, int)) for name in "abcde"
    }
    theirs: dict[int, np.ndarray] = {}
    for path in sorted(study.glob("partial_overlaps-?.nrrd")):
        values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        theirs |= {int(value): values == value for value in np.unique(values) if value}
    assert {name: int(mask.sum()) for name, mask in ours.items()} == dict(
        zip("abcde", (9602, 11888, 10743, 6693, 4713), strict=True)
    )
    for name, mask in ours.items():
        assert any(
            np.array_equal(np.flip(other, 0), mask) or np.array_equal(other, mask) for other in theirs.values()
        ), name


def test_the_command_says_what_called_each_segment(call: Call, image: Image, tmp_path: Path) -> None:
    path = write_segments(tmp_path, two_masks(overlapping=False), [describe(1, "Liver"), describe(2, "Tumor")])
    options = ("--image", image.id, "--format", "dicom-seg", "--term", "Tumor=lesion")
    code, out, _ = call("annotations", "import", "phantoms", path, *options, "--json")
    assert code == 0
    assert json.loads(out)["values"] == [
        {"value": 1, "term": "Liver", "by": "file"},
        {"value": 2, "term": "lesion", "by": "option"},
    ]
    code, told, _ = call("annotations", "import", "phantoms", path, *options)
    assert code == 0
    assert "value 1 became Liver (as the file itself calls it)" in told
    assert "1 segmentation was there already, voxel for voxel" in told
