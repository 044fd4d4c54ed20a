"""One parsed DICOM file: its header without pixels and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.domain.upload import PaintedBox

Stored = NDArray[np.integer]

_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422"})

PALETTE = tuple(
    keyword.format(colour)
    for colour in ("Red", "Green", "Blue")
    for keyword in (
        "{}PaletteColorLookupTableDescriptor",
        "{}PaletteColorLookupTableData",
        "Segmented{}PaletteColorLookupTableData",
    )
)
"""What a palette is applied with (PS3.3 C.7.6.3.1.5, C.7.9)."""


@dataclass(frozen=True)
class PixelFormat:
    """The Image Pixel module of one file (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int

    @property
    def colour(self) -> bool:
        """Whether the picture is shown in colour: red, green, blue after decoding."""
        return self.photometric in _COLOUR or self.photometric == "PALETTE COLOR"

    @property
    def dtype(self) -> np.dtype[np.integer]:
        """What stored values fit in, before any palette."""
        width = 8 if self.bits_allocated <= 8 else 16 if self.bits_allocated <= 16 else 32
        return np.dtype(f"{'int' if self.signed else 'uint'}{width}")

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame; 4:2:2 sub-sampling stores two thirds."""
        bits = self.rows * self.columns * self.samples * self.bits_allocated
        return bits * 2 // 3 if self.photometric == "YBR_FULL_422" else bits


@dataclass(frozen=True)
class Fragment:
    """A run of bytes in the file."""

    offset: int
    length: int


@dataclass(frozen=True)
class PixelSpan:
    """Where the pixel element lies.

    Attributes
    ----------
    offset, length
        Of the value: in the file, or in the inflated data set when `deflated`.
    frames
        The fragments of each frame when encapsulated; empty when native.
    swapped
        Whether 8-bit samples lie in big-endian 16-bit words, each pair the wrong way round (PS3.5 7.3).
    """

    offset: int
    length: int
    frames: tuple[tuple[Fragment, ...], ...] = ()
    deflated: bool = False
    swapped: bool = False


@dataclass(frozen=True, eq=False)
class Document:
    """One DICOM file without pixels: a report, a structure set, a presentation state."""

    header: Dataset
    syntax: str
    sop_class: str


@dataclass(frozen=True, eq=False)
class Instance:
    """One DICOM file that holds pixels.

    Attributes
    ----------
    name
        As typed or found; never logged.
    header
        The original header without pixels. It identifies a person: it stays inside this package and in memory.
    syntax
        Transfer syntax UID.
    reviewed
        Whether a person let it pass: nobody looks for text again.
    painted
        What is painted over when its pixels are read.
    """

    path: Path = field(repr=False)
    name: str = field(repr=False)
    header: Dataset = field(repr=False)
    syntax: str
    format: PixelFormat
    span: PixelSpan
    frames: int
    uid: str = field(repr=False)
    series: str = field(repr=False)
    study: str = field(repr=False)
    sop_class: str
    issuer: str = field(repr=False)
    patient_id: str = field(repr=False)
    reviewed: bool = False
    painted: tuple[PaintedBox, ...] = ()

    @cached_property
    def owner(self) -> tuple[str, str, str, str]:
        """What instances of one series must share: person, study and series."""
        return (self.issuer, self.patient_id, self.study, self.series)

    def without_header(self) -> Instance:
        """Give what decoding takes and nothing that names anybody: no UID, no person, no header but a palette."""
        kept = Dataset()
        for keyword in PALETTE:
            if keyword in self.header:
                kept[keyword] = self.header[keyword]
        return replace(self, header=kept, name="", uid="", series="", study="", issuer="", patient_id="")
