"""Lets the workers of a Dask cluster write the slabs of an image, where there is one.

Scheduler and workers are Dask's own (`dask scheduler`, `dask worker`), found and secured by Dask's own configuration:
`DASK_SCHEDULER_ADDRESS`, and `distributed.comm.tls` for certificates. Workers see the same folders as this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dask.config
from numpy.typing import NDArray

from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, RefusedFileError, UnavailableError
from imaging.listening import is_safe_scheduler
from imaging.pyramid.layout import Slab
from imaging.pyramid.manifest import VoxelDigest
from imaging.pyramid.write import PyramidWriter, SlabWriter
from pipelines.memory import trim_heaps
from pipelines.pyramids import Crew, Done, PortableRead, ReadSlab, Threads

if TYPE_CHECKING:
    from dask.typing import Key
    from distributed import Client, Future

_PART = "the Dask cluster"
_CONNECT_SECONDS = 10
_AHEAD = 2
"""Tasks handed out for each thread of the cluster: none waits for this process, and few are left when it stops."""

_LISTEN_SECONDS = 2.0
_ALONE_SECONDS = 60.0
"""For so long a cluster may be without any worker, as when all of them are started anew."""

_LAST_SECONDS = 600.0
"""For so long a stopped ingest waits for slabs that are being written: far longer than any takes."""


@contextmanager
def find_crew(workers: int) -> Iterator[Crew]:
    """Give the cluster that Dask's configuration names, or else `workers` threads of this process.

    Raises
    ------
    InvalidInputError
        The scheduler is on another machine and not reached over TLS.
    UnavailableError
        The scheduler does not answer, or what talks to it is not installed.
    """
    address = dask.config.get("scheduler-address", None)
    if not address:
        yield Threads(workers)
        return
    if not is_safe_scheduler(str(address)):
        raise InvalidInputError(
            "a Dask scheduler on another machine is reached by TLS only: give it as tls://HOST:PORT"
        )
    with _connect(str(address)) as client:
        yield Cluster(client, Threads(workers))


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask scheduler; what cannot be sent to them is done by `here`."""

    client: Client
    here: Threads

    def build(self, writer: PyramidWriter, read: ReadSlab, done: Done) -> list[VoxelDigest]:
        """Write level 0 from `read` and every coarser level from the one below; gives what the voxels are.

        Tasks are handed out as workers get free, and none any more once one has failed or `done` raises; what runs
        is waited for, since it writes into a folder that is about to be removed.
        """
        if not isinstance(read, PortableRead):
            return self.here.build(writer, read, done)
        work = _Work(self.client, writer, read)
        try:
            for share in work.run():
                done(share)
        finally:
            work.wait()
        return work.voxels


@dataclass(frozen=True)
class _Failure:
    """Why a slab was not written: a refusal, the part that did not answer, or else the name of an error's type.

    Workers log what a task raises together with its arguments, so a task raises nothing.
    """

    reason: Reason | None
    detail: str
    unavailable: str = ""


