"""Uploads that are gone on with: what is told to be here is durable, sealed, and its sender's alone."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import update

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork
from imaging.domain.people import Role
from imaging.domain.upload import Announcement, LastJob
from imaging.erasure import erase_subject
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError, TakenError, TooLargeError
from imaging.locks import exclusive
from imaging.project import resumable
from imaging.project.project import Project
from imaging.project.uploads import PATIENCE
from imaging.settings import Settings
from imaging.store import arriving
from imaging.store.database import Database, now
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
NAME = "PHANTOM^ALPHA/IM0001.dcm"
TOLD = "filename UEhBTlRPTV5BTFBIQQ=="
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def upload(project: Project) -> UploadKey:
    return project.resumable.open("page")


def announce(project: Project, upload: UploadKey, length: int = len(CONTENT), token: str | None = None) -> int:
    return project.resumable.announce(upload, Announcement(NAME, length, TOLD, token)).id


def contents(project: Project, upload: UploadKey) -> list[bytes]:
    with project.uploads.scratch() as scratch:
        return [path.read_bytes() for path in project.uploads.open_files(upload, scratch)]


def grow_old(settings: Settings, by: timedelta) -> None:
    database = Database(settings.database_url)
    with database.write() as transaction:
        transaction.execute(update(arriving.open_upload).values(touched=now() - by))
    database.close()


@limits(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5), largest=st.sampled_from([50_000, 1 << 16, 1 << 24]))
def test_a_file_sent_in_any_parts_comes_back_as_it_was(
    project: Project, upload: UploadKey, cuts: list[int], largest: int
) -> None:
    before = resumable.LARGEST_PART
    resumable.LARGEST_PART = largest
    try:
        key = announce(project, upload)
        for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(CONTENT)], strict=True):
            took = project.resumable.receive(upload, key, start, io.BytesIO(CONTENT[start:stop]))
            assert (took.offset, took.whole) == (stop, stop == len(CONTENT))
            assert project.resumable.file(upload, key) == took
    finally:
        resumable.LARGEST_PART = before
    assert contents(project, upload)[-1] == CONTENT


def test_what_is_here_is_sealed_and_told_to_its_sender(project: Project, upload: UploadKey, settings: Settings) -> None:
    key = announce(project, upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:1000]))
    (file,) = project.resumable.files(upload)
    assert (file.id, file.name, file.offset, file.length, file.told) == (key, NAME, 1000, len(CONTENT), TOLD)
    (mine,) = project.resumable.mine()
    assert (mine.id, mine.files, mine.announced, mine.size) == (upload, 0, 1, 1000)
    for path in settings.workspace.rglob("*"):
        assert "IM0001" not in path.name
        if path.is_file():
            assert CONTENT[:64] not in path.read_bytes()
            assert b"IM0001" not in path.read_bytes()
            assert b"UEhBTlRPTV5BTFBIQQ" not in path.read_bytes()


def test_a_file_goes_on_only_where_it_is(project: Project, upload: UploadKey) -> None:
    key = announce(project, upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:10]))
    for offset in (0, 9, 11, len(CONTENT)):
        with pytest.raises(StateError, match="byte 10"):
            project.resumable.receive(upload, key, offset, io.BytesIO(CONTENT))
    assert project.resumable.file(upload, key).offset == 10


def test_a_file_that_is_longer_than_announced_stays_unfinished(project: Project, upload: UploadKey) -> None:
    key = announce(project, upload, length=100)
    with pytest.raises(TooLargeError, match="100 bytes"):
        project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:101]))
    assert project.resumable.file(upload, key).offset == 0
    for sent in (CONTENT[:99], CONTENT[:101]):
        with pytest.raises(InvalidInputError, match="size"):
            project.resumable.take(upload, Announcement(NAME, 100), io.BytesIO(sent))
    with pytest.raises(TooLargeError):
        announce(project, upload, length=resumable.LARGEST_FILE + 1)
    assert [file.offset for file in project.resumable.files(upload)] == [0]


def test_what_came_before_the_sender_failed_stays(project: Project, upload: UploadKey, monkeypatch) -> None:
    monkeypatch.setattr(resumable, "LARGEST_PART", 1 << 16)

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 3 << 16:
                raise OSError
            return super().read(size)

    key = announce(project, upload)
    with pytest.raises(OSError):  # noqa: PT011
        project.resumable.receive(upload, key, 0, Failing(CONTENT))
    assert project.resumable.file(upload, key).offset == 3 << 16
    project.resumable.receive(upload, key, 3 << 16, io.BytesIO(CONTENT[3 << 16 :]))
    assert contents(project, upload) == [CONTENT]


def test_too_many_parts_are_refused(project: Project, upload: UploadKey, monkeypatch) -> None:
    monkeypatch.setattr(resumable, "_MOST_PARTS", 2)
    key = announce(project, upload)
    for offset in range(3):
        project.resumable.receive(upload, key, offset, io.BytesIO(b"1"))
    with pytest.raises(InvalidInputError, match="parts"):
        project.resumable.receive(upload, key, 3, io.BytesIO(b"1"))


def test_two_requests_never_send_one_file_at_a_time(project: Project, upload: UploadKey, settings: Settings) -> None:
    key = announce(project, upload)
    folder = settings.quarantine / str(project.id) / str(upload) / str(key)
    with exclusive(folder), pytest.raises(TakenError):
        project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT))
    assert project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT)).whole
    # Sent to its end already, as whoever missed the answer would ask.
    assert project.resumable.receive(upload, key, len(CONTENT), io.BytesIO()).whole


@pytest.mark.parametrize("whole", [True, False])
def test_an_announcement_made_twice_is_one_file(project: Project, upload: UploadKey, whole: bool) -> None:
    if whole:
        first = project.resumable.take(upload, Announcement(NAME, 5, TOLD, "t1"), io.BytesIO(b"12345"))
        assert first.whole
        assert project.resumable.take(upload, Announcement(NAME, 5, TOLD, "t1"), io.BytesIO(b"12345")) == first
    else:
        first = project.resumable.announce(upload, Announcement(NAME, 5, TOLD, "t1"))
        assert project.resumable.announce(upload, Announcement(NAME, 5, TOLD, "t1")) == first
    assert project.resumable.take(upload, Announcement(NAME, 5, TOLD, "t2"), io.BytesIO(b"12345")).id != first.id
    assert len(project.resumable.files(upload)) == 2


def test_an_empty_file_is_whole_at_once(project: Project, upload: UploadKey) -> None:
    assert project.resumable.take(upload, Announcement(NAME, 0), io.BytesIO()).whole
    assert contents(project, upload) == [b""]


def test_only_whole_uploads_are_closed_and_closed_ones_take_no_more(project: Project, upload: UploadKey) -> None:
    with pytest.raises(StateError, match="empty"):
        project.resumable.close(upload)
    project.resumable.take(upload, Announcement(NAME, 1), io.BytesIO(b"1"))
    key = announce(project, upload)
    with pytest.raises(StateError, match="1 of its files"):
        project.resumable.close(upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT))
    for _ in range(2):
        project.resumable.close(upload)
    with pytest.raises(StateError):
        announce(project, upload)
    assert project.resumable.mine() == []
    project.jobs.submit(IngestWork(upload=upload))
    assert contents(project, upload) == [b"1", CONTENT]


def test_a_job_ends_the_arrival_and_takes_only_whole_files(project: Project, upload: UploadKey) -> None:
    key = announce(project, upload)
    with pytest.raises(StateError, match="whole"):
        project.jobs.submit(IngestWork(upload=upload))
    project.resumable.take(upload, Announcement(NAME, 1), io.BytesIO(b"1"))
    project.jobs.submit(IngestWork(upload=upload))
    with pytest.raises(StateError):
        project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT))
    assert contents(project, upload) == [b"1"]


def test_nobody_else_goes_on_not_even_a_manager(
    project: Project, as_role: Callable[[Role], Project], workspace: Workspace
) -> None:
    sender, other = as_role(Role.UPLOADER), as_role(Role.UPLOADER)
    upload = sender.resumable.open("page")
    key = announce(sender, upload)
    elsewhere = workspace.create_project(project.member.user.id, "other")
    for stranger in (other, project, elsewhere):
        assert stranger.resumable.mine() == []
        for ask in (
            lambda who: who.resumable.files(upload),
            lambda who: who.resumable.file(upload, key),
            lambda who: who.resumable.receive(upload, key, 0, io.BytesIO(CONTENT)),
            lambda who: who.resumable.announce(upload, Announcement(NAME, 1)),
            lambda who: who.resumable.take(upload, Announcement(NAME, 1), io.BytesIO(b"1")),
            lambda who: who.resumable.remove(upload, key),
            lambda who: who.resumable.close(upload),
            lambda who: who.uploads.abandon(upload),
        ):
            with pytest.raises(NotFoundError):
                ask(stranger)
    for role in (Role.READER, Role.CONTROLLER):
        with pytest.raises(ForbiddenError):
            as_role(role).resumable.open("page")
    assert sender.resumable.file(upload, key).offset == 0


@pytest.mark.parametrize("end", ["abandon", "remove"])
def test_what_is_given_up_leaves_nothing(project: Project, upload: UploadKey, settings: Settings, end: str) -> None:
    key = announce(project, upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:1000]))
    whole = project.resumable.take(upload, Announcement(NAME, 1), io.BytesIO(b"1")).id
    if end == "remove":
        project.resumable.remove(upload, key)
        project.resumable.remove(upload, whole)
        assert project.resumable.files(upload) == []
    else:
        assert project.uploads.abandon(upload) == 2
        with pytest.raises(NotFoundError):
            project.uploads.abandon(upload)
        (event,) = (event for event in project.journal.list() if event.action == "abandon")
        assert (event.key, event.detail) == (upload, {"files": 2, "bytes": 1001})
    assert list(settings.quarantine.rglob("*.sealed")) == []
    assert project.uploads.stopped() == []


def test_one_that_is_given_up_while_it_comes_leaves_nothing(
    project: Project, upload: UploadKey, settings: Settings
) -> None:
    key = announce(project, upload)

    class Ended(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 1 << 16:
                project.uploads.abandon(upload)
            return super().read(size)

    with pytest.raises((NotFoundError, StateError)):
        project.resumable.receive(upload, key, 0, Ended(CONTENT))
    assert list(settings.quarantine.rglob("*.sealed")) == []


def test_an_open_upload_is_listed_once_it_was_left_for_a_day(
    project: Project, upload: UploadKey, settings: Settings
) -> None:
    assert project.uploads.stopped() == []
    key = announce(project, upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:1000]))
    project.resumable.take(upload, Announcement(NAME, 7), io.BytesIO(b"1234567"))
    assert project.uploads.stopped() == []
    for ask in (project.uploads.stopped, project.uploads.discard):
        with pytest.raises(StateError):
            ask(upload)
    grow_old(settings, PATIENCE + timedelta(minutes=1))
    (row,) = project.uploads.stopped()
    assert (row.id, row.files, row.partial, row.size, row.state) == (upload, 1, 1, 1007, LastJob.NONE)
    # Its sender goes on all the same, and then it is nobody else's business.
    project.resumable.receive(upload, key, 1000, io.BytesIO(CONTENT[1000:2000]))
    assert project.uploads.stopped() == []
    grow_old(settings, PATIENCE + timedelta(minutes=1))
    assert project.uploads.discard(upload) == 2
    assert list(settings.quarantine.rglob("*.sealed")) == []
    assert project.uploads.stopped() == []


def test_nobody_is_erased_while_an_upload_is_open_that_may_hold_them(
    project: Project, upload: UploadKey, settings: Settings
) -> None:
    announce(project, upload)
    with pytest.raises(StateError, match=f"first: {upload}$"):
        erase_subject(project, "A" * 16, settings.secrets)
    grow_old(settings, timedelta(minutes=3))
    project.uploads.discard(upload)
    with pytest.raises(NotFoundError):
        erase_subject(project, "A" * 16, settings.secrets)


def test_the_journal_tells_of_whole_files_as_it_does_of_those_that_come_in_one_go(
    project: Project, upload: UploadKey
) -> None:
    key = announce(project, upload)
    for start in range(0, len(CONTENT), 100_000):
        project.resumable.receive(upload, key, start, io.BytesIO(CONTENT[start : start + 100_000]))
    told = [(event.action, event.kind, event.key, event.detail) for event in project.journal.list()]
    told = [one for one in told if one[2] in (upload, key)]
    assert sorted(told, key=lambda one: one[2] or 0) == [
        ("add", "upload", upload, {"source": "page"}),
        ("add", "file", key, {"upload": upload, "bytes": len(CONTENT)}),
    ]


def test_a_part_that_is_gone_or_swapped_is_found(project: Project, upload: UploadKey, settings: Settings) -> None:
    key = announce(project, upload)
    for start in (0, 100_000, 200_000):
        stop = len(CONTENT) if start == 200_000 else start + 100_000
        project.resumable.receive(upload, key, start, io.BytesIO(CONTENT[start:stop]))
    parts = sorted(settings.quarantine.rglob(f"{key}/*.sealed"))
    parts[1].unlink()
    with pytest.raises(StateError, match="gone"):
        contents(project, upload)


_SENDER = """
import io, sys, time; from pathlib import Path
from imaging.domain.base import UploadKey
from imaging.settings import Settings; from imaging.workspace import Workspace; import imaging.project.resumable as r
folder, url, name, upload, key = sys.argv[1:]; r.LARGEST_PART = 1 << 16
w = Workspace.at(Settings.read(Path(folder), {'IMAGING_DATABASE_URL': url})); u = w.accounts.acting(None)
p = w.open(w.find_project(u, name), u.id)
class Slow(io.BytesIO):
    def read(self, size=-1):
        if self.tell() >= (3 << 16) + 1000: print('stuck', flush=True); time.sleep(60)
        return super().read(min(size, 500))
