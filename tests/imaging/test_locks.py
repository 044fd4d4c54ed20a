"""Whoever holds a folder keeps others out for as long as they live, and leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from imaging.locks import exclusive, is_taken, scratch_folder, unchanging

Hold = Callable[[Path], AbstractContextManager[object]]

_OTHER = """
import sys
from pathlib import Path
from imaging.locks import exclusive, scratch_folder
with {"exclusive": exclusive, "scratch_folder": scratch_folder}[sys.argv[1]](Path(sys.argv[2])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(name: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds a folder until its input ends, and what it was given."""
    arguments = [sys.executable, "-c", _OTHER, name, str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


def enters(hold: Hold, folder: Path) -> threading.Event:
    """Take a folder in another thread and let it go at once; the event is set when it was taken."""
    taken = threading.Event()

    def enter() -> None:
        with hold(folder):
            taken.set()

    threading.Thread(target=enter, daemon=True).start()
    return taken


@pytest.mark.parametrize("later", [exclusive, unchanging])
def test_nobody_writes_or_reads_while_one_writes(tmp_path: Path, later: Hold) -> None:
    with exclusive(tmp_path):
        assert is_taken(tmp_path)
        taken = enters(later, tmp_path)
        assert not taken.wait(0.2)
    assert taken.wait(30)
    assert list(tmp_path.iterdir()) == []


def test_many_read_at_a_time_and_keep_a_writer_out(tmp_path: Path) -> None:
    with unchanging(tmp_path):
        assert enters(unchanging, tmp_path).wait(30)
        assert not is_taken(tmp_path)
        writing = enters(exclusive, tmp_path)
        assert not writing.wait(0.2)
    assert writing.wait(30)


def test_what_is_not_there_needs_no_holding_and_is_not_taken(tmp_path: Path) -> None:
    with unchanging(tmp_path / "nowhere"):
        assert not (tmp_path / "nowhere").exists()
    assert not is_taken(tmp_path / "nowhere")


@pytest.mark.parametrize("hold", [exclusive, unchanging, scratch_folder])
def test_a_folder_is_free_after_an_error(tmp_path: Path, hold: Hold) -> None:
    before = descriptors()
    with pytest.raises(ValueError, match="in the middle"), hold(tmp_path):
        raise ValueError("in the middle")
    assert (list(tmp_path.iterdir()), descriptors()) == ([], before)
    assert not is_taken(tmp_path)
    assert enters(exclusive, tmp_path).wait(30)


def test_the_death_of_another_process_frees_its_folder(tmp_path: Path) -> None:
    with another_process("exclusive", tmp_path) as (process, _):
        assert is_taken(tmp_path)
        process.kill()
        process.wait(30)
        assert not is_taken(tmp_path)


def test_a_scratch_folder_is_private_and_removed_with_what_is_in_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "scratch") as folder, scratch_folder(tmp_path / "scratch") as other:
        assert folder != other
        assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("phantom")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_scratch_folder_outlives_others_that_begin_while_its_process_lives(tmp_path: Path) -> None:
    with another_process("scratch_folder", tmp_path) as (process, given):
        with scratch_folder(tmp_path):
            assert Path(given).is_dir()
        process.kill()
        process.wait(30)
        assert Path(given).is_dir()
        with scratch_folder(tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("hold", "turn"), [(exclusive, 1), (unchanging, 1), (scratch_folder, 1), (scratch_folder, 2), (scratch_folder, 3)]
)
def test_a_system_without_a_lock_to_give_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Hold, turn: int
) -> None:
    (tmp_path / "abandoned").mkdir()
    before, flock, turns = descriptors(), fcntl.flock, iter(range(1, 9))

    def fail(handle: int, mode: int) -> None:
        if next(turns) == turn:
            raise OSError(errno.ENOLCK, "no lock")
        flock(handle, mode)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fail)
        with pytest.raises(OSError, match="no lock"), hold(tmp_path):
            pytest.fail("nothing was held")
    assert descriptors() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"abandoned"}
    assert not is_taken(tmp_path)
