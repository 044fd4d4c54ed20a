"""Runs the writing of one pyramid with Dask: a task for each slab of shards, which hands it on halved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from dask.base import compute
from dask.callbacks import Callback
from dask.delayed import Delayed, delayed
from dask.threaded import get as get_threaded
from numpy.typing import NDArray

from imaging.pyramid.layout import Slab, Stored
from imaging.pyramid.manifest import VoxelDigest
from imaging.pyramid.write import PyramidWriter, SlabWriter
from pipelines.memory import trim_heaps

ReadSlab = Callable[[Slab], NDArray[Any]]
"""Gives the stored values (z, y, x) of one slab of level 0."""

Done = Callable[[float], None]
"""Is told the finished share, 0-1, from the calling thread; what it raises stops the work."""


@runtime_checkable
class PortableRead(Protocol):
    """A `ReadSlab` of which another process can be given what it needs for one slab."""

    def __call__(self, slab: Slab) -> NDArray[Any]:
        """Give the stored values (z, y, x) of one slab of level 0."""

    def take(self, slab: Slab) -> Callable[[], NDArray[Any]]:
        """Give what reads this one slab: small, and of whom it is only the path, for it crosses a network."""


class Crew(Protocol):
    """Who writes the slabs of an image."""

    def build(self, writer: PyramidWriter, read: ReadSlab, done: Done) -> list[VoxelDigest]:
        """Write level 0 from `read` and every coarser level from the one below; gives what the voxels are."""


@dataclass(frozen=True)
class Threads:
    """Threads of this process; each of the `workers` holds one slab and a bit."""

    workers: int

    def build(self, writer: PyramidWriter, read: ReadSlab, done: Done) -> list[VoxelDigest]:
        """Write level 0 from `read` and every coarser level from the one below; gives what the voxels are."""
        work = _Work(writer, read)
        tasks: dict[Slab, Delayed] = {}
        run = delayed(work.run, pure=False, traverse=False)
        for level in range(len(writer.layout.levels)):
            for slab in writer.layout.slabs(level):
                below = [tasks[source] for source in writer.needs(slab)] if level else []
                tasks[slab] = run(slab, *below)
        needed = {source for slab in tasks if slab.level for source in writer.needs(slab)}
        with _Progress(len(tasks), done, work):
            # Only what nothing else needs is asked for, so that Dask lets go of all the rest on the way. By its name,
            # the scheduler would first load Dask's cluster where that is installed: half a second.
            ends = [task for slab, task in tasks.items() if slab not in needed]
            compute(*ends, scheduler=get_threaded, num_workers=self.workers)
        if work.failure is not None:
            raise work.failure
        return work.voxels


class _Work:
    """What the tasks of one graph share: once one fails or the caller stops, the others do nothing more.

    Dask itself lets running tasks go on after an error; they would write into a folder that is being removed.
    """

    def __init__(self, writer: SlabWriter, read: ReadSlab) -> None:
        self._writer = writer
        self._read = read
        self._failing = threading.Lock()
        self.failure: BaseException | None = None
        self.voxels: list[VoxelDigest] = []

    def fail(self, error: BaseException) -> None:
        """Keep the first failure."""
        with self._failing:
            self.failure = self.failure or error

    def run(self, slab: Slab, *halved: Stored | None) -> Stored | None:
        """Write one slab, read or joined from the `halved` slabs below it; give what it is on the next level."""
        if self.failure is not None:
            return None
        try:
            stored = self._make(slab, halved)
            above = self._writer.halve(slab, stored)
            del stored
            trim_heaps()
        except BaseException as error:
            self.fail(error)
            return None
        return above

    def _make(self, slab: Slab, halved: Sequence[Stored | None]) -> Stored:
        if slab.level:
            return self._writer.join_slab(slab, [part for part in halved if part is not None])
        stored = self._read(slab)
        self.voxels.append(self._writer.write_slab(slab.start, stored, t=slab.t, c=slab.c))
        return stored


class _Progress(Callback):
    def __init__(self, total: int, done: Done, work: _Work) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._total = total
        self._done = done
        self._work = work
        self._finished = 0

    def _posttask(
        self, key: object, result: object, graph: Mapping[object, object], state: object, worker: object
    ) -> None:
        self._finished += 1
        try:
            self._done(min(1.0, self._finished / self._total))
        except BaseException as error:
            self._work.fail(error)
