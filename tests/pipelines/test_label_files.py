"""Label maps and terms that a table names come with their images into the source layer; nothing is guessed."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from imaging.dicom.epochs import Epochs
from imaging.domain.annotation import LayerKind
from imaging.domain.attachment import AttachmentKind
from imaging.domain.job import IngestWork, ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.erasure import find_held
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.labels import SegmentationReader
from imaging.workspace import Workspace
from pipelines.ingest import ingest_upload
from pipelines.review import review
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import begin_job, silent, take

RAS = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, 40], [0, 0, 2.5, -7], [0, 0, 0, 1]])
MIRRORED = RAS @ np.diag([-1, 1, 1, 1])
_NO_ONE_IMAGE = "a row of the table names its image not at all, or in several ways"
_NO_VALUES = "the table does not say which value is which term"
DECATHLON = {"labels": {"0": "background", "1": "lung", "2": "nodule"}, "numTraining": 1}
NNUNET = {"labels": {"background": 0, "lung": 1, "nodule": 2}, "file_ending": ".nii.gz"}


def write(path: Path, stored: np.ndarray, affine: np.ndarray = RAS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(stored.transpose(*reversed(range(stored.ndim))), affine), path)
    return path


def image_of(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3000, (6, 24, 20)).astype(np.int16)


def label_of(seed: int = 1) -> np.ndarray:
    values = np.zeros((6, 24, 20), np.uint8)
    values[1:4, 4 + seed : 12, 5:15] = 1
    values[2, 14:20, 3:9] = 2
    return values


def write_table(path: Path, columns: Sequence[str], *rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path


def segmented(project: Project) -> dict[int, np.ndarray]:
    """The labels of each image; each has one segmentation, in the source layer, not reviewed."""
    (layer,) = (layer.id for layer in project.layers.list() if layer.kind is LayerKind.SOURCE)
    found = {}
    for made in project.segmentations.list():
        assert (made.layer, made.reviewed) == (layer, False)
        reader = SegmentationReader.open(project.images.path(made.image), made.id)
        z, y, x = reader.shape
        assert made.image not in found
        found[made.image] = reader.region((0, z, 0, y, 0, x))
    return found


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two images with their label maps as the Decathlon lays them out."""
    for seed in (1, 2):
        write(tmp_path / "set" / "imagesTr" / f"case_{seed}.nii.gz", image_of(seed))
        write(tmp_path / "set" / "labelsTr" / f"case_{seed}.nii.gz", label_of(seed))
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(DECATHLON))
    return tmp_path / "set"


def test_the_decathlons_layout_gives_images_with_their_segmentations(project: Project, dataset: Path) -> None:
    made = take(project, dataset)
    assert len(made.images) == 2
    assert sorted(document.kind.value for document in made.documents) == ["label_map", "label_map", "table"]
    found = segmented(project)
    for image in made.images:
        seed = int(image.inputs[0][-8])
        np.testing.assert_array_equal(found[image.id], label_of(seed))
    counts = {term.term: term.voxels for known in project.segmentations.list() for term in known.terms}
    assert counts.keys() == {project.ontology.find("lung").id, project.ontology.find("nodule").id}
    assert verify_project(project).ok


def test_listed_pairs_and_nnunets_names_of_channels_are_understood(project: Project, tmp_path: Path) -> None:
    write(tmp_path / "a" / "imagesTr" / "x_0000.nii.gz", image_of())
    write(tmp_path / "a" / "imagesTr" / "x_0001.nii.gz", image_of(2))
    write(tmp_path / "a" / "labelsTr" / "x.nii.gz", label_of())
    (tmp_path / "a" / "dataset.json").write_text(json.dumps(NNUNET))
    write(tmp_path / "b" / "scans" / "one.nii.gz", image_of(3))
    write(tmp_path / "b" / "masks" / "other.nii.gz", label_of(3))
    pairs = [{"image": "./scans/one.nii.gz", "label": "./masks/other.nii.gz"}]
    (tmp_path / "b" / "dataset.json").write_text(json.dumps(DECATHLON | {"training": pairs}))
    made = take(project, tmp_path / "a", tmp_path / "b")
    by_name = {Path(image.inputs[0]).name: image.id for image in made.images}
    assert by_name.keys() == {"x_0000.nii.gz", "x_0001.nii.gz", "one.nii.gz"}
    assert segmented(project).keys() == {by_name["x_0000.nii.gz"], by_name["one.nii.gz"]}


