"""What became of each file: told by name to its sender and who decides, kept encrypted, gone in time."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, JobState
from imaging.domain.outcome import Became, FileOutcome, Reason
from imaging.domain.people import Role
from imaging.erasure import erase_subject
from imaging.errors import ForbiddenError, NotFoundError
from imaging.project import outcomes
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import schema
from imaging.store.database import Database, now
from imaging.workspace import Workspace
from pipelines.jobs import Runner, run_job
from pipelines.worker import draw_nothing, work_once
from tests.pipelines.conftest import MakePicture, MakeSeries


def runner() -> Runner:
    return Runner("worker", draw_nothing, threading.Event())


@pytest.fixture
def as_role(workspace: Workspace, project: Project) -> Callable[[Role], Project]:
    """Open the project as a new member with one role."""

    def join(role: Role) -> Project:
        user, _ = workspace.accounts.add(f"{role.value}.{len(workspace.accounts.list())}")
        project.members.add(user.id, [role])
        return workspace.open(project.record.id, user.id)

    return join


@pytest.fixture
def send(make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path) -> Callable[..., UploadKey]:
    """An upload of seven files, ingested: three planes, a picture that came twice, two notes."""
    make_series(tmp_path / "series", planes=3)
    make_picture(tmp_path / "a.png", 1)

    def act(workspace: Workspace, project: Project, source: str = "page") -> UploadKey:
        key = project.uploads.create(source)
        for number, path in enumerate(sorted((tmp_path / "series").iterdir())):
            project.uploads.add(key, f"PHANTOM^ALPHA/{number}.dcm", io.BytesIO(path.read_bytes()))
        for name in ("PHANTOM^ALPHA/a.png", "PHANTOM^ALPHA/b.png"):
            project.uploads.add(key, name, io.BytesIO((tmp_path / "a.png").read_bytes()))
        for number in range(2):
            project.uploads.add(key, f"PHANTOM^ALPHA/note {number}.txt", io.BytesIO(b"text " * (30 + number)))
        project.jobs.submit(IngestWork(upload=key))
        assert work_once(workspace, runner()) is not None
        assert project.jobs.list()[0].state is JobState.SUCCEEDED
        return key

    return act


def test_every_file_is_told_once_by_its_name(workspace: Workspace, project: Project, send) -> None:
    listed = project.outcomes.read(send(workspace, project))
    made = {image.sources: image.id for image in project.images.list()}
    assert {one.name.removeprefix("PHANTOM^ALPHA/"): (one.became, one.image, one.reason) for one in listed} == {
        **{f"{number}.dcm": (Became.IMAGE, made[3], None) for number in range(3)},
        "a.png": (Became.IMAGE, made[1], None),
        "b.png": (Became.DUPLICATE, None, None),
        "note 0.txt": (Became.HELD, None, Reason.NOT_DICOM),
        "note 1.txt": (Became.HELD, None, Reason.NOT_DICOM),
    }
    assert [one.name for one in listed] == sorted(one.name for one in listed)
    assert all(one.detail for one in listed if one.became is Became.HELD)


def test_names_lie_nowhere_in_the_clear(workspace: Workspace, project: Project, send, settings: Settings) -> None:
    upload = send(workspace, project)
    assert list((settings.quarantine / str(project.id) / str(upload)).glob("outcome.list"))
    for path in settings.workspace.rglob("*"):
        assert "note 0" not in path.name
        assert not path.is_file() or b"note 0" not in path.read_bytes()
    database = Database(settings.database_url)
    with database.read() as transaction:
        for table in schema.metadata.sorted_tables:
            assert "note 0" not in repr(transaction.execute(select(table)).all())
    database.close()
    assert "note 0" not in project.jobs.list()[0].model_dump_json()
    assert not any("note 0" in event.model_dump_json() for event in project.journal.list())


def test_only_its_sender_and_who_decides_see_the_list(
    workspace: Workspace, project: Project, send, as_role: Callable[[Role], Project]
) -> None:
    sender, other = as_role(Role.UPLOADER), as_role(Role.UPLOADER)
    upload = send(workspace, sender)
    for who in (sender, project, as_role(Role.CONTROLLER)):
        assert len(who.outcomes.read(upload)) == 7
    with pytest.raises(NotFoundError):
        other.outcomes.read(upload)
    for role in (Role.READER, Role.ANNOTATOR, Role.DATA_SCIENTIST, Role.AUDITOR):
        with pytest.raises(ForbiddenError):
            as_role(role).outcomes.read(upload)
    elsewhere = workspace.create_project(project.member.user.id, "other")
    with pytest.raises(NotFoundError):
        elsewhere.outcomes.read(upload)


def test_there_is_no_list_before_the_end(project: Project) -> None:
    upload = project.uploads.create("page")
    for key in (upload, UploadKey(999_999)):
        with pytest.raises(NotFoundError):
            project.outcomes.read(key)


def test_a_job_that_was_cut_off_before_its_end_leaves_one_list(
    workspace: Workspace, project: Project, send, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = project.uploads.create("page")
    project.uploads.add(key, "note.txt", io.BytesIO(b"text " * 30))
    project.jobs.submit(IngestWork(upload=key))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    job = workspace.queue.claim("worker", 60)
    assert job is not None
    with monkeypatch.context() as patch:
        patch.setattr("imaging.store.uploads.finish_upload", die)
        with pytest.raises(KeyboardInterrupt):
            run_job(workspace, job, runner())
    with pytest.raises(NotFoundError):
        project.outcomes.read(key)
    project.jobs.submit(IngestWork(upload=key))
    work_once(workspace, runner())
    assert [one.name for one in project.outcomes.read(key)] == ["note.txt"]


def test_a_discarded_upload_leaves_no_list(
    workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    key = project.uploads.create("page")
    project.uploads.add(key, "note.txt", io.BytesIO(b"text " * 30))
    project.outcomes.write(key, [])
    project.uploads.discard(key)
    assert not (settings.quarantine / str(project.id) / str(key)).exists()


def test_a_list_is_kept_for_thirty_days(workspace: Workspace, project: Project, send, settings: Settings) -> None:
    upload = send(workspace, project)
    path = settings.quarantine / str(project.id) / str(upload) / "outcome.list"
    old = (now() - outcomes.KEPT - timedelta(minutes=1)).timestamp()
    os.utime(path, (old, old))
    with pytest.raises(NotFoundError):
        project.outcomes.read(upload)
    send(workspace, project)
    assert not path.exists()


def test_erasing_a_person_deletes_the_lists(workspace: Workspace, project: Project, send, settings: Settings) -> None:
    upload = send(workspace, project)
    with pytest.raises(NotFoundError):
        erase_subject(project, "A" * 16, settings.secrets)
    assert len(project.outcomes.read(upload)) == 7
    subject = next(image.subject for image in project.images.list() if image.sources == 3)
    erase_subject(project, subject, settings.secrets)
    with pytest.raises(NotFoundError):
        project.outcomes.read(upload)
    assert list(settings.quarantine.rglob("outcome.list")) == []
    assert [event.detail for event in project.journal.list() if event.action == "forget"] == [{"lists": 1}]


def test_a_name_that_no_text_can_hold_is_told_as_far_as_it_can(project: Project) -> None:
    key = project.uploads.create("page")
    project.outcomes.write(key, [FileOutcome(name="a\udce9.dcm", became=Became.DUPLICATE)])
    project.uploads.finish(key)
    assert [one.name for one in project.outcomes.read(key)] == ["a?.dcm"]
