"""Sliding-window prediction in bounded memory: finished planes leave while later ones are still being added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.sampling import read_values
from pipelines.voxels import Classes, Corner, ImageVoxels, Intensity, Size, Spacing, Values, clip_box, native_size

if TYPE_CHECKING:
    import torch

Forward = Callable[[Values], "torch.Tensor"]
"""Takes (n, c, z, y, x) and gives logits (n, classes, z, y, x) on the CPU."""


class Windows:
    """Where the windows of one image lie.

    Parameters
    ----------
    patch, spacing : (z, y, x)
        What the network was trained with.
    overlap
        Of neighbouring windows, as a share of their size.
    """

    def __init__(self, image: ImageVoxels, patch: Size, spacing: Spacing, overlap: float) -> None:
        self.image = image
        self.patch = patch
        self.size = native_size(patch, spacing, image.spacing)
        self.starts = tuple(
            _starts(length, count, overlap) for length, count in zip(image.shape, self.size, strict=True)
        )
        self.weight = _gaussian(self.size)

    def read(self, start: Corner, intensity: Intensity) -> Values:
        """Read one window as the network is to see it, repeated at the border."""
        return read_values(self.image, intensity, start, self.size, self.patch)


def predict_classes(
    windows: Windows, intensity: Intensity, forward: Forward, *, classes: int, batch: int
) -> Iterator[Classes]:
    """Predict an image.

    Parameters
    ----------
    classes
        Channels of the network, background included.

    Yields
    ------
    (z, y, x), uint8
        Slabs that follow each other along z and together cover the image; the most probable class of each voxel.
    """
    for sums in _finished_sums(windows, intensity, forward, channels=classes, batch=batch):
        yield sums.argmax(axis=0).astype(np.uint8)


def predict_logits(
    windows: Windows, intensity: Intensity, forward: Forward, *, classes: int, batch: int
) -> Iterator[Values]:
    """As `predict_classes`, but give what the network says of each class: slabs (classes, z, y, x), averaged."""
    for sums in _finished_sums(windows, intensity, forward, channels=classes + 1, batch=batch):
        yield sums[:classes] / sums[classes:]


def _finished_sums(
    windows: Windows, intensity: Intensity, forward: Forward, *, channels: int, batch: int
) -> Iterator[Values]:
    """Add up windows; where there is a channel more than classes, their weights are added up in it."""
    depth, rows, columns = windows.image.shape
    sums = np.zeros((channels, min(windows.size[0], depth), rows, columns), np.float32)
    first = 0
    z_starts = windows.starts[0]
    for number, z_start in enumerate(z_starts):
        corners = [(z_start, y, x) for y, x in product(*windows.starts[1:])]
        for begin in range(0, len(corners), batch):
            _add(windows, corners[begin : begin + batch], intensity, forward, sums)
        following = z_starts[number + 1] if number + 1 < len(z_starts) else depth
        finished = following - first
        yield sums[:, :finished]
        sums[:, : sums.shape[1] - finished] = sums[:, finished:]
        sums[:, sums.shape[1] - finished :] = 0.0
        first = following


def _add(windows: Windows, corners: list[Corner], intensity: Intensity, forward: Forward, sums: Values) -> None:
    """Add the weighted logits of some windows that share their z start."""
    import torch

    logits = forward(np.stack([windows.read(corner, intensity) for corner in corners]))
    if windows.size != windows.patch:
        logits = torch.nn.functional.interpolate(logits, size=windows.size, mode="trilinear", align_corners=False)
    weighted = logits.numpy() * windows.weight
    for corner, values in zip(corners, weighted, strict=True):
        (z0, z1, y0, y1, x0, x1), missing = clip_box(corner, windows.size, windows.image.shape)
        inner = tuple(
            slice(before, count - after) for (before, after), count in zip(missing, windows.size, strict=True)
        )
        sums[: len(values), : z1 - z0, y0:y1, x0:x1] += values[(slice(None), *inner)]
        # The weights, where somebody asked for averages.
        sums[len(values) :, : z1 - z0, y0:y1, x0:x1] += windows.weight[inner]


def _starts(length: int, size: int, overlap: float) -> tuple[int, ...]:
    """Place windows as MONAI's sliding window does, so that a bundle under stock MONAI answers as the job does."""
    if length <= size:
        return (-((size - length) // 2),)
    step = max(1, int(size * (1.0 - overlap)))
    return tuple(min(place, length - size) for place in range(0, length - size + step, step))


def _gaussian(size: Size) -> NDArray[np.float32]:
    """Weigh the middle of a window more than its border, which saw less of its surroundings."""
    weight = np.ones((1, 1, 1))
    for axis, count in enumerate(size):
        place = (np.arange(count) - (count - 1) / 2) / max(count * 0.125, 1e-6)
        weight = weight * np.exp(-0.5 * place**2).reshape([-1 if axis == other else 1 for other in range(3)])
    return np.maximum(weight, 1e-3).astype(np.float32)