def test_without_a_table_a_label_map_is_an_image_like_any_other(project: Project, dataset: Path) -> None:
    (dataset / "dataset.json").unlink()
    assert len(take(project, dataset).images) == 4
    assert project.segmentations.list() == []


def test_the_same_files_again_change_nothing(project: Project, dataset: Path) -> None:
    take(project, dataset)
    again = take(project, dataset)
    assert (again.duplicates, again.images, len(again.documents)) == (4, (), 1)
    assert len(project.segmentations.list()) == 2


def test_label_maps_that_come_after_their_images_are_attached(project: Project, dataset: Path) -> None:
    take(project, dataset / "imagesTr")
    made = take(project, dataset)
    assert (made.duplicates, made.images, len(made.documents)) == (2, (), 3)
    assert len(segmented(project)) == 2


def test_equal_label_maps_of_two_images_are_two(project: Project, dataset: Path) -> None:
    (dataset / "labelsTr" / "case_2.nii.gz").write_bytes((dataset / "labelsTr" / "case_1.nii.gz").read_bytes())
    made = take(project, dataset)
    assert made.duplicates == 0
    assert len(segmented(project)) == 2


def test_a_label_map_of_other_handedness_lies_where_the_patient_has_it(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "i.nii.gz", image_of(), MIRRORED)
    shifted = MIRRORED.copy()
    shifted[:3, 3] += 19 * MIRRORED[:3, 0]
    shifted[:3, 0] *= -1
    write(folder / "l.nii.gz", label_of()[..., ::-1], shifted)
    write_table(folder / "t.csv", ["file", "labels", "values"], ["i.nii.gz", "l.nii.gz", "1=lung;2=nodule"])
    take(project, folder)
    (found,) = segmented(project).values()
    np.testing.assert_array_equal(found, label_of()[::-1])


def test_a_table_names_labels_in_nrrd_of_a_dicom_series_by_its_uid(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "s")
    header = pydicom.dcmread(next((tmp_path / "s").iterdir()))
    labels = SimpleITK.GetImageFromArray(label_of())
    labels.SetSpacing((0.75, 0.5, 2.5))
    labels.SetOrigin((-10, -20, 30))
    SimpleITK.WriteImage(labels, str(tmp_path / "l.nrrd"))
    rows = [
        {"SeriesInstanceUID": str(header.SeriesInstanceUID), "labels": "l.nrrd", "values": {"1": "lung", "2": "nodule"}}
    ]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    take(project, tmp_path / "s")
    made = take(project, tmp_path / "t.json", tmp_path / "l.nrrd")
    assert [document.kind for document in made.documents] == [AttachmentKind.LABEL_MAP, AttachmentKind.TABLE]
    np.testing.assert_array_equal(next(iter(segmented(project).values())), label_of())
    for file in project.folder.rglob("*"):
        assert not file.is_file() or str(header.SeriesInstanceUID).encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (lambda values: np.where(values == 2, 3, values), "a value of the label map has no term"),
        (lambda values: values.astype(np.float32) + 0.5, "the voxels are no label values"),
        (lambda values: np.stack([values, values]), "the voxels are no label values"),
    ],
)
def test_a_label_map_that_fits_not_is_held_and_its_image_comes_in(
    project: Project, dataset: Path, spoil, detail: str
) -> None:
    write(dataset / "labelsTr" / "case_1.nii.gz", spoil(label_of()))
    made = take(project, dataset)
    assert len(made.images) == 2
    assert [held.detail.split(";")[0] for held in made.quarantined] == [detail]


def test_a_label_map_off_the_grid_is_held(project: Project, dataset: Path) -> None:
    moved = RAS.copy()
    moved[0, 3] += 0.2
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of(), moved)
    (held,) = take(project, dataset).quarantined
    assert held.reason is Reason.IRREGULAR_GEOMETRY
    assert held.detail.startswith("it does not lie on the planes of its image; ")


