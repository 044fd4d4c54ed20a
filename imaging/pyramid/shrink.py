"""Halving voxels: the mean for images, the most frequent value for segmentations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.pyramid.layout import Factors, Stored

_WIDE = {
    "i1": np.int16,
    "u1": np.uint16,
    "i2": np.int32,
    "u2": np.uint32,
    "i4": np.int64,
    "u4": np.int64,
    "f4": np.float64,
}


def shrink_mean(stored: Stored, step: Factors) -> Stored:
    """Average blocks of voxels, halves rounded up, as SimpleITK's BinShrink does; odd ends are left out.

    Parameters
    ----------
    stored : (z, y, x), any of the layout's types
    step : (z, y, x)
        1 or 2 along each axis.

    Returns
    -------
    (z // step z, y // step y, x // step x), same type
    """
    count = step[0] * step[1] * step[2]
    if count == 1:
        return stored
    planes, rows, columns = (length // by for length, by in zip(stored.shape, step, strict=True))
    wide = _WIDE[stored.dtype.str[1:]]
    result = np.empty((planes, rows, columns), stored.dtype)
    for plane in range(planes):
        # One output plane at a time stays in the processor's cache: four times faster than sums over the volume.
        total = stored[plane * step[0], : rows * step[1], : columns * step[2]].astype(wide)
        if step[0] == 2:
            total += stored[plane * 2 + 1, : rows * step[1], : columns * step[2]]
        if step[1] == 2:
            total = total[0::2] + total[1::2]
        if step[2] == 2:
            total = total[:, 0::2] + total[:, 1::2]
        if wide is np.float64:
            result[plane] = total / count
        else:
            result[plane] = (total + count // 2) >> (count.bit_length() - 1)
    return result


def shrink_mode(labels: NDArray[np.uint16], step: Factors) -> NDArray[np.uint16]:
    """Take the most frequent value of each block; of equals the largest, so that thin structures stay visible.

    Parameters
    ----------
    labels : (z, y, x), uint16
    step : (z, y, x)
        1 or 2 along each axis; odd ends are left out.
    """
    size = tuple(length // by for length, by in zip(labels.shape, step, strict=True))
    result = np.zeros(size, np.uint16)
    cut = labels[: size[0] * step[0], : size[1] * step[1], : size[2] * step[2]]
    for plane in range(size[0]):
        pair = cut[plane * step[0] : (plane + 1) * step[0]]
        rows = np.flatnonzero(pair.any(axis=(0, 2)))
        if rows.size:
            first, last = rows[0] // step[1], rows[-1] // step[1] + 1
            result[plane, first:last] = _mode(pair[:, first * step[1] : last * step[1]], step)
    return result


def _mode(pair: NDArray[np.uint16], step: Factors) -> NDArray[np.uint16]:
    samples = np.stack(
        [pair[z, y :: step[1], x :: step[2]] for z in range(step[0]) for y in range(step[1]) for x in range(step[2])]
    )
    samples.sort(axis=0)
    votes = np.zeros(samples.shape, np.uint8)
    for sample in samples:
        votes += samples == sample
    # The samples ascend, so the last of the most frequent is the largest of them.
    winner = len(samples) - 1 - votes[::-1].argmax(axis=0)
    return np.asarray(np.take_along_axis(samples, winner[None], axis=0)[0])
