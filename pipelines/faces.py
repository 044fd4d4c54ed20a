"""Takes the face out of a volume on its way in: which volumes may show one, and the voxels that go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.instance import Instance
from imaging.dicom.stack import Stack
from imaging.dicom.values import read_text, read_texts
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.pyramid.layout import Slab
from pipelines.face_mask import Sketch, find_face, find_head, is_more_than_head, is_no_head
from pipelines.pyramids import ReadSlab

_VOLUMETRIC = frozenset({"CT", "MR", "PT", "NM"})
_ELSEWHERE = frozenset((
    "ABDOMEN", "ABDOMENPELVIS", "ABDPELVIS", "ANKLE", "AORTA", "ARM", "BLADDER", "BREAST", "CALF", "CARDIAC",
    "CHEST", "CHESTABDOMEN", "CHESTABDPELV", "CHESTABDPELVIS", "CLAVICLE", "COCCYX", "ELBOW", "EXTREMITY",
    "FEMUR", "FINGER", "FOOT", "FOREARM", "GALLBLADDER", "HAND", "HEART", "HIP", "HUMERUS", "KIDNEY", "KNEE",
    "LEG", "LIVER", "LOWLIMB", "LSPINE", "LUNG", "PANCREAS", "PELVIS", "PROSTATE", "RIB", "SCAPULA", "SHOULDER",
    "SIJOINT", "SPLEEN", "SSPINE", "STERNUM", "THIGH", "THORAX", "THUMB", "TIBIA", "TLSPINE", "TOE", "TSPINE",
    "UPLIMB", "UTERUS", "WRIST",
))  # fmt: skip
"""Terms of (0018,0015) for what lies below the neck, without spaces (PS3.16 Annex L)."""
_COARSE_MM = (2.0, 3.0, 4.0, 6.0)
_MOST_VOXELS = 6_000_000
_MOST_OF_HEAD = 0.4
"""Of a whole head an eighth goes; where much more would, skin was taken for the whole of it."""
_PLANES = 16
"""How many planes are read at a time."""


@dataclass(frozen=True, eq=False)
class _Coarse:
    """What is known of a stack at a coarser grid; `factors` (z, y, x), `stored` (z, y, x) float32."""

    stored: NDArray[np.float32]
    factors: tuple[int, int, int]


def may_show_face(instance: Instance) -> bool:
    """Whether the header leaves it open that images of its kind show a face.

    Echo-planar images do not show the skin. A part of the body that is named is believed.
    """
    header = instance.header
    modality = read_text(header, "Modality").upper()
    part = "".join(letter for letter in read_text(header, "BodyPartExamined").upper() if letter.isalnum())
    planar = modality == "MR" and "EP" in read_texts(header, "ScanningSequence")
    return modality in _VOLUMETRIC and part not in _ELSEWHERE and not planar


def take_face(stack: Stack, read: ReadSlab) -> ReadSlab | None:
    """Give what reads a stack without the face in it; None where there is no face to take.

    Parameters
    ----------
    read
        Gives the stored values (z, y, x) of a slab of level 0.

    Raises
    ------
    RefusedFileError
        FACE_RISK: there may be a face, and it cannot be told where.
    """
    if stack.channels > 1 or not may_show_face(stack.instances[0]):
        return None
    if not _has_place(stack):
        raise RefusedFileError(Reason.FACE_RISK, "without a place in the patient a face cannot be found")
    coarse = _shrink(stack, read)
    sketch = _sketch(stack, coarse)
    head = find_head(sketch)
    if is_no_head(head, sketch):
        return None
    if is_more_than_head(head, sketch):
        raise RefusedFileError(Reason.FACE_RISK, "more than a head is seen, and its face cannot be told from the rest")
    face = find_face(head, sketch)
    share = np.count_nonzero(face & head) / np.count_nonzero(head)
    if share > _MOST_OF_HEAD:
        raise RefusedFileError(Reason.FACE_RISK, "too little of the head is seen to tell its face from the rest")
    if not share:
        return None
    outside = coarse.stored[~head]
    ground = np.rint(np.median(outside) if outside.size else coarse.stored.min())

    def read_without(slab: Slab) -> NDArray[Any]:
        stored = read(slab).copy()
        stored[_enlarge(face, coarse.factors, slab, stored.shape)] = ground
        return stored

    return read_without


def _has_place(stack: Stack) -> bool:
    """Whether it is known where in the patient and how far apart the voxels are."""
    placed = all(
        plane.position is not None and plane.orientation is not None for planes in stack.planes for plane in planes
    )
    return placed and stack.attributes.regular and None not in stack.attributes.spacing_mm[1:]


def _shrink(stack: Stack, read: ReadSlab) -> _Coarse:
    """Read the first time point, some planes of it, each as means of squares."""
    extent = dict(zip(stack.axes, stack.shape, strict=True))
    size = (extent["z"], extent["y"], extent["x"])
    factors = _choose_factors(size, stack.attributes.spacing_mm)
    deep, down, across = factors
    planes = []
    for start in range(0, size[0], _PLANES):
        stop = min(start + _PLANES, size[0])
        wanted = [plane - start for plane in range(-(-start // deep) * deep, stop, deep)]
        if not wanted:
            continue
        values = read(Slab(0, start, stop))[wanted, : size[1] // down * down, : size[2] // across * across]
        squares = values.reshape(len(wanted), size[1] // down, down, size[2] // across, across)
        planes.append(squares.mean(axis=(2, 4), dtype=np.float32))
    return _Coarse(np.concatenate(planes), factors)


def _choose_factors(size: tuple[int, int, int], spacing: tuple[float | None, ...]) -> tuple[int, int, int]:
    for coarse in _COARSE_MM:
        z, y, x = (
            max(1, min(round(coarse / (step or coarse)), length)) for step, length in zip(spacing, size, strict=True)
        )
        if np.prod(size) / (z * y * x) <= _MOST_VOXELS:
            break
    return z, y, x


def _sketch(stack: Stack, coarse: _Coarse) -> Sketch:
    rescale = stack.attributes.rescale
    slope, intercept = (
        np.resize(np.asarray(numbers, np.float32), stack.shape[stack.axes.index("z")])[:: coarse.factors[0]]
        for numbers in (rescale.slope, rescale.intercept)
    )
    values = coarse.stored * slope[:, None, None] + intercept[:, None, None]
    steps = np.asarray(stack.attributes.affine_lps)[:3, :3] * coarse.factors
    return Sketch(values, steps, hounsfield=stack.attributes.units == "HU")


def _enlarge(
    face: NDArray[np.bool_], factors: tuple[int, int, int], slab: Slab, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Bring a mask of the coarse grid to the voxels of one slab."""
    places = (np.arange(slab.start, slab.stop), np.arange(shape[1]), np.arange(shape[2]))
    nearest = (
        np.minimum(place // factor, length - 1)
        for place, factor, length in zip(places, factors, face.shape, strict=True)
    )
    return np.asarray(face[np.ix_(*nearest)])