@pytest.mark.parametrize("cut", [slice(0, 5), slice(1, 6)])
def test_a_label_map_of_a_part_of_its_image_is_held(project: Project, dataset: Path, cut: slice) -> None:
    begin = RAS.copy()
    begin[:3, 3] += cut.start * RAS[:3, 2]
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of()[cut], begin)
    (held,) = take(project, dataset).quarantined
    assert held.reason is Reason.IRREGULAR_GEOMETRY
    assert held.detail.startswith("the label map has another size or place than its image; ")
    assert len(project.segmentations.list()) == 1


def test_a_label_map_without_its_image_is_held_and_accepting_makes_no_image_of_it(
    project: Project, dataset: Path
) -> None:
    (dataset / "imagesTr" / "case_1.nii.gz").unlink()
    (held,) = take(project, dataset).quarantined
    assert held.detail.startswith("the image that it belongs to is not here; ")
    (item,) = project.quarantine.held()
    (outcome,) = review(project, ReviewWork(items=(item.id,)), silent)
    assert (outcome.decision, outcome.detail) == ("held", held.detail)
    assert len(project.images.list()) == 1


@pytest.mark.parametrize(
    "document",
    [
        '{"labels": {"background": 0, "whole": [1, 2]}}',
        '{"labels": {"lung": 1, "ignore": 2}}',
        '{"labels": {}}',
        '{"labels": {"1": "lung", "01": "nodule"}}',
        "{no json",
        "[" * 100_000,
    ],
)
def test_label_maps_whose_table_cannot_be_used_become_nothing(project: Project, dataset: Path, document: str) -> None:
    (dataset / "dataset.json").write_text(document)
    made = take(project, dataset)
    assert (len(made.images), made.documents) == (2, ())
    assert {held.reason for held in made.quarantined} == {Reason.NO_PIXELS}
    assert len(made.quarantined) == 3


def test_an_uploader_adds_no_terms(project: Project, workspace: Workspace, dataset: Path) -> None:
    (dataset / "dataset.json").write_text(json.dumps(DECATHLON | {"labels": {"1": "lung", "2": "bone"}}))
    carrier, _ = workspace.accounts.add("carrier")
    project.members.add(carrier.id, [Role.UPLOADER])
    theirs = workspace.open(project.record.id, carrier.id)
    made = take(theirs, dataset)
    assert len(made.images) == 2
    assert {held.detail.split(";")[0] for held in made.quarantined} == {
        "the ontology lacks its terms: add them and send it again"
    }
    project.ontology.add("bone")
    again = take(theirs, dataset)
    assert (len(again.documents), again.duplicates) == (3, 2)


def test_a_job_that_is_run_again_attaches_nothing_twice(project: Project, workspace: Workspace, dataset: Path) -> None:
    upload = project.uploads.create("page")
    for path in sorted(dataset.rglob("*.*")):
        with path.open("rb") as stream:
            project.uploads.add(upload, f"set/{path.relative_to(dataset)}", stream)
    work = IngestWork(upload=upload)
    acting = begin_job(workspace, project, work)

    def stop(percent: int, message: str) -> None:
        if project.segmentations.list():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_upload(acting, work, stop)
    made = ingest_upload(acting, work, silent)
    assert (made.files, len(made.images), len(made.documents), made.duplicates) == (5, 2, 3, 0)
    assert len(segmented(project)) == 2
    recalled = ingest_upload(acting, work, silent)
    assert (recalled.files, len(recalled.images), len(recalled.documents)) == (5, 2, 3)


def test_a_held_label_map_is_erased_with_its_person(
    project: Project, make_series: MakeSeries, dataset: Path, tmp_path: Path
) -> None:
    make_series(tmp_path / "in" / "s", patient="PHA-000001")
    write(tmp_path / "in" / "off.nii.gz", label_of(), RAS * 1.5)
    columns = ["PatientID", "labels", "values"]
    write_table(tmp_path / "in" / "t.csv", columns, ["PHA-000001", "off.nii.gz", "1=lung;2=nodule"])
    (held,) = take(project, tmp_path / "in").quarantined
    assert held.detail.startswith("it does not lie on the planes of its image")
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of() + 5)
    (other,) = take(project, dataset).quarantined
    assert other.detail.startswith("a value of the label map has no term")
    for item in project.quarantine.held():
        (subject,) = {image.subject for image in project.images.list()} & {item.subject}
        assert find_held(project, subject) == [item.id]


