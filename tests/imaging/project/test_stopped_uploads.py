"""Uploads that stopped half-way: seen by who may, deleted without a trace, never while somebody works on them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, JobState
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.domain.upload import FileToHold, LastJob
from imaging.erasure import erase_subject
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
NAME = "PHANTOM^ALPHA/IM0001.dcm"


def send(project: Project, *contents: bytes) -> UploadKey:
    upload = project.uploads.create("page")
    for content in contents or (b"PHANTOM^ALPHA",):
        project.uploads.add(upload, NAME, io.BytesIO(content))
    return upload


def end_job(workspace: Workspace, project: Project, upload: UploadKey, state: JobState, reason: str = "") -> None:
    job = project.jobs.begin(IngestWork(upload=upload), "worker", 60)
    workspace.queue.finish(job.id, "worker", state, reason=reason)


def on_disk(settings: Settings) -> list[Path]:
    return list(settings.quarantine.rglob("*.sealed"))


def test_a_stopped_upload_tells_whose_it_is_how_much_waits_and_what_its_job_said(
    workspace: Workspace, project: Project
) -> None:
    none, failed, cancelled = (send(project, b"12345", b"1234567") for _ in range(3))
    end_job(workspace, project, failed, JobState.CANCELLED)
    end_job(workspace, project, failed, JobState.FAILED, "unexpected ValueError")
    end_job(workspace, project, cancelled, JobState.CANCELLED, "cancelled")
    found = project.uploads.stopped()
    assert [(row.id, row.state, row.reason) for row in found] == [
        (none, LastJob.NONE, ""),
        (failed, LastJob.FAILED, "unexpected ValueError"),
        (cancelled, LastJob.CANCELLED, "cancelled"),
    ]
    for row in found:
        assert (row.source, row.files, row.size) == ("page", 2, 12)
        assert (row.member, row.username) == (project.member.user.id, project.member.user.username)
        assert "PHANTOM" not in row.model_dump_json()
    assert project.uploads.stopped(failed) == [found[1]]


def test_an_upload_that_is_finished_or_has_nothing_waiting_is_not_listed(project: Project) -> None:
    project.uploads.create("command line")
    project.uploads.finish(send(project))
    assert project.uploads.stopped() == []


def test_an_upload_is_left_alone_while_a_job_has_it(workspace: Workspace, project: Project, settings: Settings) -> None:
    upload = send(project)
    project.jobs.submit(IngestWork(upload=upload))
    for state in (JobState.QUEUED, JobState.RUNNING):
        assert project.jobs.list()[0].state is state
        assert project.uploads.stopped() == []
        for ask in (
            lambda: project.uploads.stopped(upload),
            lambda: project.uploads.discard(upload),
            lambda: project.jobs.submit(IngestWork(upload=upload)),
        ):
            with pytest.raises(StateError, match="job"):
                ask()
        workspace.queue.claim("worker", 60)
    assert len(on_disk(settings)) == 1


def test_an_upload_is_left_alone_while_its_files_arrive(project: Project, settings: Settings) -> None:
    upload = project.uploads.create("page")
    with project.uploads.arriving(upload):
        project.uploads.add(upload, NAME, io.BytesIO(b"1"))
        assert project.uploads.stopped() == []
        for ask in (project.uploads.stopped, project.uploads.discard):
            with pytest.raises(StateError, match="arrive"):
                ask(upload)
        project.uploads.add(upload, NAME, io.BytesIO(b"2"))
    assert [row.files for row in project.uploads.stopped()] == [2]
    assert len(on_disk(settings)) == 2


def test_what_a_killed_process_received_is_listed(project: Project, settings: Settings) -> None:
    code = (
        "import io, json, sys, time; from pathlib import Path; from imaging.settings import Settings;"
        "from imaging.workspace import Workspace; folder, url, name = sys.argv[1:];"
        "w = Workspace.at(Settings.read(Path(folder), {'IMAGING_DATABASE_URL': url}));"
        "u = w.accounts.acting(None); p = w.open(w.find_project(u, name), u.id); key = p.uploads.create('page')\n"
        "with p.uploads.arriving(key):\n"
        "    p.uploads.add(key, 'one', io.BytesIO(b'1')); print(json.dumps(key), flush=True); time.sleep(60)\n"
    )
    arguments = [sys.executable, "-c", code, str(settings.workspace), settings.database_url, project.record.name]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as doomed:
        assert doomed.stdout is not None
        upload = json.loads(doomed.stdout.readline())
        assert project.uploads.stopped() == []
        doomed.send_signal(signal.SIGKILL)
    (row,) = project.uploads.stopped()
    assert (row.id, row.state, row.files) == (upload, LastJob.NONE, 1)
    assert project.uploads.discard(UploadKey(upload)) == 1


def test_an_upload_of_which_a_file_is_gone_says_so(project: Project, settings: Settings) -> None:
    upload = send(project, b"1", b"2")
    on_disk(settings)[0].unlink()
    with project.uploads.scratch() as scratch, pytest.raises(StateError, match="discard"):
        project.uploads.open_files(upload, scratch)
    assert project.uploads.discard(upload) == 2
    assert on_disk(settings) == []


def test_an_uploader_sees_the_own_stopped_uploads_and_who_decides_sees_all(
    project: Project, as_role: Callable[[Role], Project]
) -> None:
    one, other, controller = as_role(Role.UPLOADER), as_role(Role.UPLOADER), as_role(Role.CONTROLLER)
    upload = send(one)
    assert [row.id for row in one.uploads.stopped()] == [upload]
    assert [row.id for row in controller.uploads.stopped()] == [upload]
    assert other.uploads.stopped() == []
    with pytest.raises(NotFoundError):
        other.uploads.stopped(upload)
    with pytest.raises(NotFoundError):
        other.jobs.submit(IngestWork(upload=upload))
    with pytest.raises(ForbiddenError):
        controller.jobs.submit(IngestWork(upload=upload))
    with pytest.raises(ForbiddenError):
        as_role(Role.READER).uploads.stopped()


def test_discarding_leaves_nothing_on_disk_and_counts_in_the_journal(project: Project, settings: Settings) -> None:
    upload = send(project, b"12345", b"1234567")
    # A process that was killed in the middle of a file leaves a part of it without a row.
    (settings.quarantine / str(project.record.id) / str(upload) / "999999.sealed").write_bytes(b"part")
    assert project.uploads.discard(upload) == 2
    assert on_disk(settings) == []
    assert not (settings.quarantine / str(project.record.id) / str(upload)).exists()
    assert project.uploads.stopped() == []
    (event,) = (event for event in project.journal.list() if event.action == "discard")
    assert (event.kind, event.key, event.detail) == ("upload", upload, {"files": 2, "bytes": 12})
    for ask in (lambda: project.uploads.discard(upload), lambda: project.uploads.stopped(upload)):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(StateError):
        project.jobs.submit(IngestWork(upload=upload))


def test_discarding_keeps_what_is_held_of_the_upload(project: Project, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"held")
    upload = send(project)
    key = project.quarantine.hold(upload, FileToHold(NAME, tmp_path / "plain", Reason.NOT_DICOM))
    project.uploads.discard(upload)
    assert [path.stem for path in on_disk(settings)] == [str(key)]
    with project.uploads.scratch() as scratch:
        path = project.quarantine.open(key, scratch)
        assert path is not None
        assert path.read_bytes() == b"held"


def test_only_who_decides_on_quarantine_discards(
    project: Project, settings: Settings, as_role: Callable[[Role], Project]
) -> None:
    uploader = as_role(Role.UPLOADER)
    upload = send(uploader)
    with pytest.raises(ForbiddenError):
        uploader.uploads.discard(upload)
    assert len(on_disk(settings)) == 1
    assert as_role(Role.CONTROLLER).uploads.discard(upload) == 1


def test_another_projects_stopped_upload_is_absent(workspace: Workspace, project: Project) -> None:
    upload = send(project)
    other = workspace.create_project(project.member.user.id, "other")
    assert other.uploads.stopped() == []
    for ask in (other.uploads.stopped, other.uploads.discard):
        with pytest.raises(NotFoundError):
            ask(upload)


@pytest.mark.parametrize("end", ["discard", "finish"])
def test_a_deletion_that_was_cut_off_is_listed_and_done_again(
    project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    upload = send(project, b"1", b"2")
    remove = Path.unlink

    def die(path: Path, missing_ok: bool = False) -> None:
        remove(path, missing_ok)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            getattr(project.uploads, end)(upload)
    assert len(on_disk(settings)) == 1
    assert [row.id for row in project.uploads.stopped()] == [upload]
    with pytest.raises(StateError):
        project.jobs.submit(IngestWork(upload=upload))
    getattr(project.uploads, end)(upload)
    assert (on_disk(settings), project.uploads.stopped()) == ([], [])


def test_nobody_is_erased_while_files_wait_that_may_be_theirs(project: Project, settings: Settings) -> None:
    upload = send(project)
    with pytest.raises(StateError, match=f"first: {upload}$"):
        erase_subject(project, "A" * 16, settings.secrets)
    project.uploads.discard(upload)
    with pytest.raises(NotFoundError):
        erase_subject(project, "A" * 16, settings.secrets)
