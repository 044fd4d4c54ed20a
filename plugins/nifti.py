"""Reads NIfTI-1 and NIfTI-2 volumes, plain or packed by gzip; no word of the header survives, no extension either.

nibabel reads the header; the voxels are read here, because nibabel gives them scaled, and a packed file from its start
for every slab. A volume that says nothing of its units is in mm, as every program takes it.

References
----------
https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields, https://nifti.nimh.nih.gov/nifti-2
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.limits import Limits
from imaging.domain.image import Rescale
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import Matrix
from imaging.pyramid.layout import Spacing
from imaging.volume import Place, Volume, lay_volume
from imaging.voxel_file import VoxelFormat, take_plain, unpack

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

_GZIP = b"\x1f\x8b"
_LONGEST = 540
_RGB = 128
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", _RGB: "u1", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
"""Values of `datatype`."""
_UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Values of `xyzt_units`, its three lowest bits: unknown, metre, millimetre, micrometre."""
_SAME_PLACE_VOXELS = 0.1
"""How far apart two matrices may lay a corner and still say the same: rounding of quaternions, no more."""


@dataclass(frozen=True)
class _Kind:
    """One version of the format; `single` and `pair` are its magics, at `magic`."""

    size: int
    magic: int
    single: bytes
    pair: bytes


_KINDS = (
    _Kind(348, 344, b"n+1\0", b"ni1\0"),
    _Kind(540, 4, b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n"),
)


class NiftiReader:
    """A `VolumeReader` of NIfTI."""

    def recognises(self, path: Path) -> bool:
        """Tell by the size and magic at the beginning, unpacked where it is packed."""
        return _find_kind(_read_start(path)) is not None

    def open(self, path: Path, scratch: Path, *, decided: bool, chosen: bool = False) -> Volume:
        """Find the voxels and their place; where two places are stated, a person's decision takes the sform."""
        start = _read_start(path)
        kind = _find_kind(start)
        if kind is None:
            raise RefusedFileError(Reason.UNREADABLE, "the header of the volume makes no sense")
        least = kind.size
        if start[kind.magic :].startswith(kind.pair):
            if not chosen:
                raise _apart()
            path, least = _find_voxels(path), 0
        header = _parse(start, kind)
        voxel_format, offset = _read_format(header), _read_offset(header, least)
        packed = _is_packed(path)
        limits = Limits.of_volume(chosen=chosen)
        voxel_format.check(limits)
        place = _read_place(header, voxel_format, decided=decided)
        colour = int(header["datatype"]) == _RGB
        rescale = Rescale() if colour else _read_rescale(header)
        if packed:
            voxels = unpack(path, voxel_format, limits, scratch, skip=offset)
        else:
            voxels = take_plain(path, offset, voxel_format, limits)
        return lay_volume(voxels, place, rescale=rescale, colour=colour)


def _apart() -> RefusedFileError:
    return RefusedFileError(Reason.NO_PIXELS, "the voxels lie in a file of their own")


def _find_voxels(header: Path) -> Path:
    """Find the file of the voxels beside that of their header: `a.img` or `a.img.gz` beside `a.hdr`."""
    stem = header.with_suffix("") if header.suffix == ".gz" else header
    for path in (stem.with_suffix(".img"), stem.with_suffix(".img.gz")):
        if path.is_file():
            return path
    raise _apart()


def _is_packed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_GZIP)) == _GZIP


def _read_start(path: Path) -> bytes:
    """Read as much as a header needs; what there is of it where the file ends early or is damaged."""
    with path.open("rb") as stream:
        start = stream.read(_LONGEST)
        if not start.startswith(_GZIP):
            return start
        stream.seek(0)
        unpacked = b""
        try:
            with gzip.GzipFile(fileobj=stream) as inside:
                while len(unpacked) < _LONGEST and (part := inside.read(_LONGEST - len(unpacked))):
                    unpacked += part
        except (EOFError, gzip.BadGzipFile, zlib.error):
            pass
        return unpacked


def _find_kind(start: bytes) -> _Kind | None:
    for kind in _KINDS:
        sizes = (kind.size.to_bytes(4, "little"), kind.size.to_bytes(4, "big"))
        if start[:4] in sizes and start[kind.magic :].startswith((kind.single, kind.pair)) and len(start) >= kind.size:
            return kind
    return None


def _parse(start: bytes, kind: _Kind) -> Nifti1Header:
    # Loaded for a file that needs it: every ingest asks whether a file is one.
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    made = Nifti1Header if kind.size == _KINDS[0].size else Nifti2Header
    return made(start[: kind.size], check=False)  # type: ignore[no-untyped-call]


