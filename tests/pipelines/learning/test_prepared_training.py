"""A model that was trained on a recipe predicts by the same recipe, here and as a bundle elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.domain.base import ImageKey, ModelKey
from imaging.domain.job import Device, PredictWork, Split, Task, TrainWork
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.prepared import list_entries
from pipelines.bundle import read_plan
from pipelines.predict import predict
from pipelines.recipe import make_recipe, read_settings
from pipelines.train import TrainResult, train
from tests.pipelines.learning.conftest import QUICK, make_balls
from tests.pipelines.learning.preparing import LPS_TO_RAS, REVERSED, lay, put_image

RECIPE = {"orientation": "LPS", "spacing": [1.9, 1.3, 1.3], "multiple": 4}


def silent(percent: int, message: str) -> None:
    assert 0 <= percent <= 100


def train_prepared(project: Project, recipe: dict[str, object], **changes: object) -> TrainResult:
    config = QUICK | {"preprocessing": recipe} | changes
    return train(project, TrainWork(task=Task.SEGMENTATION, device=Device.CPU, config=config), silent)


def say(project: Project, model: ModelKey, image: ImageKey) -> np.ndarray:
    result = predict(project, PredictWork(model=model, images=(image,)), silent)
    reader = SegmentationReader.open(project.images.path(image), result.outputs[0]["segmentation"])
    z, y, x = project.images.get(image).shape
    return reader.region((0, z, 0, y, 0, x))


@pytest.fixture
def trained(balls_project: Project) -> TrainResult:
    return train_prepared(balls_project, RECIPE)


def test_it_finds_balls_among_rods_on_a_subject_it_never_saw(trained: TrainResult) -> None:
    assert trained.metrics["dice"] >= 0.7
    assert trained.metrics["threshold_dice"] <= 0.75 * trained.metrics["dice"] + 0.25


def test_the_model_keeps_the_whole_recipe_and_its_card_tells_it(balls_project: Project, trained: TrainResult) -> None:
    plan = read_plan(balls_project.models.folder(trained.model))
    assert plan.preprocessing is not None
    assert plan.preprocessing.spacing == (1.9, 1.3, 1.3)
    assert plan.spacing == (1.9, 1.3, 1.3)
    assert plan.preprocessing.intensity == plan.intensities
    assert plan.preprocessing.intensity["CT"].kind == "fixed"
    card = balls_project.models.get(trained.model).card
    assert card["settings"]["preprocessing"]["spacing"] == [1.9, 1.3, 1.3]


def test_a_prediction_reads_what_training_prepared(balls_project: Project, trained: TrainResult) -> None:
    before = {entry.path for entry in list_entries(balls_project.folder)}
    assert len(before) == 5
    first = balls_project.images.list()[0]
    assert say(balls_project, trained.model, first.id).any()
    assert {entry.path for entry in list_entries(balls_project.folder)} == before


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1)])
def test_stock_monai_runs_the_bundle_to_the_same_voxels(
    balls_project: Project, trained: TrainResult, tmp_path: Path, order: tuple[int, int, int]
) -> None:
    stored, mask = make_balls(7)
    # The same body, stored along other axes: its z, y and x run along the axes `order` of the patient.
    turned = stored.transpose([(2, 1, 0).index(axis) for axis in order])
    spacing = [(2.0, 1.0, 1.0)[(2, 1, 0).index(axis)] for axis in order]
    affine = lay((3, -5, 4), (spacing[0], spacing[1], spacing[2]), order)
    image = put_image(balls_project, turned, affine)
    ours = say(balls_project, trained.model, image.id)
    (tmp_path / "input").mkdir()
    volume = nibabel.Nifti1Image(turned.transpose().astype(np.float32) - 1000, LPS_TO_RAS @ affine @ REVERSED)
    nibabel.save(volume, tmp_path / "input" / "ball.nii.gz")
    folder = balls_project.models.folder(trained.model)
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run"]
    command += ["--config_file", str(folder / "configs/inference.json"), "--bundle_root", str(folder)]
    command += ["--dataset_dir", str(tmp_path / "input"), "--output_dir", str(tmp_path / "output")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (written,) = (tmp_path / "output").rglob("*.nii.gz")
    theirs = np.asarray(nibabel.load(written).dataobj).squeeze().transpose()
    assert theirs.shape == ours.shape
    # A voxel right between two classes may fall either way: a NIfTI's matrix has single precision.
    assert np.count_nonzero(theirs != ours) <= 3
    found = ours.transpose(np.argsort([(2, 1, 0).index(axis) for axis in order])) > 0
    assert 2 * np.count_nonzero(found & mask) / (found.sum() + mask.sum()) > 0.6


def test_what_is_cropped_away_is_background(balls_project: Project) -> None:
    made = train_prepared(balls_project, {"crop": {"above": -500.0, "margin": 1}}, steps=30)
    plan = read_plan(balls_project.models.folder(made.model))
    assert plan.preprocessing is not None
    assert plan.preprocessing.spacing == (2.0, 1.0, 1.0)
    stored, _ = make_balls(9)
    air = np.zeros((14, 30, 32), np.uint16)
    air[2:12, 3:27, 4:28] = stored
    image = put_image(balls_project, air, lay((0, 0, 0), (2.0, 1.0, 1.0)))
    said = say(balls_project, made.model, image.id)
    assert not said[0].any()
    assert not said[:, :2].any()
    assert not said[:, :, 29:].any()


def test_equal_recipes_give_equal_weights(balls_project: Project) -> None:
    first, second = (train_prepared(balls_project, RECIPE, steps=6) for _ in range(2))
    assert balls_project.models.get(first.model).sha256 == balls_project.models.get(second.model).sha256


def test_whole_images_are_classified_as_they_are_prepared(project: Project, add_image: Callable) -> None:
    terms = [project.ontology.find("nodule"), project.ontology.find("lung")]
    for number in range(8):
        values = np.random.default_rng(number).integers(900, 1100, (10, 16, 16)).astype(np.uint16)
        values[2:8, 4:12, 4:12] += 800 * (number % 2)
        image = add_image(values, f"S{number}")
        project.images.add_term(image.id, terms[number % 2].id, reviewed=True)
    config = {"steps": 40, "patch": [8, 16, 16], "seed": 1, "preprocessing": {"spacing": 1.5, "multiple": 4}}
    work = TrainWork(task=Task.CLASSIFICATION, device=Device.CPU, split=Split.NONE, config=config)
    made = train(project, work, silent)
    images = [image.id for image in project.images.list()]
    said = predict(project, PredictWork(model=made.model, images=tuple(images)), silent)
    right = sum(row["term"] == terms[number % 2].id for number, row in enumerate(said.outputs))
    assert right >= 7
    assert len(list_entries(project.folder)) == 8


def test_a_configuration_may_name_a_recipe_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ct.toml").write_text('orientation = "LPS"\nspacing = 2.0\n')
    (tmp_path / "train.toml").write_text('steps = 5\npreprocessing = "ct.toml"\n')
    settings = read_settings(tmp_path / "train.toml")
    recipe = make_recipe(Task.SEGMENTATION, json.loads(json.dumps(settings)))
    assert recipe.preprocessing is not None
    assert recipe.preprocessing.spacing == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("wrong", [{"isotropic": 2.0}, {"multiple": 4, "fit": "crop"}])
def test_a_recipe_that_no_bundle_could_repeat_trains_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="a model needs"):
        make_recipe(Task.SEGMENTATION, {"preprocessing": wrong})
