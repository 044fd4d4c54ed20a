"""What a network says of a prepared image, brought back onto the voxels of its source in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imaging.geometry import Matrix
from pipelines.plan import Plan
from pipelines.prepared_grid import PreparedGrid, interpolate
from pipelines.preprocess import Prepared
from pipelines.voxels import SLAB_VOXELS, Classes, Values
from pipelines.windows import Forward, Windows, predict_logits


def segment_prepared(plan: Plan, prepared: Prepared, forward: Forward, scratch: Path) -> Iterator[Classes]:
    """Predict an image as it is prepared, then give the classes (z, y, x) of its own voxels slab by slab along z.

    What the network says of each class is interpolated linearly before the most probable is taken, so that borders are
    not those of the prepared voxels. What was cropped away is background.

    Parameters
    ----------
    scratch
        A folder for what the network says, which may be larger than memory.
    """
    intensity = plan.intensity_of(prepared.voxels.modality)
    windows = Windows(prepared.voxels, plan.patch, plan.spacing, plan.overlap)
    classes = len(plan.classes) + 1
    shape = (classes, *prepared.grid.shape)
    logits = np.lib.format.open_memmap(scratch / "logits.npy", mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for slab in predict_logits(windows, intensity, forward, classes=classes, batch=plan.batch):
        logits[:, start : start + slab.shape[1]] = slab
        start += slab.shape[1]
    depth = max(1, SLAB_VOXELS // (classes * prepared.grid.source[1] * prepared.grid.source[2]))
    for first in range(0, prepared.grid.source[0], depth):
        yield _bring_back(logits, prepared.grid, first, min(first + depth, prepared.grid.source[0]))
    # The map must be let go before its folder is.
    del logits


def _bring_back(logits: Values, grid: PreparedGrid, start: int, stop: int) -> Classes:
    """Give the classes of the planes start..stop of the source."""
    cut: list[slice] = []
    places: list[Matrix] = []
    shown = np.ones((stop - start, *grid.source[1:]), bool)
    for axis in grid.axes:
        place, seen = axis.places_back(grid.source[axis.source])
        if axis.source == 0:
            place, seen = place[start:stop], seen[start:stop]
        low, high = int(np.floor(place.min())), int(np.floor(place.max())) + 2
        cut.append(slice(low, min(high, axis.length)))
        places.append(place - low)
        shown &= seen.reshape([-1 if number == axis.source else 1 for number in range(3)])
    found = interpolate(np.asarray(logits[(slice(None), *cut)]), places, [1 / axis.step for axis in grid.axes])
    back = np.argsort([axis.source for axis in grid.axes])
    classes = found.argmax(axis=0).astype(np.uint8).transpose(back)
    return np.where(shown, classes, np.uint8(0))
