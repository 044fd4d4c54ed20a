"""Finds a planted token in the bytes of a file, however it is spelled or packed there."""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
import pydicom

from tests.imaging.dicom.planting import DEFLATED, TOKEN, end_of_meta

TOKENS = (TOKEN, "4711471147")
"""What the side channels hold: letters, and digits where only a UID can stand."""


def tokens_in(encoded: bytes, token: str) -> list[bytes]:
    """How a token can be spelled in bytes: plain, wide, one letter per 16-bit word, four bits per word."""
    plain = token.encode()
    spelled = np.frombuffer(plain, np.uint8)
    nibbles = np.stack([spelled >> 4, spelled & 15], 1).ravel().tobytes()
    hits = [one for one in (plain, token.encode("utf-16-le"), token.encode("utf-16-be")) if one in encoded]
    for shift in (0, 1):
        words = np.frombuffer(encoded[shift : len(encoded) - (len(encoded) - shift) % 2], "<u2")
        hits += [plain for part in (words >> 8, words & 0xFF) if plain in part.astype(np.uint8).tobytes()]
        hits += [nibbles for part in (words & 15, words >> 8 & 15) if nibbles in part.astype(np.uint8).tobytes()]
    return hits


def unpacked(encoded: bytes) -> list[bytes]:
    """A file's bytes, what a deflated data set inflates to, and the values that pydicom reads."""
    parts = [encoded, values_in(encoded)]
    if DEFLATED.encode() in encoded[:400]:
        try:
            parts.append(zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded[end_of_meta(encoded) :]))
        except zlib.error:
            # A tool may say that it deflated what it did not.
            return parts
    return parts


def values_in(encoded: bytes) -> bytes:
    """Every value at every depth as a parser gives it; nothing where pydicom cannot read the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(io.BytesIO(encoded), force=True)
            elements = [*getattr(header, "file_meta", ()), *header.iterall()]
            values = [element.value for element in elements if element.VR != "SQ"]
            return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    # What cannot be parsed is searched as bytes.
    except Exception:
        return b""


def leaks(encoded: bytes, *tokens: str) -> bool:
    """Whether a token can be found in a file; without tokens, those of the side channels."""
    return any(tokens_in(part, token) for part in unpacked(encoded) for token in tokens or TOKENS)
