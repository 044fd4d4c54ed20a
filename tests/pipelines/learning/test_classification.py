"""Whole images are told apart, by subject, and a prediction is a term with its probability."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from imaging.domain.image import Image
from imaging.domain.job import PredictWork, Split, Task, TrainWork
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from pipelines.predict import predict
from pipelines.train import TrainResult, train

QUICK = {"steps": 40, "batch": 12, "filters": [6, 4], "learning_rate": 0.01, "seed": 1}


def silent(percent: int, message: str) -> None:
    assert 0 <= percent <= 100


def stripes(seed: int, *, upright: bool) -> np.ndarray:
    """A noisy picture of stripes at a random phase: the mean says nothing, only their direction does."""
    rng = np.random.default_rng(seed)
    wave = 127 + 90 * np.sin(np.arange(24) / 1.6 + rng.uniform(0, 6.28))
    plane = np.broadcast_to(wave, (24, 24)) if upright else np.broadcast_to(wave[:, None], (24, 24))
    return np.clip(plane + rng.normal(0, 12, (24, 24)), 0, 255).astype(np.uint8)[None]


def fill(project: Project, add_image: Callable, *, count: int = 14) -> list[Image]:
    terms = [project.ontology.find("lung"), project.ontology.find("nodule")]
    images = []
    for number in range(2 * count):
        stored = stripes(number, upright=number % 2 == 1)
        images.append(add_image(stored, f"S{number}", modality="OT", spacing=(None, None, None)))
        project.images.add_term(images[-1].id, terms[number % 2].id, reviewed=True)
    return images


def train_quickly(project: Project, split: Split = Split.SUBJECT, **changes: object) -> TrainResult:
    return train(project, TrainWork(task=Task.CLASSIFICATION, split=split, config=QUICK | changes), silent)


def test_pictures_of_unseen_subjects_are_told_apart(project: Project, add_image: Callable) -> None:
    images = fill(project, add_image)
    made = train_quickly(project)
    assert made.metrics["accuracy"] >= 0.85
    assert made.metrics["auc"] >= 0.9
    assert len(made.metrics["subjects"]) == 8
    card = project.models.get(made.model).card
    assert card["data"]["unseen_subjects"] == 8
    assert card["settings"]["held_out"] == 0.25
    work = PredictWork(model=made.model, images=tuple(image.id for image in images[:3]))
    first, again = predict(project, work, silent), predict(project, work, silent)
    assert first.outputs == again.outputs
    for image, said in zip(images, first.outputs, strict=False):
        (given,) = [one for one in project.images.terms(image.id) if one.layer == first.layer]
        assert given.term == said["term"]
        assert given.probability == pytest.approx(said["probabilities"][said["name"]], abs=1e-4)
        assert not given.reviewed
        assert sum(said["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)


def test_equal_seeds_give_equal_weights(project: Project, add_image: Callable) -> None:
    fill(project, add_image, count=4)
    digests = [project.models.get(train_quickly(project, steps=3, seed=seed).model).sha256 for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_volumes_are_classified_too(project: Project, add_image: Callable) -> None:
    terms = [project.ontology.find("lung"), project.ontology.find("nodule")]
    for number in range(6):
        stored = np.full((6, 12, 12), 200 + 700 * (number % 2), np.uint16)
        image = add_image(stored, f"S{number}")
        project.images.add_term(image.id, terms[number % 2].id)
    made = train_quickly(project, Split.NONE, steps=2, patch=[8, 16, 16])
    assert made.metrics == {}
    picture = add_image(stripes(0, upright=True), "P", modality="OT", spacing=(None, None, None))
    with pytest.raises(InvalidInputError, match="another kind of image"):
        predict(project, PredictWork(model=made.model, images=(picture.id,)), silent)


def test_pictures_and_volumes_are_not_mixed(project: Project, add_image: Callable) -> None:
    fill(project, add_image, count=2)
    image = add_image(np.zeros((6, 24, 24), np.uint8), "V", modality="OT")
    project.images.add_term(image.id, project.ontology.find("lung").id, reviewed=True)
    with pytest.raises(InvalidInputError, match="cannot be learned together"):
        train_quickly(project, Split.NONE)
