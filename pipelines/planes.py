"""Reads the stored values of an image plane by plane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imaging.domain.image import Image
from imaging.project.project import Project
from imaging.pyramid.layout import Stored
from imaging.pyramid.read import Pyramid

_DEPTH = 32
"""Planes read at a time: one row of inner chunks."""


class Planes:
    """Reads an image plane by plane, a slab of them at a time."""

    def __init__(self, project: Project, image: Image) -> None:
        self._pyramid = Pyramid.open(project.images.path(image.id))
        self._image = image
        self._at: tuple[int, int] | None = None
        self._slab: Stored = np.empty(0)

    def read(self, t: int, z: int) -> Stored:
        """Give the stored values (c, y, x) of one plane."""
        start = z - z % _DEPTH
        if self._at != (t, start):
            self._slab, self._at = self._read_slab(t, start), (t, start)
        return self._slab[:, z - start]

    def walk(self) -> Iterator[tuple[float, Stored]]:
        """Give all slabs (c, z, y, x), times one after the other, each with the share that is done then."""
        times, planes = self._image.extent("t"), self._image.extent("z")
        for t in range(times):
            for start in range(0, planes, _DEPTH):
                self._at = (t, start)
                yield (t + min(1.0, (start + _DEPTH) / planes)) / times, self._read_slab(t, start)

    def to_real(self, stored: Stored) -> NDArray[np.float64]:
        """Rescale the slab (c, z, y, x) that `walk` gave last; (z, y, x)."""
        first = 0 if self._at is None else self._at[1]
        rescale, (channel,) = self._image.attributes.rescale, stored
        slope, intercept = (
            np.resize(np.asarray(numbers, np.float64), self._image.extent("z"))[first:][: len(channel)]
            for numbers in (rescale.slope, rescale.intercept)
        )
        return np.asarray(channel * slope[:, None, None] + intercept[:, None, None], np.float64)

    def _read_slab(self, t: int, start: int) -> Stored:
        stop = min(start + _DEPTH, self._image.extent("z"))
        box = (start, stop, 0, self._image.extent("y"), 0, self._image.extent("x"))
        channels = range(self._image.extent("c"))
        return np.stack([self._pyramid.region(box, t=t, c=c) for c in channels])
