"""What others put into a watched folder becomes uploads; nothing is lost, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import StateError
from imaging.locks import exclusive
from imaging.project.project import Project
from imaging.settings import Settings
from pipelines import watching
from pipelines.watching import TAKEN, Watcher
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import voxels_of
from tests.waiting import wait_for

QUIET = 0.2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "drop"
    place.mkdir()
    return place


@pytest.fixture
def watcher(project: Project, folder: Path) -> Watcher:
    made = Watcher(project, folder, QUIET)
    made.open()
    return made


def settle(watcher: Watcher) -> None:
    """Look, wait until all is quiet, and look again."""
    watcher.look()
    time.sleep(QUIET * 1.5)
    watcher.look()


def left_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name != TAKEN]


def held_and_images(call: Call, project: Project) -> tuple[int, int]:
    assert call("worker", "--once")[0] == 0
    return len(project.quarantine.held()), len(project.images.list())


def test_loose_files_become_one_upload_and_each_folder_another(
    call: Call, project: Project, folder: Path, watcher: Watcher, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = make_series(folder, planes=5)
    make_series(folder / "study" / "deep", seed=2, patient="PHA-000002")
    settle(watcher)
    assert len(project.jobs.list()) == 2
    assert left_in(folder) == []
    assert held_and_images(call, project) == (0, 2)
    np.testing.assert_array_equal(voxels_of(project), voxels)
    sources = [event.detail for event in project.journal.list() if (event.action, event.kind) == ("add", "upload")]
    assert sources == [{"source": "watch folder"}] * 2


def test_what_still_changes_waits(project: Project, folder: Path, watcher: Watcher) -> None:
    (folder / "a.dcm").write_bytes(b"a")
    watcher.look()
    time.sleep(QUIET * 1.5)
    (folder / "b.dcm").write_bytes(b"b")
    watcher.look()
    assert project.jobs.list() == []
    settle(watcher)
    assert len(project.jobs.list()) == 1


def test_what_is_written_to_while_it_moves_goes_back(
    project: Project, folder: Path, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "study").mkdir()
    (folder / "study" / "a.dcm").write_bytes(b"a")
    plain, looked = watching._read_state, []

    def read(base: Path, paths: list[Path]) -> object:
        if base != folder and not looked:
            looked.append(base)
            (base / "study" / "b.dcm").write_bytes(b"b")
        return plain(base, paths)

    monkeypatch.setattr(watching, "_read_state", read)
    settle(watcher)
    assert sorted(path.name for path in (folder / "study").iterdir()) == ["a.dcm", "b.dcm"]
    assert (project.jobs.list(), project.uploads.stopped()) == ([], [])
    settle(watcher)
    assert len(project.jobs.list()) == 1


@pytest.mark.parametrize("make", ["link", "fifo", "hidden"])
def test_what_is_no_plain_file_stays_where_it_is(project: Project, folder: Path, watcher: Watcher, make: str) -> None:
    (folder / "study").mkdir()
    (folder / "study" / "a.dcm").write_bytes(b"a")
    if make == "link":
        (folder / "study" / "b.dcm").symlink_to(folder / "study" / "a.dcm")
    elif make == "fifo":
        os.mkfifo(folder / "study" / "b.dcm")
    else:
        (folder / "study").rename(folder / ".study")
    before = left_in(folder)
    settle(watcher)
    assert left_in(folder) == before
    assert project.jobs.list() == []


@pytest.mark.parametrize("make", ["link", "dangling", "fifo", "unreadable"])
def test_a_loose_entry_that_cannot_be_taken_holds_up_no_other(
    project: Project,
    folder: Path,
    watcher: Watcher,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    make: str,
) -> None:
    elsewhere = tmp_path / "elsewhere.dcm"
    elsewhere.write_bytes(b"elsewhere")
    odd = folder / "odd.dcm"
    if make == "fifo":
        os.mkfifo(odd)
    elif make == "unreadable":
        # Whoever may do everything reads it all the same.
        plain = os.access
        odd.write_bytes(b"odd")
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != odd.name and plain(path, mode))
    else:
        odd.symlink_to(elsewhere if make == "link" else tmp_path / "absent")
    (folder / "a.dcm").write_bytes(b"a")
    (folder / "b.dcm").write_bytes(b"b")
    settle(watcher)
    settle(watcher)
    assert left_in(folder) == [odd]
    assert elsewhere.read_bytes() == b"elsewhere"
    assert len(project.jobs.list()) == 1
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["1 entries of the watched folder are left: links, special files, or not ours to move"]


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", range(1, 8))
def test_whoever_is_killed_while_taking_loses_nothing(
    call: Call,
    project: Project,
    folder: Path,
    watcher: Watcher,
    make_series: MakeSeries,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    voxels = make_series(folder, planes=2)
    steps = iter(range(1, 100))

    def dying(work: Callable[..., object]) -> Callable[..., object]:
        def step(*given: object, **named: object) -> object:
            if next(steps) == after:
                raise KilledError
            return work(*given, **named)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dying(Path.rename))
        patched.setattr(type(project.uploads), "add", dying(type(project.uploads).add))
        patched.setattr(type(project.jobs), "submit", dying(type(project.jobs).submit))
        patched.setattr(shutil, "rmtree", dying(shutil.rmtree))
        with pytest.raises(KilledError):
            settle(watcher)
    again = Watcher(project, folder, QUIET)
    again.open()
    again.go_on()
    settle(again)
    assert left_in(folder) == []
    assert held_and_images(call, project) == (0, 1)
    np.testing.assert_array_equal(voxels_of(project), voxels)
    assert project.uploads.stopped() == []


def test_a_folder_is_watched_by_one_process_only(project: Project, folder: Path, watcher: Watcher) -> None:
    with exclusive(folder / TAKEN), pytest.raises(StateError, match="another process"):
        Watcher(project, folder, QUIET).open()


def test_the_command_takes_what_is_there_and_ends_in_order(
    call: Call, project: Project, settings: Settings, folder: Path, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(folder / "study")
    name = project.record.name
    assert call("watch", name, folder, "--quiet", "0.3", "--once")[0] == 0
    assert left_in(folder) == []
    assert held_and_images(call, project) == (0, 1)
    command = [sys.executable, "-m", "imaging", "watch", name, str(folder), "--quiet", "0.3"]
    command += ["--workspace", str(settings.workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("Watching")
        # Moved in whole, as senders should: a busy machine may pause longer than all is to be quiet.
        make_series(tmp_path / "PHANTOM^BETA", seed=2, patient="PHA-000002")
        (tmp_path / "PHANTOM^BETA").rename(folder / "PHANTOM^BETA")
        wait_for(lambda: len(project.jobs.list()) == 2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        told = running.stdout.read()
    assert "BETA" not in told
    assert left_in(folder) == []
    assert held_and_images(call, project) == (0, 2)


def test_who_may_not_upload_may_not_watch(call: Call, project: Project, folder: Path) -> None:
    assert call("user", "add", "onlooker")[0] == 0
    assert call("project", "member", "add", project.record.name, "onlooker", "reader")[0] == 0
    assert call("watch", project.record.name, folder, "--once", "--as", "onlooker")[0] == 3
