"""Exported labels say what they are, and what they say brings them into another project under the same terms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydantic import JsonValue

from imaging.domain.image import Image
from imaging.domain.job import Task
from imaging.domain.model import ModelDraft
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader, count_voxels, write_segmentation
from imaging.workspace import Workspace
from pipelines.annotations import Imported, Importer, dump_segmentations
from pipelines.label_sidecars import read_names, sidecar_path
from pipelines.label_volumes import write_nifti
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import take


def bring(project: Project, image: Image, path: Path, **terms: str) -> Imported:
    importer = Importer(project, {name.lstrip("v"): term for name, term in terms.items()}, layer=None, reviewed=True)
    importer.import_files(image, [path], "nifti", scratch=path.parent / "scratch")
    return importer.made


def voxels_by_name(project: Project, image: Image) -> np.ndarray:
    """The names of the terms (z, y, x) of the newest segmentation."""
    segmentation = project.segmentations.list(image.id)[-1]
    reader = SegmentationReader.open(project.images.path(image.id), segmentation.id)
    names = np.full(100, "", dtype="<U20")
    for term in project.ontology.terms():
        names[term.value] = term.name
    return names[reader.region((0, 6, 0, 24, 0, 20))]


def dump(project: Project, image: Image, folder: Path) -> tuple[Path, Any]:
    """Write the only segmentation; gives its file and what lies beside it."""
    dump_segmentations(project, [image], None, folder)
    (written,) = folder.glob("*.nii.gz")
    (beside,) = folder.glob("*.json")
    assert beside.name == written.name.replace(".nii.gz", ".json")
    return written, json.loads(beside.read_text())


def write_labels(image: Image, labels: np.ndarray, path: Path) -> Path:
    write_nifti(labels, np.asarray(image.attributes.affine_lps), path)
    return path


def test_labels_come_into_another_project_under_the_same_terms(
    workspace: Workspace, project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    bring(project, image, write_labels(image, labels, tmp_path / "mask.nii.gz"), v1="tumour", v7="lung", v9="cyst")
    written, _ = dump(project, image, tmp_path / "out")
    other = workspace.create_project(workspace.accounts.acting(None).id, "elsewhere")
    for name in ("heart", "vessel", "tumour"):
        other.ontology.add(name)
    take(other, tmp_path / "in")
    (there,) = other.images.list()
    made = bring(other, there, written)
    assert dict(made.voxels) == {"tumour": 100, "lung": 1, "cyst": 0}
    np.testing.assert_array_equal(voxels_by_name(other, there), voxels_by_name(project, image))
    assert (voxels_by_name(other, there) == np.where(labels == 1, "tumour", np.where(labels == 7, "lung", ""))).all()
    stored = np.asanyarray(nibabel.load(written).dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(stored != 0, labels != 0)


def test_a_persons_labels_say_their_terms_and_no_name_of_the_person(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    bring(project, image, write_labels(image, labels, tmp_path / "mask.nii.gz"), v1="nodule", v7="lung")
    _, said = dump(project, image, tmp_path / "out")
    (segmentation,) = project.segmentations.list(image.id)
    assert said == {
        "image": image.id,
        "segmentation": segmentation.id,
        "layer": {"id": segmentation.layer, "kind": "member"},
        "reviewed": True,
        "model": None,
        "terms": [
            {"value": 1, "name": "lung", "colour": "#3cb44b"},
            {"value": 2, "name": "nodule", "colour": "#e6194b"},
        ],
    }
    assert project.layers.get(segmentation.layer).name not in json.dumps(said)


def test_labels_of_a_model_say_which_and_that_nobody_reviewed_them(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    lung = project.ontology.find("lung")
    draft = ModelDraft(name="finder", task=Task.SEGMENTATION, terms=(lung.id,), sha256="0" * 64)
    model = project.models.register(draft, lambda key: None)
    found = (labels == 1).astype(np.uint16)
    layer = project.layers.of_model(model.id).id
    project.segmentations.create(
        image.id,
        layer,
        "finder 1",
        count_voxels(found, [lung]),
        lambda key: write_segmentation(project.images.path(image.id), key, found, [lung]),
    )
    _, said = dump(project, image, tmp_path / "out")
    assert said["layer"] == {"id": layer, "kind": "model"}
    assert (said["reviewed"], said["model"]) == (False, {"id": model.id, "name": "finder", "version": "1"})


def test_a_term_on_the_command_line_counts_more_than_what_lies_beside(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    write_labels(image, labels, tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"terms": [{"value": 1, "name": "beside"}]}))
    made = bring(project, image, tmp_path / "a.nii.gz", v1="nodule", v7="lung")
    assert dict(made.voxels) == {"nodule": 100, "lung": 1}


def test_a_value_that_the_sidecar_leaves_out_is_never_guessed(
    project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    path = write_labels(image, np.where(labels == 7, 2, labels).astype(np.uint16), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"terms": [{"value": 1, "name": "tumour"}]}))
    with pytest.raises(InvalidInputError, match="value 2"):
        bring(project, image, path)
    assert "tumour" not in {term.name for term in project.ontology.terms()}


def import_labels(call: Call, image: Image, path: Path, *more: object) -> tuple[Any, str]:
    """Import over the command line; gives the document of it, and the text of a second time."""
    command = ("annotations", "import", "phantoms", "--image", image.id, path, "--format", "nifti", *more)
    code, out, err = call(*command, "--json")
    assert (code, err) == (0, "")
    return json.loads(out), call(*command)[1]


def test_an_import_tells_which_value_became_the_term_that_has_it_here(
    call: Call, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    path = write_labels(image, np.where(labels == 7, 2, labels).astype(np.uint16), tmp_path / "a.nii")
    document, text = import_labels(call, image, path)
    assert document["values"] == [
        {"value": 1, "term": "lung", "by": "ontology"},
        {"value": 2, "term": "nodule", "by": "ontology"},
    ]
    assert "\n  value 1 became lung (the term that has this value here)\n" in text
    assert "\n  value 2 became nodule (the term that has this value here)\n" in text


def test_an_import_tells_which_value_became_the_term_of_the_command_line(
    call: Call, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    path = write_labels(image, labels, tmp_path / "a.nii")
    document, text = import_labels(call, image, path, "--term", "1=tumour", "--term", "7=tumour", "--term", "9=cyst")
    assert [(item["value"], item["term"], item["by"]) for item in document["values"]] == [
        (1, "tumour", "option"),
        (7, "tumour", "option"),
        (9, "cyst", "option"),
    ]
    assert "  value 7 became tumour (by --term)\n" in text


def test_an_import_tells_which_value_became_the_term_of_the_sidecar(
    call: Call, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    path = write_labels(image, labels, tmp_path / "a.nii")
    terms = [{"value": 1, "name": "nodule"}, {"value": 7, "name": "lung"}]
    (tmp_path / "a.json").write_text(json.dumps({"terms": terms}))
    document, text = import_labels(call, image, path)
    assert [(item["value"], item["term"], item["by"]) for item in document["values"]] == [
        (1, "nodule", "sidecar"),
        (7, "lung", "sidecar"),
    ]
    assert "  value 1 became nodule (by the JSON file beside the labels)\n" in text


def test_files_of_a_table_that_agree_tell_each_value_once(
    call: Call, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    for name, first in (("a", "lung"), ("b", "lung"), ("c", "nodule")):
        write_labels(image, (labels == 1).astype(np.uint16), tmp_path / f"{name}.nii")
        (tmp_path / f"{name}.json").write_text(json.dumps({"terms": [{"value": 1, "name": first}]}))
    rows = "".join(f"{image.id},{name}.nii\n" for name in "abc")
    (tmp_path / "t.csv").write_text(f"image,file\n{rows}")
    command = ("annotations", "import", "phantoms", "--table", tmp_path / "t.csv", "--format", "nifti", "--json")
    code, out, _ = call(*command)
    assert code == 0
    assert json.loads(out)["values"] == [
        {"value": 1, "term": "lung", "by": "sidecar"},
        {"value": 1, "term": "nodule", "by": "sidecar"},
    ]


@pytest.mark.parametrize(
    "terms",
    [
        {"1": "tumour"},
        ["tumour"],
        [{"value": 0, "name": "background"}],
        [{"value": 1, "name": ""}],
        [{"value": True, "name": "tumour"}],
        [{"value": 1, "name": "tumour"}, {"value": 1, "name": "lung"}],
    ],
)
def test_a_sidecar_that_cannot_be_understood_is_refused_not_passed_over(
    terms: JsonValue, project: Project, image: Image, labels: np.ndarray, tmp_path: Path
) -> None:
    path = write_labels(image, labels, tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(json.dumps({"terms": terms}))
    with pytest.raises(InvalidInputError, match="JSON file beside"):
        bring(project, image, path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_sidecar_that_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InvalidInputError, match="JSON file beside"):
        read_names(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("content", ['{"SkullStripped": false}', "[1, 2]"])
def test_a_json_file_of_another_program_says_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    assert read_names(tmp_path / "a.nii.gz") is None


@pytest.mark.parametrize(
    ("labels_file", "sidecar"),
    [
        ("449.647.nii.gz", "449.647.json"),
        ("449.647.nii", "449.647.json"),
        ("a.NII.GZ", "a.json"),
        ("a.seg.nrrd", "a.seg.json"),
        ("1-01.dcm", None),
        ("449.647", None),
    ],
)
def test_a_sidecar_has_the_stem_of_its_labels(labels_file: str, sidecar: str | None) -> None:
    assert sidecar_path(Path("out", labels_file)) == (None if sidecar is None else Path("out", sidecar))
