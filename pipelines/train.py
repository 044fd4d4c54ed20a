"""Train a model on a project's annotations and enter it into the registry."""

from __future__ import annotations

import logging

from pydantic import Field, JsonValue

from imaging.access import Action
from imaging.cli import Report
from imaging.domain.base import ModelKey, Record
from imaging.domain.job import TrainWork
from imaging.domain.model import Model
from imaging.project.project import Project
from pipelines.card import read_data
from pipelines.classification import learn_classification
from pipelines.dataset import Dataset, freeze_dataset, split_dataset
from pipelines.networks import choose_device
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.recipe import ClassificationRecipe, SegmentationRecipe, make_recipe
from pipelines.registry import register
from pipelines.segmentation import learn_segmentation
from pipelines.sweeping import sweep_abandoned

log = logging.getLogger(__name__)


class TrainResult(Record):
    """What came of a training; `bundle` is the folder of the MONAI bundle, relative to the project's.

    `reviewed` says whether all of the truth was, `unnamed` counts images from files that name no person, and `left_out`
    what the project holds and the dataset does not, by reason (`Omission`).
    """

    model: ModelKey
    name: str
    version: str
    metrics: dict[str, JsonValue]
    bundle: str
    reviewed: bool = False
    unnamed: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)


def train(project: Project, work: TrainWork, report: Report) -> TrainResult:
    """Freeze the data, learn, judge on unseen subjects, and register what came of it."""
    project.require(Action.TRAIN)
    earlier = project.models.made_by_job()
    if earlier is not None:
        # A retry of a job that was cut off after it had registered its model.
        return _result(earlier)
    sweep_abandoned(project)
    recipe = make_recipe(work.task, work.config)
    device = choose_device(work.device)
    dataset = freeze_dataset(project, work.task)
    dataset = split_dataset(dataset, work.split, held_out=recipe.held_out, seed=recipe.seed)
    _tell_unused(recipe.preprocessing, dataset)
    match recipe:
        case SegmentationRecipe():
            learned = learn_segmentation(project, dataset, recipe, device, report)
        case ClassificationRecipe():
            learned = learn_classification(project, dataset, recipe, device, report)
    report(99, "registering the model")
    model = register(project, dataset, learned, device)
    report(100, "trained")
    return _result(model)


def _tell_unused(recipe: PreprocessingRecipe | None, dataset: Dataset) -> None:
    """A table for a modality that no image has may be meant for images to come, or for these under another name."""
    unused = sorted({*(recipe.intensity if recipe else ())} - {sample.modality for sample in dataset.samples})
    if unused:
        log.warning("no image of the dataset has the modality of the recipe's intensity of %s", ", ".join(unused))


def _result(model: Model) -> TrainResult:
    data = read_data(model.card)
    return TrainResult(
        model=model.id,
        name=model.name,
        version=model.version,
        metrics=model.metrics,
        bundle=model.bundle,
        reviewed=data.reviewed,
        unnamed=data.unnamed,
        left_out=data.left_out,
    )
