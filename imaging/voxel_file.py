"""Voxels as one file holds them: bounded before anything is allocated, unpacked under limits, read plane by plane."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.limits import RATIO_FREE_BYTES, Limits
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_BLOCK = 2**20
_MOST_CHANNELS = 64
"""Where they lie side by side each is read along with all others: what that costs grows with their square."""

_AT_ONCE = 2**24
"""Bytes that are looked at together where all voxels are."""


@dataclass(frozen=True)
class VoxelFormat:
    """How voxels follow each other.

    Attributes
    ----------
    stored
        Type of one value, with its byte order.
    order, lengths
        Axes slowest first, `zyx` with `t` and `c` before or behind it, and the length along each.
    """

    stored: np.dtype[Any]
    order: str
    lengths: tuple[int, ...]

    def extent(self, axis: str) -> int:
        """Length along one named axis; 1 where there is no such axis."""
        place = self.order.find(axis)
        return 1 if place < 0 else self.lengths[place]

    @property
    def size(self) -> int:
        """Bytes of all voxels."""
        size = int(self.stored.itemsize)
        for length in self.lengths:
            size *= length
        return size

    def check(self, limits: Limits) -> None:
        """Refuse what no honest file announces."""
        if min(self.lengths) < 1:
            raise RefusedFileError(Reason.UNREADABLE, "the lengths of the volume make no sense")
        if self.extent("c") > _MOST_CHANNELS:
            raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume has more channels than are read")
        planes = self.extent("t") * self.extent("c") * self.extent("z")
        if self.extent("y") * self.extent("x") > limits.frame_pixels or planes > limits.frames:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the volume is too large")
        if self.size > limits.volume_bytes:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the volume is too large")


@dataclass(frozen=True)
class VoxelFile:
    """Voxels that lie plain in a file, from `offset` bytes on."""

    path: Path
    offset: int
    format: VoxelFormat

    def read(self, start: int, stop: int, *, t: int = 0, c: int = 0) -> NDArray[Any]:
        """Read the planes start..stop (exclusive), counted as the file has them.

        Returns
        -------
        (z, y, x), as stored
        """
        order, at = self.format.order, {"t": t, "c": c}
        first = order.index("z")
        before, within = 0, 0
        for axis in order[:first]:
            before = before * self.format.extent(axis) + at[axis]
        for axis in order[first + 3 :]:
            within = within * self.format.extent(axis) + at[axis]
        together = int(np.prod([self.format.extent(axis) for axis in order[first + 3 :]], dtype=int))
        begin = before * self.format.extent("z")
        if together == 1:
            return self._values(begin + start, begin + stop, 1)[..., 0]
        # Plane by plane: what is read along with one component is many times as much.
        wanted = np.empty((stop - start, self.format.extent("y"), self.format.extent("x")), self.format.stored)
        for place, plane in enumerate(range(begin + start, begin + stop)):
            wanted[place] = self._values(plane, plane + 1, together)[0, ..., within]
        return wanted

    def _values(self, start: int, stop: int, together: int) -> NDArray[Any]:
        """Read planes counted over all that lies before them in the file; (z, y, x, component)."""
        shape = (stop - start, self.format.extent("y"), self.format.extent("x"), together)
        count = int(np.prod(shape[1:], dtype=int))
        offset = self.offset + start * count * self.format.stored.itemsize
        values = np.fromfile(self.path, self.format.stored, count * shape[0], offset=offset)
        if values.size != count * shape[0]:
            raise RefusedFileError(Reason.TRUNCATED, "the file became shorter")
        return values.reshape(shape)

    def parts(self) -> Iterator[NDArray[Any]]:
        """Read all voxels, some after others, of which belong together as much as `read` gives."""
        plane = self.format.extent("y") * self.format.extent("x") * self.format.stored.itemsize
        depth = max(1, _AT_ONCE // plane)
        for t in range(self.format.extent("t")):
            for c in range(self.format.extent("c")):
                for start in range(0, self.format.extent("z"), depth):
                    yield self.read(start, min(start + depth, self.format.extent("z")), t=t, c=c)


def take_plain(path: Path, offset: int, voxel_format: VoxelFormat, limits: Limits) -> VoxelFile:
    """Find voxels that lie plain in a file.

    Raises
    ------
    RefusedFileError
        LIMIT_EXCEEDED, or TRUNCATED: the file ends before they do.
    """
    voxel_format.check(limits)
    if path.stat().st_size < offset + voxel_format.size:
        raise RefusedFileError(Reason.TRUNCATED, "the file ends before its voxels")
    return VoxelFile(path, offset, voxel_format)


def unpack(
    path: Path, voxel_format: VoxelFormat, limits: Limits, scratch: Path, *, packed_from: int = 0, skip: int = 0
) -> VoxelFile:
    """Unpack voxels that gzip packed into a file of a scratch folder; nothing but voxels is written there.

    Parameters
    ----------
    packed_from
        Where in the file the packed bytes begin.
    skip
        Unpacked bytes before the voxels.

    Raises
    ------
    RefusedFileError
        LIMIT_EXCEEDED before a byte is unpacked that no honest file needs; TRUNCATED; DECODE_FAILED where the packed
        bytes are damaged.
    """
    voxel_format.check(limits)
    wanted = skip + voxel_format.size
    if wanted > max(limits.volume_free_bytes, int(path.stat().st_size * limits.archive_ratio)):
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the volume unpacks to too much")
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "voxels"
    with path.open("rb") as packed, target.open("xb") as plain:
        packed.seek(packed_from)
        try:
            with gzip.GzipFile(fileobj=packed) as stream:
                _copy(stream, None, skip)
                _copy(stream, plain, voxel_format.size)
                _finish(stream)
        except EOFError as error:
            raise RefusedFileError(Reason.TRUNCATED, "the file ends before its voxels") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise RefusedFileError(Reason.DECODE_FAILED, "the packed voxels are damaged") from error
    return VoxelFile(target, 0, voxel_format)


def _copy(stream: gzip.GzipFile, target: IO[bytes] | None, size: int) -> None:
    left = size
    while left:
        block = stream.read(min(_BLOCK, left))
        if not block:
            raise EOFError
        left -= len(block)
        if target is not None:
            target.write(block)


def _finish(stream: gzip.GzipFile) -> None:
    """Read to the end, where the checksum is; what goes on for long is nothing of the volume."""
    left = RATIO_FREE_BYTES
    while block := stream.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the file goes on after its voxels")
