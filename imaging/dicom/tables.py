"""Tables of numbers in a header: kept only where their length is the one that the header announces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydicom.dataset import Dataset

from imaging.dicom.numbers import are_plausible
from imaging.dicom.values import read_integer, read_numbers

_ENTRIES_OF_ZERO = 65_536
_FEWEST = 64
"""Entries or samples of the shortest table that is believed: a short one is as long as a name."""


def is_consistent(header: Dataset, keyword: str, value: object, representation: str) -> bool:
    """Whether binary values are what the attributes beside them say: text in their place has another length.

    References
    ----------
    PS3.3 C.7.6.3.1.5, C.11.1.1.1, C.10.9
    """
    check = _CHECKS.get(keyword)
    length = len(value) if isinstance(value, bytes) else 2 * len(value) if isinstance(value, (list, tuple)) else 0
    if check is None:
        return isinstance(value, bytes) and are_plausible(value, representation)
    return length > 0 and check(header, length)


def _fits(header: Dataset, length: int, descriptor: str) -> bool:
    numbers = read_numbers(header, descriptor, 3)
    if not numbers:
        return False
    entries = int(numbers[0]) % _ENTRIES_OF_ZERO or _ENTRIES_OF_ZERO
    return entries >= _FEWEST and length in (entries * 2, entries + entries % 2)


def _fits_waveform(header: Dataset, length: int) -> bool:
    samples = read_integer(header, "NumberOfWaveformSamples", 0) * read_integer(header, "NumberOfWaveformChannels", 0)
    expected = samples * read_integer(header, "WaveformBitsAllocated", 0) // 8
    return samples >= _FEWEST and length == expected + expected % 2


def _by(descriptor: str) -> Callable[[Dataset, int], bool]:
    return lambda header, length: _fits(header, length, descriptor)


_CHECKS: Mapping[str, Callable[[Dataset, int], bool]] = {
    **{
        f"{colour}PaletteColorLookupTableData": _by(f"{colour}PaletteColorLookupTableDescriptor")
        for colour in ("Red", "Green", "Blue", "Alpha")
    },
    "AlphaPaletteColorLookupTableData": _by("RedPaletteColorLookupTableDescriptor"),
    "LUTData": _by("LUTDescriptor"),
    "WaveformData": _fits_waveform,
}
