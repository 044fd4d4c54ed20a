"""Keeps processes that decode compressed frames: a codec that crashes, hangs or fills the memory takes one along.

They are started one by one when frames come and all others are busy, and end after a minute without work, or with this
process however it ends. Programs of our own, not `multiprocessing`: they load nothing of whatever script runs here, and
threads may start them.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from threading import BoundedSemaphore
from typing import cast

from imaging.dicom import decoding
from imaging.dicom.frame_pipe import READY, Bounds, Failure, Order, receive_answer, send_order
from imaging.dicom.instance import PixelFormat, Stored
from imaging.dicom.limits import DecodeLimits
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError, UnavailableError

_PIPE_BYTES = 2**20
"""What a pipe holds at once, where the system lets it: a frame of 512 × 512 then takes one call on each side."""

_DECODERS = (os.cpu_count() or 1) + 1
"""One more than processors: while the samples of one are handed over, the others decode."""

READERS = 2 * _DECODERS
"""How many threads ask for frames at a time: twice as many as decode, so that no process waits for the next file."""

_OVERRUN = frozenset({-signal.SIGPROF, -signal.SIGALRM})
"""How a process ends whose time is over."""


class Decoders:
    """Processes that decode, each one frame at a time.

    Parameters
    ----------
    decode
        Module and name of the function that they run, as `package.module:function`; see `decoding.Decode`.
    most
        How many there may be; one more than processors by default. Whoever comes when all are busy waits.
    """

    def __init__(
        self,
        decode: str = "imaging.dicom.codecs:decode_samples",
        limits: DecodeLimits | None = None,
        *,
        most: int | None = None,
    ) -> None:
        self._decode = decode
        self._limits = limits or DecodeLimits()
        self._free = BoundedSemaphore(most or _DECODERS)
        self._idle: list[_Process] = []

    def decode(self, data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored:
        """Decode one frame; see `codecs.decode_samples`.

        Raises
        ------
        RefusedFileError
            DECODE_FAILED, also when the process dies of it; LIMIT_EXCEEDED for time or memory.
        UnavailableError
            No process can be started.
        """
        order = Order(data, syntax, pixel_format, self._bound(pixel_format))
        with self._free:
            answer = self._ask(order)
        if not isinstance(answer, Failure):
            return answer
        match answer:
            case Failure.BROKEN | Failure.DIED:
                raise RefusedFileError(Reason.DECODE_FAILED, "the pixels cannot be decoded")
            case Failure.MEMORY:
                raise RefusedFileError(Reason.LIMIT_EXCEEDED, "its pixels take too much memory to decode")
            case Failure.LATE:
                raise RefusedFileError(Reason.LIMIT_EXCEEDED, "its pixels take too long to decode")

    def close(self) -> None:
        """End the processes that wait for frames; the next frame starts a new one."""
        while self._idle:
            self._idle.pop().end()

    def disown(self) -> None:
        """Leave the processes to the one that this one was forked from."""
        for process in self._idle:
            process.disown()

    @property
    def waiting(self) -> tuple[int, ...]:
        """Numbers of the processes that wait for frames."""
        return tuple(process.number for process in self._idle)

    def _ask(self, order: Order) -> Stored | Failure:
        process = self._take_idle()
        answer: Stored | Failure = Failure.DIED if process is None else process.ask(order)
        if process is None or answer is Failure.DIED:
            # It may have died of what an earlier frame did to it, or because it had nothing to do.
            process = _Process(self._decode, self._limits.idle_seconds)
            answer = process.ask(order)
        if process.alive:
            self._idle.append(process)
        return answer

    def _take_idle(self) -> _Process | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _bound(self, pixel_format: PixelFormat) -> Bounds:
        limits = self._limits
        size = pixel_format.rows * pixel_format.columns * pixel_format.samples * pixel_format.dtype.itemsize
        seconds = limits.seconds + size / limits.bytes_per_second
        return Bounds(seconds, seconds * limits.elapsed, limits.memory_bytes + size * limits.memory_ratio)


class _Process:
    """One process and the pipes to it."""

    def __init__(self, decode: str, idle_seconds: float) -> None:
        command = [sys.executable, "-P", "-m", decoding.__name__, decode, str(idle_seconds)]
        try:
            self._popen = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Codecs and what loads them print what they were given.
                stderr=subprocess.DEVNULL,
                env=_make_environment(),
                # Ctrl-C is for this process, which ends the other in order.
                process_group=0,
            )
        except OSError as error:
            raise UnavailableError("decoder", "the system starts no process for it") from error
        self.number = self._popen.pid
        self.alive = True
        self._asked, self._told = cast("FileIO", self._popen.stdin), cast("FileIO", self._popen.stdout)
        for pipe in (self._asked, self._told):
            _widen(pipe)
        with self._ending_if_interrupted():
            ready = self._told.read(1)
        if ready != READY:
            self.end()
            raise UnavailableError("decoder", "its process does not start")

    def ask(self, order: Order) -> Stored | Failure:
        """Have one frame decoded; afterwards the process may be alive no more."""
        with self._ending_if_interrupted():
            try:
                send_order(self._asked, order)
                return receive_answer(self._told, order.format)
            except (EOFError, BrokenPipeError):
                return Failure.LATE if self.end() in _OVERRUN else Failure.DIED

    def end(self) -> int:
        """Kill it where it still runs, and give its exit status."""
        self.alive = False
        self._popen.kill()
        status = self._popen.wait()
        self.disown()
        return status

    def disown(self) -> None:
        """Close the pipes."""
        self._asked.close()
        self._told.close()

    @contextmanager
    def _ending_if_interrupted(self) -> Iterator[None]:
        """A process of which half an answer was read is of no use to anybody."""
        try:
            yield
        except BaseException:
            self.end()
            raise


def decoders() -> Decoders:
    """Give the processes that all threads of this one share."""
    return _shared[-1]


def _make_environment() -> dict[str, str]:
    """Let modules be found as they are here, keep what is secret here, and start no threads that nobody needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    found = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return kept | {"PYTHONPATH": found, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _widen(pipe: FileIO) -> None:
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, size, _PIPE_BYTES)


def _begin_anew() -> None:
    """In a forked process: the pipes belong to the one that it was forked from, and a lock may be held for ever."""
    _shared[-1].disown()
    _shared.append(Decoders())


_shared = [Decoders()]
atexit.register(lambda: decoders().close())
os.register_at_fork(after_in_child=_begin_anew)
