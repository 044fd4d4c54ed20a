"""Finds what of an ultrasound frame lies outside the regions in which its device says echoes stand (PS3.3 C.8.5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pydicom.dataset import Dataset

from imaging.dicom.values import read_number, read_values
from imaging.text import Box

_ECHOES = frozenset((1, 2, 3, 4))
"""Region Spatial Format (0018,6012): 2D, M-mode, spectrum, waveform. Graphics and what has no format show none."""
_ONE_TOO_FAR = 1
"""Devices write the first column and row outside for the last inside."""
_CORNERS = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")


def list_outside(header: Dataset, rows: int, columns: int) -> tuple[Box, ...]:
    """Return boxes that cover all but the regions of (0018,6011); none overlaps another.

    Names and dates stand in the banners around the picture. A header without regions, or with one that cannot be
    right, says nothing: then nothing is returned.

    Parameters
    ----------
    rows, columns
        Of a frame.
    """
    regions = []
    for item in read_values(header, "SequenceOfUltrasoundRegions"):
        if not isinstance(item, Dataset):
            return ()
        kind = read_number(item, "RegionSpatialFormat")
        if kind not in _ECHOES:
            continue
        region = _read_region(item)
        if region is None or region.bottom > rows + _ONE_TOO_FAR or region.right > columns + _ONE_TOO_FAR:
            return ()
        bottom, right = min(rows, region.bottom), min(columns, region.right)
        regions.append(Box(region.top, region.left, bottom - region.top, right - region.left))
    return _list_rest(regions, rows, columns) if regions else ()


def _read_region(item: Dataset) -> Box | None:
    numbers = [read_number(item, corner) for corner in _CORNERS]
    if any(number is None or number < 0 for number in numbers):
        return None
    left, top, right, bottom = (int(number) for number in numbers if number is not None)
    return Box(top, left, bottom - top + 1, right - left + 1) if top <= bottom and left <= right else None


def _list_rest(regions: Sequence[Box], rows: int, columns: int) -> tuple[Box, ...]:
    """Cut the frame at every upper and lower edge, and each strip where its regions begin and end."""
    edges = sorted({0, rows, *(edge for region in regions for edge in (region.top, region.bottom))})
    rest = []
    for top, bottom in pairwise(edges):
        left = 0
        for region in sorted(regions, key=lambda region: region.left):
            if region.top <= top and bottom <= region.bottom:
                if left < region.left:
                    rest.append(Box(top, left, bottom - top, region.left - left))
                left = max(left, region.right)
        if left < columns:
            rest.append(Box(top, left, bottom - top, columns - left))
    return tuple(rest)
