"""Uploads: encrypted at rest, opened in a scratch folder that goes away, held with a reason."""

from __future__ import annotations

import errno
import io
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import select, update

from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.domain.upload import FileToHold
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import schema, vault
from imaging.store.database import Database, now
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
NAME = "PHANTOM^ALPHA/IM0001.dcm"
CONTENT = b"PHANTOM^ALPHA PHA-0001 " * 1000


def files_of(project: Project, upload: int) -> dict[str, bytes]:
    with project.uploads.scratch() as scratch:
        paths = project.uploads.open_files(upload, scratch)
        return {path.relative_to(scratch).as_posix(): path.read_bytes() for path in paths}


def test_a_file_comes_back_under_its_name(project: Project) -> None:
    upload = project.uploads.create("page")
    assert project.uploads.add(upload, NAME, io.BytesIO(CONTENT)) == len(CONTENT)
    project.uploads.add(upload, "empty", io.BytesIO())
    assert files_of(project, upload) == {NAME: CONTENT, "empty": b""}


def test_neither_name_nor_content_lies_in_the_clear(project: Project, settings: Settings) -> None:
    upload = project.uploads.create("page")
    project.uploads.add(upload, NAME, io.BytesIO(CONTENT))
    with project.uploads.scratch() as scratch:
        (path,) = project.uploads.open_files(upload, scratch)
        project.quarantine.hold(upload, FileToHold(NAME, path, Reason.BURNED_IN_RISK))
    stored = [path for path in settings.workspace.rglob("*") if path.is_file()]
    assert len([path for path in stored if path.suffix == ".sealed"]) == 2
    for path in stored:
        assert b"PHA-0001" not in path.read_bytes()
        assert b"IM0001" not in path.read_bytes()
        assert "IM0001" not in path.name
    database = Database(settings.database_url)
    with database.read() as transaction:
        for table in schema.metadata.sorted_tables:
            assert b"IM0001" not in repr(transaction.execute(select(table)).all()).encode()
    database.close()


