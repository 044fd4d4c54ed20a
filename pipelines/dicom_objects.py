"""Segmentation objects and structure sets that a member brings onto an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.profile import Profile
from imaging.dicom.segmentation import SegmentationObject, read_segmentation
from imaging.dicom.structures import read_structure_set
from imaging.dicom.walk import Found, require_paths
from imaging.domain.base import ImageKey
from imaging.domain.image import Image
from imaging.domain.ontology import Term
from imaging.errors import InvalidInputError, RefusedFileError
from imaging.project.project import Project
from imaging.project.segmentations import SegmentationDraft, name_segmentation
from imaging.pyramid.labels import Labels, count_voxels, write_segmentation
from pipelines.contours import lay_contours
from pipelines.drawing_files import Drawn
from pipelines.label_volumes import LabelVolume, Region, place_on_image


@dataclass(frozen=True, eq=False)
class LaidLabels:
    """Labels (z, y, x) on the grid of their image; `names` is what their file calls the values, if it says."""

    values: Labels
    names: Mapping[int, str]


def read_segments(files: Sequence[Path], image: Image, profile: Profile) -> list[LaidLabels]:
    """Read the segments of DICOM SEG files onto an image; segments that share a voxel come in several volumes.

    Raises
    ------
    InvalidInputError
        With the reason that a file is refused for, or because its frames do not lie on the image.
    """
    require_paths(files)
    found: list[LaidLabels] = []
    for path in files:
        with _telling():
            segments = read_segmentation(Found(path, path.name), profile)
            found += part_segments(segments, image)
    return found


def read_contours(
    files: Sequence[Path], image: Image, profile: Profile, call: Callable[[int, str], str]
) -> list[Drawn]:
    """Read the contours of RTSTRUCT files as drawings on an image.

    Parameters
    ----------
    call
        Gives the name of the term that a region, of a number and a name, stands for.
    """
    found = []
    for path in files:
        with _telling():
            read = read_structure_set(Found(path, path.name), profile)
        regions = dict.fromkeys(contour.region for contour in read.contours)
        names = {number: call(number, read.name(number)) for number in regions}
        found += lay_contours(read.contours, names, image)
    return found


def part_segments(segments: SegmentationObject, image: Image) -> list[LaidLabels]:
    """Put each segment into the first volume in which no other has one of its voxels.

    Raises
    ------
    InvalidInputError
        There is no segment, or a frame does not lie on the image.
    """
    if not segments.names:
        raise InvalidInputError("the file describes no segment")
    shape = (image.extent("z"), image.extent("y"), image.extent("x"))
    volumes: list[tuple[Labels, dict[int, str]]] = []
    for number, parts in sorted(_collect(segments, image).items()):
        free = next((one for one in volumes if not any(one[0][part.region][part.mask].any() for part in parts)), None)
        if free is None:
            free = (np.zeros(shape, np.uint16), {})
            volumes.append(free)
        for part in parts:
            free[0][part.region][part.mask] = number
        free[1][number] = segments.names[number]
    return [LaidLabels(values, names) for values, names in volumes]


def take_terms(values: Labels, terms: Mapping[int, Term]) -> Labels:
    """Give each value of a file that of its term."""
    lookup = np.zeros(max(terms) + 1, np.uint16)
    for value, term in terms.items():
        lookup[value] = term.value
    labels: Labels = lookup[values]
    return labels


def draft_segmentation(
    project: Project, image: ImageKey, values: Labels, terms: Mapping[int, Term]
) -> SegmentationDraft:
    """Prepare labels for an image of a project; each value of a file becomes that of its term."""
    labels, used = take_terms(values, terms), list({term.id: term for term in terms.values()}.values())
    group = project.images.path(image)
    return SegmentationDraft(
        name_segmentation(used),
        count_voxels(labels, used),
        lambda key: write_segmentation(group, key, labels, used, store=project.object_store),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Where one frame has voxels of a segment: a region (z, y, x) of the image, and which of its voxels they are."""

    region: Region
    mask: NDArray[np.bool_]


def _collect(segments: SegmentationObject, image: Image) -> dict[int, list[_Part]]:
    parts: dict[int, list[_Part]] = {number: [] for number in segments.names}
    for frame in segments.frames():
        into, kept = place_on_image(LabelVolume(frame.values, frame.affine), image)
        for number in np.unique(kept[kept != 0]).tolist():
            parts[number].append(_crop(into, kept == number))
    return parts


def _crop(into: Region, mask: NDArray[np.bool_]) -> _Part:
    """Keep no more than the box of what is set: many small segments on large frames would fill the memory."""
    box = tuple(slice(int(line.min()), int(line.max()) + 1) for line in np.nonzero(mask))
    region = tuple(
        slice(whole.start + part.start, whole.start + part.stop) for whole, part in zip(into, box, strict=True)
    )
    return _Part(region, mask[box].copy())


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except RefusedFileError as error:
        raise InvalidInputError(f"the file is refused: {error.reason.value}, {error.detail}") from error
