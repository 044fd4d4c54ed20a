"""Reads NRRD volumes that lie in one file, plain or packed by gzip; keys, comments and content are dropped.

The header is read here: SimpleITK gives only what it makes of it, which hides units, axes that are none of space and a
place that is none in the patient, and it reads all voxels at once.

References
----------
https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from imaging.dicom.limits import Limits
from imaging.domain.image import Rescale
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import Matrix
from imaging.volume import Place, Volume, lay_volume
from imaging.voxel_file import VoxelFormat, take_plain, unpack

_MAGIC = re.compile(rb"NRRD000[1-5]\r?\n")
_LONGEST_HEADER = 2**20
_TYPES = {
    "int8": "i1", "int8_t": "i1", "signed char": "i1",
    "uint8": "u1", "uint8_t": "u1", "uchar": "u1", "unsigned char": "u1",
    "int16": "i2", "int16_t": "i2", "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2",
    "uint16": "u2", "uint16_t": "u2", "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2",
    "int32": "i4", "int32_t": "i4", "int": "i4", "signed int": "i4",
    "uint32": "u4", "uint32_t": "u4", "uint": "u4", "unsigned int": "u4",
    "int64": "i8", "int64_t": "i8", "longlong": "i8", "long long": "i8", "long long int": "i8",
    "signed long long": "i8", "signed long long int": "i8",
    "uint64": "u8", "uint64_t": "u8", "ulonglong": "u8", "unsigned long long": "u8", "unsigned long long int": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip
_PACKED = {"raw": False, "gzip": True, "gz": True}
_ENDIAN: Mapping[str, Literal["<", ">"]] = {"little": "<", "big": ">"}
_TO_LPS = {
    "right-anterior-superior": (-1.0, -1.0, 1.0), "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0), "las": (1.0, -1.0, 1.0),
    "left-posterior-superior": (1.0, 1.0, 1.0), "lps": (1.0, 1.0, 1.0),
}  # fmt: skip
"""Directions in which the world of the file counts; other spaces have no place in the patient."""
_UNITS_MM = {"mm": 1.0, "": 1.0, "um": 0.001, "µm": 0.001, "μm": 0.001, "cm": 10.0, "m": 1000.0}
_OF_SPACE = frozenset({"domain", "space", "???", "none"})
_OF_PARTS = frozenset({
    "list", "vector", "point", "covariant-vector", "normal", "stub", "scalar", "2-vector", "3-vector", "4-vector",
    "3-color", "3-gradient", "3-normal",
})  # fmt: skip
_COLOUR = "rgb-color"
_VECTOR = re.compile(r"none|\([^()]*\)")
_QUOTED = re.compile(r'"([^"]*)"')


class NrrdReader:
    """A `VolumeReader` of NRRD."""

    def recognises(self, path: Path) -> bool:
        """Tell by the magic at the beginning."""
        with path.open("rb") as stream:
            return _MAGIC.match(stream.read(16)) is not None

    def open(self, path: Path, scratch: Path, *, decided: bool, chosen: bool = False) -> Volume:
        """Find the voxels and their place; there is nothing to decide on in a header that says one thing."""
        with path.open("rb") as stream:
            fields = _read_fields(stream)
            begin = stream.tell()
        if "datafile" in fields:
            inside = Path(fields["datafile"]).parent == Path()
            path, begin = path.parent / fields["datafile"], 0
            if not (chosen and inside and path.is_file()):
                raise RefusedFileError(Reason.NO_PIXELS, "the voxels lie in a file of their own")
        try:
            axes = _read_axes(fields)
            voxel_format = _read_format(fields, axes)
            place = _read_place(fields, axes)
            packed = _read_packing(fields)
        except ValueError as error:
            raise _senseless() from error
        limits = Limits.of_volume(chosen=chosen)
        if packed:
            voxels = unpack(path, voxel_format, limits, scratch, packed_from=begin)
        else:
            voxels = take_plain(path, begin, voxel_format, limits)
        return lay_volume(voxels, place, rescale=Rescale(), colour=any(axis.colour for axis in axes))


@dataclass(frozen=True)
class _Axis:
    """One axis of the file: `name` is x, y, z, t or c; `step` in the file's world where it has one."""

    name: str
    length: int
    step: tuple[float, ...] | None = None
    spacing: float | None = None
    colour: bool = False


def _senseless() -> RefusedFileError:
    return RefusedFileError(Reason.UNREADABLE, "the header of the volume makes no sense")


def _read_fields(stream: BinaryIO) -> dict[str, str]:
    """Read `field: value` up to the empty line; of `key:=value` and comments nothing is kept.

    Names lose their spaces: "data file" and "datafile" are one.
    """
    fields: dict[str, str] = {}
    stream.readline(16)
    left = _LONGEST_HEADER
    while line := stream.readline(left):
        left -= len(line)
        if left <= 0:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the header is too large")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            return fields
        name, separator, value = text.partition(":")
        if text.startswith("#") or value.startswith("="):
            continue
        name = name.strip().lower().replace(" ", "")
        if not separator or name in fields:
            raise _senseless()
        fields[name] = value.strip()
        if value.strip().startswith("LIST") and name == "datafile":
            return fields
    if "datafile" in fields:
        return fields
    raise RefusedFileError(Reason.TRUNCATED, "the header ends early")