def test_the_scratch_folder_is_private_and_goes_away_even_after_an_error(project: Project, settings: Settings) -> None:
    seen: list[Path] = []

    def fail() -> None:
        with project.uploads.scratch() as scratch:
            seen.append(scratch)
            assert scratch.is_relative_to(settings.quarantine)
            assert scratch.stat().st_mode & 0o777 == 0o700
            (scratch / "x").write_bytes(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not seen[0].exists()


def test_no_name_leads_out_of_the_scratch_folder(project: Project) -> None:
    upload = project.uploads.create("page")
    names = ["../../evil", "/etc/evil", "a/../../evil", "..\\..\\evil", "..", "C:\\evil", "a", "a", "a/b", "./a"]
    for name in names:
        project.uploads.add(upload, name, io.BytesIO(name.encode()))
    with project.uploads.scratch() as scratch:
        paths = project.uploads.open_files(upload, scratch)
        assert all(path.resolve().is_relative_to(scratch.resolve()) for path in paths)
        assert sorted(path.read_text() for path in paths) == sorted(names)
        assert len(set(paths)) == len(names)


def test_a_file_and_a_folder_of_one_name_are_both_opened(project: Project) -> None:
    upload = project.uploads.create("page")
    for name in ("a", "a/b", "a/b/c"):
        project.uploads.add(upload, name, io.BytesIO(name.encode()))
    assert sorted(files_of(project, upload).values()) == [b"a", b"a/b", b"a/b/c"]


def test_a_name_that_no_file_system_takes_loses_its_beginning(project: Project) -> None:
    upload = project.uploads.create("page")
    names = ["é" * 300 + ".dcm", "é" * 301 + ".dcm", "/".join(["folder" * 5] * 100) + "/b.dcm"]
    for name in names:
        project.uploads.add(upload, name, io.BytesIO(name.encode()))
    with project.uploads.scratch() as scratch:
        paths = project.uploads.open_files(upload, scratch)
        assert sorted(path.read_text() for path in paths) == sorted(names)
        assert {path.suffix for path in paths} == {".dcm"}


def test_a_held_file_says_why_until_it_is_refused(project: Project, settings: Settings, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT)
    upload = project.uploads.create("command line")
    key = project.quarantine.hold(upload, FileToHold(NAME, plain, Reason.TRUNCATED, "ends in the pixel data"))
    unread = project.quarantine.hold(upload, FileToHold("\udcff.dcm", None, Reason.UNREADABLE))
    first, second = project.quarantine.held()
    assert (first.id, first.name, first.reason, first.size) == (key, NAME, Reason.TRUNCATED, len(CONTENT))
    assert first.detail == "ends in the pixel data"
    assert (second.id, second.size) == (unread, 0)
    assert project.quarantine.held(key) == [first]
    project.quarantine.refuse(key)
    project.quarantine.refuse(unread)
    assert project.quarantine.held() == []
    assert not list(settings.quarantine.rglob("*.sealed"))
    with pytest.raises(NotFoundError):
        project.quarantine.held(key)
    with pytest.raises(NotFoundError):
        project.quarantine.refuse(key)


def test_finishing_deletes_the_originals_and_keeps_what_is_held(project: Project, settings: Settings) -> None:
    upload = project.uploads.create("page")
    project.uploads.add(upload, NAME, io.BytesIO(CONTENT))
    with project.uploads.scratch() as scratch:
        (path,) = project.uploads.open_files(upload, scratch)
        project.quarantine.hold(upload, FileToHold(NAME, path, Reason.NOT_DICOM))
    project.uploads.finish(upload)
    assert len(list(settings.quarantine.rglob("*.sealed"))) == 1
    assert [held.name for held in project.quarantine.held()] == [NAME]
    assert files_of(project, upload) == {}
    with pytest.raises(StateError):
        project.uploads.add(upload, NAME, io.BytesIO(CONTENT))


def test_files_that_are_held_together_are_held_all_or_none(
    project: Project, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for number in range(3):
        (plain := tmp_path / str(number)).write_bytes(CONTENT)
        files.append(FileToHold(f"{number}.dcm", plain, Reason.TRUNCATED, digest="same"))
    upload = project.uploads.create("command line")
    keys = project.quarantine.hold_all(upload, files)
    assert [item.id for item in project.quarantine.held()] == keys
    before = project.quarantine.find([*files, FileToHold("other.dcm", None, Reason.TRUNCATED, digest="same")])
    assert [found and found.id for found in before] == [*keys, None]

    seal, sealed = vault.seal_file, list[Path]()

    def run_full(plain: BinaryIO, target: Path, key: bytes, context: str) -> int:
        if sealed:
            raise OSError(errno.ENOSPC, "full")
        sealed.append(target)
        return seal(plain, target, key, context)

    monkeypatch.setattr(vault, "seal_file", run_full)
    with pytest.raises(OSError, match="full"):
        project.quarantine.hold_all(upload, files)
    assert len(project.quarantine.held()) == len([*settings.quarantine.rglob("*.sealed")]) == 3


def test_a_finished_upload_takes_no_file_from_who_sent_to_it_before(
    project: Project, settings: Settings, tmp_path: Path
) -> None:
    (plain := tmp_path / "plain").write_bytes(CONTENT)
    upload = project.uploads.create("c-store")
    project.uploads.add(upload, NAME, io.BytesIO(CONTENT))
    project.quarantine.hold(upload, FileToHold(NAME, plain, Reason.TRUNCATED))
    project.uploads.finish(upload)
    [lying] = settings.quarantine.rglob("*.sealed")
    with pytest.raises(StateError, match="is finished"):
        project.uploads.add(upload, NAME, io.BytesIO(CONTENT))
    assert [*settings.quarantine.rglob("*.sealed")] == [lying]
    shutil.rmtree(lying.parent)
    with pytest.raises(StateError, match="is finished"):
        project.uploads.add(upload, NAME, io.BytesIO(CONTENT))


def test_an_uploader_sees_the_own_held_files_and_who_decides_sees_all(
    project: Project, as_role: Callable[[Role], Project]
) -> None:
    one, other, controller = as_role(Role.UPLOADER), as_role(Role.UPLOADER), as_role(Role.CONTROLLER)
    upload = one.uploads.create("page")
    key = one.quarantine.hold(upload, FileToHold(NAME, None, Reason.NOT_DICOM))
    assert [held.id for held in one.quarantine.held()] == [key]
    assert other.quarantine.held() == []
    assert [held.id for held in controller.quarantine.held()] == [key]
    with pytest.raises(ForbiddenError):
        one.quarantine.refuse(key)
    with pytest.raises(NotFoundError):
        other.uploads.add(upload, "x", io.BytesIO())
    with pytest.raises(ForbiddenError):
        as_role(Role.ANNOTATOR).quarantine.held()


def test_another_projects_upload_is_absent(workspace: Workspace, project: Project) -> None:
    upload = project.uploads.create("page")
    other = workspace.create_project(project.member.user.id, "other")
    for ask in (
        lambda: other.uploads.add(upload, "x", io.BytesIO()),
        lambda: other.uploads.finish(upload),
        lambda: other.quarantine.hold(upload, FileToHold("x", None, Reason.NOT_DICOM)),
    ):
        with pytest.raises(NotFoundError):
            ask()


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000])
def test_a_file_needs_a_usable_name(project: Project, name: str) -> None:
    upload = project.uploads.create("page")
    with pytest.raises(InvalidInputError):
        project.uploads.add(upload, name, io.BytesIO())


