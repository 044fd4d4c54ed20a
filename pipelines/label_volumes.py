"""Label volumes from other programs' files, laid on the grid of an image: flipped and permuted, never resampled."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import nibabel
import numpy as np
from numpy.typing import NDArray

from imaging.dicom.decode import read_slab
from imaging.dicom.headers import read_instance
from imaging.dicom.limits import Limits
from imaging.dicom.series import group
from imaging.dicom.walk import Found, find_files, require_paths
from imaging.domain.image import Image
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, RefusedFileError, UnavailableError
from imaging.geometry import voxel_to_world, world_to_voxel
from imaging.pyramid.labels import Labels
from imaging.pyramid.layout import Slab
from imaging.readers import name_volume_reader
from imaging.text import load_detector
from imaging.volume import Volume

_NAMES = {"nifti": "NIfTI", "nrrd": "NRRD"}

_IMG = re.compile(r"\.img(\.gz)?$")
_TIMES_LARGER = 4
"""So many times the voxels of its image a label map may have: it may reach beyond it."""
_SMALL = 2**20
_OFF_GRID_VOXELS = 0.1
"""How far from a voxel centre of the image a corner of the labels may lie: rounding of headers, no more."""


_FAR_VOXELS = 1e9
"""No image reaches so far, and no whole number either."""

Region = tuple[slice, ...]


@dataclass(frozen=True)
class LabelVolume:
    """Values as a file gives them.

    Attributes
    ----------
    values : (z, y, x), uint16
    affine : (4, 4), float64
        Voxel centre (z, y, x, 1) of this volume to LPS mm.
    placed
        Whether the file says where in the patient they lie; else the affine holds no more than their distances.
    """

    values: Labels
    affine: NDArray[np.float64]
    placed: bool = True


def take_labels(volume: Volume, images: Sequence[Image]) -> LabelVolume:
    """Take the values of a file that a volume reader opened, rescaled where the file says so.

    Parameters
    ----------
    images
        Any of which they may lie on.

    Raises
    ------
    InvalidInputError
        They are no labels, or those of several volumes.
    RefusedFileError
        LIMIT_EXCEEDED: far larger than anything that they could lie on; told before they are read. TRUNCATED: the file
        became shorter meanwhile.
    """
    largest = max(prod(_extents(image)) for image in images)
    if prod(volume.shape) > _TIMES_LARGER * max(largest, _SMALL):
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the label map is far larger than its image")
    attributes = volume.attributes
    if attributes.axes != "zyx":
        raise InvalidInputError("the file does not hold one volume")
    stored = volume.read(Slab(0, 0, volume.shape[0]))
    slope, intercept = attributes.rescale.slope[0], attributes.rescale.intercept[0]
    values = take_whole(stored if (slope, intercept) == (1, 0) else stored * slope + intercept)
    return LabelVolume(values, np.asarray(attributes.affine_lps, float), placed=attributes.placed)


def _read_volume(name: str, files: Sequence[Path], image: Image, scratch: Path, *, partial: bool) -> LabelVolume:
    """Read one file through the volume reader of its format; its voxels may lie in a file beside it.

    Where two places are stated, the sform is taken: labels whose sform is wrong do not lie on the whole of their image.
    Of `partial` ones nothing would tell, and they are refused.
    """
    path = Path(_IMG.sub(r".hdr\1", str(_only(files))))
    try:
        reader = name_volume_reader(name)
        if not reader.recognises(path):
            raise InvalidInputError(f"the file is no {_NAMES[name]} volume")
        return take_labels(reader.open(path, scratch, decided=not partial, chosen=True), [image])
    except RefusedFileError as error:
        raise InvalidInputError(f"the file is refused: {error.reason.value}, {error.detail}") from error
    except OSError as error:
        raise InvalidInputError(f"the file is no readable {_NAMES[name]} volume") from error


def read_dicom_series(files: Sequence[Path], image: Image, scratch: Path, *, partial: bool) -> LabelVolume:
    """Read a DICOM series whose stored values are labels; the files are read here and kept nowhere."""
    require_paths(files)
    instances = []
    for found in find_files(files, Limits(), scratch):
        if not isinstance(found, Found):
            raise InvalidInputError(f"a file of the series is refused: {found.reason.value}")
        try:
            instances.append(read_instance(found))
        except RefusedFileError as error:
            raise InvalidInputError(f"a file of the series is refused: {error.reason.value}") from error
    detector = load_detector()
    grouped = group(instances, detector)
    if detector is None and any(reason is Reason.BURNED_IN_RISK for _, reason, _ in grouped.refused):
        raise UnavailableError("text detector", "install the extra text: labels are looked at before they come in")
    if grouped.refused or len(grouped.stacks) != 1 or grouped.stacks[0].axes != "zyx":
        raise InvalidInputError("the files do not form one volume of labels")
    stack = grouped.stacks[0]
    try:
        values = read_slab(stack, 0, stack.shape[0])
    except RefusedFileError as error:
        raise InvalidInputError(f"the labels cannot be decoded: {error.reason.value}") from error
    return LabelVolume(take_whole(values), np.asarray(stack.attributes.affine_lps, float))


def write_nifti(values: Labels, affine: NDArray[np.float64], target: Path) -> None:
    """Write labels (z, y, x) with their affine (z, y, x) to LPS mm as NIfTI, (x, y, z) to RAS mm."""
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine[:, [2, 1, 0, 3]]
    image: Any = nibabel.Nifti1Image(np.ascontiguousarray(values.transpose(2, 1, 0)), ras)  # type: ignore[no-untyped-call]
    nibabel.save(image, target)


class ReadLabels(Protocol):
    """Reads labels for an image, of which they may be `partial`."""

    def __call__(self, files: Sequence[Path], image: Image, scratch: Path, *, partial: bool) -> LabelVolume:
        """Give the labels as they lie in the file."""


READERS: dict[str, ReadLabels] = {
    **{name: functools.partial(_read_volume, name) for name in _NAMES},
    "dicom-series": read_dicom_series,
}
"""Formats of voxel labels by their name on the command line."""


def lay_on_image(labels: LabelVolume, image: Image, *, partial: bool) -> Labels:
    """Put labels where the image's voxels are.

    Parameters
    ----------
    partial
        Whether they may cover a part of the image only, or reach beyond it; else background would stand for a finding
        where nobody looked.

    Returns
    -------
    (z, y, x) of the image, uint16
        0 where the labels do not reach.

    Raises
    ------
    InvalidInputError
        They do not cover the image, or as for `place_on_image`.
    """
    into, kept = place_on_image(labels, image)
    if not partial and not covers(image, kept, labels):
        raise InvalidInputError(
            "the labels have another size or place than the image: --partial takes them as they lie"
        )
    result = np.zeros(_extents(image), labels.values.dtype)
    result[into] = kept
    return result


def covers(image: Image, kept: Labels, labels: LabelVolume) -> bool:
    """Whether labels, of which some are `kept` on an image, cover its voxels and no more."""
    return kept.shape == _extents(image) and kept.size == labels.values.size


def place_on_image(labels: LabelVolume, image: Image) -> tuple[Region, Labels]:
    """Find which region (z, y, x) of an image some labels cover, and give them as they lie there.

    Raises
    ------
    InvalidInputError
        The grids differ by more than flips, permutations and whole voxels, a label lies outside the image, or only
        the image has a place.
    """
    if not image.attributes.regular:
        raise InvalidInputError("the planes of the image form no regular grid")
    if image.attributes.placed and not labels.placed:
        raise InvalidInputError("the file does not say where in the patient the labels lie")
    order, steps, start = _match_grids(labels, np.asarray(image.attributes.affine_lps, float))
    turned = labels.values.transpose(order)[tuple(slice(None, None, step) for step in steps)]
    into = tuple(
        slice(min(length, max(0, first)), max(0, min(length, first + size)))
        for first, size, length in zip(start, turned.shape, _extents(image), strict=True)
    )
    out_of = tuple(slice(part.start - first, part.stop - first) for part, first in zip(into, start, strict=True))
    kept = turned[out_of]
    if np.count_nonzero(kept) != np.count_nonzero(turned):
        raise InvalidInputError("some labels lie outside the image")
    return into, kept


def _extents(image: Image) -> tuple[int, int, int]:
    return image.extent("z"), image.extent("y"), image.extent("x")


Order = tuple[int, int, int]


def _match_grids(labels: LabelVolume, image: NDArray[np.float64]) -> tuple[Order, Order, Order]:
    """Find for each image axis the labels' axis that runs along it, its direction, and where it begins."""
    size = labels.values.shape
    corners = np.array([[a, b, c] for a in (0, size[0] - 1) for b in (0, size[1] - 1) for c in (0, size[2] - 1)], float)
    placed = world_to_voxel(image, voxel_to_world(labels.affine, corners))
    if not np.abs(placed).max() < _FAR_VOXELS:
        raise InvalidInputError("some labels lie outside the image")
    matrix = np.linalg.inv(image) @ labels.affine
    signs = np.rint(matrix[:3, :3])
    for axis in range(3):
        if size[axis] == 1:
            # A single plane says nothing about the distance to the next; only its place counts.
            signs[:, axis] = _unit(matrix[:3, axis])
    sums = np.concatenate([np.abs(signs).sum(axis=0), np.abs(signs).sum(axis=1)])
    if not (sums == 1).all():
        raise InvalidInputError("the labels do not lie on the grid of the image")
    origin = np.rint(placed[0])
    if np.abs(corners @ signs.T + origin - placed).max() > _OFF_GRID_VOXELS:
        raise InvalidInputError("the labels do not lie on the grid of the image")
    order = tuple(int(np.flatnonzero(row)[0]) for row in signs)
    steps = tuple(int(row.sum()) for row in signs)
    return order, steps, tuple(int(value) for value in np.rint(placed).min(axis=0))  # type: ignore[return-value]


def _unit(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    unit = np.zeros(3)
    longest = int(np.abs(direction).argmax())
    unit[longest] = 1.0 if direction[longest] >= 0 else -1.0
    return unit


def take_whole(values: NDArray[Any]) -> Labels:
    """Accept integers, or floating point that holds integers only; values above 65535 or below 0 are no labels."""
    if values.size == 0:
        raise InvalidInputError("the file holds no voxels")
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise InvalidInputError("the voxels are no label values")
    if np.issubdtype(values.dtype, np.floating) and not np.array_equal(values, np.rint(values)):
        raise InvalidInputError("the voxels are no whole numbers, so no label values")
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise InvalidInputError("label values lie between 0 and 65535")
    return values.astype(np.uint16)


def _only(files: Sequence[Path]) -> Path:
    if len(files) != 1:
        raise InvalidInputError("this format takes one file")
    if not files[0].is_file():
        raise InvalidInputError("a path does not exist or is no file")
    return files[0]
