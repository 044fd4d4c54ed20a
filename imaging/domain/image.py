"""An image of a project: one volume, picture, cine or 4-D acquisition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

from imaging.domain.base import ImageKey, LayerKey, ProjectKey, Record, TermKey, UserKey

Vector = tuple[float, float, float]
Affine = tuple[
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
    tuple[float, float, float, float],
]


class Axis(Enum):
    """The voxel axis that a plane holds fixed."""

    Z = "z"
    Y = "y"
    X = "x"


class Irregularity(Enum):
    """Why the planes of an image do not form a regular grid."""

    GAP = "gap"
    DUPLICATE = "duplicate"
    UNEVEN = "uneven"
    TILT = "tilt"
    MIXED_ORIENTATION = "mixed_orientation"
    NO_POSITION = "no_position"


class Rescale(Record):
    """Stored value to real value: one slope and intercept, or one pair per z plane (0028,1053), (0028,1052)."""

    slope: tuple[float, ...] = (1.0,)
    intercept: tuple[float, ...] = (0.0,)


class Window(Record):
    """A linear VOI window in real units (PS3.3 C.11.2.1.2)."""

    center: float
    width: float


class Padding(Record):
    """Stored values that stand for no signal: low..high inclusive (0028,0120), (0028,0121)."""

    low: int
    high: int


class Resampled(Record):
    """How an image was made of one whose planes form no regular grid.

    Attributes
    ----------
    source
        The image that it was made of, and that stays.
    method, version
        "linear": between the two planes nearest in the patient, and within each.
    irregularities
        Of the source.
    interpolated
        z planes that lie between two of the source.
    across_gaps
        Those of them that lie where planes of the source are missing.
    """

    source: ImageKey
    method: Literal["linear"] = "linear"
    version: int
    irregularities: tuple[Irregularity, ...]
    interpolated: tuple[int, ...] = ()
    across_gaps: tuple[int, ...] = ()


class ImageAttributes(Record):
    """What `attributes.imaging` of the OME-Zarr group holds.

    Attributes
    ----------
    affine_lps
        4x4, voxel centre (z, y, x, 1) -> LPS mm. Identity-like along the axes whose spacing is None.
    positions_lps
        (planes, 3), mm: centre of voxel (0, 0) of each z plane, ascending along the normal.
    placed
        Whether the source says where in the patient it lies; else matrix and positions are of convenience only.
    spacing_mm
        (z, y, x); None where the source gives none (z of a 2-D picture; y and x of an uncalibrated one).
    units
        "HU", "BQML", "GY", "stored" where no unit is known, or "" for a colour picture.
    photometric
        "MONOCHROME1", "MONOCHROME2" or "RGB": how stored values are to be shown. MONOCHROME1 shows low values bright.
    windows
        The header's own windows in real units, first one the default.
    resampled
        None where the voxels are those of the source files.
    painted
        Whether pixels of it were painted over because of text: there the source had other values.
    parted
        Whether it is one run of a volume of which planes are missing: beside it lies another run.
    """

    axes: str
    affine_lps: Affine
    positions_lps: tuple[Vector, ...] = ()
    placed: bool = True
    spacing_mm: tuple[float | None, float | None, float | None]
    regular: bool = True
    irregularities: tuple[Irregularity, ...] = ()
    rescale: Rescale = Rescale()
    units: str = "stored"
    padding: Padding | None = None
    modality: str = "OT"
    photometric: str = "MONOCHROME2"
    bits_stored: int = 16
    windows: tuple[Window, ...] = ()
    frame_of_reference: str = ""
    profile_hash: str = ""
    resampled: Resampled | None = None
    painted: bool = False
    parted: bool = False


@dataclass(frozen=True)
class SliceOrder:
    """How Cytomine's slices of one image follow each other: rank = c + channels * (z + planes * t)."""

    channels: int
    planes: int
    times: int

    @classmethod
    def of(cls, axes: str, shape: Sequence[int], photometric: str) -> SliceOrder:
        """Count what has slices of its own; a colour picture is one channel."""
        extent = dict(zip(axes, shape, strict=True))
        channels = 1 if photometric == "RGB" else extent.get("c", 1)
        return cls(channels, extent.get("z", 1), extent.get("t", 1))

    @property
    def count(self) -> int:
        """How many slices there are."""
        return self.channels * self.planes * self.times

    def place(self, rank: int) -> tuple[int, int, int]:
        """Give (t, z, c) of the slice of a rank."""
        rest, c = divmod(rank, self.channels)
        t, z = divmod(rest, self.planes)
        return t, z, c

    def rank(self, *, t: int, z: int, c: int) -> int:
        """Give the rank of the slice at a place."""
        return c + self.channels * (z + self.planes * t)


class Image(Record):
    """A registered image; `shape` follows `attributes.axes`, level 0.

    `slice_base` + rank is the Cytomine id of one z plane; `slice_order` tells ranks and places apart.
    `subject`, `study`, `series` are pseudonyms.
    """

    id: ImageKey
    project: ProjectKey
    name: str
    subject: str
    study: str = ""
    series: str = ""
    description: str = ""
    shape: tuple[int, ...]
    dtype: str
    attributes: ImageAttributes
    sources: int
    slice_base: int
    added_by: UserKey
    created: datetime
    version: int = 0
    annotations: int = 0
    segmentations: int = 0
    reviewed_annotations: int = 0
    reviewer: UserKey | None = None
    review_started: datetime | None = None
    review_stopped: datetime | None = None

    def extent(self, axis: str) -> int:
        """Length along one named axis of `tczyx`; 1 where the image has no such axis."""
        place = self.attributes.axes.find(axis)
        return 1 if place < 0 else self.shape[place]

    @property
    def slices(self) -> int:
        """How many Cytomine slices (z planes times channels times time points) there are."""
        return self.slice_order.count

    @property
    def reference(self) -> int:
        """The rank of the slice that stands for the image where none is named: the middle plane, the first of time."""
        return self.slice_order.rank(t=0, z=self.extent("z") // 2, c=0)

    @property
    def slice_order(self) -> SliceOrder:
        """How this image's Cytomine slices follow each other."""
        return SliceOrder.of(self.attributes.axes, self.shape, self.attributes.photometric)


class ImageDraft(Record):
    """What registering an image needs; ids and times come from the store."""

    name: str
    subject: str
    study: str = ""
    series: str = ""
    description: str = ""
    shape: tuple[int, ...]
    dtype: str
    attributes: ImageAttributes
    sources: int
    source_digests: tuple[str, ...] = ()


class ImageTerm(Record):
    """A term given to a whole image by one layer; `probability` where a model said it."""

    image: ImageKey
    term: TermKey
    layer: LayerKey
    probability: float | None = None
    reviewed: bool = False
    created: datetime
