"""Writing the pyramid of an image, slab by slab, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from imaging.domain.image import ImageAttributes
from imaging.domain.object_store import ObjectStore
from imaging.pyramid.arrays import StoredArray, create_array
from imaging.pyramid.layout import Layout, Slab, Stored, array_metadata, plan_layout
from imaging.pyramid.manifest import Manifest, VoxelDigest, digest_voxels, take_manifest
from imaging.pyramid.metadata import image_group, print_group
from imaging.pyramid.objects import fresh_places
from imaging.pyramid.shrink import shrink_mean


class SlabWriter:
    """Writes the slabs of one image: in any order, by several threads or processes, one writer per slab.

    A slab of a coarser level needs the slabs below it (`needs`). It can be sent to another process, and to another
    machine that sees the same folder, and has a key of its own to the object store where there is one. It carries
    nothing of the image but its layout.
    """

    def __init__(self, layout: Layout, arrays: tuple[StoredArray, ...]) -> None:
        self.layout = layout
        self._arrays = arrays

    def write_slab(self, start: int, stored: Stored, *, t: int = 0, c: int = 0) -> VoxelDigest:
        """Write stored values (z, y, x) of level 0 from z plane `start`, whole shards but for the last; digest them."""
        stop = start + len(stored)
        self._arrays[0].write(self._where(start, stop, t=t, c=c), self._checked(stored))
        return VoxelDigest(t=t, c=c, start=start, stop=stop, sha256=digest_voxels(stored))

    def build_slab(self, slab: Slab) -> None:
        """Compute one slab of a coarser level from the level below it."""
        level = self.layout.levels[slab.level]
        step = level.step
        below = self._arrays[slab.level - 1]
        result = np.empty((slab.stop - slab.start, *level.shape[-2:]), self.layout.dtype)
        # As many planes at a time as one row of inner chunks holds, so that memory stays at one slab and a bit.
        depth = max(1, self.layout.levels[slab.level - 1].chunk[-3] // step[0])
        for start in range(slab.start, slab.stop, depth):
            stop = min(start + depth, slab.stop)
            source = below.read(self._where(start * step[0], stop * step[0], t=slab.t, c=slab.c))
            result[start - slab.start : stop - slab.start] = shrink_mean(source, step)
        self._write(slab, result)

    def halve(self, slab: Slab, stored: Stored) -> Stored | None:
        """Compute what a slab's stored values (z, y, x) are on the next level; None for the coarsest."""
        if slab.level + 1 == len(self.layout.levels):
            return None
        return shrink_mean(stored, self.layout.levels[slab.level + 1].step)

    def join_slab(self, slab: Slab, halved: Sequence[Stored]) -> Stored:
        """Write a slab of a coarser level from what `halve` gave for each slab it needs, in their order; give it.

        That is `build_slab` for whoever still holds the level below, without reading it again.
        """
        joined = halved[0] if len(halved) == 1 else np.concatenate(halved)
        self._write(slab, joined)
        return joined

    def _write(self, slab: Slab, stored: Stored) -> None:
        self._arrays[slab.level].write(self._where(slab.start, slab.stop, t=slab.t, c=slab.c), stored)

    def needs(self, slab: Slab) -> tuple[Slab, ...]:
        """Which slabs of the level below must be there before this one is built."""
        step = self.layout.levels[slab.level].step[0]
        depth = self.layout.levels[slab.level - 1].shard[-3]
        planes = self.layout.extent("z", slab.level - 1)
        first, last = slab.start * step // depth, (slab.stop * step - 1) // depth
        return tuple(
            Slab(slab.level - 1, number * depth, min((number + 1) * depth, planes), slab.t, slab.c)
            for number in range(first, last + 1)
        )

    def _where(self, start: int, stop: int, *, t: int, c: int) -> tuple[int | slice, ...]:
        front = tuple({"t": t, "c": c}[axis] for axis in self.layout.axes[:-3])
        return (*front, slice(start, stop), slice(None), slice(None))

    def _checked(self, stored: Stored) -> Stored:
        expected = self.layout.levels[0].shape[-2:]
        if stored.dtype != np.dtype(self.layout.dtype) or stored.shape[1:] != expected:
            raise ValueError(f"a slab of {stored.dtype} {stored.shape[1:]} does not fit {self.layout.dtype} {expected}")
        return stored


class PyramidWriter(SlabWriter):
    """Writes one image into a staging folder; the group's own zarr.json comes last: what is unfinished is no image."""

    def __init__(self, target: Path, layout: Layout, attributes: ImageAttributes, *, store: ObjectStore | None) -> None:
        place = fresh_places(store)
        arrays = (
            create_array(target / str(level), array_metadata(layout, level), keep_empty=True, place=place(level))
            for level in range(len(layout.levels))
        )
        super().__init__(layout, tuple(arrays))
        self.target = target
        self.attributes = attributes

    @classmethod
    def create(
        cls, target: Path, layout: Layout, attributes: ImageAttributes, *, store: ObjectStore | None = None
    ) -> PyramidWriter:
        """Make the folder and an empty array for each level; shards go into the project's `store`, where it has one."""
        return cls(target, layout, attributes, store=store)

    def for_others(self) -> SlabWriter:
        """Give what another process needs to write slabs of this image."""
        return SlabWriter(self.layout, self._arrays)

    def finish(self, voxels: Iterable[VoxelDigest] = ()) -> Manifest:
        """Write the group's metadata and digest every file; `voxels` are the digests of all slabs of level 0."""
        (self.target / "zarr.json").write_bytes(print_group(image_group(self.layout, self.attributes)))
        return take_manifest(self.target, voxels)


def write_pyramid(
    target: Path, stored: Stored, attributes: ImageAttributes, *, store: ObjectStore | None = None
) -> Manifest:
    """Write an image that is small enough to be held in memory.

    Parameters
    ----------
    target
        The group's folder; it must not exist.
    stored
        Along `attributes.axes`.
    store
        That of the project, where shards go; None for folders.
    """
    layout = plan_layout(attributes.axes, stored.shape, stored.dtype.name, attributes.spacing_mm)
    writer = PyramidWriter.create(target, layout, attributes, store=store)
    voxels = []
    for slab in layout.slabs(0):
        front = tuple({"t": slab.t, "c": slab.c}[axis] for axis in layout.axes[:-3])
        voxels.append(writer.write_slab(slab.start, stored[front][slab.start : slab.stop], t=slab.t, c=slab.c))
    for level in range(1, len(layout.levels)):
        for slab in layout.slabs(level):
            writer.build_slab(slab)
    return writer.finish(voxels)
