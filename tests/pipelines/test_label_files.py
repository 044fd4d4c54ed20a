"""Label maps and terms that a table names come with their images into the source layer; nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

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
from tests.pipelines.labelled_files import (
    DECATHLON,
    MIRRORED,
    NNUNET,
    RAS,
    image_of,
    label_of,
    lay_out,
    write,
    write_table,
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "set")


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
