"""Labels that come a second time: told, and made again only where something about them is new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.domain.image import Image
from imaging.project.project import Project
from pipelines.annotations import Importer
from pipelines.label_volumes import write_nifti
from tests.pipelines.test_annotations import affine_of, bring


def test_the_same_labels_again_are_told_and_make_nothing_new(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii.gz")
    bring(project, image, [tmp_path / "a.nii.gz"], "nifti", v1="nodule", v7="vessel")
    before, journal = project.segmentations.list(), project.journal.list()
    # By what they say, not by what their file is called or how it is written.
    write_nifti(np.where(labels == 7, 3, labels).astype(np.uint16), affine_of(image), tmp_path / "b.nii")
    made = bring(project, image, [tmp_path / "b.nii"], "nifti", v1="nodule", v3="vessel").made
    assert (made.segmentations, made.already, dict(made.voxels), made.created_terms) == (0, 1, {}, [])
    assert project.segmentations.list() == before
    assert project.journal.list() == journal


def test_a_table_that_names_the_same_labels_twice_makes_one_segmentation(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii")
    (tmp_path / "t.csv").write_text(f"image,file\n{image.id},a.nii\n{image.id},a.nii\n")
    importer = Importer(project, {"1": "nodule", "7": "vessel"}, layer=None, reviewed=False)
    importer.import_table(tmp_path / "t.csv", "nifti", scratch=tmp_path / "scratch")
    assert (importer.made.segmentations, importer.made.already) == (1, 1)


def test_labels_that_a_newer_import_replaced_are_made_again(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_nifti(labels, affine_of(image), tmp_path / "a.nii")
    write_nifti(labels[:, ::-1], affine_of(image), tmp_path / "b.nii")
    for name, made in (("a.nii", 1), ("b.nii", 1), ("a.nii", 1), ("a.nii", 0)):
        assert bring(project, image, [tmp_path / name], "nifti", v1="nodule", v7="vessel").made.segmentations == made


@pytest.mark.parametrize("what", ["place", "term", "finding", "layer", "reviewed", "edited", "deleted"])
def test_labels_that_differ_in_anything_are_made(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path, what: str
) -> None:
    path, renames = tmp_path / "a.nii", {"1": "nodule", "7": "vessel"}

    def import_once(*, layer: str | None = None, reviewed: bool = False) -> int:
        importer = Importer(project, renames, layer=layer, reviewed=reviewed)
        importer.import_files(image, [path], "nifti", scratch=tmp_path / "scratch")
        return importer.made.segmentations

    write_nifti(labels, affine_of(image), path)
    assert import_once() == 1
    (first,) = project.segmentations.list()
    match what:
        case "place":
            write_nifti(labels[:, ::-1], affine_of(image), path)
        case "term":
            renames["7"] = "lung"
        case "finding":
            renames["9"] = "lung"
        case "edited":
            project.segmentations.replace(first.id, first.terms, lambda key: None)
        case "deleted":
            project.segmentations.delete(first.id)
    assert import_once(layer="other" if what == "layer" else None, reviewed=what == "reviewed") == 1