def _read_format(header: Nifti1Header) -> VoxelFormat:
    """Read axes and type; `dim` counts x first, and length 1 makes no axis of time."""
    count, *lengths = (int(length) for length in header["dim"])
    if not 2 <= count <= 7 or min(lengths[:count]) < 1:
        raise RefusedFileError(Reason.UNREADABLE, "the lengths of the volume make no sense")
    lengths = [*lengths[:count], *(1,) * (7 - count)]
    if max(lengths[4:]) > 1:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "the volume has other axes than space and time")
    name = _TYPES.get(int(header["datatype"]))
    if name is None:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "voxels of this type are not read")
    axes = [("t", lengths[3])] if lengths[3] > 1 else []
    axes += [("z", lengths[2]), ("y", lengths[1]), ("x", lengths[0])]
    axes += [("c", 3)] if int(header["datatype"]) == _RGB else []
    stored = np.dtype(name).newbyteorder(header.endianness)
    order, of_axes = zip(*axes, strict=True)
    return VoxelFormat(stored, "".join(order), tuple(of_axes))


def _read_offset(header: Nifti1Header, least: int) -> int:
    """Read where the voxels begin; between header and voxels lie extensions, which nobody reads."""
    offset = float(header["vox_offset"])
    if not least <= offset < 2**40 or offset != int(offset):
        raise RefusedFileError(Reason.UNREADABLE, "the header of the volume makes no sense")
    return int(offset)


def _read_rescale(header: Nifti1Header) -> Rescale:
    """Read slope and intercept; a slope of 0, or none that is a number, stands for no rescaling."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return Rescale()
    if not np.isfinite(intercept):
        raise RefusedFileError(Reason.UNREADABLE, "the header of the volume makes no sense")
    return Rescale(slope=(slope,), intercept=(intercept,))


def _read_place(header: Nifti1Header, voxel_format: VoxelFormat, *, decided: bool) -> Place:
    """Read the place by sform, else qform; held where both are there and differ, as programs then differ too."""
    scale = _UNITS_MM.get(int(header["xyzt_units"]) & 7)
    if scale is None:
        raise RefusedFileError(Reason.UNREADABLE, "the header of the volume makes no sense")
    by_sform, by_qform = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    if not by_sform and not by_qform:
        return Place(spacing=_read_spacing(header, scale))
    matrix = _read_sform(header) if by_sform else _read_qform(header)
    if by_sform and by_qform and not decided and not _agree(matrix, _read_qform(header), voxel_format):
        raise RefusedFileError(
            Reason.IRREGULAR_GEOMETRY, "sform and qform place the volume differently: accepting it takes the sform"
        )
    # NIfTI counts towards right, anterior, superior.
    return Place(matrix=np.diag([-scale, -scale, scale, 1.0]) @ matrix)


def _read_sform(header: Nifti1Header) -> Matrix:
    # A signalling NaN warns where it is copied.
    with np.errstate(invalid="ignore"):
        return _finite(np.asarray(header.get_sform(), np.float64))  # type: ignore[no-untyped-call]


def _read_qform(header: Nifti1Header) -> Matrix:
    from nibabel.spatialimages import HeaderDataError

    copy = header.copy()  # type: ignore[no-untyped-call]
    if copy["pixdim"][0] == 0:
        # The standard takes a handedness of 0 for 1, which some programs write.
        copy["pixdim"][0] = 1
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            return _finite(np.asarray(copy.get_qform(), np.float64))
    except (HeaderDataError, ValueError) as error:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the volume has no place that makes sense") from error


def _finite(matrix: Matrix) -> Matrix:
    if not np.isfinite(matrix).all():
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the volume has no place that makes sense")
    return matrix


def _read_spacing(header: Nifti1Header, scale: float) -> Spacing:
    x, y, z = (float(size) * scale if np.isfinite(size) and size > 0 else None for size in header["pixdim"][1:4])
    return x, y, z


def _agree(one: Matrix, other: Matrix, voxel_format: VoxelFormat) -> bool:
    """Whether two matrices lay every corner at the same place, up to a part of the smallest voxel side."""
    ends = [(0, voxel_format.extent(axis) - 1) for axis in "xyz"]
    corners = np.array([[x, y, z, 1] for x in ends[0] for y in ends[1] for z in ends[2]], float)
    apart: NDArray[np.float64] = np.linalg.norm(corners @ (one - other).T, axis=1)
    sides = [float(np.linalg.norm(one[:3, place])) for place, end in enumerate(ends) if end[1]]
    return bool(apart.max() <= _SAME_PLACE_VOXELS * min(sides, default=0.0))
