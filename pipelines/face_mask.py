"""Finds the face in a volume of a head: all that is at and before its front surface, smoothed so that no feature stays.

Skin is taken off from the ears forwards, deeper below the eyes, and what protrudes goes: noses, lips, ears. The brain
lies deeper than that (scalp and skull of an adult measure 10 mm and more). In the manner of Milchenko and Marcus,
"Obscuring surface anatomy in volumetric imaging data", Neuroinformatics 2013, without an atlas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Field = NDArray[np.float64]

_AIR_HU = -250.0
_CLOSED_MM, _NECK_MM = 8.0, 3.0
"""Gaps of the threshold that are closed, and bridges to pillows and coils that are cut."""
_SKIN_MM = 7.0
_BEHIND_MM = 60.0
"""How far behind the middle of the head ears reach, however it is turned."""
_RAMP_MM = 20.0
"""From there forwards, over which the skin that goes grows to its full depth."""
_DEEP_MM, _DEEP_BELOW_MM = 25.0, 125.0
"""How much goes of nose and mouth, and how far below the crown those are at least, however the head is turned."""
_FEATURE_MM = 18.0
"""Half of how wide a feature is that protrudes, at most: a nose is 35 mm wide."""
_LEAST_MM = 80.0
_WIDEST_MM = 230.0
_PAD = 12


@dataclass(frozen=True, eq=False)
class Sketch:
    """A volume made coarse.

    Attributes
    ----------
    values : (z, y, x), float32
        Real values.
    steps : (3, 3)
        Column i is what one step along voxel axis i (z, y, x) is in LPS mm; the columns are orthogonal.
    hounsfield
        Whether values are in HU: then air is known.
    """

    values: NDArray[np.float32]
    steps: Field
    hounsfield: bool

    @property
    def spacing(self) -> tuple[float, ...]:
        """Length of one step along z, y and x, in mm."""
        return tuple(np.linalg.norm(self.steps, axis=0).tolist())


def find_head(sketch: Sketch) -> Mask:
    """Return the largest body in the volume, without holes in planes of any direction; (z, y, x)."""
    spacing = sketch.spacing
    body = sketch.values > (_AIR_HU if sketch.hounsfield else _split(sketch.values))
    body = _close(body, _CLOSED_MM, spacing)
    for axis in range(3):
        body = np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(body, axis, 0)], axis)
    parts, count = ndimage.label(_distance(body, spacing) > _NECK_MM)
    if not count:
        return np.zeros_like(body)
    largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return np.asarray((_distance(~largest, spacing) <= 2 * _NECK_MM) & body)


def is_no_head(head: Mask, sketch: Sketch) -> bool:
    """Whether what was found is too small for a head: an organ, a lesion, a test object."""
    return not head.any() or max(_extents(head, sketch)) < _LEAST_MM


def is_more_than_head(head: Mask, sketch: Sketch) -> bool:
    """Whether it is wider than a head, so that crown and face cannot be told from shoulders and arms."""
    return _extents(head, sketch)[0] > _WIDEST_MM


def find_face(head: Mask, sketch: Sketch) -> Mask:
    """Return what has to go for the face to go, of the head and of the air before it; (z, y, x).

    Parameters
    ----------
    head : (z, y, x)
        As `find_head` gives it. Where it reaches the end of the volume it is taken to go on there.
    """
    places = np.tensordot(sketch.steps, np.indices(head.shape), axes=1)
    forwards = -(places[1] - places[1][head].mean())
    below = places[2][head].max() - places[2]
    depth = _SKIN_MM * np.clip((forwards + _BEHIND_MM) / _RAMP_MM, 0, 1)
    depth[(below > _DEEP_BELOW_MM) & (forwards > _RAMP_MM)] = _DEEP_MM
    core = head & (_distance(head, sketch.spacing) > depth)
    return np.asarray((forwards > -_BEHIND_MM) & ~_smooth(core, sketch))


def _split(values: NDArray[np.float32]) -> float:
    """Give the value between air and body that loses least of either (minimum cross entropy, Li and Tam 1998)."""
    chosen: Any = SimpleITK.LiThresholdImageFilter()  # type: ignore[no-untyped-call]
    chosen.Execute(SimpleITK.GetImageFromArray(values))
    return float(chosen.GetThreshold())


def _extents(head: Mask, sketch: Sketch) -> tuple[float, float, float]:
    """How far a body reaches to the left, to the back and upwards, in mm."""
    places = sketch.steps @ np.argwhere(head).T
    across, back, up = np.ptp(places, axis=1).tolist()
    return across, back, up


def _distance(inside: Mask, spacing: tuple[float, ...]) -> Field:
    """Return how far each voxel is from the outside, mm; the volume is taken to go on beyond its ends."""
    if inside.all():
        return np.full(inside.shape, np.inf)
    drawn_out = np.pad(inside, _PAD, mode="edge")
    return _crop(ndimage.distance_transform_edt(drawn_out, sampling=spacing))


def _close(body: Mask, radius: float, spacing: tuple[float, ...]) -> Mask:
    if not body.any():
        return body
    drawn_out = np.pad(body, _PAD, mode="edge")
    grown = ndimage.distance_transform_edt(~drawn_out, sampling=spacing) <= radius
    return np.asarray(_crop(ndimage.distance_transform_edt(grown, sampling=spacing)) > radius) | body


def _smooth(core: Mask, sketch: Sketch) -> Mask:
    """Take away what is narrower than a feature; before the foremost planes there is air, so that cut noses go too."""
    sides = [[_PAD, _PAD] for _ in core.shape]
    front = int(np.abs(sketch.steps[1]).argmax())
    end = int(sketch.steps[1, front] < 0)
    drawn_out = np.pad(core, sides, mode="edge")
    outside: list[slice] = [slice(None)] * core.ndim
    outside[front] = slice(-_PAD, None) if end else slice(0, _PAD)
    drawn_out[tuple(outside)] = False
    deep = ndimage.distance_transform_edt(drawn_out, sampling=sketch.spacing) > _FEATURE_MM
    if not deep.any():
        return np.zeros_like(core)
    near = ndimage.distance_transform_edt(~deep, sampling=sketch.spacing) <= _FEATURE_MM
    return _crop(near & drawn_out)


def _crop(drawn_out: NDArray[Any]) -> NDArray[Any]:
    inner = tuple(slice(_PAD, -_PAD) for _ in drawn_out.shape)
    return np.asarray(drawn_out[inner])
