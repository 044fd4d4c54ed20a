"""What the acts on persons tell on a terminal."""

from __future__ import annotations

import io
import json
import sys
from io import BytesIO
from pathlib import Path

import pytest

from imaging.cli import main
from imaging.domain.base import ModelKey
from imaging.domain.job import Task
from imaging.domain.model import DATASET, ModelDraft
from imaging.domain.outcome import Reason
from imaging.domain.subject import Identity
from imaging.domain.upload import FileToHold
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["y", "yes", "B" * 16, SUBJECT.lower()])
def test_a_terminal_has_the_pseudonym_typed_and_erases_nothing_for_any_other_word(
    settings: Settings,
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    project.subjects.remember(SUBJECT, Identity(issuer="", patient_id="PHA-000001"))
    before = project.journal.list()
    assert main(["erase", "phantoms", "--subject", SUBJECT, "--workspace", str(settings.workspace)]) == 2
    assert "nothing is erased" in capsys.readouterr().err
    assert project.journal.list() == before
    assert project.subjects.reidentify(SUBJECT, "to see").patient_id == "PHA-000001"


def test_a_subject_that_is_unknown_is_told_before_anything_is_asked(
    settings: Settings, project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = Terminal(f"{SUBJECT}\n")
    monkeypatch.setattr(sys, "stdin", typed)
    before = project.journal.list()
    assert main(["erase", "phantoms", "--subject", SUBJECT, "--workspace", str(settings.workspace)]) == 2
    assert capsys.readouterr() == ("", "imaging: no such subject\n")
    assert typed.read() == f"{SUBJECT}\n"
    assert project.journal.list() == before


def test_a_mistyped_pseudonym_is_told_before_uploads_are_discarded_for_it(
    settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    upload = project.uploads.create("test")
    project.uploads.add(upload, "a", BytesIO(b"a"))
    command = ["erase", "phantoms", "--subject", "NOBODY", "--yes", "--workspace", str(settings.workspace)]
    assert main(command) == 3
    told = capsys.readouterr().err
    assert "is it typed right?" in told
    assert str(upload) in told


def test_a_subject_of_whom_only_a_file_is_held_is_asked_for(
    settings: Settings,
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "held").write_bytes(b"held")
    file = FileToHold("held", tmp_path / "held", Reason.NOT_DICOM, "", "0" * 64, subject=SUBJECT)
    project.quarantine.hold(project.uploads.create("test"), file)
    nobodys = FileToHold("other", None, Reason.NOT_DICOM, "", "1" * 64)
    project.quarantine.hold(project.uploads.create("test"), nobodys)
    for upload in project.uploads.stopped(young=True):
        project.uploads.finish(upload.id)
    monkeypatch.setattr(sys, "stdin", Terminal(f"{SUBJECT}\n"))
    assert main(["erase", "phantoms", "--subject", SUBJECT, "--workspace", str(settings.workspace)]) == 0
    out, err = capsys.readouterr()
    assert "held files                   1" in out.splitlines()
    assert "go for good" in err
    assert "1 held file does not say whose, and may be of this person too" in err


@pytest.mark.parametrize(("options", "typed"), [((), f"{SUBJECT}\n"), (("--yes",), "")])
def test_a_terminal_erases_what_is_typed_once_more_or_needs_no_word(
    settings: Settings,
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    typed: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    project.subjects.remember(SUBJECT, Identity(issuer="", patient_id="PHA-000001"))
    command = ["erase", "phantoms", "--subject", SUBJECT, "--json", *options, "--workspace", str(settings.workspace)]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["erased"]["mapping"] is True
    assert ("go for good" in err) is bool(typed)
