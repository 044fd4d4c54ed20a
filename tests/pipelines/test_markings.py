"""Regions of reports and graphics of presentation states lie where they were drawn; nothing else of them stays."""

from __future__ import annotations

import json
from pathlib import Path

import highdicom.sr as sr
import numpy as np
import pydicom
import pytest
import shapely
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from imaging.domain.annotation import Annotation, LayerKind
from imaging.domain.attachment import AttachmentKind
from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.geometry import parse_wkt
from imaging.project.project import Project
from imaging.project.verification import verify_project
from pipelines.annotations import dump_drawings
from pipelines.review import review
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import silent, take
from tests.pipelines.marking_files import (
    SECRET,
    bounds,
    drawn,
    finding,
    graphic,
    read_source,
    region,
    terms_of,
    walk,
    write_presentation,
    write_report,
)

SQUARE = [[2, 3], [8, 3], [8, 9.5], [2, 9.5], [2, 3]]
NODULE, NOWHERE = codes.SCT.Nodule, Code("X1", "99PHANTOM", "Speculated PHANTOM nodule")


@pytest.fixture
def series(make_series: MakeSeries, tmp_path: Path) -> Path:
    """A folder with a series of 6 planes of 24 x 20."""
    make_series(tmp_path / "in")
    return tmp_path / "in"


@pytest.fixture
def source(series: Path) -> list[Dataset]:
    return read_source(series)


@pytest.mark.parametrize("after", [False, True])
def test_a_planar_region_lies_on_its_slice_under_the_word_of_its_finding(
    after: bool, project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POLYLINE", SQUARE, source[4]), NODULE)])
    if after:
        take(project, series)
        (document,) = take(project, path).documents
    else:
        (document,) = take(project, path, series).documents
    (image,) = project.images.list()
    assert (document.kind, document.image, document.annotations) == (AttachmentKind.REPORT, image.id, 1)
    (one,) = drawn(project)
    assert (one.axis.value, one.index, bounds(one)) == ("z", 4, (2, 3, 8, 9.5))
    assert one.area_px == pytest.approx(39)
    assert terms_of(project, one) == ["Nodule"]
    (layer,) = (layer for layer in project.layers.list() if layer.kind is LayerKind.SOURCE)
    assert (one.layer, one.reviewed) == (layer.id, False)
    assert verify_project(project).ok
    assert take(project, path).duplicates == 1


def test_every_kind_of_region_keeps_its_shape(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    groups = [
        finding(region("POINT", [[5.5, 6.25]], source[0]), NODULE),
        finding(region("POLYLINE", [[1, 1], [2, 2]], source[1]), NODULE),
        finding(region("POLYLINE", SQUARE[:3], source[2]), NODULE),
        finding(region("CIRCLE", [[10, 10], [13, 14]], source[3]), NODULE),
        finding(region("ELLIPSE", [[2, 10], [10, 10], [6, 8], [6, 12]], source[4]), NODULE),
    ]
    path = write_report(tmp_path / "r.dcm", source, groups)
    header = pydicom.dcmread(path)
    [item for item in walk(header) if item.get("ValueType") == "SCOORD"][1].GraphicType = "MULTIPOINT"
    header.save_as(path)
    take(project, series, path)
    found = drawn(project)
    assert [one.index for one in found] == [0, 1, 1, 2, 3, 4]
    assert [one.wkt.split(" ")[0] for one in found] == ["POINT"] * 3 + ["LINESTRING"] + ["POLYGON"] * 2
    assert found[0].wkt == "POINT (5.5 6.25)"
    assert shapely.get_coordinates(parse_wkt(found[3].wkt)).tolist() == SQUARE[:3]
    assert found[4].area_px == pytest.approx(np.pi * 25, rel=1e-3)
    np.testing.assert_allclose(parse_wkt(found[4].wkt).bounds, [5, 5, 15, 15], atol=0.05)
    assert found[5].area_px == pytest.approx(np.pi * 8, rel=1e-3)
    np.testing.assert_allclose(parse_wkt(found[5].wkt).bounds, [2, 8, 10, 12], atol=1e-6)


def test_a_region_in_the_patient_lies_on_the_plane_that_it_cuts(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    first = source[3]
    spacing, origin = first.PixelSpacing, np.array(first.ImagePositionPatient, float)
    corners = np.array([[1, 2], [6, 2], [6, 7], [1, 2]])
    points = origin + np.c_[corners[:, 0] * spacing[1], corners[:, 1] * spacing[0], np.zeros(4)]
    where = sr.ImageRegion3D("POLYGON", points, first.FrameOfReferenceUID)
    take(project, series, write_report(tmp_path / "r.dcm", source, [finding(where, NODULE)]))
    (one,) = drawn(project)
    # A centre of a voxel is half a pixel inside.
    assert (one.axis.value, one.index, bounds(one)) == ("z", 3, (1.5, 2.5, 6.5, 7.5))


def test_what_a_length_was_measured_on_is_called_after_it(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    line = sr.CoordinatesForMeasurement(
        "POLYLINE", np.array([[1.0, 1.0], [4.0, 5.0]]), sr.SourceImageForRegion.from_source_image(source[2])
    )
    measured = sr.Measurement(codes.SCT.Length, 5.0, codes.UCUM.Millimeter, referenced_coordinates=[line])
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=SECRET), measurements=[measured]
    )
    take(project, series, write_report(tmp_path / "r.dcm", source, [group]))
    (one,) = drawn(project)
    assert (one.index, terms_of(project, one)) == (2, ["Length"])
    assert told(one) == [("Length", 5, "mm")]


def test_a_finding_of_detection_by_computer_names_the_regions_below_it(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[1]), NODULE)])
    header = pydicom.dcmread(path)
    (group,) = (
        item
        for item in walk(header)
        if any(one.get("ValueType") == "SCOORD" for one in item.get("ContentSequence", []))
    )
    (where,) = (item for item in group.ContentSequence if item.get("ValueType") == "SCOORD")
    found = Dataset()
    found.RelationshipType, found.ValueType, found.ContentSequence = "CONTAINS", "CODE", [where]
    found.ConceptNameCodeSequence = [sr.CodedConcept("111059", "DCM", "Single Image Finding")]
    found.ConceptCodeSequence = [sr.CodedConcept("129793001", "SCT", "Mammography breast density")]
    group.ContentSequence = [found]
    header.save_as(path)
    take(project, series, path)
    (one,) = drawn(project)
    assert (one.index, terms_of(project, one)) == (1, ["Mammography breast density"])


