"""How fast stored voxels are read and halved, beside what zarr-python, Dask and SimpleITK take for the same."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imaging.cli import Report
from imaging.domain.image import Axis, ImageAttributes
from imaging.errors import VerificationError
from imaging.pyramid.read import Pyramid
from imaging.pyramid.shrink import shrink_mean
from imaging.pyramid.write import write_pyramid
from pipelines.bench.ingest import SPACING_MM, make_volume

_PATCH, _PEER_CHUNK = 96, 64
_READS = 20
_SPARE = (48, 512, 512)
"""Of another volume: more than what our reader keeps unpacked, 16 MiB."""

_Volume = NDArray[np.int16]


class _Array(Protocol):
    def __getitem__(self, where: object) -> object: ...


@dataclass(frozen=True)
class Comparison:
    """Medians of one operation, in milliseconds; `ratio` is ours over the peer's."""

    name: str
    milliseconds: float
    peer: str
    peer_milliseconds: float
    ratio: float


def bench_read(rounds: int, slices: int, report: Report) -> tuple[Comparison, ...]:
    """Read patches and planes at random from a CT volume, in turns with zarr-python on chunks of 64³ in plain zstd.

    Both read what lies in memory of the file system: what is compared is finding, unpacking and putting together. What
    our reader kept of earlier reads is displaced before each one, because the peer keeps nothing.
    """
    report(0, "making a volume")
    volume = make_volume(slices)
    with tempfile.TemporaryDirectory() as name:
        ours = _write_ours(Path(name) / "ours", volume)
        peer = _write_peer(Path(name) / "peer", volume)
        spare = _write_ours(Path(name) / "spare", make_volume(_SPARE[0]))

        def displace() -> None:
            spare.region((0, _SPARE[0], 0, _SPARE[1], 0, _SPARE[2]))

        kinds = _list_reads(ours, peer, volume.shape)
        chance = np.random.default_rng(7)
        found = []
        for number, (kind, (read, other, length)) in enumerate(kinds.items()):
            report(20 + 80 * number // len(kinds), kind)
            places = chance.integers(0, length, (rounds, _READS, len(length)))
            found.append(_compare(kind, "zarr-python, 64³ zstd", read, other, places, displace))
    return tuple(found)


def bench_pyramid(rounds: int, slices: int, report: Report) -> tuple[Comparison, ...]:
    """Halve a CT volume along each axis, in turns with `dask.array.coarsen` and SimpleITK's BinShrink.

    Raises
    ------
    VerificationError
        The result is not SimpleITK's, to the bit.
    """
    report(0, "making a volume")
    volume = make_volume(slices - slices % 2)
    peers = {"dask.array.coarsen": _coarsen, "SimpleITK BinShrink": _bin_shrink}
    found = []
    for number, (name, halve) in enumerate(peers.items()):
        report(20 + 40 * number, name)
        found.append(
            _compare(
                "halve along z, y and x",
                name,
                lambda _: shrink_mean(volume, (2, 2, 2)),
                lambda _, halve=halve: halve(volume),  # type: ignore[misc]
                np.zeros((rounds, 1, 1), np.int64),
                lambda: None,
            )
        )
    if not np.array_equal(shrink_mean(volume, (2, 2, 2)), _bin_shrink(volume)):
        raise VerificationError("halved voxels", "differ from those of SimpleITK")
    return tuple(found)


_Read = Callable[[NDArray[np.int64]], object]
_Reading = tuple[_Read, _Read, tuple[int, ...]]
"""Ours, the peer's, and how many places there are along each coordinate."""


def _compare(
    name: str, peer: str, ours: _Read, other: _Read, places: NDArray[np.int64], prepare: Callable[[], None]
) -> Comparison:
    """Time both at the same places, turn by turn, each after an untimed `prepare`: medians of all."""
    times: dict[int, list[float]] = {0: [], 1: []}
    for turn in places:
        for which, read in enumerate((ours, other)):
            for place in turn:
                prepare()
                before = perf_counter()
                read(place)
                times[which].append(perf_counter() - before)
    mine, theirs = (statistics.median(found) * 1000 for found in times.values())
    return Comparison(name, mine, peer, theirs, mine / theirs)


def _list_reads(
    ours: Pyramid, peer: _Array, shape: tuple[int, ...]
) -> Mapping[str, tuple[_Read, _Read, tuple[int, ...]]]:
    planes, rows, columns = shape
    side = min(_PATCH, *shape)
    return {
        f"patch of {side}³": (
            lambda p: ours.region((p[0], p[0] + side, p[1], p[1] + side, p[2], p[2] + side)),
            lambda p: peer[p[0] : p[0] + side, p[1] : p[1] + side, p[2] : p[2] + side],
            (planes - side + 1, rows - side + 1, columns - side + 1),
        ),
        "axial plane": (lambda p: ours.plane(Axis.Z, int(p[0])), lambda p: peer[int(p[0])], (planes,)),
        "coronal plane": (lambda p: ours.plane(Axis.Y, int(p[0])), lambda p: peer[:, int(p[0])], (rows,)),
        "sagittal plane": (lambda p: ours.plane(Axis.X, int(p[0])), lambda p: peer[:, :, int(p[0])], (columns,)),
    }


def _write_ours(path: Path, volume: _Volume) -> Pyramid:
    z, y, x = SPACING_MM
    affine = ((0, 0, x, 0), (0, y, 0, 0), (z, 0, 0, 0), (0, 0, 0, 1))
    attributes = ImageAttributes(axes="zyx", affine_lps=affine, spacing_mm=SPACING_MM)
    write_pyramid(path, volume, attributes)
    return Pyramid.open(path)


def _write_peer(path: Path, volume: _Volume) -> _Array:
    tool: Any = import_module("zarr")
    array = tool.create_array(str(path), shape=volume.shape, dtype="int16", chunks=(_PEER_CHUNK,) * 3)
    array[...] = volume
    opened: _Array = tool.open_array(str(path), mode="r")
    return opened


def _coarsen(volume: _Volume) -> object:
    dask: Any = import_module("dask.array")
    blocks = dask.from_array(volume, chunks=(64, 512, 512))
    return dask.coarsen(np.mean, blocks, dict.fromkeys(range(3), 2)).astype(np.int16).compute()


def _bin_shrink(volume: _Volume) -> _Volume:
    itk: Any = import_module("SimpleITK")
    made: _Volume = itk.GetArrayFromImage(itk.BinShrink(itk.GetImageFromArray(volume), (2, 2, 2)))
    return made
