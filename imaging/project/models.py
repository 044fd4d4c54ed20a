"""The model registry of a project."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imaging.access import Action
from imaging.domain.base import ModelKey
from imaging.domain.model import DATASET, Model, ModelDraft
from imaging.errors import NotFoundError
from imaging.project.gate import Gate
from imaging.project.ontology import require_terms
from imaging.store import ids
from imaging.store import models as rows
from imaging.taxonomy import check_name


@dataclass(frozen=True)
class Learners:
    """Models that learned from a subject, and those of which nobody knows."""

    known: tuple[ModelKey, ...] = ()
    unknown: tuple[ModelKey, ...] = ()


class Models:
    """Models of one project."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self) -> list[Model]:
        """All models, oldest first."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            return rows.list_models(transaction, self._gate.project)

    def get(self, key: ModelKey) -> Model:
        """Find by id."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            found = rows.get_model(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("model", key)
        return found

    def find(self, name: str, version: str | None = None) -> Model:
        """Find by id, or by name and version; the newest version where none is given."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            if version is None and (key := ids.read_id(name)) is not None:
                found = rows.get_model(transaction, self._gate.project, ModelKey(key))
                if found is not None:
                    return found
            named = rows.list_models(transaction, self._gate.project, name=name)
        fitting = [model for model in named if version in (None, model.version)]
        if not fitting:
            raise NotFoundError("model", name)
        return fitting[-1]

    def folder(self, key: ModelKey) -> Path:
        """Where the model's bundle lies."""
        self._gate.require(Action.SEE_JOBS)
        return self._gate.folder / "models" / str(key)

    def learned_from(self, subject: str) -> Learners:
        """Tell which models were trained on images of a subject, and not only judged by them."""
        with self._gate.read(Action.ERASE) as transaction:
            models = rows.list_models(transaction, self._gate.project)
        told = {model.id: _trained_on(self._gate.folder / model.bundle / DATASET) for model in models}
        return Learners(
            tuple(key for key, subjects in told.items() if subjects is not None and subject in subjects),
            tuple(key for key, subjects in told.items() if subjects is None),
        )

    def made_by_job(self) -> Model | None:
        """The model that an earlier attempt of the acting job registered, before it was cut off."""
        keys = [event.key for event in self._gate.done_by_job("add", "model") if event.key is not None]
        with self._gate.read(Action.SEE_JOBS) as transaction:
            return rows.get_model(transaction, self._gate.project, ModelKey(keys[-1])) if keys else None

    def register(self, draft: ModelDraft, place: Callable[[ModelKey], None]) -> Model:
        """Put a bundle under a new id, then let the model appear with the next version of its name.

        Parameters
        ----------
        place
            Publishes the bundle under the id that it is given; it is removed again when registering fails.
        """
        self._gate.require(Action.TRAIN)
        name = check_name("model", draft.name)
        key = ModelKey(self._gate.reserve())
        folder = self.folder(key)
        try:
            place(key)
            with self._gate.change(Action.TRAIN) as change:
                require_terms(change.transaction, self._gate, draft.terms)
                # The chain is locked, so no other model of this name can take the same version.
                version = rows.next_version(change.transaction, self._gate.project, name)
                model = Model(
                    **dict(draft) | {"name": name, "bundle": f"models/{key}"},
                    id=key,
                    project=self._gate.project,
                    version=str(version),
                    created_by=self._gate.user,
                    created=change.at,
                )
                rows.insert_model(change.transaction, model)
                change.note("add", "model", key, {"version": version, "sha256": model.sha256})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return model


def _trained_on(dataset: Path) -> frozenset[str] | None:
    """Read the subjects that a model was trained on; None where its bundle does not say."""
    try:
        samples = json.loads(dataset.read_bytes())["samples"]
        return frozenset(sample["subject"] for sample in samples if sample["part"] != "test")
    except (OSError, ValueError, KeyError, TypeError):
        return None
