"""Inflates deflated data sets within limits (PS3.5 A.5)."""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_file_meta_info

from imaging.dicom.beginning import find_meta_end
from imaging.dicom.codecs import DEFLATED
from imaging.dicom.limits import RATIO_FREE_BYTES, Limits
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError


def deflated_meta(path: Path, start: bytes) -> FileMetaDataset | None:
    """Give the file meta information of a deflated file; None for any other."""
    if start[128:132] != b"DICM":
        return None
    if start.find(DEFLATED.encode(), 0, find_meta_end(start)) < 0:
        return None
    meta = read_file_meta_info(path)
    return meta if str(meta.get("TransferSyntaxUID", "")) == DEFLATED else None


def inflate(path: Path, limits: Limits) -> bytes:
    """Inflate the data set of a deflated file, never beyond the limit."""
    with path.open("rb") as stream:
        stream.seek(_meta_end(path))
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        deflated = stream.read()
        allowed = min(limits.inflated_bytes, max(RATIO_FREE_BYTES, limits.inflated_ratio * len(deflated)))
        try:
            inflated = inflater.decompress(deflated, allowed)
        except zlib.error:
            raise RefusedFileError(Reason.TRUNCATED, "the deflated data set is damaged") from None
    if inflater.unconsumed_tail:
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the deflated data set is too large")
    if not inflater.eof:
        raise RefusedFileError(Reason.TRUNCATED, "the deflated data set ends early")
    return inflated


def inflate_beginning(path: Path, most: int) -> bytes:
    """Inflate what is sound at the beginning of a deflated data set, and no more than `most` bytes of it."""
    inflated, inflater = bytearray(), zlib.decompressobj(-zlib.MAX_WBITS)
    with path.open("rb") as stream, suppress(zlib.error):
        stream.seek(_meta_end(path))
        # Of a piece that is damaged nothing is given back: a small one loses little.
        while len(inflated) < most and (piece := stream.read(64)):
            inflated += inflater.decompress(piece, most - len(inflated))
    return bytes(inflated)


def _meta_end(path: Path) -> int:
    meta = read_file_meta_info(path)
    return 132 + 12 + int(meta.FileMetaInformationGroupLength)