def test_a_code_that_no_dictionary_knows_keeps_only_words_of_radiology(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    other = Code("X2", "99PHANTOM", "ALPHA PHANTOM")
    groups = [finding(region("POINT", [[2, 2]], source[n]), code) for n, code in enumerate((NOWHERE, other, other))]
    take(project, series, write_report(tmp_path / "r.dcm", source, groups))
    named = [terms_of(project, one) for one in drawn(project)]
    assert named[1] == named[2] == ["finding 1"]
    assert named[0] == ["nodule"]


def told(one: Annotation) -> list[tuple[str, float, str]]:
    return [(measured.name, measured.value, measured.unit) for measured in one.measurements]


def test_coded_numbers_come_with_their_region(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    source[0].PatientBirthDate = "19500203"
    mean = sr.Measurement(codes.DCM.AttenuationCoefficient, -12.5, codes.UCUM.HounsfieldUnit, derivation=codes.SCT.Mean)
    groups = [
        finding(
            region("POLYLINE", SQUARE, source[0]),
            NODULE,
            mean,
            sr.Measurement(codes.SCT.Area, 1.7, codes.UCUM.SquareCentimeter),
        ),
        finding(
            region("POINT", [[2, 2]], source[1]),
            NODULE,
            sr.Measurement(Code("M1", "99PHANTOM", "PHANTOM ALPHA"), 3, codes.UCUM.Millimeter),
            sr.Measurement(codes.SCT.Length, 4, Code("ALPHA", "99PHANTOM", "PHANTOM")),
            sr.Measurement(codes.SCT.Length, 19500203, codes.UCUM.Millimeter),
        ),
    ]
    take(project, series, write_report(tmp_path / "r.dcm", source, groups))
    first, second = drawn(project)
    assert told(first) == [("Attenuation coefficient, mean", -12.5, "[hnsf'U]"), ("Area", 1.7, "cm2")]
    assert told(second) == []
    dump = tmp_path / "out.geojson"
    dump_drawings(project, project.images.list(), None, dump)
    assert json.loads(dump.read_text())["features"][0]["properties"]["measurements"][1] == {
        "name": "Area",
        "value": 1.7,
        "unit": "cm2",
    }


def test_nothing_that_a_person_wrote_stays(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    report = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[0]), NOWHERE)])
    state = write_presentation(tmp_path / "p.dcm", source, [(source[1], [graphic("POINT", [[3, 3]])])])
    made = take(project, series, report, state)
    assert len(made.documents) == 2
    workspace = project.folder.parents[1]
    kept = b"".join(
        path.read_bytes() for path in workspace.rglob("*") if path.is_file() and "quarantine" not in path.parts
    )
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in (report, state)]
    for said in (SECRET, "PHANTOM", "OBSERVER", "19500203", *uids):
        assert said.encode() not in kept


