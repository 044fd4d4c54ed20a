"""Segmentations, drawings and terms of images come in on the right voxels, and go out again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.domain.base import ProjectKey
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.labels import SegmentationReader
from imaging.workspace import Workspace
from pipelines.annotations import Importer, dump_drawings, dump_segmentations
from pipelines.ingest import ingest
from pipelines.label_volumes import LabelVolume, lay_on_image, write_nifti


def bring(project: Project, image: Image, files: list[Path], kind: str, **terms: str) -> Importer:
    importer = Importer(project, {name.lstrip("v"): term for name, term in terms.items()}, layer=None, reviewed=True)
    importer.import_files(image, files, kind, scratch=files[0].parent / "scratch")
    return importer


def read_back(project: Project, image: Image, number: int = -1) -> np.ndarray:
    segmentation = project.segmentations.list(image.id)[number]
    reader = SegmentationReader.open(project.images.path(image.id), segmentation.id)
    return reader.region((0, 6, 0, 24, 0, 20))


def affine_of(image: Image) -> np.ndarray:
    return np.asarray(image.attributes.affine_lps)


def test_nifti_labels_land_on_their_voxels_with_the_values_of_their_terms(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii.gz")
    made = bring(project, image, [tmp_path / "a.nii.gz"], "nifti", v1="nodule", v7="vessel").made
    assert dict(made.voxels) == {"nodule": 100, "vessel": 1}
    assert made.created_terms == ["vessel"]
    nodule, vessel = project.ontology.find("nodule").value, project.ontology.find("vessel").value
    np.testing.assert_array_equal(read_back(project, image), np.where(labels == 1, nodule, np.where(labels, vessel, 0)))
    (segmentation,) = project.segmentations.list(image.id)
    assert segmentation.reviewed
    assert {item.value: item.voxels for item in segmentation.terms} == {nodule: 100, vessel: 1}
    assert verify_project(project).ok


def test_nrrd_labels_flipped_in_file_land_on_the_same_voxels(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    source = SimpleITK.GetImageFromArray(labels)
    source.SetSpacing((0.75, 0.5, 2.5))
    source.SetOrigin((-10, -20, 30))
    SimpleITK.WriteImage(SimpleITK.Flip(source, (True, False, True)), str(tmp_path / "a.nrrd"))
    bring(project, image, [tmp_path / "a.nrrd"], "nrrd", v1="nodule", v7="lung")
    assert (read_back(project, image) == project.ontology.find("nodule").value).sum() == 100
    np.testing.assert_array_equal(read_back(project, image) != 0, labels != 0)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([0, 1, 2]), flips=st.tuples(*[st.booleans()] * 3), data=st.data())
def test_any_flip_permutation_and_crop_is_undone(
    image: Image, labels: np.ndarray, order: list[int], flips: tuple[bool, ...], data: st.DataObject
) -> None:
    starts = [data.draw(st.integers(0, first)) for first in (1, 4, 3)]
    stops = [data.draw(st.integers(last, length)) for last, length in ((5, 6), (21, 24), (15, 20))]
    cut = tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    to_image = np.eye(4)
    to_image[:3, 3] = starts
    values = labels[cut]
    for axis, flip in enumerate(flips):
        if flip:
            values = np.flip(values, axis)
            turn = np.eye(4)
            turn[axis, axis], turn[axis, 3] = -1, values.shape[axis] - 1
            to_image = to_image @ turn
    swap = np.eye(4)[:, [*order, 3]]
    volume = LabelVolume(values.transpose(order), affine_of(image) @ to_image @ swap)
    np.testing.assert_array_equal(lay_on_image(volume, image, partial=True), labels)


@pytest.mark.parametrize(
    "change",
    [
        lambda affine: affine + np.outer([0, 0, 1, 0], [0, 0, 0, 0.6]),
        lambda affine: affine @ np.diag([1.0, 1.02, 1.0, 1.0]),
        lambda affine: affine @ np.array([[1, 0, 0, 0], [0, 0.99, -0.1, 0], [0, 0.1, 0.99, 0], [0, 0, 0, 1.0]]),
        lambda affine: affine @ np.diag([2.0, 1.0, 1.0, 1.0]),
    ],
    ids=["shifted by a part of a voxel", "other spacing", "rotated", "every second plane"],
)
def test_labels_off_the_grid_are_refused_not_resampled(
    image: Image, labels: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    with pytest.raises(InvalidInputError, match="grid"):
        lay_on_image(LabelVolume(labels, change(affine_of(image))), image, partial=True)


def test_labels_beyond_the_image_are_refused(image: Image, labels: np.ndarray) -> None:
    shifted = affine_of(image)
    shifted[:3, 3] += shifted[:3, 2] * 10
    with pytest.raises(InvalidInputError, match="outside"):
        lay_on_image(LabelVolume(labels, shifted), image, partial=True)


def test_labels_wholly_beyond_the_image_are_refused(image: Image, labels: np.ndarray) -> None:
    shifted = affine_of(image)
    shifted[:3, 3] += shifted[:3, 2] * 25
    with pytest.raises(InvalidInputError, match="outside"):
        lay_on_image(LabelVolume(labels, shifted), image, partial=True)


def test_a_damaged_nifti_file_is_refused(project: Project, image: Image, labels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(labels, affine_of(image), path)
    packed = bytearray(path.read_bytes())
    packed[-40:-8] = b"\xff" * 32
    path.write_bytes(packed)
    with pytest.raises(InvalidInputError):
        bring(project, image, [path], "nifti", v1="nodule")


def test_a_value_without_a_term_is_refused_and_leaves_nothing(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii")
    with pytest.raises(InvalidInputError, match="7"):
        bring(project, image, [tmp_path / "a.nii"], "nifti", v1="nodule")
    assert project.segmentations.list() == []
    assert not (project.images.path(image.id) / "labels").exists()


def test_an_empty_mask_with_a_named_term_says_that_there_is_none(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(np.zeros_like(labels), affine_of(image), tmp_path / "a.nii")
    made = bring(project, image, [tmp_path / "a.nii"], "nifti", v1="nodule").made
    assert (made.segmentations, dict(made.voxels)) == (1, {"nodule": 0})
    with pytest.raises(InvalidInputError):
        bring(project, image, [tmp_path / "a.nii"], "nifti")


def test_fractions_are_no_labels(project: Project, image: Image, labels: np.ndarray, tmp_path: Path) -> None:
    probabilities: nibabel.Nifti1Image = nibabel.Nifti1Image(labels.transpose(2, 1, 0) * np.float32(0.4), np.eye(4))
    nibabel.save(probabilities, tmp_path / "p.nii")
    with pytest.raises(InvalidInputError, match="whole numbers"):
        bring(project, image, [tmp_path / "p.nii"], "nifti", v1="nodule")


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "dicom-series", "geojson", "csv"])
def test_a_file_of_another_kind_is_refused(project: Project, image: Image, kind: str, tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\0\1\2 not what it should be " * 30)
    with pytest.raises(InvalidInputError):
        bring(project, image, [tmp_path / "odd"], kind, v1="nodule")


def test_geojson_polygons_come_in_from_lower_left_and_go_out_the_same(
    project: Project, image: Image, tmp_path: Path
) -> None:
    ring = [[2, 20], [8, 20], [8, 23], [2, 23], [2, 20]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"index": 3, "term": "nodule"},
    }
    source = tmp_path / "a.geojson"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert bring(project, image, [source], "geojson").made.annotations == 1
    (annotation,) = project.annotations.list().items
    assert (annotation.index, annotation.reviewed, annotation.area_px) == (3, True, 18)
    assert annotation.terms == (project.ontology.find("nodule").id,)
    assert "2 4" in annotation.wkt
    assert dump_drawings(project, [image], None, tmp_path / "b.geojson") == 1
    (written,) = json.loads((tmp_path / "b.geojson").read_text())["features"]
    assert sorted(written["geometry"]["coordinates"][0]) == sorted([float(x), float(y)] for x, y in ring)
    assert written["properties"]["terms"] == ["nodule"]
    # Which layer, and no word of whose.
    assert written["properties"]["layer"] == {"id": annotation.layer, "kind": "member"}


def test_a_long_outline_in_a_csv_is_read(project: Project, image: Image, tmp_path: Path) -> None:
    outline = ", ".join(f"{1 + step / 20_000} 1" for step in range(10_000))
    (tmp_path / "a.csv").write_text(f'wkt\n"POLYGON (({outline}, 1 2, 1 1))"\n')
    assert bring(project, image, [tmp_path / "a.csv"], "csv").made.annotations == 1


def test_csv_drawings_may_lie_on_any_plane(project: Project, image: Image, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('wkt,term,axis,index\n"POINT (5.5 1.5)",lung;nodule,y,10\n"POINT (1 1)",,z,0\n')
    assert bring(project, image, [tmp_path / "a.csv"], "csv").made.annotations == 2
    first = project.annotations.list().items[0]
    assert (first.axis.value, first.index, first.wkt) == ("y", 10, "POINT (5.5 4.5)")
    assert len(first.terms) == 2


def test_segmentations_go_out_as_nifti_and_come_in_the_same(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii.gz")
    bring(project, image, [tmp_path / "a.nii.gz"], "nifti", v1="nodule", v7="lung")
    assert dump_segmentations(project, [image], None, tmp_path / "out") == 1
    again = Importer(project, {}, layer="again", reviewed=True)
    again.import_files(image, list((tmp_path / "out").glob("*.nii.gz")), "nifti", scratch=tmp_path / "scratch")
    np.testing.assert_array_equal(read_back(project, image, 0), read_back(project, image, 1))
    assert [event.action for event in project.journal.list()].count("take out") == 1


def test_taking_out_needs_the_controller(workspace: Workspace, project: Project, image: Image, tmp_path: Path) -> None:
    user, _ = workspace.accounts.add("marker")
    project.members.add(user.id, [Role.ANNOTATOR])
    theirs = workspace.open(ProjectKey(project.record.id), user.id)
    with pytest.raises(ForbiddenError):
        dump_drawings(theirs, [image], None, tmp_path / "b.geojson")
    with pytest.raises(ForbiddenError):
        Importer(theirs, {}, layer=None, reviewed=False)


def test_who_has_no_layer_of_their_own_is_told_to_name_one(workspace: Workspace, project: Project) -> None:
    user, _ = workspace.accounts.add("scientist")
    project.members.add(user.id, [Role.DATA_SCIENTIST])
    theirs = workspace.open(ProjectKey(project.record.id), user.id)
    with pytest.raises(ForbiddenError, match=r"^your role does not allow: annotate: .*--layer NAME$"):
        Importer(theirs, {}, layer=None, reviewed=False)
    Importer(theirs, {}, layer="experts", reviewed=False)


def write_table(path: Path, *rows: tuple[str, str]) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def test_a_table_gives_terms_to_images_by_id_or_name(project: Project, image: Image, tmp_path: Path) -> None:
    importer = Importer(project, {"2": "nodule"}, layer="experts", reviewed=True)
    table = write_table(tmp_path / "t.csv", ("image", "term"), (str(image.id), "2"), (image.name, "healthy"))
    importer.import_table(table, "csv", scratch=tmp_path)
    assert (importer.made.image_terms, importer.made.created_terms) == (2, ["healthy"])
    terms = project.images.terms(image.id)
    assert {term.term for term in terms} == {project.ontology.find(name).id for name in ("nodule", "healthy")}
    assert all(term.reviewed for term in terms)
    assert {project.layers.get(term.layer).name for term in terms} == {"experts"}


def test_a_table_of_files_brings_each_to_its_image(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii")
    importer = Importer(project, {"1": "nodule", "7": "lung"}, layer=None, reviewed=False)
    table = write_table(tmp_path / "t.csv", ("image", "file"), (str(image.id), "a.nii"))
    importer.import_table(table, "nifti", scratch=tmp_path / "s")
    assert importer.made.segmentations == 1


@pytest.mark.parametrize(
    "rows",
    [
        [("image", "term"), ("999999", "nodule")],
        [("image", "colour"), ("1", "red")],
        [("picture", "term"), ("1", "nodule")],
        [("image", "term")],
        [("image", "term"), ("1", "nodule", "more")],
    ],
)
def test_a_table_that_fits_nothing_is_refused(
    rows: list[tuple[str, ...]], project: Project, image: Image, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(InvalidInputError, match="table"):
        Importer(project, {}, layer=None, reviewed=False).import_table(table, "csv", scratch=tmp_path)
    assert project.images.terms() == []


def state_of(project: Project) -> tuple[object, ...]:
    return (
        project.ontology.terms(),
        project.images.terms(),
        project.segmentations.list(),
        project.layers.counts(),
        sorted(path for path in project.folder.rglob("*") if path.is_file()),
    )


@pytest.mark.parametrize(
    ("kind", "column", "cells"),
    [
        ("nifti", "file", ("good.nii", "bad.nii")),
        ("nifti", "file", ("good.nii", "absent.nii")),
        ("csv", "term", ("brand new", "")),
        ("csv", "term", ("brand new", "x" * 5000)),
        ("csv", "file", ("good.csv", "outside.csv")),
        ("csv", "file", ("good.csv", "crooked.csv")),
    ],
)
def test_a_bad_row_of_a_table_changes_nothing(
    kind: str, column: str, cells: tuple[str, str], project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "good.nii")
    (tmp_path / "bad.nii").write_bytes(b"no volume")
    write_table(tmp_path / "good.csv", ("wkt", "term"), ("POINT (3 4)", "brand new"))
    write_table(tmp_path / "outside.csv", ("wkt", "index"), ("POINT (3 4)", "99"))
    write_table(tmp_path / "crooked.csv", ("wkt", "index"), ("POLYGON ((", "0"))
    table = write_table(tmp_path / "t.csv", ("image", column), *((str(image.id), cell) for cell in cells))
    before = state_of(project)
    importer = Importer(project, {"1": "brand", "7": "new"} if kind == "nifti" else {}, layer="experts", reviewed=True)
    with pytest.raises(InvalidInputError, match="row 3 of the table"):
        importer.import_table(table, kind, scratch=tmp_path / "s")
    assert state_of(project) == before


def test_a_write_that_fails_takes_back_what_was_written_before_it(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii")
    write_nifti(labels[:, ::-1], affine_of(image), tmp_path / "b.nii")
    table = write_table(tmp_path / "t.csv", ("image", "file"), *((str(image.id), name) for name in ("a.nii", "b.nii")))
    create, calls = project.segmentations.create_together, []

    def fill_disk(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("no space left")
        return create(*arguments, **named)

    monkeypatch.setattr(project.segmentations, "create_together", fill_disk)
    terms = project.ontology.terms()
    importer = Importer(project, {"1": "brand", "7": "new"}, layer="experts", reviewed=True)
    with pytest.raises(OSError, match="no space"):
        importer.import_table(table, "nifti", scratch=tmp_path / "s")
    assert (project.segmentations.list(), project.ontology.terms()) == ([], terms)
    assert verify_project(project).ok


def test_a_table_of_terms_that_fails_halfway_leaves_only_the_terms_of_before(
    project: Project, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = project.images.add_term(
        image.id, project.ontology.add("healthy").id, layer=project.layers.named("experts").id
    )
    table = write_table(
        tmp_path / "t.csv", ("image", "term"), *((str(image.id), name) for name in ("healthy", "new", "brand"))
    )
    add_term, calls = project.images.add_term, []

    def lose_database(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("gone")
        return add_term(*arguments, **named)

    monkeypatch.setattr(project.images, "add_term", lose_database)
    terms = project.ontology.terms()
    importer = Importer(project, {}, layer="experts", reviewed=False)
    with pytest.raises(OSError, match="gone"):
        importer.import_table(table, "csv", scratch=tmp_path / "s")
    assert [given.term for given in project.images.terms()] == [kept.term]
    assert project.ontology.terms() == terms


@pytest.mark.parametrize(("session", "voxels", "planes"), [("1991-11-19", 2641, 7), ("1992-04-02", 6809, 8)])
def test_real_tumour_masks_have_their_known_voxels(
    session: str, voxels: int, planes: int, project: Project, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "mr_tumour_PGBM-001" / f"session_{session}"
    ingest(project, [folder / "T1post"], lambda percent, message: None)
    (image,) = project.images.list()
    importer = Importer(project, {"1": "tumour"}, layer=None, reviewed=True)
    importer.import_files(image, [folder / "MaskTumor"], "dicom-series", scratch=tmp_path)
    assert dict(importer.made.voxels) == {"tumour": voxels}
    (segmentation,) = project.segmentations.list(image.id)
    reader = SegmentationReader.open(project.images.path(image.id), segmentation.id)
    whole = reader.region((0, image.shape[0], 0, image.shape[1], 0, image.shape[2]))
    assert np.count_nonzero(whole.any(axis=(1, 2))) == planes
