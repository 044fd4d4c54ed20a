"""Which models learned from a subject, for the certificate of its erasure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imaging.domain.base import ModelKey
from imaging.domain.job import Task
from imaging.domain.model import DATASET, Model, ModelDraft
from imaging.project.models import Learners
from imaging.project.project import Project

DRAFT = ModelDraft(name="net", task=Task.SEGMENTATION, terms=(), sha256="0" * 64)


def register(project: Project, content: str | None) -> Model:
    def place(key: ModelKey) -> None:
        path = project.folder / "models" / str(key) / DATASET
        path.parent.mkdir(parents=True)
        if content is not None:
            path.write_text(content)

    return project.models.register(DRAFT, place)


def samples(**parts: str) -> str:
    return json.dumps({"samples": [{"subject": subject, "part": part} for subject, part in parts.items()]})


def test_models_that_were_trained_on_a_subject_are_named(project: Project, tmp_path: Path) -> None:
    trained = register(project, samples(ALPHA="train", BRAVO="test"))
    register(project, samples(ALPHA="test", BRAVO="train"))
    register(project, samples(BRAVO="train"))
    assert project.models.learned_from("ALPHA") == Learners(known=(trained.id,))
    assert project.models.learned_from("CHARLIE") == Learners()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"samples": [1]}'])
def test_a_model_of_which_nobody_knows_what_it_learned_from_is_named(project: Project, content: str | None) -> None:
    model = register(project, content)
    assert project.models.learned_from("ALPHA") == Learners(unknown=(model.id,))
