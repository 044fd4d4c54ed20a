"""What a model learns from is chosen by rule, frozen, and never shared between the parts."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.image import Axis
from imaging.domain.job import Task
from imaging.domain.model import ModelDraft
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import count_voxels, stage_segmentation
from pipelines.dataset import freeze_dataset, open_sample
from pipelines.dicom_objects import draft_segmentation

BLOCK = np.zeros((4, 8, 10), np.uint16)
BLOCK[1:3, 2:5, 3:7] = 1
WHOLE = (0, 4, 0, 8, 0, 10)


def grey(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2000, BLOCK.shape).astype(np.uint16)


def test_reviewed_work_alone_is_used_where_there_is_any(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    images = [add_image(grey(number), f"S{number}") for number in range(3)]
    for number, image in enumerate(images):
        add_segmentation(image, BLOCK * term.value, [term], reviewed=number == 1)
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert [sample.image for sample in dataset.samples] == [images[1].id]
    assert dataset.reviewed


def test_without_reviewed_work_all_is_used_and_said(
    project: Project, add_image: Callable, add_segmentation: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    term = project.ontology.find("nodule")
    for number in range(2):
        add_segmentation(add_image(grey(number), f"S{number}"), BLOCK * term.value, [term], reviewed=False)
    with caplog.at_level(logging.WARNING):
        dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert len(dataset.samples) == 2
    assert not dataset.reviewed
    assert "nothing is reviewed" in caplog.text


def test_what_a_model_said_is_no_truth_until_reviewed(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    draft = ModelDraft(name="net", task=Task.SEGMENTATION, terms=(term.id,), sha256="0" * 64)
    model = project.models.register(draft, lambda key: project.models.folder(key).mkdir(parents=True))
    layer = project.layers.of_model(model.id).id
    image = add_image(grey(1), "S1")
    add_segmentation(image, BLOCK * term.value, [term], layer=layer, reviewed=False)
    with pytest.raises(InvalidInputError, match=r"nothing to learn.*; left out: .*predictions of models not reviewed"):
        freeze_dataset(project, Task.SEGMENTATION)
    add_segmentation(image, BLOCK * term.value, [term], reviewed=False)
    told = {"predictions_of_models_not_reviewed": 1}
    assert freeze_dataset(project, Task.SEGMENTATION).left_out == told
    lung = project.ontology.find("lung")
    images = [image, add_image(grey(2), "S2")]
    for one, given in zip(images, (term, lung), strict=True):
        project.images.add_term(one.id, given.id)
    project.images.add_term(images[0].id, lung.id, layer=layer, probability=0.9)
    assert freeze_dataset(project, Task.CLASSIFICATION).left_out == told


def test_a_reviewed_segmentation_without_voxels_is_an_image_without_the_term(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    images = [add_image(grey(number), f"S{number}") for number in range(3)]
    add_segmentation(images[0], BLOCK * term.value, [term])
    add_segmentation(images[1], BLOCK * 0, [term])
    add_segmentation(images[2], BLOCK * 0, [])
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert [(sample.image, sample.empty) for sample in dataset.samples] == [
        (images[0].id, False),
        (images[1].id, True),
        (images[2].id, True),
    ]
    assert [known.name for known in dataset.classes] == ["nodule"]
    for sample in dataset.samples[1:]:
        _, labels = open_sample(project, dataset, sample)
        assert labels.read(WHOLE).shape == BLOCK.shape
        assert not labels.read(WHOLE).any()
    assert dataset.left_out == {}


def test_what_has_no_voxels_and_no_review_is_left_out_and_told(
    project: Project, add_image: Callable, add_segmentation: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    term = project.ontology.find("nodule")
    for number, labels in enumerate((BLOCK, BLOCK * 0)):
        add_segmentation(add_image(grey(number), f"S{number}"), labels * term.value, [term], reviewed=False)
    with caplog.at_level(logging.WARNING):
        dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert len(dataset.samples) == 1
    assert dataset.left_out == {
        "images_without_anything_to_learn_from": 1,
        "segmentations_without_voxels_and_not_reviewed": 1,
    }
    assert "segmentations without voxels and not reviewed (1)" in caplog.text


def test_images_without_any_voxel_of_a_term_alone_teach_nothing(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    add_segmentation(add_image(grey(1), "S1"), BLOCK * 0, [project.ontology.find("nodule")])
    with pytest.raises(InvalidInputError, match="no image with a reviewed segmentation holds a voxel of any term"):
        freeze_dataset(project, Task.SEGMENTATION)


def test_all_that_is_left_out_is_counted_by_its_reason(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    learned, drawn, _ = (add_image(grey(number), f"S{number}") for number in range(3))
    add_segmentation(learned, BLOCK * term.value, [term])
    add_segmentation(drawn, BLOCK * term.value, [term], reviewed=False)
    outline, line = "POLYGON((3 2, 7 2, 7 5, 3 5, 3 2))", "LINESTRING(1 1, 4 4)"
    reviewed = AnnotationDraft(image=learned.id, wkt=outline, index=1, terms=(term.id,))
    project.annotations.import_many(project.layers.mine().id, [reviewed], reviewed=True)
    for draft in (
        reviewed.model_copy(update={"image": drawn.id}),
        reviewed.model_copy(update={"wkt": line}),
        reviewed.model_copy(update={"terms": ()}),
        reviewed.model_copy(update={"wkt": "POLYGON((1 1, 3 1, 3 3, 1 1))", "axis": Axis.Y}),
    ):
        project.annotations.create(draft)
    assert freeze_dataset(project, Task.SEGMENTATION).left_out == {
        "images_without_anything_to_learn_from": 2,
        "segmentations_not_reviewed": 1,
        "drawings_not_reviewed": 1,
        "drawings_not_on_a_z_plane_of_the_first_time_point": 1,
        "drawings_without_a_term_or_an_area": 2,
        "drawings_on_images_with_a_segmentation": 1,
    }


@pytest.mark.parametrize("task", list(Task))
def test_images_of_several_time_points_are_left_out_and_told(
    project: Project,
    add_image: Callable,
    add_segmentation: Callable,
    caplog: pytest.LogCaptureFixture,
    task: Task,
) -> None:
    terms = [project.ontology.find(name) for name in ("lung", "nodule")]
    one_time = np.stack([grey(1)])
    images = [add_image(grey(0), "S0"), add_image(one_time, "S1", axes="tzyx")]
    images.append(add_image(np.stack([grey(2), grey(3)]), "S2", axes="tzyx"))
    for image, term in zip(images, (*terms, terms[0]), strict=True):
        add_segmentation(image, BLOCK * term.value, [term])
        project.images.add_term(image.id, term.id)
    with caplog.at_level(logging.WARNING):
        dataset = freeze_dataset(project, task)
    assert [sample.image for sample in dataset.samples] == [image.id for image in images[:2]]
    assert dataset.left_out == {"images_of_several_time_points": 1}
    assert "images of several time points (1)" in caplog.text


def test_what_is_left_out_does_not_change_the_digest(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    add_segmentation(add_image(grey(1), "S1"), BLOCK * term.value, [term])
    before = freeze_dataset(project, Task.SEGMENTATION)
    add_image(grey(2), "S2")
    after = freeze_dataset(project, Task.SEGMENTATION)
    assert (before.left_out, after.left_out) == ({}, {"images_without_anything_to_learn_from": 1})
    assert after.sha256 == before.sha256


@pytest.fixture
def truth_of(project: Project) -> Callable:
    """What a model learns of the only image of the project, as voxel values; with what was left out."""

    def read() -> tuple[np.ndarray, dict[str, int]]:
        dataset = freeze_dataset(project, Task.SEGMENTATION)
        (one,) = dataset.samples
        values = np.asarray([0, *(known.value for known in dataset.classes)], np.uint16)
        return values[open_sample(project, dataset, one)[1].read(WHOLE)], dataset.left_out

    return read


REPLACED = {"segmentations_replaced_by_newer_ones": 1}


@pytest.mark.parametrize("layer", ["experts", None])
def test_a_newer_reviewed_segmentation_replaces_an_older_one_of_the_term_in_any_layer(
    project: Project, add_image: Callable, add_segmentation: Callable, truth_of: Callable, layer: str | None
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    add_segmentation(image, BLOCK * term.value, [term])
    corrected = BLOCK * term.value
    corrected[1] = 0
    corrected[3, 7, 9] = term.value
    place = None if layer is None else project.layers.named(layer).id
    add_segmentation(image, corrected, [term], layer=place)
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels, corrected)
    assert left_out == REPLACED


def test_terms_that_no_newer_segmentation_names_stay(
    project: Project, add_image: Callable, add_segmentation: Callable, truth_of: Callable
) -> None:
    lung, nodule = project.ontology.find("lung"), project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    both = BLOCK * lung.value
    both[1, 2, 3:7] = nodule.value
    add_segmentation(image, both, [lung, nodule])
    corrected = np.zeros_like(both)
    corrected[1, 3, 3:5] = nodule.value
    add_segmentation(image, corrected, [nodule], layer=project.layers.named("experts").id)
    expected = np.where(both == lung.value, lung.value, 0)
    expected[1, 3, 3:5] = nodule.value
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels, expected)
    assert left_out == REPLACED


@pytest.mark.parametrize("named", [True, False])
def test_a_newer_one_without_voxels_takes_the_term_back(
    project: Project, add_image: Callable, add_segmentation: Callable, named: bool
) -> None:
    term = project.ontology.find("nodule")
    images = [add_image(grey(number), f"S{number}") for number in range(2)]
    for image in images:
        add_segmentation(image, BLOCK * term.value, [term])
    add_segmentation(images[0], BLOCK * 0, [term] if named else [])
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert [sample.empty for sample in dataset.samples] == [True, False]
    assert not open_sample(project, dataset, dataset.samples[0])[1].read(WHOLE).any()
    assert dataset.left_out == REPLACED


def test_an_older_one_that_changed_last_is_the_newest(
    project: Project, add_image: Callable, add_segmentation: Callable, truth_of: Callable
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    first = add_segmentation(image, BLOCK * term.value, [term])
    add_segmentation(image, BLOCK[::-1] * term.value, [term])
    edited = np.zeros_like(BLOCK)
    edited[0, 0, 0] = term.value
    with stage_segmentation(project.images.path(image.id), edited, [term]) as put:
        project.segmentations.replace(first.id, count_voxels(edited, [term]), put)
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels, edited)
    assert left_out == REPLACED


def test_a_copy_in_another_layer_is_no_other_opinion(
    project: Project, add_image: Callable, add_segmentation: Callable, truth_of: Callable
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    for layer in ("one", "two"):
        add_segmentation(image, BLOCK * term.value, [term], layer=project.layers.named(layer).id)
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels, BLOCK * term.value)
    assert left_out == {}


def test_parts_that_overlap_and_came_in_one_act_count_together(
    project: Project, add_image: Callable, truth_of: Callable
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    parts = [np.roll(BLOCK, shift, axis=2) for shift in (0, 1)]
    drafts = [draft_segmentation(project, image.id, part, {1: term}) for part in parts]
    project.segmentations.create_together(image.id, project.layers.mine().id, drafts, reviewed=True)
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels > 0, (parts[0] | parts[1]) > 0)
    assert left_out == {}


def test_a_newer_one_that_nobody_reviewed_replaces_nothing(
    project: Project, add_image: Callable, add_segmentation: Callable, truth_of: Callable
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    add_segmentation(image, BLOCK * term.value, [term])
    add_segmentation(image, BLOCK * 0, [term], reviewed=False)
    labels, left_out = truth_of()
    np.testing.assert_array_equal(labels, BLOCK * term.value)
    assert left_out == {"segmentations_not_reviewed": 1}


def test_polygons_stand_in_where_there_is_no_segmentation(project: Project, add_image: Callable) -> None:
    lung, nodule = project.ontology.find("lung"), project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    for index, term in ((1, nodule), (2, lung)):
        wkt = "POLYGON((3 2, 7 2, 7 5, 3 5, 3 2))"
        project.annotations.create(AnnotationDraft(image=image.id, wkt=wkt, index=index, terms=(term.id,)))
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    _, labels = open_sample(project, dataset, dataset.samples[0])
    expected = BLOCK.copy()
    expected[1][expected[1] > 0] = 2
    np.testing.assert_array_equal(labels.read(WHOLE), expected)
    np.testing.assert_array_equal(labels.read((1, 3, 3, 8, 0, 5)), expected[1:3, 3:8, 0:5])


def test_classes_are_numbered_by_voxel_value(project: Project, add_image: Callable, add_segmentation: Callable) -> None:
    lung, nodule = project.ontology.find("lung"), project.ontology.find("nodule")
    labels = BLOCK * lung.value
    labels[0, 0, 0] = nodule.value
    image = add_image(grey(1), "S1")
    add_segmentation(image, labels, [nodule, lung])
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    assert [known.name for known in dataset.classes] == ["lung", "nodule"]
    voxels, truth = open_sample(project, dataset, dataset.samples[0])
    assert truth.read(WHOLE).max() == 2
    np.testing.assert_array_equal(voxels.read(WHOLE)[0], grey(1).astype(np.float32) - 1000)


def test_digest_follows_the_voxels_that_are_learned(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    image = add_image(grey(1), "S1")
    first = add_segmentation(image, BLOCK * term.value, [term])
    before = freeze_dataset(project, Task.SEGMENTATION)
    assert freeze_dataset(project, Task.SEGMENTATION).sha256 == before.sha256
    project.segmentations.delete(first.id)
    changed = BLOCK.copy()
    changed[0, 0, 0] = 1
    add_segmentation(image, changed * term.value, [term])
    after = freeze_dataset(project, Task.SEGMENTATION)
    assert after.samples[0].pixels_sha256 == before.samples[0].pixels_sha256
    assert after.samples[0].truth_sha256 != before.samples[0].truth_sha256


def test_images_of_several_terms_are_left_out_of_a_classification(
    project: Project, add_image: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    terms = [project.ontology.find(name) for name in ("lung", "nodule")]
    images = [add_image(grey(number), f"S{number}") for number in range(3)]
    for image, given_terms in zip(images, (terms[:1], terms[1:], terms), strict=True):
        for term in given_terms:
            project.images.add_term(image.id, term.id)
    with caplog.at_level(logging.WARNING):
        dataset = freeze_dataset(project, Task.CLASSIFICATION)
    assert [(sample.image, sample.term) for sample in dataset.samples] == [
        (images[0].id, terms[0].id),
        (images[1].id, terms[1].id),
    ]
    assert dataset.left_out == {"images_of_several_terms": 1}
    assert "images of several terms (1)" in caplog.text


def test_a_classification_needs_two_terms(project: Project, add_image: Callable) -> None:
    for number in range(2):
        project.images.add_term(add_image(grey(number), f"S{number}").id, project.ontology.find("lung").id)
    with pytest.raises(InvalidInputError, match="two terms"):
        freeze_dataset(project, Task.CLASSIFICATION)