def test_graphics_of_a_presentation_state_come_without_its_texts(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    objects = [
        graphic("POLYLINE", SQUARE),
        graphic("CIRCLE", [[10, 10], [12, 10]]),
        graphic("POLYLINE", [[0.1, 0.1], [0.5, 0.5]], "DISPLAY"),
    ]
    path = write_presentation(tmp_path / "p.dcm", source, [(source[1], objects), (source[3], objects[:1])])
    (document,) = take(project, series, path).documents
    assert (document.kind, document.annotations) == (AttachmentKind.PRESENTATION, 3)
    found = drawn(project)
    assert [(one.index, one.terms) for one in found] == [(1, ()), (1, ()), (3, ())]
    assert bounds(found[2]) == (2, 3, 8, 9.5)


def test_graphics_for_all_images_lie_on_each(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_presentation(tmp_path / "p.dcm", source, [(source[1], [graphic("POINT", [[4, 4]])])])
    header = pydicom.dcmread(path)
    del header.GraphicAnnotationSequence[0].ReferencedImageSequence
    header.save_as(path)
    take(project, series, path)
    assert [one.index for one in drawn(project)] == list(range(6))


def multiframe(folder: Path, frames: int) -> Dataset:
    """A cine without a place."""
    header = pydicom.dcmread(next(folder.iterdir()))
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID"):
        del header[keyword]
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.12.1"
    header.Modality, header.NumberOfFrames, header.FrameTime = "XA", frames, "40"
    header.FrameIncrementPointer = 0x00181063
    header.PixelData = header.PixelData * frames
    for uid in ("SOPInstanceUID", "SeriesInstanceUID"):
        setattr(header, uid, generate_uid())
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.save_as(folder / "cine.dcm")
    return header


def test_a_region_lies_on_the_frames_that_it_names(project: Project, series: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cine"
    folder.mkdir()
    next(series.iterdir()).rename(folder / "one.dcm")
    cine = multiframe(folder, 5)
    (folder / "one.dcm").unlink()
    path = write_report(tmp_path / "r.dcm", [cine], [finding(region("POINT", [[2, 2]], cine, [2, 5]), NODULE)])
    take(project, folder, path)
    assert sorted((one.t, one.index) for one in drawn(project)) == [(1, 0), (4, 0)]


def test_without_its_image_it_waits_until_somebody_accepts_it(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[0]), NODULE)])
    (held,) = take(project, path).quarantined
    assert (held.reason, held.detail) == (Reason.NO_PIXELS, "the image that it belongs to is not here")
    take(project, series)
    (item,) = project.quarantine.held()
    (outcome,) = review(project, ReviewWork(items=(item.id,)), silent)
    assert outcome.decision == "released"
    assert len(drawn(project)) == 1


