"""Rotating a project's key: whole or not at all, told in the journal, and nothing sealed before is lost."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging.domain.base import JobKey
from imaging.domain.epoch import RotationPolicy
from imaging.domain.job import IngestWork, Job, JobState
from imaging.domain.people import Role
from imaging.domain.subject import Identity
from imaging.errors import ForbiddenError, StateError
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import events
from imaging.workspace import Workspace

LINK, BREAK = RotationPolicy.LINK, RotationPolicy.BREAK
PERSON = Identity(issuer="A", patient_id="PHA-0001")
_KILLED = """
import os, sys
from imaging.store import events
from imaging.domain.epoch import RotationPolicy
from imaging.settings import Settings
from imaging.workspace import Workspace
from pathlib import Path
workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))
admin = workspace.accounts.acting(None)
project = workspace.open(workspace.find_project(admin, "phantoms"), admin.id)
events.append = lambda *_: os._exit(9)
project.secrets.rotate(RotationPolicy.BREAK)
"""


def submit(project: Project) -> Job:
    upload = project.uploads.create("page")
    project.uploads.add(upload, "a.dcm", io.BytesIO(b"DICM"))
    return project.jobs.submit(IngestWork(upload=upload))


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
class TestRotation:
    def test_a_new_project_has_epoch_1(self, project: Project) -> None:
        (epoch,) = project.secrets.epochs()
        assert epoch.number == 1

    def test_each_rotation_makes_a_secret_and_earlier_ones_stay(self, project: Project) -> None:
        (first,) = project.secrets.epochs()
        assert [project.secrets.rotate(LINK), project.secrets.rotate(BREAK)] == [2, 3]
        epochs = project.secrets.epochs()
        assert epochs[0] == first
        assert [(epoch.number, epoch.policy) for epoch in epochs[1:]] == [(2, LINK), (3, BREAK)]
        assert len({epoch.secret for epoch in epochs}) == 3

    def test_the_journal_tells_number_and_policy_and_no_key(self, project: Project) -> None:
        project.secrets.rotate(LINK)
        told = project.journal.list()[-1]
        assert (told.action, told.kind, told.detail) == ("rotate", "key", {"epoch": 2, "policy": "link"})
        assert project.journal.verify()
        for epoch in project.secrets.epochs():
            assert epoch.secret.hex() not in repr(project.journal.list())

    def test_handles_that_were_open_see_the_new_secret_and_lose_none(
        self, workspace: Workspace, project: Project
    ) -> None:
        other = workspace.open(project.record.id, project.member.user.id)
        project.secrets.rotate(LINK)
        assert other.secrets.epochs() == project.secrets.epochs()
        assert other.secrets.rotate(LINK) == 3
        assert len(project.secrets.epochs()) == 3

    def test_what_was_sealed_before_opens_after(self, workspace: Workspace, project: Project, tmp_path: Path) -> None:
        upload = project.uploads.create("page")
        project.uploads.add(upload, "a.dcm", io.BytesIO(b"DICM"))
        project.subjects.remember("S1", PERSON)
        project.secrets.rotate(BREAK)
        again = workspace.open(project.record.id, project.member.user.id)
        again.subjects.remember("S2", PERSON)
        assert [again.subjects.reidentify(subject, "to see") for subject in ("S1", "S2")] == [PERSON, PERSON]
        (plain,) = again.uploads.open_files(upload, tmp_path)
        assert plain.read_bytes() == b"DICM"

    def test_no_job_that_makes_pseudonyms_crosses_a_rotation(self, workspace: Workspace, project: Project) -> None:
        waiting = submit(project)
        with pytest.raises(StateError):
            project.secrets.rotate(LINK)
        workspace.queue.claim("worker", 60)
        with pytest.raises(StateError):
            project.secrets.rotate(LINK)
        assert len(project.secrets.epochs()) == 1
        workspace.queue.finish(JobKey(waiting.id), "worker", JobState.SUCCEEDED)
        assert project.secrets.rotate(LINK) == 2

    def test_a_rotation_that_cannot_be_journalled_makes_no_secret(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = project.secrets.epochs()

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(events, "append", die)
            with pytest.raises(KeyboardInterrupt):
                project.secrets.rotate(BREAK)
        assert project.secrets.epochs() == before
        assert project.secrets.rotate(LINK) == 2

    def test_known_are_all_of_whom_something_is_here(self, project: Project) -> None:
        assert project.subjects.known() == frozenset()
        project.subjects.remember("S1", PERSON)
        assert project.subjects.known() == {"S1"}


def test_a_process_killed_between_secret_and_journal_leaves_neither(
    workspace: Workspace, project: Project, settings: Settings
) -> None:
    before = project.secrets.epochs()
    killed = subprocess.run([sys.executable, "-c", _KILLED, settings.workspace], check=False, capture_output=True)
    assert killed.returncode == 9, killed.stderr
    assert project.secrets.epochs() == before
    assert workspace.journal.verify_all()
    assert project.secrets.rotate(LINK) == 2


@pytest.mark.parametrize("role", [Role.MANAGER, Role.CONTROLLER])
def test_managers_and_controllers_rotate(as_role: Callable[[Role], Project], role: Role) -> None:
    assert as_role(role).secrets.rotate(LINK) == 2


def test_nobody_else_rotates(as_role: Callable[[Role], Project], project: Project) -> None:
    for role in set(Role) - {Role.MANAGER, Role.CONTROLLER}:
        with pytest.raises(ForbiddenError):
            as_role(role).secrets.rotate(LINK)
    assert len(project.secrets.epochs()) == 1