def test_a_refusal_that_was_cut_off_is_done_again(
    project: Project, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").write_bytes(b"held")
    key = project.quarantine.hold(
        project.uploads.create("page"), FileToHold(NAME, tmp_path / "plain", Reason.NOT_DICOM)
    )

    def die(path: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            project.quarantine.refuse(key)
    assert [held.id for held in project.quarantine.held()] == [key]
    project.quarantine.refuse(key)
    assert (project.quarantine.held(), list(settings.quarantine.rglob("*.sealed"))) == ([], [])


def test_a_file_that_was_held_for_days_says_so_and_expires_into_the_journal(
    project: Project, settings: Settings, tmp_path: Path, as_role: Callable[[Role], Project]
) -> None:
    (tmp_path / "plain").write_bytes(b"held")
    upload = project.uploads.create("page")
    key = project.quarantine.hold(upload, FileToHold(NAME, tmp_path / "plain", Reason.NOT_DICOM))
    database = Database(settings.database_url)
    with database.write() as transaction:
        past = now() - timedelta(days=40, hours=23)
        transaction.execute(update(schema.held_file).where(schema.held_file.c.id == key).values(created=past))
    database.close()
    assert [held.days for held in project.quarantine.held()] == [40]
    with pytest.raises(ForbiddenError):
        as_role(Role.UPLOADER).quarantine.expire(key, 30)
    project.quarantine.expire(key, 30)
    assert (project.quarantine.held(), list(settings.quarantine.rglob("*.sealed"))) == ([], [])
    (event,) = (event for event in project.journal.list() if event.action == "expire")
    assert (event.kind, event.key, event.detail) == ("file", key, {"upload": upload, "days": 30})


def test_files_that_come_at_the_same_time_have_ids_of_their_own(project: Project) -> None:
    upload = project.uploads.create("test")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: project.uploads.add(upload, f"{number}.dcm", io.BytesIO(b"x")), range(80)))
    with project.uploads.scratch() as scratch:
        opened = project.uploads.open_files(upload, scratch)
        assert sorted(int(path.name.removesuffix(".dcm")) for path in opened) == list(range(80))
