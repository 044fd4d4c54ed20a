"""What goes between this process and one that decodes: an order with a frame, an answer with its samples.

Plain JSON and bytes: a process that a hostile frame has taken over can lie about pixels, and do no more here.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from io import FileIO

import numpy as np

from imaging.dicom.instance import PixelFormat, Stored

_LENGTHS = struct.Struct("<LQ")
"""Of the head and of the bytes that follow it."""

_LONGEST_HEAD = 4096

READY = b"\x06"
"""What a process says first: its codecs are loaded."""


@dataclass(frozen=True)
class Bounds:
    """What one frame may take: seconds of processor time and of any time, bytes of memory."""

    seconds: float
    elapsed: float
    memory: int


@dataclass(frozen=True)
class Order:
    """One frame to decode."""

    data: bytes
    syntax: str
    format: PixelFormat
    bounds: Bounds


class Failure(Enum):
    """Why there are no samples: what a process tells, or how it ended."""

    BROKEN = "broken"
    MEMORY = "memory"
    LATE = "late"
    DIED = "died"


def send_order(stream: FileIO, order: Order) -> None:
    """Ask for one frame."""
    facts = {"syntax": order.syntax, "format": vars(order.format), "bounds": vars(order.bounds)}
    _send(stream, facts, order.data)


def receive_order(stream: FileIO) -> Order | None:
    """Wait for the next order; None where nobody asks any more."""
    try:
        head, size = _LENGTHS.unpack(_read_exactly(stream, _LENGTHS.size))
        facts = json.loads(_read_exactly(stream, head))
        data = _read_exactly(stream, size)
    except EOFError:
        return None
    return Order(data, facts["syntax"], PixelFormat(**facts["format"]), Bounds(**facts["bounds"]))


def send_answer(stream: FileIO, answer: Stored | Failure) -> None:
    """Give the samples of a frame, or why there are none."""
    if isinstance(answer, Failure):
        _send(stream, {"failure": answer.value}, b"")
        return
    samples = np.ascontiguousarray(answer)
    _send(stream, {"dtype": samples.dtype.str, "shape": samples.shape}, samples.data)


def receive_answer(stream: FileIO, pixel_format: PixelFormat) -> Stored | Failure:
    """Wait for the samples of a frame of this format.

    Raises
    ------
    EOFError
        The process died, or says what cannot be.
    """
    head, size = _LENGTHS.unpack(_read_exactly(stream, _LENGTHS.size))
    if head > _LONGEST_HEAD:
        raise EOFError
    try:
        facts = json.loads(_read_exactly(stream, head))
        if "failure" in facts:
            return Failure(facts["failure"])
        dtype, shape = np.dtype(str(facts["dtype"])), tuple(int(length) for length in facts["shape"])
    except (ValueError, TypeError, KeyError, OverflowError, SyntaxError, RecursionError):
        raise EOFError from None
    most = pixel_format.rows * pixel_format.columns * pixel_format.samples
    if dtype.kind not in "iu" or min(shape, default=0) < 1 or math.prod(shape) > most:
        raise EOFError
    if size != math.prod(shape) * dtype.itemsize:
        raise EOFError
    samples = np.empty(shape, dtype)
    _fill(stream, samples.reshape(-1).view(np.uint8).data)
    return samples


def _send(stream: FileIO, facts: Mapping[str, object], data: bytes | memoryview) -> None:
    head = json.dumps(facts).encode("ascii")
    for part in (_LENGTHS.pack(len(head), memoryview(data).nbytes) + head, data):
        left = memoryview(part).cast("B")
        while left:
            left = left[stream.write(left) :]


def _read_exactly(stream: FileIO, length: int) -> bytes:
    data = bytearray(length)
    _fill(stream, memoryview(data))
    return bytes(data)


def _fill(stream: FileIO, target: memoryview) -> None:
    """Copy what arrives to where it stays; EOFError when the pipe ends before."""
    while target:
        count = stream.readinto(target)
        if not count:
            raise EOFError
        target = target[count:]
