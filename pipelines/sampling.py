"""Patches to learn from: where the terms are, which patch comes next, and how it is varied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipelines.voxels import (
    Classes,
    Corner,
    ImageVoxels,
    Intensity,
    LabelVoxels,
    Size,
    Spacing,
    Values,
    clip_box,
    native_size,
    slabs,
)

LOCATIONS = 10_000
"""At most this many places are remembered per class and image (nnU-Net's number): more would only cost memory."""

Places = NDArray[np.int32]


@dataclass(frozen=True)
class Survey:
    """Where the classes of one image lie and what their voxels measure.

    Attributes
    ----------
    places
        Per class, (n, 3) voxel indices (z, y, x).
    values
        Real values (HU and the like) at all these places.
    """

    places: tuple[Places, ...]
    values: Values


@dataclass(frozen=True)
class Volume:
    """One image to draw patches from."""

    image: ImageVoxels
    labels: LabelVoxels
    survey: Survey
    intensity: Intensity


@dataclass(frozen=True)
class Draw:
    """How patches are drawn.

    Attributes
    ----------
    patch, spacing : (z, y, x)
        Voxels and mm of a patch; images of other spacing are resampled to it.
    foreground
        Share of the patches that are centred on a class.
    flips
        Axes along which patches are mirrored.
    """

    patch: Size
    spacing: Spacing
    foreground: float
    flips: tuple[int, ...]
    seed: int


def survey_image(image: ImageVoxels, labels: LabelVoxels, classes: int, seed: int) -> Survey:
    """Walk through one image slab by slab and remember a uniform sample of each class."""
    rng = np.random.default_rng([seed, 23])
    kept = [_Kept() for _ in range(classes)]
    for box in slabs(labels.shape):
        found = labels.read(box)
        if not found.any():
            continue
        values = image.read(box)[0]
        for number, already in enumerate(kept, start=1):
            inside = found == number
            places = np.argwhere(inside) + np.asarray([box[0], 0, 0])
            drawn = _Kept(rng.random(len(places)), places.astype(np.int32), values[inside])
            kept[number - 1] = already.joined(drawn)
    return Survey(tuple(one.places for one in kept), np.concatenate([one.values for one in kept]))


@dataclass(frozen=True)
class _Kept:
    """Places with a random lot each: the smallest lots of all slabs are a uniform sample, however an image is cut."""

    lots: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    places: Places = field(default_factory=lambda: np.empty((0, 3), np.int32))
    values: Values = field(default_factory=lambda: np.empty(0, np.float32))

    def joined(self, other: _Kept) -> _Kept:
        lots = np.concatenate([self.lots, other.lots])
        chosen = np.argsort(lots, kind="stable")[:LOCATIONS]
        places = np.concatenate([self.places, other.places])[chosen]
        return _Kept(lots[chosen], places, np.concatenate([self.values, other.values])[chosen])


class PatchSource:
    """Draws patches; patch i of step n is a function of the seed alone, so any number of threads gives the same."""

    def __init__(self, volumes: Sequence[Volume], draw: Draw) -> None:
        self._volumes = volumes
        self._draw = draw
        classes = max((len(volume.survey.places) for volume in volumes), default=0)
        holders = [[v for v in volumes if len(v.survey.places[number])] for number in range(classes)]
        self._holders = [(number, holding) for number, holding in enumerate(holders) if holding]

    def patch(self, step: int, index: int) -> tuple[Values, Classes]:
        """Draw one varied patch.

        Returns
        -------
        values : (c, z, y, x), float32
        classes : (z, y, x), uint8
        """
        rng = np.random.default_rng([self._draw.seed, 37, step, index])
        volume, centre = self._place(rng)
        size = native_size(self._draw.patch, self._draw.spacing, volume.image.spacing)
        start = _start(centre, size, volume.image.shape)
        values, classes = read_patch(volume, start, size, self._draw.patch)
        return vary(values, classes, self._draw.flips, rng)

    def batch(self, step: int, count: int) -> tuple[Values, Classes]:
        """Draw the patches of one step: values (n, c, z, y, x) and classes (n, 1, z, y, x)."""
        patches = [self.patch(step, index) for index in range(count)]
        return np.stack([values for values, _ in patches]), np.stack([classes for _, classes in patches])[:, None]

    def _place(self, rng: Generator) -> tuple[Volume, NDArray[np.float64]]:
        if self._holders and rng.random() < self._draw.foreground:
            number, holding = self._holders[int(rng.integers(len(self._holders)))]
            volume = holding[int(rng.integers(len(holding)))]
            places = volume.survey.places[number]
            reach = np.asarray(self._draw.patch) / 6
            return volume, places[rng.integers(len(places))] + rng.uniform(-reach, reach)
        volume = self._volumes[int(rng.integers(len(self._volumes)))]
        return volume, rng.uniform(size=3) * volume.image.shape


def prefetch(
    make: Callable[[int], tuple[Values, Classes]], steps: int, *, threads: int
) -> Iterator[tuple[Values, Classes]]:
    """Make the batches of all steps in order, some ahead of time; with 0 threads each when it is asked for."""
    if threads == 0:
        yield from map(make, range(steps))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="patches") as pool:
        coming = iter(range(steps))
        waiting: list[Future[tuple[Values, Classes]]] = [pool.submit(make, n) for n in islice(coming, 2 * threads)]
        try:
            while waiting:
                ready = waiting.pop(0)
                waiting += [pool.submit(make, n) for n in islice(coming, 1)]
                yield ready.result()
        finally:
            for future in waiting:
                future.cancel()