def _read_packing(fields: Mapping[str, str]) -> bool:
    packed = _PACKED.get(fields.get("encoding", "").lower())
    if packed is None or any(int(fields.get(name, "0") or "0") for name in ("lineskip", "byteskip")):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "voxels that are written in this way are not read")
    return packed


def _read_format(fields: Mapping[str, str], axes: Sequence[_Axis]) -> VoxelFormat:
    name = _TYPES.get(" ".join(fields.get("type", "").lower().split()))
    if name is None:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "voxels of this type are not read")
    stored = np.dtype(name)
    if stored.itemsize > 1:
        endian = _ENDIAN.get(fields.get("endian", "").lower())
        if endian is None:
            raise _senseless()
        stored = stored.newbyteorder(endian)
    if any(axis.colour and (axis.length != 3 or stored.name not in ("uint8", "uint16")) for axis in axes):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the colour space of the picture is not read")
    kept = [axis for axis in reversed(axes) if axis.name in "zyx" or axis.length > 1]
    if not any(axis.name == "z" for axis in kept):
        kept.insert([axis.name for axis in kept].index("y"), _Axis("z", 1))
    order = "".join(axis.name for axis in kept)
    if "zyx" not in order or len(set(order)) != len(order):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume has other axes than space and time")
    return VoxelFormat(stored, order, tuple(axis.length for axis in kept))


def _read_axes(fields: Mapping[str, str]) -> list[_Axis]:
    """Tell what each axis is, the fastest first; those of space are x, y and z in the order of the file."""
    lengths = [int(length) for length in fields.get("sizes", "").split()]
    if len(lengths) != int(fields.get("dimension", "0")) or min(lengths, default=0) < 1:
        raise _senseless()
    steps = _read_steps(fields, len(lengths))
    kinds = [kind.lower() for kind in fields["kinds"].split()] if "kinds" in fields else ["???"] * len(lengths)
    spacings = _read_spacings(fields, len(lengths))
    if len(kinds) != len(lengths):
        raise _senseless()
    left, axes = iter("xyz"), []
    for length, kind, step, spacing in zip(lengths, kinds, steps, spacings, strict=True):
        in_space = kind in _OF_SPACE if "spacedirections" not in fields else step is not None
        name = next(left, "") if in_space else _name_part(kind)
        if not name:
            raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume has other axes than space and time")
        axes.append(_Axis(name, length, step, spacing, colour=kind == _COLOUR and not in_space))
    if not {"x", "y"} <= {axis.name for axis in axes}:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume has other axes than space and time")
    return axes


def _name_part(kind: str) -> str:
    """Name an axis that is none of space; empty where nobody can tell what it is."""
    if kind == "time":
        return "t"
    return "c" if kind in _OF_PARTS or kind == _COLOUR else ""


def _read_steps(fields: Mapping[str, str], count: int) -> list[tuple[float, ...] | None]:
    if "spacedirections" not in fields:
        return [None] * count
    told = _VECTOR.findall(fields["spacedirections"])
    if len(told) != count:
        raise _senseless()
    return [None if vector == "none" else _read_vector(vector) for vector in told]


def _read_vector(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.strip("() ").split(","))


def _read_spacings(fields: Mapping[str, str], count: int) -> list[float | None]:
    told = [float(part) for part in fields.get("spacings", "").split()] or [float("nan")] * count
    scales = _read_units(fields.get("units", ""), count)
    if len(told) != count:
        raise _senseless()
    sizes = (abs(size) * scale for size, scale in zip(told, scales, strict=True))
    return [size if 0 < size < float("inf") else None for size in sizes]


def _read_units(text: str, count: int) -> list[float]:
    """Read what one unit of each axis is in mm; mm where nothing is said."""
    told = _QUOTED.findall(text) or [""] * count
    if len(told) != count:
        raise _senseless()
    return [_UNITS_MM.get(unit.strip(), float("nan")) for unit in told]


def _read_place(fields: Mapping[str, str], axes: Sequence[_Axis]) -> Place:
    """Read the place in the patient; a space that is not the patient's gives distances only."""
    steps = {axis.name: axis.step for axis in axes if axis.step is not None}
    signs = _TO_LPS.get(fields.get("space", "").lower())
    if not steps:
        sizes = {axis.name: axis.spacing for axis in axes}
        return Place(spacing=(sizes.get("x"), sizes.get("y"), sizes.get("z")))
    scales = _read_units(fields.get("spaceunits", ""), len(steps["x"]))
    if np.isnan(scales).any():
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume is measured in other units than of length")
    world = {name: np.asarray(step) * scales for name, step in steps.items()}
    if signs is None or "spaceorigin" not in fields:
        x, y, z = (_length(world.get(name)) for name in "xyz")
        return Place(spacing=(x, y, z))
    origin = _read_vector(fields["spaceorigin"])
    if {len(origin), *(len(step) for step in world.values())} != {3}:
        raise _senseless()
    return Place(matrix=_to_matrix(world, np.asarray(origin) * scales, signs))


def _to_matrix(world: Mapping[str, Matrix], origin: Matrix, signs: tuple[float, ...]) -> Matrix:
    matrix = np.eye(4)
    for place, name in enumerate("xyz"):
        matrix[:3, place] = np.asarray(signs) * world.get(name, np.zeros(3))
    matrix[:3, 3] = np.asarray(signs) * origin
    return matrix


def _length(step: Matrix | None) -> float | None:
    length = 0.0 if step is None else float(np.linalg.norm(step))
    return length if 0 < length < float("inf") else None
