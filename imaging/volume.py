"""A volume that comes in one file which is no DICOM: its voxels, their place in the patient, what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from imaging.domain.image import Affine, ImageAttributes, Rescale, Vector
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import Matrix, spacing_mm
from imaging.pyramid.layout import DTYPES, Slab, Spacing
from imaging.voxel_file import VoxelFile

_NARROWER = {"float64": "float32", "int64": "int32", "uint64": "uint32"}
"""What is kept of types that no pyramid has, where no value is lost by it."""

_OFF_RIGHT_ANGLE = 1e-3
"""Cosine of two axes up to which they count as at right angles: rounding of headers, no more."""

_BAND = 2**26
"""Bytes of a volume that are turned round together."""

_LEAST_MM, _MOST_MM = 1e-6, 1e6


@dataclass(frozen=True)
class Place:
    """Where the voxels of a file lie.

    Attributes
    ----------
    matrix : (4, 4), float64
        Voxel centre (x, y, z, 1), as the file counts, to LPS mm; None where the file names no place in the patient.
    spacing : (x, y, z), mm
        Of what has no place; None where the file says nothing.
    """

    matrix: Matrix | None = None
    spacing: Spacing = (None, None, None)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels with their meaning; z planes in the order in which they follow along the normal.

    Attributes
    ----------
    dtype
        What values are kept as: the file's own type, or a narrower one that holds every value of it.
    counts_down
        Whether the file has its z planes the other way round.
    """

    file: VoxelFile
    dtype: str
    attributes: ImageAttributes
    counts_down: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each of `attributes.axes`."""
        return tuple(self.file.format.extent(axis) for axis in self.attributes.axes)

    def read(self, slab: Slab) -> NDArray[Any]:
        """Read some z planes (z, y, x) of level 0."""
        planes = self.file.format.extent("z")
        start, stop = (planes - slab.stop, planes - slab.start) if self.counts_down else (slab.start, slab.stop)
        stored = self.file.read(start, stop, t=slab.t, c=slab.c)
        ordered: NDArray[Any] = np.ascontiguousarray(stored[::-1] if self.counts_down else stored, self.dtype)
        return ordered

    @property
    def frames(self) -> int:
        """How many pictures a person or a detector looks at; a colour picture is one."""
        return self.number(self.file.format.extent("t"), 0, 0)

    def number(self, t: int, c: int, z: int) -> int:
        """Give the number of the frame, from 0, that a plane is, or is a colour of."""
        channels = 1 if self._colour else self.file.format.extent("c")
        return (t * channels + (0 if self._colour else c)) * self.file.format.extent("z") + z

    def frame(self, number: int) -> NDArray[Any]:
        """Read one frame as it is looked at: (y, x), or (c, y, x) in colour; what is no number is 0."""
        rest, z = divmod(number, self.file.format.extent("z"))
        if self._colour:
            return np.concatenate([self.read(Slab(0, z, z + 1, rest, c)) for c in range(3)])
        t, c = divmod(rest, self.file.format.extent("c"))
        return _numbers(self.read(Slab(0, z, z + 1, t, c))[0])

    def across(self) -> Iterator[NDArray[Any]]:
        """Read the planes (z, x) and (z, y) of the first time point as they are looked at, some of them at a time."""
        planes = self.file.format.extent("z")
        for c in range(self.file.format.extent("c")):
            for axis in (1, 2):
                for first, last in self._bands(axis):
                    part = (slice(first, last), slice(None)) if axis == 1 else (slice(None), slice(first, last))
                    sides = [last - first if place == axis else self.shape[place - 3] for place in range(3)]
                    band = np.empty(sides, self.dtype)
                    for z in range(planes):
                        band[z] = self.read(Slab(0, z, z + 1, 0, c))[0][part]
                    yield from (np.take(_numbers(band), place, axis) for place in range(last - first))

    def _bands(self, axis: int) -> Iterator[tuple[int, int]]:
        """Part an axis, y or x, so that all planes of a part fit into memory."""
        sizes = [self.file.format.extent(name) for name in "zyx"]
        length = sizes.pop(axis)
        depth = max(1, _BAND // (sizes[0] * sizes[1] * np.dtype(self.dtype).itemsize))
        yield from ((first, min(first + depth, length)) for first in range(0, length, depth))

    @property
    def _colour(self) -> bool:
        return self.attributes.photometric == "RGB"


def _numbers(stored: NDArray[Any]) -> NDArray[Any]:
    """Put 0 where there is no number."""
    if stored.dtype.kind == "f":
        stored[~np.isfinite(stored)] = 0
    return stored


def lay_volume(file: VoxelFile, place: Place, *, rescale: Rescale, colour: bool) -> Volume:
    """Judge what a file says of its voxels.

    Raises
    ------
    RefusedFileError
        IRREGULAR_GEOMETRY: its axes are sheared, or lie nowhere. UNSUPPORTED_SYNTAX: its values would not be kept.
    """
    dtype = _choose_dtype(file)
    planes = file.format.extent("z")
    affine, down = _unplaced(place.spacing), False
    if place.matrix is not None:
        affine, down = _order_planes(_judge(place.matrix, planes), planes)
    sizes = spacing_mm(affine)
    known: Spacing = sizes if place.matrix is not None else (place.spacing[2], place.spacing[1], place.spacing[0])
    attributes = ImageAttributes(
        axes="".join(axis for axis in "tc" if axis in file.format.order) + "zyx",
        affine_lps=cast("Affine", _to_tuples(affine)),
        positions_lps=cast("tuple[Vector, ...]", _to_tuples(affine[:3, 3] + np.outer(range(planes), affine[:3, 0]))),
        placed=place.matrix is not None,
        spacing_mm=(known[0] if planes > 1 else None, known[1], known[2]),
        rescale=rescale,
        units="" if colour else "stored",
        photometric="RGB" if colour else "MONOCHROME2",
        bits_stored=np.dtype(dtype).itemsize * 8,
    )
    return Volume(file, dtype, attributes, down)


def _choose_dtype(file: VoxelFile) -> str:
    name = str(file.format.stored.newbyteorder("=").name)
    if name in DTYPES:
        return name
    if name not in _NARROWER:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "voxels of this type are not read")
    kept = _NARROWER[name]
    with np.errstate(over="ignore", invalid="ignore"):
        exact = all(
            np.array_equal(part, part.astype(kept).astype(name), equal_nan=kept == "float32") for part in file.parts()
        )
    if not exact:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "64 bits hold values here that 32 bits do not")
    return kept


def _judge(matrix: Matrix, planes: int) -> Matrix:
    """Give the matrix of a volume whose axes are at right angles; a single plane says nothing about the next."""
    steps = matrix[:3, :3].copy()
    if planes == 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            normal = np.cross(steps[:, 0], steps[:, 1])
            steps[:, 2] = normal / np.linalg.norm(normal)
    lengths = np.linalg.norm(steps, axis=0)
    # What is no number is not between any two either.
    if not ((lengths > _LEAST_MM).all() and (lengths < _MOST_MM).all() and np.isfinite(matrix[:, 3]).all()):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the volume has no place that makes sense")
    cosines = (steps / lengths).T @ (steps / lengths)
    if not (np.abs(cosines - np.eye(3)) < _OFF_RIGHT_ANGLE).all():
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the axes of the volume are not at right angles")
    judged = matrix.copy()
    judged[:3, :3] = steps
    return judged


def _order_planes(matrix: Matrix, planes: int) -> tuple[Matrix, bool]:
    """Give the matrix of (z, y, x) whose z grows along the cross product of x and y, and whether z was turned for it.

    No row or column is flipped: planes are counted from the other end, each stays where it is in the patient.
    """
    affine = matrix[:, [2, 1, 0, 3]].copy()
    if np.linalg.det(matrix[:3, :3]) > 0:
        return affine, False
    affine[:3, 3] += (planes - 1) * affine[:3, 0]
    affine[:3, 0] *= -1
    return affine, True


def _unplaced(spacing: Spacing) -> Matrix:
    """Give the matrix of convenience: x, y and z along the axes of the world."""
    across, down, deep = (size or 1.0 for size in spacing)
    return np.array([[0, 0, across, 0], [0, down, 0, 0], [deep, 0, 0, 0], [0, 0, 0, 1]], float)


def _to_tuples(rows: Matrix) -> tuple[tuple[float, ...], ...]:
    # Adding 0 makes -0 the 0 that it is.
    return tuple(tuple(float(value) + 0.0 for value in row) for row in rows)
