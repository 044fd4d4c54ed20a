"""The same body stored along other axes is learned from and predicted as the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from imaging.domain.image import Image
from imaging.domain.job import Device, PredictWork, Split, Task, TrainWork
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.prepared import list_entries
from pipelines.bundle import read_plan
from pipelines.plan import orientation_of
from pipelines.predict import predict
from pipelines.train import TrainResult, train
from tests.pipelines.learning.conftest import QUICK, make_balls
from tests.pipelines.learning.preparing import put_image

OTHER_AXES = ("SAR", "SAL", "IRP", "PSR", "LSA")
"""Sides that z, y and x run to; the balls of a project run to SPL."""
SIDES = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
AXIS_OF = {0: 2, 1: 1, 2: 0}
"""The axis of a volume that runs to SPL for each direction of the patient."""
SPACING = (2.0, 1.0, 1.0)


def silent(percent: int, message: str) -> None:
    assert 0 <= percent <= 100


def store_along(axes: str, values: np.ndarray) -> np.ndarray:
    """Turn values (z, y, x) that run to SPL."""
    turned = values.transpose([AXIS_OF[SIDES[side][0]] for side in axes])
    return np.flip(turned, [place for place, side in enumerate(axes) if SIDES[side][1] < 0])


def bring_back(axes: str, values: np.ndarray) -> np.ndarray:
    straight = np.flip(values, [place for place, side in enumerate(axes) if SIDES[side][1] < 0])
    return straight.transpose(np.argsort([AXIS_OF[SIDES[side][0]] for side in axes]))


def affine_along(axes: str, shape: Sequence[int]) -> np.ndarray:
    """The affine of what `store_along` gives of values of a shape."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for place, side in enumerate(axes):
        direction, sign = SIDES[side]
        step = SPACING[AXIS_OF[direction]]
        affine[direction, place] = sign * step
        affine[direction, 3] = 0 if sign > 0 else step * (shape[AXIS_OF[direction]] - 1)
    return affine


def put_along(project: Project, axes: str, stored: np.ndarray) -> Image:
    affine = affine_along(axes, stored.shape)
    assert orientation_of(tuple(map(tuple, affine.tolist()))) == axes
    return put_image(project, np.ascontiguousarray(store_along(axes, stored)), affine)


def train_balls(project: Project, **changes: object) -> TrainResult:
    work = TrainWork(task=Task.SEGMENTATION, device=Device.CPU, split=Split.NONE, config=QUICK | changes)
    return train(project, work, silent)


def say(project: Project, model: int, image: Image) -> np.ndarray:
    result = predict(project, PredictWork(model=model, images=(image.id,)), silent)
    z, y, x = image.shape
    return SegmentationReader.open(project.images.path(image.id), result.outputs[0]["segmentation"]).region(
        (0, z, 0, y, 0, x)
    )


@pytest.mark.parametrize("recipe", [None, {"spacing": [2.0, 1.3, 1.1]}])
def test_an_image_stored_along_other_axes_is_answered_alike(
    balls_project: Project, recipe: dict[str, object] | None
) -> None:
    made = train_balls(balls_project, steps=30, **({} if recipe is None else {"preprocessing": recipe}))
    stored, _ = make_balls(7)
    expected = say(balls_project, made.model, put_along(balls_project, "SPL", stored))
    assert expected.any()
    for axes in OTHER_AXES:
        found = say(balls_project, made.model, put_along(balls_project, axes, stored))
        assert np.array_equal(bring_back(axes, found), expected), axes


def test_training_images_along_other_axes_are_learned_from_as_the_same(
    balls_project: Project, project: Project, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    straight = train_balls(balls_project, steps=6)
    for image in balls_project.images.list()[3:]:
        balls_project.images.delete(image.id)
    for number, axes in ((3, "LSA"), (4, "IRP")):
        stored, mask = make_balls(number)
        image = put_along(balls_project, axes, stored)
        add_segmentation(image, store_along(axes, mask) * term.value, [term])
    mixed = train_balls(balls_project, steps=6)
    assert read_plan(balls_project.models.folder(mixed.model)).orientation == "SPL"
    assert balls_project.models.get(mixed.model).sha256 == balls_project.models.get(straight.model).sha256
    assert not list_entries(balls_project.folder)


def test_whole_images_along_other_axes_are_classified_alike(project: Project, add_image: Callable) -> None:
    terms = [project.ontology.find("nodule"), project.ontology.find("lung")]
    for number in range(6):
        values = np.random.default_rng(number).integers(900, 1100, (10, 24, 16)).astype(np.uint16)
        values[2:8, 4:12, 4:12] += 800 * (number % 2)
        project.images.add_term(add_image(values, f"S{number}").id, terms[number % 2].id, reviewed=True)
    config = {"steps": 5, "patch": [8, 16, 16], "seed": 1}
    work = TrainWork(task=Task.CLASSIFICATION, device=Device.CPU, split=Split.NONE, config=config)
    made = train(project, work, silent)
    values = np.random.default_rng(9).integers(900, 1100, (10, 24, 16)).astype(np.uint16)
    values[6:, 2:9, 10:] += 800
    images = [put_along(project, axes, values) for axes in ("SPL", *OTHER_AXES)]
    said = predict(project, PredictWork(model=made.model, images=tuple(image.id for image in images)), silent)
    first, *others = [row["probabilities"]["nodule"] for row in said.outputs]
    assert others == pytest.approx([first] * len(others), abs=2e-4)