@pytest.mark.parametrize("points", [[[50, 50], [60, 60]], [[-9, -9], [-5, -5]]])
def test_a_region_off_its_image_is_held(
    points: list[list[float]], project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    groups = [
        finding(region(kind, where, source[0]), NODULE) for kind, where in (("POINT", [[2, 2]]), ("POINT", points[:1]))
    ]
    path = write_report(tmp_path / "r.dcm", source, groups)
    (held,) = take(project, series, path).quarantined
    assert (held.reason, held.detail) == (Reason.NO_PIXELS, "it does not lie on the planes of its image")
    assert drawn(project) == []


def test_one_of_another_person_is_held(project: Project, series: Path, source: list[Dataset], tmp_path: Path) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[0]), NODULE)])
    header = pydicom.dcmread(path)
    header.PatientID = "PHA-000002"
    header.save_as(path)
    assert len(take(project, series, path).quarantined) == 1
    assert drawn(project) == []


def test_reports_and_states_without_a_region_are_held_as_files_without_pixels(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier=SECRET),
        measurements=[sr.Measurement(codes.SCT.Length, 5.0, codes.UCUM.Millimeter)],
    )
    report = write_report(tmp_path / "r.dcm", source, [group])
    state = write_presentation(tmp_path / "p.dcm", source, [(source[0], [])])
    made = take(project, series, report, state)
    assert [(held.reason, held.detail) for held in made.quarantined] == [(Reason.NO_PIXELS, "no pixel data")] * 2


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        ({"GraphicType": "SPIRAL"}, "a shape is of a kind that lies on no plane"),
        ({"GraphicData": [1.0, 2.0, 3.0]}, "a shape has not the points that it needs"),
        ({"GraphicType": "CIRCLE"}, "a shape has not the points that it needs"),
    ],
)
def test_a_region_that_makes_no_sense_is_held(
    spoil: dict[str, object], detail: str, project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[0]), NODULE)])
    header = pydicom.dcmread(path)
    (where,) = (item for item in walk(header) if item.get("ValueType") == "SCOORD")
    for keyword, value in spoil.items():
        setattr(where, keyword, value)
    header.save_as(path)
    (held,) = take(project, series, path).quarantined
    assert (held.reason, held.detail) == (Reason.IRREGULAR_GEOMETRY, detail)


def test_an_image_that_is_pointed_to_elsewhere_in_the_report_is_found(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[3]), NODULE)])
    header = pydicom.dcmread(path)
    (where,) = (item for item in walk(header) if item.get("ValueType") == "SCOORD")
    header.ContentSequence.append(where.ContentSequence[0])
    pointing = Dataset()
    pointing.RelationshipType = "SELECTED FROM"
    pointing.ReferencedContentItemIdentifier = [1, len(header.ContentSequence)]
    where.ContentSequence = [pointing]
    header.save_as(path)
    take(project, series, path)
    assert [one.index for one in drawn(project)] == [3]


def test_a_report_deeper_than_any_is_no_danger(
    project: Project, series: Path, source: list[Dataset], tmp_path: Path
) -> None:
    path = write_report(tmp_path / "r.dcm", source, [finding(region("POINT", [[2, 2]], source[0]), NODULE)])
    header = pydicom.dcmread(path)
    for _ in range(200):
        outer = Dataset()
        outer.ValueType, outer.ContentSequence = "CONTAINER", header.ContentSequence
        header.ContentSequence = [outer]
    header.save_as(path)
    made = take(project, series, path)
    assert len(made.documents) + len(made.quarantined) == 1


@pytest.mark.parametrize(
    ("name", "detail"),
    [("test-SR.dcm", "no pixel data"), ("reportsi.dcm", "no pixel data")],
)
def test_real_reports_without_regions_are_held(name: str, detail: str, project: Project, shared_data: Path) -> None:
    (held,) = take(project, shared_data / "rt_sr" / name).quarantined
    assert (held.reason, held.detail) == (Reason.NO_PIXELS, detail)


def test_a_real_report_lies_on_its_real_image(project: Project, shared_data: Path) -> None:
    """A circle on the spinal cord of a slice of CT, as highdicom's own tests have it."""
    folder = shared_data / "highdicom"
    made = take(project, folder / "ct_image.dcm", folder / "sr_document.dcm")
    assert [document.annotations for document in made.documents] == [1]
    (one,) = drawn(project)
    assert terms_of(project, one) == ["Spinal cord"]
    assert one.area_px == pytest.approx(np.pi * 121, rel=1e-3)
    np.testing.assert_allclose(parse_wkt(one.wkt).centroid.coords[0], (58, 52), atol=1e-6)
