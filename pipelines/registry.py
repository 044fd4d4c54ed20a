"""Models of a project: putting a trained one in, taking one out to predict."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pydantic import JsonValue

from imaging.domain.base import ModelKey
from imaging.domain.model import Model, ModelDraft
from imaging.project.project import Project
from imaging.pyramid.publish import publish, staging_folder
from pipelines.bundle import CARD, load_network, read_plan, write_bundle
from pipelines.card import make_card, render_card
from pipelines.dataset import Dataset
from pipelines.learning import Learned
from pipelines.plan import Plan
from pipelines.sweeping import publishing_models

if TYPE_CHECKING:
    import torch

LONGEST_LIST = 50
"""A registry row names at most this many subjects one by one; the bundle's metrics.json names all."""


def register(project: Project, dataset: Dataset, learned: Learned, device: torch.device) -> Model:
    """Write the bundle, publish it as a whole and enter it into the registry."""
    card = make_card(dataset, learned, device)
    with publishing_models(project) as models:
        staging = staging_folder(models)
        try:
            digest = write_bundle(staging, learned.plan, dataset, learned.metrics, learned.network.state_dict())
            (staging / CARD).write_text(render_card(learned.plan.name, card), encoding="utf-8")
            draft = ModelDraft(
                name=learned.plan.name,
                task=dataset.task,
                terms=tuple(known.term for known in dataset.classes),
                sha256=digest,
                metrics=short_metrics(learned.metrics),
                card=card,
            )
            return project.models.register(draft, lambda key: publish(staging, project.models.folder(key)))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def short_metrics(metrics: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out a list of subjects that is too long for a row."""
    subjects = metrics.get("subjects")
    too_long = isinstance(subjects, list) and len(subjects) > LONGEST_LIST
    return {name: value for name, value in metrics.items() if not (too_long and name == "subjects")}


def open_model(project: Project, key: ModelKey) -> tuple[Model, Plan, torch.nn.Module]:
    """Load a registered model, ready to predict."""
    model = project.models.get(key)
    folder = project.models.folder(key)
    plan = read_plan(folder)
    return model, plan, load_network(folder, plan)
