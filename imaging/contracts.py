"""What a plugin satisfies: a `Reader` of foreign pictures, a `VolumeReader` of foreign volumes, a `Network` to train.

Plugins are found by entry points: group `imaging.readers` names a `Reader`, group `imaging.volume_readers` a
`VolumeReader`, group `imaging.networks` a `NetworkFactory`. Networks load in the worker and the command line, never in
the web process; readers also where a held file is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.domain.job import Task
from imaging.volume import Volume


@dataclass(frozen=True)
class Picture:
    """A decoded 2-D picture.

    Attributes
    ----------
    stored : (y, x) or (c, y, x), uint8 or uint16
        Samples as stored; c is 3 (red, green, blue).
    """

    stored: NDArray[np.uint8] | NDArray[np.uint16]


class Reader(Protocol):
    """Turns one foreign file into a picture; metadata (EXIF and the like) is dropped."""

    def recognises(self, start: bytes) -> bool:
        """Tell from the first 16 bytes whether this file is ours."""
        ...

    def read(self, path: Path) -> Picture:
        """Decode the file; raise RefusedFileError for anything wrong with it."""
        ...


class VolumeReader(Protocol):
    """Turns one foreign file into a volume; words, names and extensions in its header are dropped."""

    def recognises(self, path: Path) -> bool:
        """Tell from how the file begins whether it is ours, never from its name; OSError when it cannot be read."""
        ...

    def open(self, path: Path, scratch: Path, *, decided: bool, chosen: bool = False) -> Volume:
        """Read the header, and find where the voxels lie; RefusedFileError for anything wrong with them.

        Parameters
        ----------
        scratch
            Where voxels may be unpacked; they are read from there for as long as the volume is used.
        decided
            Whether a person let the file pass that is held where its header says two things.
        chosen
            Whether a person at the command line named this very file, which no upload did: then its voxels may lie in
            another of the same folder, and be packed however tightly.
        """
        ...


@dataclass(frozen=True)
class NetworkRequest:
    """What a network is built for.

    Attributes
    ----------
    patch, spacing : (z, y, x) or (y, x)
        Voxels of one training sample, and their distance in mm (ones where nothing is calibrated).
    filters
        Channels of each level, finest first; empty leaves the choice to the network.
    """

    task: Task
    spatial_dims: int
    in_channels: int
    out_channels: int
    patch: tuple[int, ...]
    spacing: tuple[float, ...] = ()
    filters: tuple[int, ...] = ()


class NetworkFactory(Protocol):
    """Describes a network as a MONAI bundle does: a class path and its arguments."""

    name: str
    tasks: frozenset[Task]

    def describe(self, request: NetworkRequest) -> Mapping[str, object]:
        """Return `{"_target_": class path, **arguments}` for monai's ConfigParser."""
        ...
