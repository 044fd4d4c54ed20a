"""Held files tell their age and expire only when somebody says so."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.domain.upload import FileToHold
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import schema
from imaging.store.database import Database, now
from imaging.workspace import Workspace
from tests.pipelines.conftest import Call


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings.database_url)
    yield made
    made.close()


@pytest.fixture
def aged(project: Project, database: Database) -> dict[str, int]:
    """Three held files by name, held for 10, 40 and 400 days."""
    upload = project.uploads.create("command line")
    keys = {}
    for days, reason in ((10, Reason.NOT_DICOM), (40, Reason.NOT_DICOM), (400, Reason.BURNED_IN_RISK)):
        keys[f"{days}.bin"] = key = project.quarantine.hold(upload, FileToHold(f"{days}.bin", None, reason))
        with database.write() as transaction:
            held = schema.held_file.c.id == key
            transaction.execute(update(schema.held_file).where(held).values(created=now() - timedelta(days=days)))
    return keys


def names_of(project: Project) -> list[str]:
    return [held.name for held in project.quarantine.held()]


def test_the_list_of_held_files_tells_their_age_in_days(call: Call, aged: dict[str, int]) -> None:
    rows = json.loads(call("quarantine", "list", "phantoms", "--json")[1])
    assert [row["days"] for row in rows] == [10, 40, 400]
    assert " 400 d " in call("quarantine", "list", "phantoms")[1]


def test_held_files_that_are_old_enough_expire_and_are_counted_by_reason(
    call: Call, project: Project, aged: dict[str, int]
) -> None:
    code, out, err = call("quarantine", "expire", "phantoms", "--days", 40, "--json")
    counted = {"days": 40, "deleted": 2, "reasons": {"not_dicom": 1, "burned_in_risk": 1}}
    assert (code, json.loads(out), err) == (0, counted, "")
    assert names_of(project) == ["10.bin"]
    events = [event for event in project.journal.list() if event.action == "expire"]
    assert [(event.key, event.detail["days"]) for event in events] == [(aged["40.bin"], 40), (aged["400.bin"], 40)]
    assert call("quarantine", "expire", "phantoms", "--days", 40)[1] == "0 held files deleted\n"


def test_nothing_expires_unless_days_are_given(
    call: Call, project: Project, aged: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMAGING_HELD_DAYS", raising=False)
    code, out, err = call("quarantine", "expire", "phantoms")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "IMAGING_HELD_DAYS" in err
    assert call("quarantine", "expire", "phantoms", "--days", 0)[0] == 2
    assert len(names_of(project)) == 3
    monkeypatch.setenv("IMAGING_HELD_DAYS", "100")
    code, out, _ = call("quarantine", "expire", "phantoms")
    assert (code, out) == (0, "held for 100 days or longer: 1 burned_in_risk\n1 held files deleted\n")
    assert names_of(project) == ["10.bin", "40.bin"]


def test_a_terminal_is_asked_before_held_files_expire(
    call: Call, project: Project, aged: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answer, left in (("n\n", 3), ("y\n", 1)):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        code, out, _ = call("quarantine", "expire", "phantoms", "--days", 40)
        assert "1 not_dicom" in out or "1 burned_in_risk" in out
        assert (code, len(names_of(project))) == (1 if answer == "n\n" else 0, left)


@pytest.mark.parametrize("days", ["0", "-3", "soon", "1.5"])
def test_a_setting_that_is_no_number_of_days_is_bad_input(
    call: Call, aged: dict[str, int], monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("IMAGING_HELD_DAYS", days)
    code, out, err = call("quarantine", "list", "phantoms")
    assert (code, out) == (2, "")
    assert err == "imaging: IMAGING_HELD_DAYS is a whole number of days, 1 or more\n"


@pytest.mark.parametrize("role", [Role.READER, Role.UPLOADER])
def test_only_who_decides_on_quarantine_lets_files_expire(
    role: Role, call: Call, workspace: Workspace, project: Project, aged: dict[str, int]
) -> None:
    user, _ = workspace.accounts.add("another")
    project.members.add(user.id, [role])
    code, out, err = call("quarantine", "expire", "phantoms", "--days", 1, "--as", "another")
    assert (code, out, err.count("\n"), len(names_of(project))) == (3, "", 1, 3)
