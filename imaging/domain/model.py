"""A trained network in the registry: a MONAI bundle and its card."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from imaging.domain.base import ModelKey, ProjectKey, Record, TermKey, UserKey
from imaging.domain.job import Task

DATASET = "configs/dataset.json"
"""Where in a bundle it stands what a model was trained and judged on."""


class Model(Record):
    """A registered model; `bundle` is a path relative to the project's folder; `sha256` is of its weights."""

    id: ModelKey
    project: ProjectKey
    name: str
    version: str
    task: Task
    terms: tuple[TermKey, ...]
    bundle: str
    sha256: str
    metrics: JsonValue = None
    card: JsonValue = None
    created_by: UserKey
    created: datetime


class ModelDraft(Record):
    """What registering a model needs; the registry decides where its bundle lies."""

    name: str
    task: Task
    terms: tuple[TermKey, ...]
    sha256: str
    metrics: JsonValue = None
    card: JsonValue = None
