"""Cuts a Siemens mosaic, one frame tiled with all slices of a volume, into planes at their right positions."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset

from imaging.dicom.instance import Instance
from imaging.dicom.stack import Plane
from imaging.dicom.values import read_number, read_texts
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_CSA_GROUP, _CSA_CREATOR, _CSA_IMAGE = 0x0029, "SIEMENS CSA HEADER", 0x10
_MAX_TAGS, _MAX_ITEMS = 1024, 4096


def is_mosaic(instance: Instance) -> bool:
    """Whether the frame is a mosaic: Siemens says so in ImageType (0008,0008)."""
    return instance.frames == 1 and "MOSAIC" in read_texts(instance.header, "ImageType")


def cut_mosaic(instance: Instance, whole: Plane) -> tuple[Plane, ...]:
    """Give the tiles in acquisition order with their positions.

    (0020,0032) of a mosaic is the corner that one huge plane centred on the first slice would have: the corner of
    the first slice lies half the size difference further along rows and columns. Number of slices and direction
    stand in the private CSA header only.
    """
    csa = _read_csa(instance.header)
    count = int(_first(csa, "NumberOfImagesInMosaic") or 0)
    normal = np.array(csa.get("SliceNormalVector", ()), float)
    gap = read_number(instance.header, "SpacingBetweenSlices") or read_number(instance.header, "SliceThickness")
    if count < 1 or normal.shape != (3,) or not gap or not (whole.position and whole.orientation):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a mosaic without its slice count, direction or spacing")
    across = math.ceil(math.sqrt(count))
    rows, columns = whole.shape[0] // across, whole.shape[1] // across
    if whole.pixel_spacing is None or rows * across != whole.shape[0] or columns * across != whole.shape[1]:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a mosaic that does not divide into tiles")
    row_mm, column_mm = whole.pixel_spacing
    shift_x = (whole.shape[1] - columns) / 2 * column_mm * np.array(whole.orientation[:3])
    shift_y = (whole.shape[0] - rows) / 2 * row_mm * np.array(whole.orientation[3:])
    first = np.array(whole.position) + shift_x + shift_y
    step = normal / np.linalg.norm(normal) * gap
    planes = []
    for number in range(count):
        x, y, z = (float(value) for value in first + number * step)
        tile = (number // across * rows, number % across * columns, rows, columns)
        planes.append(replace(whole, position=(x, y, z), tile=tile))
    return tuple(planes)


def _first(csa: dict[str, tuple[float, ...]], name: str) -> float | None:
    values = csa.get(name, ())
    return values[0] if values else None


def _read_csa(header: Dataset) -> dict[str, tuple[float, ...]]:
    try:
        raw = header.private_block(_CSA_GROUP, _CSA_CREATOR)[_CSA_IMAGE].value
    except (KeyError, ValueError):
        return {}
    try:
        return _parse_csa(bytes(raw))
    except (struct.error, ValueError, TypeError):
        return {}


def _parse_csa(raw: bytes) -> dict[str, tuple[float, ...]]:
    """Read the numeric values of a CSA2 header ("SV10"), as described in nibabel's doc/source/dicom/siemens_csa."""
    if raw[:4] != b"SV10":
        return {}
    (tags,) = struct.unpack_from("<L", raw, 8)
    place = 16
    values: dict[str, tuple[float, ...]] = {}
    for _ in range(min(tags, _MAX_TAGS)):
        name, _, _, _, items, _ = struct.unpack_from("<64si4siii", raw, place)
        place += 84
        texts = []
        for _ in range(min(items, _MAX_ITEMS)):
            length = struct.unpack_from("<4i", raw, place)[1]
            place += 16
            texts.append(raw[place : place + length].split(b"\0")[0].strip())
            place += (length + 3) // 4 * 4
        values[name.split(b"\0")[0].decode("latin-1")] = _to_numbers(texts)
    return values


def _to_numbers(texts: list[bytes]) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts if text)
    except ValueError:
        return ()
