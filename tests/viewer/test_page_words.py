"""The page has words for everything that the server may say."""

from __future__ import annotations

import json

import pytest

from imaging.domain.job import (
    IngestWork,
    JobState,
    PredictWork,
    PreprocessWork,
    RepseudonymiseWork,
    ResampleWork,
    ReviewWork,
    Task,
    TrainWork,
)
from imaging.domain.outcome import Reason
from viewer.build import WEB


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_state_kind_and_task_has_a_word(language: str) -> None:
    words = json.loads((WEB / "src" / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    works = (IngestWork, ReviewWork, RepseudonymiseWork, ResampleWork, PreprocessWork, TrainWork, PredictWork)
    kinds = {work.model_fields["kind"].default for work in works}
    assert set(words["jobs"]["held"]) == {reason.value for reason in Reason}
    assert set(words["jobs"]["state"]) == {state.value for state in JobState}
    assert set(words["jobs"]["kind"]) == kinds
    assert {task.value for task in Task} <= set(words["train"])
