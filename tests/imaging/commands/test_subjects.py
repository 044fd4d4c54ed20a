"""What the acts on persons tell on a terminal."""

from __future__ import annotations

import json

import pytest

from imaging.cli import main
from imaging.domain.base import ModelKey
from imaging.domain.job import Task
from imaging.domain.model import DATASET, ModelDraft
from imaging.domain.subject import Identity
from imaging.project.project import Project
from imaging.settings import Settings

DRAFT = ModelDraft(name="net", task=Task.SEGMENTATION, terms=(), sha256="0" * 64)
SUBJECT = "A" * 16


def add_model(project: Project, learned_from: str | None) -> ModelKey:
    def place(key: ModelKey) -> None:
        path = project.folder / "models" / str(key) / DATASET
        path.parent.mkdir(parents=True)
        if learned_from is not None:
            path.write_text(json.dumps({"samples": [{"subject": learned_from, "part": "train"}]}))

    return project.models.register(DRAFT, place).id


def erase(settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]) -> list[str]:
    project.subjects.remember(SUBJECT, Identity(issuer="", patient_id="PHA-000001"))
    capsys.readouterr()
    assert main(["erase", "phantoms", "--subject", SUBJECT, "--workspace", str(settings.workspace)]) == 0
    return capsys.readouterr().out.splitlines()


def test_an_erasure_tells_each_kind_of_model_on_a_line_of_its_own(
    settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, silent = (add_model(project, told) for told in (SUBJECT, SUBJECT, None))
    add_model(project, "B" * 16)
    lines = erase(settings, project, capsys)
    assert f"models that learned from it  {first}, {second} (they stay)" in lines
    assert f"models that do not say       {silent} (they stay)" in lines


def test_an_erasure_without_models_says_so(
    settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    *facts, signature = erase(settings, project, capsys)
    assert facts == [
        f"erased                       {SUBJECT}",
        "images                       0",
        "held files                   0",
        "models that learned from it  none",
        "models that do not say       none",
        "way back                     destroyed",
    ]
    assert signature.startswith("signature                    ")
