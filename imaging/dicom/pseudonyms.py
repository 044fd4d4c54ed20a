"""Keyed, stateless pseudonyms of one project: the same input gives the same output, and no other project does.

One sub-key per purpose is derived from the project's secret (HKDF-SHA256, RFC 5869), so that what leaks of one
purpose says nothing about another. Nothing is stored: any machine that holds the secret gives the same answer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydicom.uid import UID

from imaging.errors import InvalidInputError

_SHIFT_DAYS = 3650
_HOUR = 3600
_PURPOSES = ("subject", "uid", "identifier", "days", "seconds", "digest")


class Pseudonyms:
    """Everything that is derived from one project's secret.

    Parameters
    ----------
    secret : 32 bytes
        The project's 256-bit secret; it never leaves this object.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise InvalidInputError("a pseudonymisation key has exactly 256 bits")
        self._keys = {purpose: _derive(secret, purpose) for purpose in _PURPOSES}

    def subject(self, issuer: str, patient_id: str) -> str:
        """Give the pseudonym of a person: 80 bits in 16 characters; two hospitals' same ID differ."""
        if not canonical(patient_id):
            raise InvalidInputError("an empty patient ID has no pseudonym")
        return self._letters("subject", f"{canonical(issuer)}\0{canonical(patient_id)}")

    def uid(self, uid: str) -> str:
        """Give the UID that replaces another: 2.25 and a version-8 UUID (RFC 9562).

        UIDs that the standard registers stay; a made-up one below its root could hold anything and does not.
        """
        cleaned = uid.strip(" \0")
        if not cleaned or is_registered(cleaned):
            return cleaned
        raw = bytearray(self._mac("uid", cleaned)[:16])
        raw[6] = (raw[6] & 0x0F) | 0x80
        raw[8] = (raw[8] & 0x3F) | 0x80
        return f"2.25.{uuid.UUID(bytes=bytes(raw)).int}"

    def identifier(self, kind: str, value: str) -> str:
        """Give the pseudonym of any other identifier, 16 characters (fits SH); `kind` keeps purposes apart."""
        cleaned = canonical(value)
        return self._letters("identifier", f"{kind}\0{cleaned}") if cleaned else ""

    def days(self, subject: str) -> int:
        """Give the whole days to add to every date of a subject: −3650..−1."""
        return -1 - int.from_bytes(self._mac("days", subject)[:8], "big") % _SHIFT_DAYS

    def seconds(self, subject: str) -> int:
        """Give the seconds by which every time of day of a subject moves back: one hour at least, 23 at most."""
        return _HOUR + int.from_bytes(self._mac("seconds", subject)[:8], "big") % (22 * _HOUR + 1)

    def digest(self, data: bytes | Path) -> str:
        """Give the keyed digest of a source file, hex: without the key it is no way back to the original."""
        return self.keyed(fingerprint(data))

    def keyed(self, fingerprint: bytes) -> str:
        """Give the keyed digest of a file whose bytes were read already."""
        return hmac.new(self._keys["digest"], fingerprint, hashlib.sha256).hexdigest()

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.new(self._keys[purpose], text.encode(), hashlib.sha256).digest()

    def _letters(self, purpose: str, text: str) -> str:
        return base64.b32encode(self._mac(purpose, text)[:10]).decode()


def fingerprint(data: bytes | Path) -> bytes:
    """Give SHA-256 of a source file, to be keyed and never stored: by itself it is a way back to the original."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).digest()
    with data.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def is_registered(uid: str) -> bool:
    """Whether the standard registers this UID (PS3.6 A)."""
    return UID(uid).name != uid


def _derive(secret: bytes, purpose: str) -> bytes:
    info = f"imaging-workspace/pseudonyms/1/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def canonical(value: str) -> str:
    """Give an identifier as it is compared: NFC, without DICOM padding."""
    return unicodedata.normalize("NFC", value).strip(" \0")
