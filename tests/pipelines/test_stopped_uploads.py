"""A stopped upload is resumed, discarded or left; no name of a file is told."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, JobState
from imaging.domain.people import Role
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.settings import Settings
from imaging.store import schema
from imaging.store.database import Database, now
from imaging.workspace import Workspace
from tests.pipelines.conftest import Call, MakePicture, MakeSeries


@pytest.fixture
def upload(project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path) -> UploadKey:
    """Seven files that wait: a series of three, a picture that came twice, and two notes."""
    key = project.uploads.create("page")
    make_series(tmp_path / "series", planes=3)
    make_picture(tmp_path / "a.png", 1)
    for number, path in enumerate([*sorted((tmp_path / "series").iterdir()), tmp_path / "a.png", tmp_path / "a.png"]):
        project.uploads.add(key, f"PHANTOM {number}", io.BytesIO(path.read_bytes()))
    for number in range(2):
        project.uploads.add(key, f"notes {number}.txt", io.BytesIO(b"text " * 30))
    return key


@pytest.fixture
def database(settings: Settings):
    made = Database(settings.database_url)
    yield made
    made.close()


def kill_worker(settings: Settings, where: str) -> None:
    """Let a worker take the job and die at this line of Python, without a word to anybody."""
    script = (
        "import os, sys, threading; from pathlib import Path\n"
        "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
        "import imaging.store.images as images; import imaging.store.uploads as uploads\n"
        "from pipelines.jobs import Runner; from pipelines.worker import draw_nothing, work_once\n"
        "calls = []\n"
        "def after(times, do):\n"
        "    def counted(*arguments, **named):\n"
        "        calls.append(1)\n"
        "        if len(calls) > times: os._exit(9)\n"
        "        return do(*arguments, **named)\n"
        "    return counted\n"
        f"{where}\n"
        "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
        "work_once(workspace, Runner('doomed', draw_nothing, threading.Event()))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    killed = subprocess.run([sys.executable, "-c", script, str(settings.workspace)], check=False, env=environment)
    assert killed.returncode == 9


def end_silent_job(workspace: Workspace, project: Project, database: Database) -> None:
    """Let the lease of the killed worker run out and the job end as cancelled."""
    project.jobs.cancel(project.jobs.list()[0].id)
    with database.write() as transaction:
        transaction.execute(update(schema.job).values(lease_until=now() - timedelta(seconds=1)))
    assert workspace.queue.claim("another", 60) is None
    assert project.jobs.list()[0].state is JobState.CANCELLED


CUTS = {
    "second image": "images.insert_image = after(1, images.insert_image)",
    "second hold": "uploads.insert_held = after(1, uploads.insert_held)",
    "finish": "uploads.finish_upload = after(0, uploads.finish_upload)",
}


@pytest.mark.parametrize("cut", list(CUTS))
def test_an_upload_whose_worker_was_killed_is_resumed_and_each_file_ends_once(
    cut: str,
    call: Call,
    workspace: Workspace,
    project: Project,
    upload: UploadKey,
    settings: Settings,
    database: Database,
) -> None:
    project.jobs.submit(IngestWork(upload=upload))
    kill_worker(settings, CUTS[cut])
    # While the job may still be taken up by a worker, nobody else does.
    code, _, err = call("quarantine", "resume", "phantoms", upload)
    assert (code, err.count("\n")) == (3, 1)
    end_silent_job(workspace, project, database)
    (row,) = json.loads(call("quarantine", "uploads", "phantoms", "--json")[1])
    assert (row["id"], row["files"], row["state"]) == (upload, 7, "cancelled")
    code, out, _ = call("quarantine", "resume", "phantoms", upload, "--json")
    made = json.loads(out)
    assert (code, made["files"], made["duplicates"]) == (0, 7, 1)
    assert sorted(image["sources"] for image in made["images"]) == [1, 3]
    assert [held["reason"] for held in made["quarantined"]] == ["not_dicom"] * 2
    assert len(project.images.list()) == 2
    assert sorted(held.name for held in project.quarantine.held()) == ["notes 0.txt", "notes 1.txt"]
    sealed = sorted(int(path.stem) for path in settings.quarantine.rglob("*.sealed"))
    assert sealed == [held.id for held in project.quarantine.held()]
    assert list((settings.quarantine / "scratch").iterdir()) == []
    assert verify_project(project).ok
    assert call("quarantine", "uploads", "phantoms")[1] == "no upload has stopped half-way\n"


def fail_job(workspace: Workspace, project: Project, upload: UploadKey) -> None:
    job = project.jobs.begin(IngestWork(upload=upload), "worker", 60)
    workspace.queue.finish(job.id, "worker", JobState.FAILED, reason="unexpected ValueError")


def test_stopped_uploads_are_listed_without_a_name_of_a_file(
    call: Call, workspace: Workspace, project: Project, upload: UploadKey
) -> None:
    fail_job(workspace, project, upload)
    code, out, err = call("quarantine", "uploads", "phantoms", "--json")
    (row,) = json.loads(out)
    assert (code, err) == (0, "")
    assert set(row) == {"id", "source", "member", "created", "files", "bytes", "state", "reason"}
    assert (row["id"], row["source"], row["member"]) == (upload, "page", project.member.user.username)
    assert (row["files"], row["state"], row["reason"]) == (7, "failed", "unexpected ValueError")
    text = call("quarantine", "uploads", "phantoms")[1]
    assert "7 files" in text
    assert "PHANTOM" not in out + text


def test_resuming_prints_and_keeps_no_name_of_a_file(
    call: Call, workspace: Workspace, project: Project, upload: UploadKey
) -> None:
    fail_job(workspace, project, upload)
    for arguments in ((), ("--json",)):
        code, out, err = call("quarantine", "resume", "phantoms", upload, *arguments)
        if not arguments:
            assert (code, err) == (0, "")
            assert out == "7 files: 2 images from 4 files, 0 documents, 2 in quarantine, 1 duplicates\n"
        assert "PHANTOM" not in out + err + str(project.jobs.list()[0].result)
        assert "notes" not in out + err + str(project.jobs.list()[0].result)
    assert (code, err) == (2, f"imaging: no such stopped upload: {upload}\n")


def test_resuming_what_holds_no_image_is_bad_input_and_still_reports(call: Call, project: Project) -> None:
    upload = project.uploads.create("page")
    project.uploads.add(upload, "notes.txt", io.BytesIO(b"text " * 30))
    code, out, err = call("quarantine", "resume", "phantoms", upload, "--json")
    assert (code, json.loads(out)["files"]) == (2, 1)
    assert err == (
        "imaging: this upload broke off while it arrived, so some of its files may be missing\n"
        "imaging: nothing could be ingested: 1 not_dicom\n"
    )


def test_a_stopped_upload_is_discarded(call: Call, project: Project, upload: UploadKey, settings: Settings) -> None:
    code, out, err = call("quarantine", "discard", "phantoms", upload, "--json")
    assert (code, json.loads(out), err) == (0, {"id": upload, "decision": "discarded", "files": 7}, "")
    assert not list(settings.quarantine.rglob("*.sealed"))
    code, _, err = call("quarantine", "discard", "phantoms", upload)
    assert (code, err) == (2, f"imaging: no such stopped upload: {upload}\n")


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        (Role.READER, {"uploads": 3, "resume": 3, "discard": 3}),
        (Role.UPLOADER, {"uploads": 0, "resume": 2, "discard": 3}),
        (Role.CONTROLLER, {"uploads": 0, "resume": 3, "discard": 0}),
    ],
)
def test_another_member_without_the_role_is_refused(
    role: Role, codes: dict[str, int], call: Call, workspace: Workspace, project: Project, upload: UploadKey
) -> None:
    user, _ = workspace.accounts.add("another")
    project.members.add(user.id, [role])
    for name, expected in codes.items():
        item = {"uploads": (), "resume": (upload,), "discard": (upload,)}[name]
        code, _, err = call("quarantine", name, "phantoms", *item, "--as", "another")
        assert (code, err.count("\n")) == (expected, 0 if code == 0 else 1), name
