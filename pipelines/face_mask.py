"""Finds the face in a volume of a head: all that is at and before its front surface, smoothed so that no feature stays.

Skin is taken off from the ears forwards, deeper from the eyes down, and what protrudes goes: noses, lips, ears. The
brain lies deeper than that (scalp and skull of an adult measure 10 mm and more). In the manner of Milchenko and Marcus,
"Obscuring surface anatomy in volumetric imaging data", Neuroinformatics 2013, without an atlas. Whatever does not look
like one whole head in air is told apart by `find_doubt`: there the mask is worth nothing.
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
_BLUR_MM = 2.0
"""Against noise, which would close the air around a head."""
_SHELL_MM = 2.0
"""Half of how thick a shell is that is no skin, at most: masks and holders around a head."""
_CLOSED_MM, _NECK_MM = 8.0, 3.0
"""Gaps of the threshold that are closed, and bridges to pillows and coils that are cut."""
_SKIN_MM = 7.0
_BEHIND_MM = 60.0
"""How far behind the middle of the head ears reach, however it is turned."""
_RAMP_MM = 20.0
"""From there forwards, over which the skin that goes grows to its full depth."""
_DEEP_MM, _DEEP_BELOW_MM = 25.0, 125.0
"""How much goes from the eyes down, and how far below the crown those are at least, however the head is turned."""
_FEATURE_MM = 18.0
"""Half of how wide a feature is that protrudes, at most: a nose is 35 mm wide."""
_ACROSS_MM, _BACK_MM, _MILLILITRES = (100.0, 215.0), (120.0, 270.0), (1500.0, 7000.0)
_CROWN_BIN_MM, _CROWN_SHARE = 10.0, 0.55
"""The uppermost centimetre of a head that is whole is narrower than this share of its widest one."""
_LEAST_AIR, _MOST_SPECKS, _MOST_FILLED = 0.05, 0.03, 0.1
"""Shares: of air before a head, of what shines in the air around it, and of a head that was filled in."""
_FACE_SHARE = (0.02, 0.4)
"""Of a whole head an eighth goes, nearly."""
_PAD = 12


@dataclass(frozen=True, eq=False)
class CoarseVolume:
    """A volume on a coarse grid.

    Attributes
    ----------
    values : (z, y, x), float32
        Real values.
    step_vectors : (3, 3)
        Column i is what one step along voxel axis i (z, y, x) is in LPS mm; the columns are orthogonal.
    hounsfield
        Whether values are in HU: then air is known.
    """

    values: NDArray[np.float32]
    step_vectors: Field
    hounsfield: bool

    @property
    def spacing(self) -> tuple[float, ...]:
        """Length of one step along z, y and x, in mm."""
        return tuple(np.linalg.norm(self.step_vectors, axis=0).tolist())


@dataclass(frozen=True, eq=False)
class Head:
    """The largest body of a volume.

    Attributes
    ----------
    mask : (z, y, x)
        Without holes in planes of any direction.
    bright : (z, y, x)
        What is not air by its value alone.
    faint : (z, y, x)
        What is air for sure: a third of the way to what is bright, where air is 0.
    """

    mask: Mask
    bright: Mask
    faint: Mask


def find_head(volume: CoarseVolume) -> Head:
    """Find the largest body that is no thin shell."""
    spacing = volume.spacing
    values = ndimage.gaussian_filter(volume.values, [_BLUR_MM / step for step in spacing])
    threshold = _AIR_HU if volume.hounsfield else _find_air_threshold(values)
    bright, faint = values > threshold, values <= (threshold if volume.hounsfield else threshold / 3)
    body = _close(_open(bright, _SHELL_MM, spacing), _CLOSED_MM, spacing)
    for axis in range(3):
        body = np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(body, axis, 0)], axis)
    parts, count = ndimage.label(_distance(body, spacing) > _NECK_MM)
    if not count:
        return Head(np.zeros_like(body), bright, faint)
    largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return Head(np.asarray((_distance(~largest, spacing) <= 2 * _NECK_MM) & body), bright, faint)


def find_doubt(head: Head, volume: CoarseVolume) -> str:
    """Say why this may be something else than one whole head in air; empty where nothing speaks against it."""
    if not head.mask.any():
        return "no head is seen"
    places = volume.step_vectors @ np.argwhere(head.mask).T
    across, back, _ = np.ptp(places, axis=1).tolist()
    millilitres = np.count_nonzero(head.mask) * float(np.prod(volume.spacing)) / 1000
    if not (_within(across, _ACROSS_MM) and _within(back, _BACK_MM) and _within(millilitres, _MILLILITRES)):
        return "what is seen has not the size of a head"
    sections = np.bincount(((places[2].max() - places[2]) / _CROWN_BIN_MM).astype(int))
    if sections[0] > _CROWN_SHARE * sections.max():
        return "the crown of the head is not seen"
    outside = ~head.mask
    before = _forwards(head.mask, volume) > 0
    if np.count_nonzero(outside & before) < _LEAST_AIR * np.count_nonzero(before):
        return "there is no air before the head"
    specks = np.count_nonzero(head.bright & outside)
    if not volume.hounsfield and specks > _MOST_SPECKS * np.count_nonzero(outside):
        return "head and air cannot be told apart"
    if np.count_nonzero(head.mask & head.faint) > _MOST_FILLED * np.count_nonzero(head.mask):
        return "too little of the head shines"
    return ""


def find_face(head: Mask, volume: CoarseVolume) -> Mask:
    """Return what has to go for the face to go, of the head and of all before it; (z, y, x).

    Parameters
    ----------
    head : (z, y, x)
        A whole head. Where it reaches the end of the volume it is taken to go on there.
    """
    forwards = _forwards(head, volume)
    heights = np.tensordot(volume.step_vectors[2], np.indices(head.shape), axes=1)
    below = heights[head].max() - heights
    depth = _SKIN_MM * np.clip((forwards + _BEHIND_MM) / _RAMP_MM, 0, 1)
    depth[(below > _DEEP_BELOW_MM) & (forwards > _RAMP_MM)] = _DEEP_MM
    core = head & (_distance(head, volume.spacing) > depth)
    return np.asarray((forwards > -_BEHIND_MM) & ~_take_features(core, volume))


def is_plausible(face: Mask, head: Mask) -> bool:
    """Whether what goes is about as much of a head as its face is."""
    return _within(int(np.count_nonzero(face & head)) / max(1, int(np.count_nonzero(head))), _FACE_SHARE)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _find_air_threshold(values: NDArray[np.float32]) -> float:
    """Give the value between air and body that loses least of either (minimum cross entropy, Li and Tam 1998)."""
    chosen: Any = SimpleITK.LiThresholdImageFilter()  # type: ignore[no-untyped-call]
    chosen.Execute(SimpleITK.GetImageFromArray(values))
    return float(chosen.GetThreshold())


def _forwards(head: Mask, volume: CoarseVolume) -> Field:
    """Return how far before the middle of the head each voxel lies, mm; (z, y, x)."""
    backwards = np.tensordot(volume.step_vectors[1], np.indices(head.shape), axes=1)
    return np.asarray(backwards[head].mean() - backwards)


def _distance(inside: Mask, spacing: tuple[float, ...]) -> Field:
    """Return how far each voxel (z, y, x) is from the outside, mm; the volume is taken to go on beyond its ends."""
    if inside.all():
        return np.full(inside.shape, np.inf)
    drawn_out = np.pad(inside, _PAD, mode="edge")
    return _crop(ndimage.distance_transform_edt(drawn_out, sampling=spacing))


def _open(body: Mask, radius: float, spacing: tuple[float, ...]) -> Mask:
    """Take away what a ball of a radius in mm does not fit into; (z, y, x)."""
    core = _distance(body, spacing) > radius
    return np.asarray(body & (_distance(~core, spacing) <= radius)) if core.any() else core


def _close(body: Mask, radius: float, spacing: tuple[float, ...]) -> Mask:
    """Fill what a ball of a radius in mm does not fit into outside; (z, y, x)."""
    return np.asarray(body | (_distance(_distance(~body, spacing) <= radius, spacing) > radius)) if body.any() else body


def _take_features(core: Mask, volume: CoarseVolume) -> Mask:
    """Open by a feature's half width; before the foremost planes there is air, so that noses cut off there go too."""
    front = int(np.abs(volume.step_vectors[1]).argmax())
    outside: list[slice] = [slice(None)] * core.ndim
    outside[front] = slice(-_PAD, None) if volume.step_vectors[1, front] < 0 else slice(0, _PAD)
    drawn_out = np.pad(core, _PAD, mode="edge")
    drawn_out[tuple(outside)] = False
    deep = ndimage.distance_transform_edt(drawn_out, sampling=volume.spacing) > _FEATURE_MM
    if not deep.any():
        return np.zeros_like(core)
    near = ndimage.distance_transform_edt(~deep, sampling=volume.spacing) <= _FEATURE_MM
    return _crop(near & drawn_out)


def _crop(drawn_out: NDArray[Any]) -> NDArray[Any]:
    inner = tuple(slice(_PAD, -_PAD) for _ in drawn_out.shape)
    return np.asarray(drawn_out[inner])
