"""How an image is cut: levels, chunks, shards, and the codecs of each array.

Volumes use inner chunks of (32, 64, 64) in shards of (64, 512, 512), so that a patch, a coronal and a sagittal plane
cost about the same as an axial one; flat kinds (one z plane) use (1, 512, 512) in (1, 4096, 4096). Time and channels
stand in front with a chunk of 1. Blosc-lz4 with bit shuffle is what a page under a strict content policy can decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InvalidInputError

DTYPES = frozenset({"int8", "uint8", "int16", "uint16", "int32", "uint32", "float32"})
AXES = ("zyx", "czyx", "tzyx", "tczyx")
LARGEST_TOP_LEVEL = 256
"""Levels are added until the longest side is at most this."""

ISOTROPIC_ENOUGH = 1.5
"""z is halved only while its spacing is at most this many times the spacing within the plane."""

_VOLUME_CHUNK, _VOLUME_SHARD = (32, 64, 64), (64, 512, 512)
_FLAT_CHUNK, _FLAT_SHARD = (1, 512, 512), (1, 4096, 4096)

Stored = NDArray[Any]
"""Stored voxels of any of `DTYPES`."""

Spacing = tuple[float | None, float | None, float | None]
Factors = tuple[int, int, int]


@dataclass(frozen=True)
class Slab:
    """The z planes start..stop (exclusive) of one level at one time point and channel: the unit of work."""

    level: int
    start: int
    stop: int
    t: int = 0
    c: int = 0


@dataclass(frozen=True)
class LevelLayout:
    """One resolution.

    Attributes
    ----------
    shape, chunk, shard
        Along all axes of the layout.
    scale
        Size of one voxel along all axes: mm where calibrated, else 1 at level 0.
    translation
        Centre of voxel 0 relative to that of level 0, same units.
    step : (z, y, x)
        How many voxels of the level before make one here; (1, 1, 1) at level 0.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    step: Factors


@dataclass(frozen=True)
class Layout:
    """All resolutions of one image, finest first."""

    axes: str
    dtype: str
    levels: tuple[LevelLayout, ...]

    def extent(self, axis: str, level: int = 0) -> int:
        """Length along one named axis; 1 where there is no such axis."""
        place = self.axes.find(axis)
        return 1 if place < 0 else self.levels[level].shape[place]

    def slabs(self, level: int) -> Iterator[Slab]:
        """Every slab of one level: each covers whole shards, so that a shard has one writer."""
        depth = self.levels[level].shard[-3]
        planes = self.extent("z", level)
        for t in range(self.extent("t")):
            for c in range(self.extent("c")):
                for start in range(0, planes, depth):
                    yield Slab(level, start, min(start + depth, planes), t, c)


def plan_layout(axes: str, shape: tuple[int, ...], dtype: str, spacing_mm: Spacing) -> Layout:
    """Decide levels, chunks and shards.

    Parameters
    ----------
    axes, shape
        One of `AXES` and the length along each.
    dtype
        Name of the stored type, one of `DTYPES`.
    spacing_mm : (z, y, x)
        None where uncalibrated; such an axis counts as spacing 1.
    """
    if axes not in AXES or len(axes) != len(shape) or min(shape, default=0) < 1:
        raise InvalidInputError(f"no layout for axes {axes} with {len(shape)} lengths")
    if np.dtype(dtype).name not in DTYPES:
        raise InvalidInputError(f"no layout for voxels of type {dtype}")
    front, size = shape[:-3], (shape[-3], shape[-2], shape[-1])
    known = (spacing_mm[0] or 1.0, spacing_mm[1] or 1.0, spacing_mm[2] or 1.0)
    flat = size[0] == 1
    levels = [_level(front, size, known, step=(1, 1, 1), first=known, flat=flat)]
    while max(size) > LARGEST_TOP_LEVEL:
        step = _next_step(size, known)
        size = (size[0] // step[0], size[1] // step[1], size[2] // step[2])
        scale = (known[0] * step[0], known[1] * step[1], known[2] * step[2])
        levels.append(_level(front, size, scale, step=step, first=levels[0].scale[-3:], flat=flat))
        known = scale
    return Layout(axes, np.dtype(dtype).name, tuple(levels))


def array_metadata(layout: Layout, level: int, *, fill: int = 0) -> dict[str, object]:
    """The zarr.json of one level: a sharded Zarr v3 array, crc32c on each inner chunk, the index at the end."""
    plan = layout.levels[level]
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    blosc = {
        "name": "blosc",
        "configuration": {
            "cname": "lz4",
            "clevel": 5,
            "shuffle": "bitshuffle",
            "typesize": np.dtype(layout.dtype).itemsize,
            "blocksize": 0,
        },
    }
    sharding = {
        "chunk_shape": list(plan.chunk),
        "codecs": [little, blosc, {"name": "crc32c"}],
        "index_codecs": [little, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(plan.shape),
        "data_type": layout.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(plan.shard)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": list(layout.axes),
        "attributes": {},
    }


def _next_step(size: tuple[int, int, int], spacing: tuple[float, float, float]) -> Factors:
    z = 2 if size[0] > 1 and spacing[0] <= ISOTROPIC_ENOUGH * min(spacing[1:]) else 1
    step: Factors = (z, 2 if size[1] > 1 else 1, 2 if size[2] > 1 else 1)
    # A very long stack of small planes with coarse z has nothing else left to halve.
    return step if max(size[1:]) > LARGEST_TOP_LEVEL or z == 2 else (2, 1, 1)


def _level(
    front: tuple[int, ...],
    size: tuple[int, int, int],
    scale: tuple[float, ...],
    *,
    step: Factors,
    first: tuple[float, ...],
    flat: bool,
) -> LevelLayout:
    chunk_rule, shard_rule = (_FLAT_CHUNK, _FLAT_SHARD) if flat else (_VOLUME_CHUNK, _VOLUME_SHARD)
    # Never larger than the array, so that nothing but the last chunk carries filling.
    chunk = tuple(min(rule, length) for rule, length in zip(chunk_rule, size, strict=True))
    shard = tuple(
        min(rule // part * part, -(-length // part) * part)
        for rule, part, length in zip(shard_rule, chunk, size, strict=True)
    )
    ones = (1,) * len(front)
    zeros = (0.0,) * len(front)
    shift = tuple(0.5 * (here - finest) for here, finest in zip(scale, first, strict=True))
    return LevelLayout(
        shape=front + size,
        chunk=ones + chunk,
        shard=ones + shard,
        scale=(1.0,) * len(front) + tuple(scale),
        translation=zeros + shift,
        step=step,
    )
