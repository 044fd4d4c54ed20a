"""The pseudonymised headers of one image as bytes: gzip of one DICOM JSON object per line (PS3.18 Annex F)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue

from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.stack import Stack

JsonObject = dict[str, Any]

_LEVEL = 6


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
    lines = [
        _pack_line(places[id(instance)], header)
        for instance, header in zip(stack.instances, pseudonymised, strict=True)
    ]
    return _compress(lines)


def repack_headers(packed: bytes, rewrite: Callable[[Dataset], Dataset]) -> bytes:
    """Serialise what becomes of each header when it is rewritten; where its planes went stays."""
    lines = [_pack_line(planes, rewrite(header)) for planes, header in _unpack(packed)]
    return _compress(lines)


def unpack_headers(packed: bytes) -> Iterator[Dataset]:
    """Read the headers back, each with its file meta."""
    return (header for _, header in _unpack(packed))


def _unpack(packed: bytes) -> Iterator[tuple[list[list[int]], Dataset]]:
    silence_pydicom()
    for line in gzip.decompress(packed).decode().splitlines():
        record: JsonObject = json.loads(line)
        header = Dataset.from_json(record["header"])
        _restore_decimals(record["header"], header)
        header.file_meta = FileMetaDataset(Dataset.from_json(record["meta"]))
        yield record["planes"], header


def _compress(lines: Iterable[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=_LEVEL, mtime=0)


def _pack_line(planes: Iterable[list[int]], header: Dataset) -> str:
    record = {
        "planes": list(planes),
        "meta": header.file_meta.to_json_dict(),
        "header": _keep_decimals(header.to_json_dict(), header),
    }
    return json.dumps(record, separators=(",", ":"), sort_keys=True)


def _keep_decimals(json_dict: JsonObject, header: Dataset) -> JsonObject:
    """Write decimal strings as strings, which PS3.18 F.2.3 allows: as numbers they would lose their digits."""
    for element in header:
        entry = json_dict[f"{int(element.tag):08X}"]
        if element.VR == "DS" and "Value" in entry:
            values = element.value if isinstance(element.value, MultiValue) else [element.value]
            entry["Value"] = [getattr(value, "original_string", None) or str(value) for value in values]
        elif element.VR == "SQ":
            for item_dict, item in zip(entry.get("Value", []), element.value, strict=True):
                _keep_decimals(item_dict, item)
    return json_dict


def _restore_decimals(json_dict: JsonObject, header: Dataset) -> None:
    """Put the strings back that pydicom turned into numbers on its way in."""
    for element in header:
        values = json_dict[f"{int(element.tag):08X}"].get("Value", [])
        if element.VR == "DS" and values:
            element.value = values
        elif element.VR == "SQ":
            for item_dict, item in zip(values, element.value, strict=True):
                _restore_decimals(item_dict, item)
