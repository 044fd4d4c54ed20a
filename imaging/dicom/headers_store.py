"""The pseudonymised headers of one image as bytes: gzip of one DICOM JSON object per line (PS3.18 Annex F)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue

from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.stack import Stack
from imaging.errors import VerificationError

JsonObject = dict[str, Any]

_Key = tuple[int, str, bytes, bool]
_Shared = dict[_Key, JsonObject]
"""What became of values that other headers of the image have too."""

_INSTANCE = "00080018"
_LEVEL = 6
_REMEMBERED = 4096
_TEXTS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UI", "UT"))
_ALONE = _TEXTS | {"FD", "FL", "SL", "SS", "UL", "US"}
"""Value representations whose values mean the same in every header."""


def pack_headers(stack: Stack, pseudonymised: Iterable[Dataset]) -> bytes:
    """Serialise the headers in the order of `stack.instances`; same headers, same bytes.

    Each line is `{"planes": [[t, z, frame, top, left], ...], "meta": {...}, "header": {...}}`: where the planes of the
    file went, its file meta and its data set.
    """
    silence_pydicom()
    places: dict[int, list[list[int]]] = {}
    for t, planes in enumerate(stack.planes):
        for z, plane in enumerate(planes):
            tile = list(plane.tile[:2]) if plane.tile is not None else [0, 0]
            places.setdefault(id(plane.instance), []).append([t, z, plane.frame, *tile])
    shared: _Shared = {}
    lines = [
        _pack_line(places[id(instance)], header, shared)
        for instance, header in zip(stack.instances, pseudonymised, strict=True)
    ]
    return _compress(lines)


def repack_headers(packed: bytes, rewrite: Callable[[Dataset], Dataset]) -> bytes:
    """Serialise what becomes of each header when it is rewritten; where its planes went stays."""
    shared: _Shared = {}
    lines = [_pack_line(planes, rewrite(header), shared) for planes, header in _unpack(packed)]
    return _compress(lines)


class PlanePlace(NamedTuple):
    """Where one plane of an image came from: t and z in the image; the frame, and where in it, in the file."""

    t: int
    z: int
    frame: int
    top: int
    left: int


@dataclass(frozen=True, eq=False)
class StoredInstance:
    """One file that an image was made of, as far as it is kept beside the voxels."""

    header: Dataset
    places: tuple[PlanePlace, ...]


def unpack_instances(packed: bytes) -> Iterator[StoredInstance]:
    """Read back each header with where its planes went."""
    for planes, header in _unpack(packed):
        yield StoredInstance(header, tuple(PlanePlace(*place) for place in planes))


def unpack_headers(packed: bytes) -> Iterator[Dataset]:
    """Read the headers back, each with its file meta."""
    return (header for _, header in _unpack(packed))


def find_planes(packed: bytes) -> dict[str, tuple[PlanePlace, ...]]:
    """Tell for each instance, by its pseudonymous UID, which planes of the image came from it."""
    records = (json.loads(line) for line in _read_lines(packed))
    return {
        str(record["header"][_INSTANCE]["Value"][0]): tuple(PlanePlace(*place) for place in record["planes"])
        for record in records
    }


def _unpack(packed: bytes) -> Iterator[tuple[list[list[int]], Dataset]]:
    silence_pydicom()
    for line in _read_lines(packed):
        record: JsonObject = json.loads(line)
        header = Dataset.from_json(record["header"])
        _restore_decimals(record["header"], header)
        header.file_meta = FileMetaDataset(Dataset.from_json(record["meta"]))
        yield record["planes"], header


def _read_lines(packed: bytes) -> list[str]:
    try:
        return gzip.decompress(packed).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise VerificationError("headers", "they cannot be unpacked") from error


def _compress(lines: Iterable[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=_LEVEL, mtime=0)


def _pack_line(planes: Iterable[list[int]], header: Dataset, shared: _Shared) -> str:
    record = {
        "planes": list(planes),
        "meta": _to_json(header.file_meta, shared),
        "header": _to_json(header, shared),
    }
    return json.dumps(record, separators=(",", ":"), sort_keys=True)


def _to_json(header: Dataset, shared: _Shared) -> JsonObject:
    """Give what `Dataset.to_json_dict` gives, but for decimal strings."""
    made: JsonObject = {}
    for tag, element in tuple(header.items()):
        # The slices of a series share most of their values: each is turned once.
        key = _key_of(element) if isinstance(element, RawDataElement) else None
        entry = shared.get(key) if key is not None else None
        if entry is None:
            entry = _turn(header[tag], shared)
            if key is not None and len(shared) < _REMEMBERED:
                shared[key] = entry
        made[f"{int(tag):08X}"] = entry
    return made


def _key_of(raw: RawDataElement) -> _Key | None:
    """Tell by what an element is the same in another header; None where more decides: an implicit VR, a charset."""
    value = raw.value or b""
    if raw.VR not in _ALONE or (raw.VR in _TEXTS and (not value.isascii() or b"\x1b" in value)):
        return None
    return int(raw.tag), raw.VR, value, raw.is_little_endian


def _turn(element: DataElement, shared: _Shared) -> JsonObject:
    """Turn one element; decimal strings stay strings (PS3.18 F.2.3): as numbers they would lose their digits."""
    if element.VR == "SQ":
        return {"vr": "SQ", "Value": [_to_json(item, shared) for item in element.value]}
    entry: JsonObject = element.to_json_dict(None, 0)
    if element.VR == "DS" and "Value" in entry:
        values = element.value if isinstance(element.value, MultiValue) else [element.value]
        entry["Value"] = [getattr(value, "original_string", None) or str(value) for value in values]
    return entry


def _restore_decimals(json_dict: JsonObject, header: Dataset) -> None:
    """Put the strings back that pydicom turned into numbers on its way in."""
    for element in header:
        values = json_dict[f"{int(element.tag):08X}"].get("Value", [])
        if element.VR == "DS" and values:
            element.value = values
        elif element.VR == "SQ":
            for item_dict, item in zip(values, element.value, strict=True):
                _restore_decimals(item_dict, item)
