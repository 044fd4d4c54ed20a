"""Runs a command and measures it: elapsed and processor time, and the memory of the whole process tree."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from imaging.errors import StateError

_EVERY_S = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """What one run took.

    Attributes
    ----------
    seconds, processor_seconds
        Elapsed, and summed over all processes.
    peak_bytes
        The most that the command and all of its descendants held at a time: their resident sets added up, so that what
        they share counts more than once.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int


def measure(command: Sequence[str | Path]) -> Measured:
    """Run a command to its end.

    Raises
    ------
    StateError
        It failed; the message names the program alone, as its output may quote a header.
    """
    peak, done = [0], threading.Event()
    before = perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def watch() -> None:
        while not done.wait(_EVERY_S):
            peak[0] = max(peak[0], sum(_resident(process) for process in _descend(child.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        _, status, used = os.wait4(child.pid, 0)
        seconds = perf_counter() - before
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        done.set()
        watcher.join()
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        raise StateError("benchmark", f"{Path(command[0]).name} failed with exit code {child.returncode}")
    # The system's own figure would do, but for a process that a larger one started: it begins with the size of that.
    return Measured(seconds, used.ru_utime + used.ru_stime, peak[0])


def take_medians(runs: Sequence[Measured]) -> Measured:
    """Give the median of each figure; of the memory the most."""
    return Measured(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.processor_seconds for run in runs),
        max(run.peak_bytes for run in runs),
    )


def _descend(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text("ascii").split()
        except OSError:
            continue
        for child in found:
            yield from _descend(int(child))


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
