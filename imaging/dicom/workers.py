"""Spreads the copies of a folder over processes."""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread, current_thread, main_thread

from imaging.dicom.copying import Assignment, Made, pseudonymise_one
from imaging.dicom.pseudonymise import Tally
from imaging.dicom.walk import Found, Refusal

_AT_ONCE = 8
"""Files that a worker is handed together: what passes between processes costs as much as an eighth of the work."""

_IN_FLIGHT = 2
"""Times `_AT_ONCE` per worker that are handed out ahead: enough to keep all busy, few enough to hold memory flat."""

_AHEAD = 24
"""Times `_AT_ONCE` whose outcomes wait for an earlier one: a process takes as long to start as for ten of them."""


def copy_all(found: Iterable[Found | Refusal], assignment: Assignment) -> Iterator[tuple[str, Made]]:
    """Give the outcomes in the order of the files, at most 200 files behind the work.

    This process is one of the workers: while others start or are busy, it takes files itself. What is done when one
    of them fails is given before the failure is raised.
    """
    numbered = enumerate(found)
    if assignment.order.workers > 1:
        yield from _share(numbered, assignment)
        return
    for number, item in numbered:
        yield item.name, _copy(number, item, assignment)


def _share(numbered: Iterator[tuple[int, Found | Refusal]], assignment: Assignment) -> Iterator[tuple[str, Made]]:
    others = assignment.order.workers - 1
    waiting: deque[tuple[list[str], Future[list[Made]]]] = deque()
    with ProcessPoolExecutor(
        others, mp_context=get_context("spawn"), initializer=_begin, initargs=(assignment,)
    ) as pool:
        try:
            while some := list(islice(numbered, _AT_ONCE)):
                busy = sum(not done.done() for _, done in waiting) >= others * _IN_FLIGHT
                share = _do_here(some, assignment) if busy else _hand_out(pool, some)
                waiting.append(([item.name for _, item in some], share))
                while waiting and (waiting[0][1].done() or len(waiting) > _AHEAD):
                    yield from _finish(*waiting.popleft())
            while waiting:
                yield from _finish(*waiting.popleft())
        except Exception:
            pool.shutdown(wait=True, cancel_futures=True)
            while waiting and _succeeded(waiting[0][1]):
                yield from _finish(*waiting.popleft())
            raise
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _succeeded(share: Future[list[Made]]) -> bool:
    return share.done() and not share.cancelled() and share.exception() is None


def _hand_out(pool: ProcessPoolExecutor, some: list[tuple[int, Found | Refusal]]) -> Future[list[Made]]:
    """Hand files to another process, which may be started for them."""
    if current_thread() is not main_thread():
        return pool.submit(_do, some)
    # A process inherits what is ignored: Ctrl-C is for this one, which ends the others in order.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return pool.submit(_do, some)
    finally:
        signal.signal(signal.SIGINT, heard)


def _finish(names: list[str], made: Future[list[Made]]) -> Iterator[tuple[str, Made]]:
    return zip(names, made.result(), strict=True)


_assignment: list[Assignment] = []
"""What this process was started for; a process serves one assignment only."""


def _begin(assignment: Assignment) -> None:
    _assignment[:] = [assignment]
    parent = parent_process()
    if parent is not None:
        # Who is killed cannot end its workers, and they would wait for files for ever.
        Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _do_here(some: list[tuple[int, Found | Refusal]], assignment: Assignment) -> Future[list[Made]]:
    done: Future[list[Made]] = Future()
    done.set_result([_copy(number, item, assignment) for number, item in some])
    return done


def _do(some: list[tuple[int, Found | Refusal]]) -> list[Made]:
    made = [_copy(number, item, _assignment[0]) for number, item in some]
    # One count for all of them: a hundred attributes of each file would take longer to send than the file to write.
    tally: Tally = sum((one.tally for one in made), Counter())
    return [*(replace(one, tally=Counter()) for one in made[:-1]), replace(made[-1], tally=tally)]


def _copy(number: int, item: Found | Refusal, assignment: Assignment) -> Made:
    if isinstance(item, Refusal):
        return Made(refusal=(item.reason, item.detail))
    return pseudonymise_one(number, item, assignment)