class _Work:
    """The tasks of one image on their way through the cluster."""

    def __init__(self, client: Client, writer: PyramidWriter, read: PortableRead) -> None:
        self._client = client
        self._writer = writer
        self._portable = writer.for_others()
        self._read = read
        self._name = uuid4().hex
        self._slabs = [slab for level in range(len(writer.layout.levels)) for slab in writer.layout.slabs(level)]
        self._waiting = dict.fromkeys(self._slabs)
        self._written: set[Slab] = set()
        self.voxels: list[VoxelDigest] = []
        self._running: dict[Key, tuple[Slab, Future[Any]]] = {}

    def run(self) -> Iterator[float]:
        """Hand out every slab; gives the finished share every few seconds at least."""
        alone = 0.0
        self._hand_out(self._count_threads())
        while self._running:
            for future in self._listen():
                slab, _ = self._running.pop(future.key)
                made = _require_written(future)
                self._written.add(slab)
                if made is not None:
                    self.voxels.append(made)
            threads = self._count_threads()
            alone = 0.0 if threads else alone + _LISTEN_SECONDS
            if alone > _ALONE_SECONDS:
                raise UnavailableError(_PART, "it has had no worker for a minute")
            self._hand_out(threads)
            yield len(self._written) / len(self._slabs)

    def wait(self) -> None:
        """Wait for what still runs, as long as there is anybody to run it."""
        waited = 0.0
        with suppress(UnavailableError):
            while self._running and self._count_threads() and waited < _LAST_SECONDS:
                waited += _LISTEN_SECONDS
                for future in self._listen():
                    del self._running[future.key]

    def _listen(self) -> set[Future[Any]]:
        """Give the tasks that have ended; none where none does for a moment."""
        from distributed import CancelledError, wait

        futures = [future for _, future in self._running.values()]
        try:
            with self._client.as_current():
                ended: set[Future[Any]] = wait(futures, _LISTEN_SECONDS, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return set()
        except CancelledError:
            # Nobody cancels them: it is what a scheduler says that was started anew.
            raise UnavailableError(_PART, "it forgot what it was doing") from None
        return ended

    def _count_threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        # CommClosedError and others: the scheduler ended.
        except Exception:
            raise UnavailableError(_PART, "its scheduler ended while an image was written") from None

    def _hand_out(self, threads: int) -> None:
        room = _AHEAD * max(1, threads) - len(self._running)
        ready = [slab for slab in self._waiting if not slab.level or self._written.issuperset(self._writer.needs(slab))]
        for slab in ready[:room]:
            del self._waiting[slab]
            read = None if slab.level else self._read.take(slab)
            key = f"slab-{self._name}-{slab.level}-{slab.t}-{slab.c}-{slab.start}"
            future = self._client.submit(_make_slab, self._portable, slab, read, key=key, pure=False)
            self._running[key] = (slab, future)


def _make_slab(
    writer: SlabWriter, slab: Slab, read: Callable[[], NDArray[Any]] | None
) -> VoxelDigest | _Failure | None:
    """Run on a worker: write one slab of level 0 and tell what it was; without `read`, compute one of a coarser level.

    What is coarser is computed from the files, not from the voxels that another worker holds: only names travel.
    """
    try:
        made = None
        if read is None:
            writer.build_slab(slab)
        else:
            made = writer.write_slab(slab.start, read(), t=slab.t, c=slab.c)
        trim_heaps()
        return made
    except RefusedFileError as error:
        return _Failure(error.reason, error.detail)
    except UnavailableError as error:
        return _Failure(None, "", unavailable=error.part)
    except Exception as error:
        return _Failure(None, type(error).__name__)


def _require_written(future: Future[Any]) -> VoxelDigest | None:
    try:
        # A worker that ended since takes the answer with it; another does the slab again.
        made: VoxelDigest | _Failure | None = future.result(timeout=_ALONE_SECONDS)
    # KilledWorker, FutureCancelledError, TimeoutError and others: a task itself raises nothing.
    except Exception:
        raise UnavailableError(_PART, "its workers ended while they wrote an image") from None
    if not isinstance(made, _Failure):
        return made
    if made.reason is not None:
        raise RefusedFileError(made.reason, made.detail)
    if made.unavailable:
        raise UnavailableError(made.unavailable, "to a worker of the Dask cluster; has it the key?")
    raise UnavailableError(_PART, f"a worker failed by {made.detail}; does it see the folders of the workspace?")


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise UnavailableError(_PART, "pip install 'imaging-workspace[cluster]'") from None
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    # TimeoutError, OSError, or what the certificates raise; the message holds addresses and paths only.
    except Exception:
        raise UnavailableError(_PART, "start its scheduler, or unset DASK_SCHEDULER_ADDRESS") from None
    try:
        if not client.nthreads():
            raise UnavailableError(_PART, "it has no worker; start some with `dask worker`")
        yield client
    finally:
        client.close()