def read_patch(volume: Volume, start: Corner, size: Size, patch: Size) -> tuple[Values, Classes]:
    """Read `size` voxels of the image's own from `start`, repeated at the border, as a patch of another size."""
    values = read_values(volume.image, volume.intensity, start, size, patch)
    box, missing = clip_box(start, size, volume.image.shape)
    classes = np.pad(volume.labels.read(box), missing)
    return values, classes if size == patch else _nearest(classes, patch)


def read_values(image: ImageVoxels, intensity: Intensity, start: Corner, size: Size, patch: Size) -> Values:
    """Read the values (c, z, y, x) of such a patch as the network is to see them."""
    box, missing = clip_box(start, size, image.shape)
    values = np.pad(image.normalised(box, intensity), ((0, 0), *missing), mode="edge")
    return values if size == patch else resample(values, patch)


def resample(values: Values, size: Size) -> Values:
    """Bring (c, z, y, x) to another number of voxels over the same extent, linearly."""
    import torch

    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(values))[None], size=size, mode="trilinear", align_corners=False
    )
    return np.asarray(wanted[0].numpy(), np.float32)


def vary(values: Values, classes: Classes, flips: Sequence[int], rng: Generator) -> tuple[Values, Classes]:
    """Mirror, stretch and shift intensities, add noise: what another scanner or subject would change."""
    axes = [axis for axis in flips if rng.random() < 0.5]
    values = np.flip(values, tuple(axis + 1 for axis in axes))
    classes = np.flip(classes, tuple(axes))
    gain, shift, grain = rng.uniform(0.9, 1.1), rng.uniform(-0.1, 0.1), rng.uniform(0.0, 0.06)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    varied = values * np.float32(gain) + np.float32(shift) + noise * np.float32(grain)
    return np.ascontiguousarray(varied, np.float32), np.ascontiguousarray(classes)


def _start(centre: NDArray[np.float64], size: Size, shape: Size) -> Corner:
    z, y, x = (
        (length - count) // 2 if length <= count else int(np.clip(round(middle - count / 2), 0, length - count))
        for middle, count, length in zip(centre, size, shape, strict=True)
    )
    return z, y, x


def _nearest(classes: Classes, size: Size) -> Classes:
    picks = [
        np.minimum((np.arange(wanted) + 0.5) * count / wanted, count - 1).astype(int)
        for wanted, count in zip(size, classes.shape, strict=True)
    ]
    return classes[np.ix_(*picks)]
