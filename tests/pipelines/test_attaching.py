"""Segments and contours that come with a series lie in the source layer of its image; else they are held."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom.sr.codedict import codes

from imaging.domain.annotation import AnnotationFilter, LayerKind
from imaging.domain.attachment import AttachmentKind
from imaging.domain.epoch import RotationPolicy
from imaging.domain.job import IngestWork, ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.store import images as image_rows
from imaging.workspace import Workspace
from pipelines.ingest import ingest, ingest_upload
from pipelines.review import review
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.dicom_objects import describe, write_contours, write_segments
from tests.pipelines.ingesting import begin_job, silent, take

SPOT = (4, "POINT", np.array([[-8.0, -18.0, 30.0]]))


@pytest.fixture
def series(make_series: MakeSeries, tmp_path: Path) -> Path:
    """A folder with a series of 6 planes."""
    make_series(tmp_path / "in")
    return tmp_path / "in"


def masks() -> np.ndarray:
    values = np.zeros((6, 24, 20, 2), np.uint8)
    values[1:3, 4:9, 5:15, 0] = 1
    values[2, 6:20, 3:10, 1] = 1
    return values


@pytest.fixture
def segments(series: Path) -> Path:
    """Two segments over the series that share voxels."""
    return write_segments(series.parent, masks(), [describe(1, "lung"), describe(2, "nodule")])


@pytest.fixture
def contours(series: Path) -> Path:
    """A point in a structure set of the series."""
    return write_contours(series.parent / "rtss.dcm", [SPOT], {4: "nodule"}, next(series.iterdir()))


def source_layer(project: Project) -> int:
    (layer,) = (layer for layer in project.layers.list() if layer.kind is LayerKind.SOURCE)
    return layer.id


def held_for(project: Project) -> dict[str, tuple[Reason, str]]:
    return {Path(item.name).name: (item.reason, item.detail) for item in project.quarantine.held()}


@pytest.mark.parametrize("order", ["before", "after", "together"])
def test_what_comes_with_a_series_lies_in_its_source_layer(
    order: str, project: Project, series: Path, segments: Path, contours: Path
) -> None:
    if order == "after":
        take(project, series)
    paths = {
        "before": (segments, contours, series),
        "after": (segments, contours),
        "together": (series, segments, contours),
    }
    made = take(project, *paths[order])
    (image,) = project.images.list()
    assert image.sources == 6
    assert {(Path(one.name).name, one.kind, one.image) for one in made.documents} == {
        ("seg.dcm", AttachmentKind.SEGMENTATION, image.id),
        ("rtss.dcm", AttachmentKind.STRUCTURE_SET, image.id),
    }
    assert sum(one.annotations + len(one.segmentations) for one in made.documents) == 3
    assert {known.layer for known in project.segmentations.list(image.id)} == {source_layer(project)}
    assert not any(known.reviewed for known in project.segmentations.list(image.id))
    counts = {term.term: term.voxels for known in project.segmentations.list() for term in known.terms}
    assert counts == {
        project.ontology.find("lung").id: int(masks()[..., 0].sum()),
        project.ontology.find("nodule").id: int(masks()[..., 1].sum()),
    }
    (drawn,) = project.annotations.list(AnnotationFilter(images=(image.id,))).items
    assert (drawn.layer, drawn.index, drawn.terms) == (source_layer(project), 0, (project.ontology.find("nodule").id,))
    assert verify_project(project).ok


def test_it_is_attached_once_however_often_it_comes(
    project: Project, series: Path, segments: Path, contours: Path
) -> None:
    take(project, series, segments, contours)
    again = take(project, series, segments, contours)
    assert (again.duplicates, again.documents, again.quarantined) == (8, (), ())
    assert (len(project.segmentations.list()), project.annotations.list().total) == (2, 1)


def test_without_its_image_it_waits_and_is_attached_when_somebody_accepts_it(
    project: Project, series: Path, segments: Path, contours: Path
) -> None:
    take(project, segments, contours)
    missing = "the image that it belongs to is not here"
    assert held_for(project) == {
        "seg.dcm": (Reason.IRREGULAR_GEOMETRY, missing),
        "rtss.dcm": (Reason.NO_PIXELS, missing),
    }
    take(project, series)
    (image,) = project.images.list()
    keys = tuple(item.id for item in project.quarantine.held())
    outcomes = review(project, ReviewWork(items=keys), silent)
    told = {(outcome.decision, outcome.image, outcome.attached) for outcome in outcomes}
    assert told == {("released", image.id, True)}
    assert project.quarantine.held() == []
    assert (len(project.segmentations.list()), project.annotations.list().total) == (2, 1)


@pytest.mark.parametrize("left", [200, 2000, -20])
def test_segments_that_end_early_are_held_for_that(project: Project, segments: Path, tmp_path: Path, left: int) -> None:
    (tmp_path / "cut.dcm").write_bytes(segments.read_bytes()[:left])
    (held,) = take(project, tmp_path / "cut.dcm").quarantined
    assert held.reason is not Reason.IRREGULAR_GEOMETRY


def test_accepting_segments_tells_that_they_were_attached_and_no_image_made(
    call: Call, project: Project, series: Path, segments: Path
) -> None:
    take(project, segments)
    take(project, series)
    (image,) = project.images.list()
    (item,) = project.quarantine.held()
    code, out, _ = call("quarantine", "accept", "phantoms", item.id)
    assert (code, out) == (0, f"{item.id:>6}  attached to image {image.id}\n")


def test_a_file_of_another_person_is_not_attached_whatever_series_it_names(
    project: Project, series: Path, segments: Path
) -> None:
    take(project, series)
    header = pydicom.dcmread(segments)
    header.PatientID = "PHA-000002"
    header.save_as(segments)
    made = take(project, segments)
    assert [held.reason for held in made.quarantined] == [Reason.IRREGULAR_GEOMETRY]
    assert project.segmentations.list() == []


def test_one_that_lies_off_the_planes_of_its_image_is_held(project: Project, series: Path, segments: Path) -> None:
    header = pydicom.dcmread(segments)
    for item in header.PerFrameFunctionalGroupsSequence:
        item.PlanePositionSequence[0].ImagePositionPatient[0] += 0.3
    header.save_as(segments)
    take(project, series, segments)
    assert held_for(project)["seg.dcm"] == (
        Reason.IRREGULAR_GEOMETRY,
        "it does not lie on the planes of its image",
    )


def test_one_that_names_no_series_is_attached_within_its_study(project: Project, series: Path, segments: Path) -> None:
    header = pydicom.dcmread(segments)
    del header.ReferencedSeriesSequence
    header.save_as(segments)
    assert len(take(project, series, segments).documents) == 1


def test_one_that_fits_several_images_is_held(project: Project, series: Path, segments: Path) -> None:
    header = pydicom.dcmread(segments)
    del header.ReferencedSeriesSequence
    header.save_as(segments)
    for path in series.iterdir():
        other = pydicom.dcmread(path)
        other.SeriesInstanceUID, other.SOPInstanceUID = f"{other.SeriesInstanceUID}.1", f"{other.SOPInstanceUID}.1"
        other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
        other.save_as(path.with_suffix(".other"))
    take(project, series, segments)
    assert len(project.images.list()) == 2
    assert held_for(project)["seg.dcm"][1] == "it lies on several images: annotations import brings it onto one"


def test_one_of_another_frame_of_reference_is_held(project: Project, series: Path, segments: Path) -> None:
    header = pydicom.dcmread(segments)
    header.FrameOfReferenceUID = f"{header.FrameOfReferenceUID}.1"
    header.save_as(segments)
    take(project, series, segments)
    assert held_for(project)["seg.dcm"] == (
        Reason.IRREGULAR_GEOMETRY,
        "the image that it belongs to is not here",
    )


def test_a_term_that_somebody_adds_meanwhile_is_taken(
    project: Project, series: Path, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_segments(series.parent, masks()[..., 0], [describe(1, "spleen", codes.SCT.Spleen)])

    def add_first(percent: int, message: str) -> None:
        if message.startswith("attaching") and len(project.ontology.terms()) == 2:
            project.ontology.add("spleen")

    made = ingest(project, [series, path], add_first)
    assert (len(made.documents), made.duplicates, made.quarantined) == (1, 0, ())


def test_an_uploader_attaches_under_terms_that_are_there_and_adds_none(
    workspace: Workspace, project: Project, series: Path, segments: Path
) -> None:
    carrier, _ = workspace.accounts.add("carrier")
    project.members.add(carrier.id, {Role.UPLOADER})
    theirs = workspace.open(project.record.id, carrier.id)
    foreign = write_segments(series.parent, masks()[..., 0], [describe(1, "spleen", codes.SCT.Spleen)])
    made = ingest(theirs, [series, foreign], silent)
    assert [(held.reason, held.detail) for held in made.quarantined] == [
        (Reason.IRREGULAR_GEOMETRY, "the ontology lacks its terms: a manager may accept it")
    ]
    assert [term.name for term in project.ontology.terms()] == ["lung", "nodule"]
    known = write_segments(series.parent, masks(), [describe(1, "lung"), describe(2, "nodule")])
    assert len(ingest(theirs, [known], silent).documents) == 1
    (key,) = (item.id for item in project.quarantine.held())
    (outcome,) = review(project, ReviewWork(items=(key,)), silent)
    assert outcome.decision == "released"
    assert project.ontology.terms()[-1].name == "spleen"


def test_where_faces_are_removed_neither_segments_nor_contours_come_in(
    project: Project, series: Path, segments: Path, contours: Path
) -> None:
    take(project, series)
    profile = project.profile.get().model_copy(update={"faces": "removed"})
    project.profile.set(profile)
    take(project, segments, contours)
    assert {reason for reason, _ in held_for(project).values()} == {Reason.FACE_RISK}


def test_a_name_that_one_segment_leaves_out_of_another_is_held(project: Project, tmp_path: Path, series: Path) -> None:
    enlarge(series)
    drawn = np.zeros((6, 256, 256, 2), np.uint8)
    drawn[2, ..., 1] = written_mask(256)
    drawn[2, ..., 0] = 1 - drawn[2, ..., 1]
    take(project, series, write_segments(tmp_path, drawn, [describe(1, "lung"), describe(2, "nodule")]))
    assert held_for(project)["seg.dcm"][0] is Reason.BURNED_IN_RISK


def enlarge(series: Path) -> None:
    for path in series.iterdir():
        header = pydicom.dcmread(path)
        header.Rows = header.Columns = 256
        header.PixelData = np.zeros((256, 256), np.int16).tobytes()
        header.save_as(path)


def written_mask(side: int) -> np.ndarray:
    mask = Picture.new("L", (side, side))
    ImageDraw.Draw(mask).text((10, 40), "PHANTOM ALPHA 1943", fill=255, font=ImageFont.load_default(20))
    return (np.asarray(mask) > 100).astype(np.uint8)


def test_a_name_that_is_drawn_as_a_segment_is_held(project: Project, tmp_path: Path, series: Path) -> None:
    enlarge(series)
    drawn = np.zeros((6, 256, 256), np.uint8)
    drawn[2] = written_mask(256)
    take(project, series, write_segments(tmp_path, drawn, [describe(1, "lung")]))
    assert held_for(project)["seg.dcm"][0] is Reason.BURNED_IN_RISK
    (key,) = (item.id for item in project.quarantine.held())
    (refused,) = review(project, ReviewWork(items=(key,), find=True), silent)
    assert (refused.decision, refused.detail) == (
        "held",
        "segments and contours are not painted over: accept or refuse them",
    )
    (accepted,) = review(project, ReviewWork(items=(key,)), silent)
    assert accepted.decision == "released"


def test_what_belongs_to_a_person_who_objects_is_refused(
    call: Call, project: Project, segments: Path, contours: Path, tmp_path: Path
) -> None:
    (tmp_path / "objections.csv").write_text("patient_id,issuer\nPHA-000001,\n")
    assert call("opposition", "add", "phantoms", tmp_path / "objections.csv")[0] == 0
    take(project, segments, contours)
    assert {(item.reason, item.size) for item in project.quarantine.held()} == {(Reason.SUBJECT_OPPOSED, 0)}


@pytest.mark.parametrize("policy", list(RotationPolicy))
def test_a_rotated_key_attaches_to_who_stays_linked_only(
    policy: RotationPolicy, project: Project, series: Path, segments: Path
) -> None:
    take(project, series)
    project.secrets.rotate(policy)
    assert len(take(project, segments).documents) == (1 if policy is RotationPolicy.LINK else 0)


@pytest.mark.parametrize("cut", ["row", "end"])
def test_a_retried_job_attaches_once(
    cut: str,
    workspace: Workspace,
    project: Project,
    series: Path,
    segments: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = project.uploads.create("page")
    for path in (*series.iterdir(), segments):
        project.uploads.add(upload, path.name, io.BytesIO(path.read_bytes()))
    work = IngestWork(upload=upload)
    worker = begin_job(workspace, project, work)

    def cut_off(*_: object, **__: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        owner, method = (image_rows, "insert_attached") if cut == "row" else (worker.uploads, "finish")
        patch.setattr(owner, method, cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            ingest_upload(worker, work, silent)
    assert len(project.segmentations.list()) == (0 if cut == "row" else 2)
    made = ingest_upload(worker, work, silent)
    assert (made.files, made.duplicates, len(made.documents), len(made.quarantined)) == (7, 0, 1, 0)
    assert len(project.segmentations.list()) == 2
    assert [len(one.segmentations) for one in made.documents] == [2]
    assert verify_project(project).ok


def test_what_went_with_its_image_may_come_again(project: Project, series: Path, segments: Path) -> None:
    take(project, series, segments)
    project.images.delete(project.images.list()[0].id)
    again = take(project, series, segments)
    assert (len(again.images), len(again.documents), again.duplicates) == (1, 1, 0)


def test_neither_job_nor_journal_names_the_file_or_its_labels(
    workspace: Workspace, project: Project, series: Path, segments: Path
) -> None:
    upload = project.uploads.create("page")
    for path in (*series.iterdir(), segments):
        project.uploads.add(upload, path.name, io.BytesIO(path.read_bytes()))
    call_job(workspace, project, IngestWork(upload=upload))
    told = json.dumps([job.model_dump(mode="json") for job in project.jobs.list()])
    told += json.dumps([event.model_dump(mode="json") for event in project.journal.list()])
    assert '"kind": "segmentation"' in told
    assert "seg.dcm" not in told
    assert "PHA-000001" not in told


def call_job(workspace: Workspace, project: Project, work: IngestWork) -> None:
    from pipelines.jobs import run_here

    run_here(workspace, project, work, silent)


def test_real_segments_come_with_their_series(project: Project, shared_data: Path) -> None:
    study = shared_data / "seg_dcmqi"
    made = take(project, study)
    assert sorted(Path(one.name).name for one in made.documents) == ["liver.dcm", "partial_overlaps.dcm"]
    voxels = sum(term.voxels for known in project.segmentations.list() for term in known.terms)
    assert voxels == 107_098 + 9_602 + 11_888 + 10_743 + 6_693 + 4_713


def test_the_command_tells_what_was_attached(call: Call, project: Project, series: Path, segments: Path) -> None:
    code, out, _ = call("ingest", "phantoms", series, segments)
    (image,) = project.images.list()
    assert code == 0
    assert f"document  {segments}  (2 segmentations on image {image.id})\n" in out
    document = json.loads(call("ingest", "phantoms", series, segments, "--json")[1])
    assert (document["documents"], document["duplicates"]) == ([], 7)