def given(project: Project) -> dict[int, set[str]]:
    names = {term.id: term.name for term in project.ontology.terms()}
    found: dict[int, set[str]] = {}
    for one in project.images.terms():
        found.setdefault(one.image, set()).add(names[one.term])
    return found


def test_terms_of_whole_images_come_by_file_by_person_and_by_uid(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "s" / "one", patient="PHA-000001", seed=1)
    make_series(tmp_path / "s" / "two", patient="PHA-000002", seed=2)
    write(tmp_path / "s" / "v.nii.gz", image_of())
    header = pydicom.dcmread(next((tmp_path / "s" / "two").iterdir()))
    write_table(tmp_path / "s" / "a.csv", ["file", "term"], ["v.nii.gz", "lung; nodule"], ["gone.nii.gz", "lung"])
    write_table(tmp_path / "s" / "b.csv", ["PatientID", "term"], ["PHA-000001", "=lung()"], ["PHA-000009", "x"])
    write_table(tmp_path / "s" / "c.csv", ["StudyInstanceUID", "term"], [str(header.StudyInstanceUID), "nodule"])
    made = take(project, tmp_path / "s")
    assert {document.kind for document in made.documents} == {AttachmentKind.TABLE}
    tables = {Path(document.name).name: (document.image_terms, document.unmatched) for document in made.documents}
    assert tables == {"a.csv": (2, 1), "b.csv": (1, 1), "c.csv": (1, 0)}
    by_input = {Path(name).parent.name: image.id for image in made.images for name in image.inputs}
    assert given(project) == {
        by_input["s"]: {"lung", "nodule"},
        by_input["one"]: {"=lung()"},
        by_input["two"]: {"nodule"},
    }
    # A term of a row that matched nothing is not added.
    assert "x" not in {term.name for term in project.ontology.terms()}
    assert len(take(project, tmp_path / "s" / "b.csv").documents) == 1
    (term,) = (one for one in project.images.terms() if one.image == by_input["one"])
    assert not term.reviewed
    for file in project.folder.rglob("*"):
        assert not file.is_file() or b"PHA-0000" not in file.read_bytes()


