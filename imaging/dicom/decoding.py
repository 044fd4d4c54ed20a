"""Decodes compressed frames in a process of its own, which a codec may crash, hang or fill: see `decoders`.

Run as `python -m imaging.dicom.decoding MODULE:FUNCTION IDLE_SECONDS`; orders come on standard input, answers go to
standard output.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from io import FileIO
from pathlib import Path

from imaging.dicom.frame_pipe import READY, Bounds, Failure, receive_order, send_answer
from imaging.dicom.instance import PixelFormat, Stored
from imaging.dicom.quiet import silence_pydicom

Decode = Callable[[bytes, str, PixelFormat], Stored]

_STATM = Path("/proc/self/statm")


def serve(decode: Decode, asked: FileIO, told: FileIO, idle_seconds: float) -> None:
    """Answer one order after the other until nobody asks any more."""
    told.write(READY)
    while select.select([asked], [], [], idle_seconds)[0]:
        order = receive_order(asked)
        if order is None:
            return
        # Before the bounds: a codec that is loaded on its first frame takes memory for itself.
        silence_pydicom()
        answer: Stored | Failure
        with _bounded(order.bounds, asked.fileno()):
            try:
                answer = decode(order.data, order.syntax, order.format)
            except MemoryError:
                answer = Failure.MEMORY
            # Codecs raise anything; pyo3's panics are no `Exception`.
            except BaseException:
                answer = Failure.BROKEN
        send_answer(told, answer)


@contextmanager
def _bounded(bounds: Bounds, asked: int) -> Iterator[None]:
    """End this process by signals that no codec can keep it from: for time, and when whoever asked is gone."""
    _set_memory(bounds.memory)
    signal.setitimer(signal.ITIMER_PROF, bounds.seconds)
    signal.setitimer(signal.ITIMER_REAL, bounds.elapsed)
    _heed_hang_up(asked, heed=True)
    try:
        yield
    finally:
        _heed_hang_up(asked, heed=False)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _set_memory(None)


def _set_memory(more: int | None) -> None:
    """Bound the address space to what it is now and so many bytes more, where the system says what it is."""
    if not _STATM.is_file():
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = hard
    if more is not None:
        limit = int(_STATM.read_text("ascii").split()[0]) * resource.getpagesize() + more
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _heed_hang_up(asked: int, *, heed: bool) -> None:
    """Have Linux send SIGIO, which ends a process, when the other end of a pipe closes; elsewhere the time does."""
    if not sys.platform.startswith("linux"):
        return
    flags = fcntl.fcntl(asked, fcntl.F_GETFL) & ~os.O_ASYNC
    fcntl.fcntl(asked, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(asked, fcntl.F_SETFL, flags | os.O_ASYNC if heed else flags)


def main() -> None:
    """Serve on the standard streams; whatever a codec prints goes nowhere."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGIO):
        signal.signal(number, signal.SIG_DFL)
    # A core would be a copy of somebody's pixels.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked, told = FileIO(os.dup(0), "r"), FileIO(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    module, _, name = sys.argv[1].partition(":")
    decode: Decode = getattr(import_module(module), name)
    serve(decode, asked, told, float(sys.argv[2]))


if __name__ == "__main__":
    main()
