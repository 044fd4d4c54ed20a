"""Processes that share a folder's files: every outcome comes once, in the order of the files."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imaging.dicom import copying, workers
from imaging.dicom.copying import PARTIAL, Assignment, Made, Order
from imaging.dicom.profile import Profile
from imaging.dicom.walk import Found, Refusal
from imaging.dicom.workers import copy_all
from imaging.domain.outcome import Reason

SAMPLE = Path(__file__).parents[3] / "sample_dicom" / "images" / "mr-head-11"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_outcomes_come_once_and_in_the_order_of_the_files(count: int, tmp_path: Path):
    (tmp_path / PARTIAL).mkdir()
    files = sorted(SAMPLE.iterdir())
    # More than all processes are handed ahead, so that the first of them works too.
    offered: list[Found | Refusal] = [
        Refusal(f"{turn}", Reason.LIMIT_EXCEEDED, "too large") if turn % 7 == 3 else Found(files[turn % 30], f"{turn}")
        for turn in range(120)
    ]
    order = Order(b"w" * 32, Profile.built_in("research"), count)
    outcomes = list(copy_all(iter(offered), Assignment(order, tmp_path, {})))
    assert [name for name, _ in outcomes] == [item.name for item in offered]
    assert [made.refusal is not None for _, made in outcomes] == [isinstance(item, Refusal) for item in offered]
    # The same slice came four times, by whichever process: the same place, the same bytes.
    copies: dict[Path, set[tuple[str, str]]] = {}
    for item, (_, made) in zip(offered, outcomes, strict=True):
        if isinstance(item, Found):
            copies.setdefault(item.path, set()).add((made.place, made.content))
    assert [len(told) for told in copies.values()] == [1] * 30
    written = {made.partial for _, made in outcomes if made.partial is not None}
    assert written == set((tmp_path / PARTIAL).iterdir())
    assert len(written) == sum(isinstance(item, Found) for item in offered)


def test_what_was_done_before_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(number: int, found: Found, assignment: Assignment) -> Made:
        if number >= 40:
            raise OSError(errno.ENOSPC, "full")
        return copying.pseudonymise_one(number, found, assignment)

    (tmp_path / PARTIAL).mkdir()
    monkeypatch.setattr(workers, "pseudonymise_one", fail)
    files = sorted(SAMPLE.iterdir())
    offered = iter([Found(files[number % 30], f"{number}") for number in range(120)])
    order = Order(b"w" * 32, Profile.built_in("research"), 2)
    told = []
    # Only this process meets the failure: the other one reads the module anew.
    with pytest.raises(OSError, match="full"):
        told.extend(name for name, _ in copy_all(offered, Assignment(order, tmp_path, {})))
    assert told == [f"{number}" for number in range(len(told))]
    assert len(told) >= 16


def runs(process: int) -> bool:
    try:
        # Who has no parent any more may stay a zombie where nobody collects it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_other_processes_end_when_the_first_is_killed(tmp_path: Path):
    script = tmp_path / "shared.py"
    script.write_text(
        "import os, signal, sys\n"
        "from imaging.dicom import workers\n"
        "from imaging.dicom.copying import Assignment, Order\n"
        "from imaging.dicom.profile import Profile\n"
        "from imaging.dicom.walk import Found\n"
        "from pathlib import Path\n"
        "if __name__ == '__main__':\n"
        "    files = [Found(path, path.name) for path in sorted(Path(sys.argv[1]).iterdir())] * 20\n"
        "    order = Order(b'w' * 32, Profile.built_in('research'), 3)\n"
        "    for name, made in workers.copy_all(files, Assignment(order, Path(sys.argv[2]), {})):\n"
        "        tasks = Path(f'/proc/{os.getpid()}/task').glob('*/children')\n"
        "        print(*(task.read_text() for task in tasks), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / PARTIAL).mkdir()
    command = [sys.executable, str(script), str(SAMPLE), str(tmp_path)]
    # Into a file: a pipe would stay open as long as one of them runs.
    with (tmp_path / "children").open("wb") as said:
        subprocess.run(command, stdout=said, check=False)
    children = [int(child) for child in (tmp_path / "children").read_text().split()]
    deadline = time.monotonic() + 30
    while (left := [child for child in children if runs(child)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for child in left:
        os.kill(child, signal.SIGKILL)
    assert children
    assert left == []