@pytest.mark.parametrize(
    ("columns", "row", "detail"),
    [
        (["file", "term", "name"], ["v.nii.gz", "lung", "PHANTOM^ALPHA"], "the table has a column that is not known"),
        (["file", "term"], ["v.nii.gz", "lung", "PHANTOM^ALPHA"], "the table has a column that is not known"),
        (["file", "PatientID", "term"], ["v.nii.gz", "PHA-000001", "lung"], _NO_ONE_IMAGE),
        (["file", "term"], ["", "lung"], _NO_ONE_IMAGE),
        (["file", "labels"], ["v.nii.gz", "l.nii.gz"], _NO_VALUES),
        (["file", "labels", "values"], ["v.nii.gz", "l.nii.gz", "0=lung"], _NO_VALUES),
        (["file", "term"], ["v.nii.gz", "a" * 300], "a term of the table is no name"),
        (["file", "term"], ["other.nii.gz", "lung"], "the table speaks of no image that is here"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_held_whole_and_told_without_its_values(
    project: Project, tmp_path: Path, columns: list[str], row: list[str], detail: str
) -> None:
    write(tmp_path / "in" / "v.nii.gz", image_of())
    write_table(tmp_path / "in" / "t.csv", columns, row)
    made = take(project, tmp_path / "in")
    (held,) = made.quarantined
    assert (held.reason, held.detail, len(made.images)) == (Reason.NO_PIXELS, detail, 1)
    (item,) = project.quarantine.held()
    assert item.size == 0
    assert given(project) == {}


def test_a_mended_table_settles_what_was_held_for_it(project: Project, dataset: Path) -> None:
    columns, row = ["file", "labels", "values"], ["imagesTr/case_1.nii.gz", "labelsTr/case_1.nii.gz"]
    (dataset / "dataset.json").unlink()
    write_table(dataset / "t.csv", [*columns, "age"], [*row, "1=lung;2=nodule", "40"])
    write_table(dataset / "other.csv", ["PatientID", "term", "age"], ["PHA-000001", "lung", "40"])
    take(project, dataset)
    assert len(project.quarantine.held()) == 3
    write_table(dataset / "t.csv", columns, [*row, "1=lung;2=nodule"])
    made = take(project, dataset)
    assert {document.kind for document in made.documents} == {AttachmentKind.LABEL_MAP, AttachmentKind.TABLE}
    assert [Path(item.name).name for item in project.quarantine.held()] == ["other.csv"]
    gone = [event.kind for event in project.journal.list() if event.action == "settle"]
    assert gone == ["file", "file"]
    assert [*(project.folder.parent.parent / "quarantine").rglob("*.sealed")] == []
    assert verify_project(project).ok


def test_another_table_or_another_label_map_settles_nothing(project: Project, dataset: Path) -> None:
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of() + 5)
    write_table(dataset / "t.csv", ["file", "term", "age"], ["imagesTr/case_1.nii.gz", "lung", "40"])
    take(project, dataset)
    before = {Path(item.name).name for item in project.quarantine.held()}
    assert before == {"case_1.nii.gz", "t.csv"}
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of())
    (dataset / "t.csv").rename(dataset / "u.csv")
    write_table(dataset / "u.csv", ["file", "term"], ["imagesTr/case_1.nii.gz", "lung"])
    take(project, dataset)
    # Of the label map a copy is kept, which is another one: somebody decides on it.
    assert {Path(item.name).name for item in project.quarantine.held()} == before


def test_a_table_that_somebody_else_sent_stays_held(project: Project, workspace: Workspace, dataset: Path) -> None:
    write_table(dataset / "t.csv", ["file", "term", "age"], ["imagesTr/case_1.nii.gz", "lung", "40"])
    take(project, dataset)
    user, _ = workspace.accounts.add("carrier")
    project.members.add(user.id, [Role.UPLOADER])
    write_table(dataset / "t.csv", ["file", "term"], ["imagesTr/case_1.nii.gz", "lung"])
    take(workspace.open(project.record.id, user.id), dataset)
    assert [Path(item.name).name for item in project.quarantine.held()] == ["t.csv"]


def test_other_csv_and_json_files_are_not_dicom_as_ever(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "v.nii.gz", image_of())
    write_table(folder / "a.csv", ["name", "age"], ["PHANTOM^ALPHA", "40"])
    (folder / "b.json").write_text('{"labels": ["cat"]}')
    (folder / "c.json").write_text('[1, 2, {"file": "v.nii.gz", "term": "lung"}]')
    made = take(project, folder)
    assert {held.reason for held in made.quarantined} == {Reason.NOT_DICOM}
    assert len(made.quarantined) == 3


def test_no_copy_is_kept_of_a_table_that_names_a_person_who_objects(
    project: Project, workspace: Workspace, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "v.nii.gz", image_of())
    write_table(tmp_path / "in" / "t.csv", ["PatientID", "term"], ["PHA-000003", "lung"], ["PHA-000004", "lung"])
    project.subjects.oppose([Epochs(project.secrets.epochs()).objection("", "PHA-000003")])
    (held,) = take(project, tmp_path / "in").quarantined
    assert held.reason is Reason.SUBJECT_OPPOSED
    (item,) = project.quarantine.held()
    assert item.size == 0


def test_the_real_hippocampi_come_in_with_their_labels(shared_data: Path, project: Project, tmp_path: Path) -> None:
    names = sorted(path.name for path in (shared_data / "hippocampus" / "images").iterdir())[:3]
    for name in names:
        for ours, theirs in (("imagesTr", "images"), ("labelsTr", "labels")):
            target = tmp_path / ours / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes((shared_data / "hippocampus" / theirs / name).read_bytes())
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "name": "Hippocampus"}))
    made = take(project, tmp_path / "dataset.json", tmp_path / "imagesTr", tmp_path / "labelsTr")
    assert (len(made.images), len(made.documents), made.quarantined) == (3, 4, ())
    found = segmented(project)
    values = {term.name: term.value for term in project.ontology.terms()}
    for image in made.images:
        there = np.asarray(nibabel.load(tmp_path / "labelsTr" / Path(image.inputs[0]).name).dataobj).transpose(2, 1, 0)
        for value, name in ((1, "Anterior"), (2, "Posterior")):
            np.testing.assert_array_equal(found[image.id] == values[name], there == value)