p.resumable.receive(UploadKey(int(upload)), int(key), 0, Slow(bytes(range(256)) * 2000))
"""


def test_a_killed_server_loses_no_more_than_the_part_in_flight(
    project: Project, upload: UploadKey, settings: Settings
) -> None:
    key = announce(project, upload)
    arguments = [sys.executable, "-c", _SENDER, str(settings.workspace), settings.database_url]
    arguments += [project.record.name, str(upload), str(key)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "stuck\n"
        with pytest.raises(TakenError):
            project.resumable.receive(upload, key, 3 << 16, io.BytesIO(CONTENT[3 << 16 :]))
        doomed.send_signal(signal.SIGKILL)
    offset = project.resumable.file(upload, key).offset
    assert offset == 3 << 16
    assert project.resumable.receive(upload, key, offset, io.BytesIO(CONTENT[offset:])).whole
    assert contents(project, upload) == [CONTENT]


def test_a_file_whose_last_part_was_durable_at_the_kill_is_whole(
    project: Project, upload: UploadKey, monkeypatch
) -> None:
    keys = [announce(project, upload) for _ in range(2)]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resumable.ResumableUploads, "_complete", die)
        for key in keys:
            with pytest.raises(KeyboardInterrupt):
                project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT))
    assert contents(project, upload) == []
    assert project.resumable.file(upload, keys[0]).whole
    project.resumable.close(upload)
    assert contents(project, upload) == [CONTENT, CONTENT]


def test_a_backup_restores_to_where_the_sender_goes_on(
    project: Project, upload: UploadKey, workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    key = announce(project, upload)
    project.resumable.receive(upload, key, 0, io.BytesIO(CONTENT[:5000]))
    workspace.backup(tmp_path / "copy")
    if settings.database_url.startswith("postgresql"):
        # What stands in a dump is for PostgreSQL's own tools; the parts of the file lie beside it.
        assert [path.stat().st_size > 5000 for path in (tmp_path / "copy").rglob(f"{key}/*.sealed")] == [True]
        return
    restored = Settings.read(tmp_path / "copy", {"IMAGING_SECRETS": str(settings.secrets)})
    opened = Workspace.at(restored)
    again = opened.open(project.id, project.member.user.id)
    assert again.resumable.file(upload, key).offset == 5000
    again.resumable.receive(upload, key, 5000, io.BytesIO(CONTENT[5000:]))
    assert contents(again, upload) == [CONTENT]
    opened.close()
