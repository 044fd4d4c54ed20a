"""Turns the planes of a stack into the attributes that the image carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from imaging.dicom.dose import units_of
from imaging.dicom.instance import Instance, PixelFormat
from imaging.dicom.kinds import is_cross_sectional, is_dose
from imaging.dicom.stack import Plane
from imaging.dicom.values import read_integer, read_number, read_numbers, read_text
from imaging.domain.image import Affine, ImageAttributes, Padding, Rescale, Window
from imaging.geometry import affine_lps, normal_of

_MODALITIES = frozenset((
    "AR", "AU", "BDUS", "BI", "BMD", "CR", "CT", "DG", "DX", "ECG", "EPS", "ES", "GM", "IO", "IVOCT", "IVUS",
    "KER", "LEN", "LS", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS",
    "OT", "PT", "PX", "REG", "RF", "RG", "RTDOSE", "RTIMAGE", "SC", "SM", "SMR", "SRF", "TG", "US", "VA", "XA",
    "XC",
))  # fmt: skip


def describe(planes: Sequence[Plane], *, axes: str) -> ImageAttributes:
    """Build the attributes of one image from the planes of its first time point.

    The frame of reference and the profile are left empty: they follow from the profile applied.
    """
    instance = planes[0].instance
    middle = planes[len(planes) // 2]
    positions = tuple(plane.position for plane in planes if plane.position is not None)
    placed = len(positions) == len(planes) and planes[0].orientation is not None
    return ImageAttributes(
        axes=axes,
        affine_lps=_affine(planes, placed=placed),
        positions_lps=positions if placed else ((0.0, 0.0, 0.0),) * len(planes),
        placed=placed,
        spacing_mm=_spacing(planes, placed=placed),
        rescale=_rescale(planes),
        units=_units(planes[0]),
        padding=_padding(instance),
        modality=_modality(instance),
        photometric="RGB" if instance.format.colour else instance.format.photometric,
        bits_stored=instance.format.bits_stored,
        windows=tuple(
            Window(center=center, width=width) for center, width in middle.windows if _shows(middle, center, width)
        ),
    )


def stored_dtype(instance: Instance) -> np.dtype[np.integer]:
    """Type of the stored values after decoding; a palette's entries decide for palette colour."""
    if instance.format.photometric != "PALETTE COLOR":
        return instance.format.dtype
    descriptor = read_numbers(instance.header, "RedPaletteColorLookupTableDescriptor", 3)
    return np.dtype(np.uint8 if not descriptor or descriptor[2] <= 8 else np.uint16)


def _affine(planes: Sequence[Plane], *, placed: bool) -> Affine:
    first, last = planes[0], planes[-1]
    if placed and first.position and last.position and first.orientation and first.pixel_spacing:
        step = (np.array(last.position) - np.array(first.position)) / max(1, len(planes) - 1)
        matrix = affine_lps(
            orientation=first.orientation,
            pixel_spacing=first.pixel_spacing,
            first=first.position,
            step=step if len(planes) > 1 else normal_of(first.orientation),
        )
    else:
        z_mm, y_mm, x_mm = (length or 1.0 for length in _spacing(planes, placed=False))
        matrix = np.array([[0, 0, x_mm, 0], [0, y_mm, 0, 0], [z_mm, 0, 0, 0], [0, 0, 0, 1]], float)
    return cast("Affine", tuple(tuple(float(value) for value in row) for row in matrix))


def _spacing(planes: Sequence[Plane], *, placed: bool) -> tuple[float | None, float | None, float | None]:
    row_mm, column_mm = planes[0].pixel_spacing or (None, None)
    first, last = planes[0].position, planes[-1].position
    if len(planes) < 2:
        return None, row_mm, column_mm
    if not placed or first is None or last is None:
        return planes[0].step, row_mm, column_mm
    length = float(np.linalg.norm(np.array(last) - np.array(first)))
    return length / (len(planes) - 1), row_mm, column_mm


def _rescale(planes: Sequence[Plane]) -> Rescale:
    slopes, intercepts = tuple(plane.slope for plane in planes), tuple(plane.intercept for plane in planes)
    if len(set(slopes)) == 1 and len(set(intercepts)) == 1:
        return Rescale(slope=slopes[:1], intercept=intercepts[:1])
    return Rescale(slope=slopes, intercept=intercepts)


def _shows(plane: Plane, center: float, width: float) -> bool:
    """Whether a window tells apart any values that the pixels can hold; that of label maps is often below them all."""
    pixel_format = plane.instance.format
    span = 1 << pixel_format.bits_stored
    low = -(span >> 1) if pixel_format.signed else 0
    ends = sorted(value * plane.slope + plane.intercept for value in (low, low + span - 1))
    # PS3.3 C.11.2.1.2.1: at and below the first bound all is black, above the second all is white.
    black, white = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    return black < ends[1] and (white > ends[0] or black >= ends[0])


def _units(plane: Plane) -> str:
    """Gray of a dose; Hounsfield units only where a CT is rescaled and names no other unit (PS3.3 C.11.1.1.2)."""
    instance = plane.instance
    if instance.format.colour:
        return ""
    if is_dose(instance.sop_class):
        return units_of(instance.header)
    modality = _modality(instance)
    if modality == "PT":
        return "BQML" if read_text(instance.header, "Units") == "BQML" else "stored"
    hounsfield = modality == "CT" and is_cross_sectional(instance.sop_class) and plane.rescale_type in ("", "HU")
    return "HU" if hounsfield else "stored"


def _modality(instance: Instance) -> str:
    """A defined term (PS3.3 C.7.3.1.1.1); anything else could be free text."""
    stated = read_text(instance.header, "Modality").upper()
    return stated if stated in _MODALITIES else "OT"


def _padding(instance: Instance) -> Padding | None:
    """Stored values that mean no signal; written as unsigned by some devices even when the pixels are signed."""
    header, pixel_format = instance.header, instance.format
    value = read_number(header, "PixelPaddingValue")
    if value is None or pixel_format.colour:
        return None
    low = _as_stored(int(value), pixel_format)
    limit = _as_stored(read_integer(header, "PixelPaddingRangeLimit", int(value)), pixel_format)
    return Padding(low=min(low, limit), high=max(low, limit))


def _as_stored(value: int, pixel_format: PixelFormat) -> int:
    """Bring a value into the range of BitsStored, as the pixels themselves are brought."""
    masked = value & ((1 << pixel_format.bits_stored) - 1)
    negative = pixel_format.signed and masked >> (pixel_format.bits_stored - 1)
    return masked - (1 << pixel_format.bits_stored) if negative else masked
