"""Spreads the copies of a folder over processes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context

from imaging.dicom.copying import Assignment, Made, pseudonymise_one
from imaging.dicom.pseudonymise import Tally
from imaging.dicom.walk import Found, Refusal

_AT_ONCE = 8
"""Files that a worker is handed together: what passes between processes costs as much as an eighth of the work."""

_IN_FLIGHT = 2
"""Times `_AT_ONCE` per worker that are handed out ahead: enough to keep all busy, few enough to hold memory flat."""

_AHEAD = 64
"""Times `_AT_ONCE` whose outcomes wait for an earlier one: a process takes as long to start as for ten of them."""


def copy_all(found: Iterable[Found | Refusal], assignment: Assignment) -> Iterator[tuple[str, Made]]:
    """Give the outcomes in the order of the files; never more than a few files are under way.

    This process is one of the workers: while others start or are busy, it takes files itself.
    """
    numbered, others = enumerate(found), assignment.order.workers - 1
    if not others:
        for number, item in numbered:
            yield item.name, _copy(number, item, assignment)
        return
    waiting: deque[tuple[list[str], Future[list[Made]]]] = deque()
    with ProcessPoolExecutor(
        others, mp_context=get_context("spawn"), initializer=_begin, initargs=(assignment,)
    ) as pool:
        try:
            while some := list(islice(numbered, _AT_ONCE)):
                busy = sum(not made.done() for _, made in waiting) >= others * _IN_FLIGHT
                made = _do_here(some, assignment) if busy else pool.submit(_do, some)
                waiting.append(([item.name for _, item in some], made))
                while waiting and (waiting[0][1].done() or len(waiting) > _AHEAD):
                    yield from _finish(*waiting.popleft())
            while waiting:
                yield from _finish(*waiting.popleft())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _finish(names: list[str], made: Future[list[Made]]) -> Iterator[tuple[str, Made]]:
    return zip(names, made.result(), strict=True)


_assignment: list[Assignment] = []
"""What this process was started for; a process serves one assignment only."""


def _begin(assignment: Assignment) -> None:
    _assignment[:] = [assignment]


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
