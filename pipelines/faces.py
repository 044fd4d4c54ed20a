"""Takes the face out of a volume on its way in; what may show one and cannot be cleaned is held, never let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.instance import Instance
from imaging.dicom.screen import is_label_map
from imaging.dicom.stack import Stack
from imaging.dicom.values import read_text, read_texts
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.pyramid.layout import Slab
from pipelines.face_mask import CoarseVolume, find_doubt, find_face, find_head, is_plausible
from pipelines.pyramids import ReadSlab

_CLEANED = frozenset({"CT", "MR"})
_WHOLE_BODY = frozenset({"PT", "NM"})
"""Named after one part of the body, these often show the rest too."""
_ELSEWHERE = frozenset((
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "BLADDER", "BREAST", "CALF", "CARDIAC", "CHEST", "COCCYX", "ELBOW", "FEMUR",
    "FINGER", "FOOT", "FOREARM", "GALLBLADDER", "HAND", "HEART", "HIP", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE",
    "LUNG", "PANCREAS", "PELVIS", "PROSTATE", "SIJOINT", "SPLEEN", "SSPINE", "THIGH", "THUMB", "TIBIA", "TOE", "UTERUS",
    "WRIST",
))  # fmt: skip
"""Terms of (0018,0015) for single parts that lie well below the chin, without spaces (PS3.16 Annex L)."""
_LABELS = "; labels come in on their image: imaging annotations import --format dicom-series"
_COARSE_MM = (2.0, 3.0, 4.0, 6.0)
_MOST_VOXELS = 6_000_000
_PLANES = 16
"""How many planes are read at a time."""


@dataclass(frozen=True, eq=False)
class _Shrunk:
    """A stack on a coarse grid; `factors` (z, y, x), `stored` (z, y, x) float32."""

    stored: NDArray[np.float32]
    factors: tuple[int, int, int]


def take_face(stack: Stack, read: ReadSlab) -> ReadSlab | None:
    """Give what reads a stack without the face in it; None where the header says that it shows another part.

    Parameters
    ----------
    read
        Gives the stored values (z, y, x) of a slab of level 0.

    Raises
    ------
    RefusedFileError
        FACE_RISK: there may be a face, and it cannot be told where.
    """
    if all(_lies_elsewhere(instance) for instance in stack.instances):
        return None
    _refuse(_find_obstacle(stack), stack)
    shrunk = _shrink(stack, read)
    volume = _to_real(stack, shrunk)
    head = find_head(volume)
    _refuse(find_doubt(head, volume), stack)
    face = find_face(head.mask, volume)
    if not is_plausible(face, head.mask):
        _refuse("the face cannot be told from the rest of the head", stack)
    background = _find_background(stack, shrunk, head.mask)

    def read_without(slab: Slab) -> NDArray[Any]:
        stored = read(slab).copy()
        stored[_enlarge(face, shrunk.factors, slab, stored.shape)] = background
        return stored

    return read_without


def refuse_picture() -> None:
    """Hold a photograph or exported picture: nothing says what it shows."""
    raise RefusedFileError(Reason.FACE_RISK, "a picture may show a face")


def refuse_volume() -> None:
    """Hold a volume that came in a file without a header of DICOM: nothing says of what kind it is."""
    raise RefusedFileError(Reason.FACE_RISK, "a volume of unknown kind may show a face")


def _refuse(why: str, stack: Stack) -> None:
    """Hold a stack where there is a reason to; labels are told how they come in all the same."""
    if why:
        labels = all(is_label_map(instance) for instance in stack.instances)
        raise RefusedFileError(Reason.FACE_RISK, f"{why}{_LABELS if labels else ''}")


def _lies_elsewhere(instance: Instance) -> bool:
    """Whether the header names one part of the body below the neck."""
    part = "".join(letter for letter in read_text(instance.header, "BodyPartExamined").upper() if letter.isalnum())
    return part in _ELSEWHERE and read_text(instance.header, "Modality").upper() not in _WHOLE_BODY


def _find_obstacle(stack: Stack) -> str:
    """Say why no face can be found in a stack by its header; empty where one can."""
    attributes = stack.attributes
    echo_planar = any("EP" in read_texts(instance.header, "ScanningSequence") for instance in stack.instances)
    if attributes.modality not in _CLEANED or stack.channels > 1 or len(stack.planes) > 1 or echo_planar:
        return "no face is found in images of this kind"
    placed = all(plane.position is not None and plane.orientation is not None for plane in stack.planes[0])
    if not placed or not attributes.regular or None in attributes.spacing_mm:
        return "without a place in the patient a face cannot be found"
    return ""


def _shrink(stack: Stack, read: ReadSlab) -> _Shrunk:
    """Read some planes, each as means of squares."""
    planes, rows, columns = len(stack.planes[0]), *stack.plane_shape
    factors = _choose_factors((planes, rows, columns), stack.attributes.spacing_mm)
    deep, down, across = factors
    shrunk = []
    for start in range(0, planes, _PLANES):
        stop = min(start + _PLANES, planes)
        wanted = [plane - start for plane in range(-(-start // deep) * deep, stop, deep)]
        if wanted:
            values = read(Slab(0, start, stop))[wanted, : rows // down * down, : columns // across * across]
            squares = values.reshape(len(wanted), rows // down, down, columns // across, across)
            shrunk.append(squares.mean(axis=(2, 4), dtype=np.float32))
    return _Shrunk(np.concatenate(shrunk), factors)


def _choose_factors(size: tuple[int, int, int], spacing: tuple[float | None, ...]) -> tuple[int, int, int]:
    for coarse in _COARSE_MM:
        z, y, x = (
            max(1, min(round(coarse / (step or coarse)), length)) for step, length in zip(spacing, size, strict=True)
        )
        if np.prod(size) / (z * y * x) <= _MOST_VOXELS:
            break
    return z, y, x


def _to_real(stack: Stack, shrunk: _Shrunk) -> CoarseVolume:
    rescale = stack.attributes.rescale
    slope, intercept = (
        np.resize(np.asarray(numbers, np.float32), len(stack.planes[0]))[:: shrunk.factors[0]]
        for numbers in (rescale.slope, rescale.intercept)
    )
    values = shrunk.stored * slope[:, None, None] + intercept[:, None, None]
    step_vectors = np.asarray(stack.attributes.affine_lps)[:3, :3] * shrunk.factors
    return CoarseVolume(values, step_vectors, hounsfield=stack.attributes.units == "HU")


def _find_background(stack: Stack, shrunk: _Shrunk, head: NDArray[np.bool_]) -> float:
    """Give the stored value of what surrounds the head; padding is no air."""
    outside = shrunk.stored[~head]
    padding = stack.attributes.padding
    if padding is not None:
        outside = outside[(outside < padding.low) | (outside > padding.high)]
    return float(np.rint(np.median(outside) if outside.size else shrunk.stored.min()))


def _enlarge(
    face: NDArray[np.bool_], factors: tuple[int, int, int], slab: Slab, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Bring a mask (z, y, x) of the coarse grid to the voxels of one slab of a shape (z, y, x)."""
    places = (np.arange(slab.start, slab.stop), np.arange(shape[1]), np.arange(shape[2]))
    nearest = (
        np.minimum(place // factor, length - 1)
        for place, factor, length in zip(places, factors, face.shape, strict=True)
    )
    return np.asarray(face[np.ix_(*nearest)])
