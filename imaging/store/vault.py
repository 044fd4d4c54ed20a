"""Files at rest in quarantine: AES-256-GCM in chunks, each bound to its place in its file.

Layout of a sealed file: 7 random bytes, then chunks of 1 MiB plain (each 16 bytes longer sealed). The nonce of a chunk
is these 7 bytes, its number (4 bytes, big-endian) and 1 for the last chunk, 0 otherwise, so that cutting the end,
swapping or repeating chunks is found (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from imaging.errors import VerificationError

CHUNK = 1 << 20
_PREFIX = 7
_TAG = 16


def seal_file(plain: BinaryIO, target: Path, key: bytes, context: str) -> int:
    """Encrypt a stream into a new file of mode 0600 and return the plain bytes read."""
    cipher, prefix, size = AESGCM(key), os.urandom(_PREFIX), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as sealed:
            sealed.write(prefix)
            for number, chunk, last in _numbered(plain, CHUNK):
                sealed.write(cipher.encrypt(_nonce(prefix, number, last), chunk, context.encode()))
                size += len(chunk)
            sealed.flush()
            os.fsync(sealed.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return size


def open_file(source: Path, target: BinaryIO, key: bytes, context: str) -> None:
    """Decrypt a sealed file into a stream; VerificationError when any byte differs."""
    cipher = AESGCM(key)
    with source.open("rb") as sealed:
        prefix = sealed.read(_PREFIX)
        for number, chunk, last in _numbered(sealed, CHUNK + _TAG):
            try:
                target.write(cipher.decrypt(_nonce(prefix, number, last), chunk, context.encode()))
            except (InvalidTag, ValueError) as error:
                raise VerificationError("quarantined file", context) from error


def plain_size(sealed: int) -> int:
    """Give the plain bytes in a sealed file of this many bytes."""
    chunks = -(-(sealed - _PREFIX) // (CHUNK + _TAG))
    return sealed - _PREFIX - chunks * _TAG


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _numbered(stream: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    chunk, number = _read_full(stream, size), 0
    while True:
        following = _read_full(stream, size) if len(chunk) == size else b""
        yield number, chunk, not following
        if not following:
            return
        chunk, number = following, number + 1


def _read_full(stream: BinaryIO, size: int) -> bytes:
    # An unbuffered stream, such as a socket, may give less than asked for before its end.
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
