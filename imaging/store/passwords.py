"""Passwords (argon2id) and random tokens, of which only digests are stored."""

from __future__ import annotations

import functools
import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from imaging.errors import InvalidInputError

SHORTEST = 8
LONGEST = 1024
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """Hash with argon2id and the library's current parameters (RFC 9106)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInputError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Compare; takes as long for an absent account (None) as for a present one."""
    try:
        matches = _HASHER.verify(stored or _decoy(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


def make_password() -> str:
    """Draw a password that is shown once."""
    return secrets.token_urlsafe(15)


def make_token() -> str:
    """Draw 256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest_token(token: str) -> str:
    """SHA-256 is enough for a token of full entropy."""
    return hashlib.sha256(token.encode()).hexdigest()


@functools.cache
def _decoy() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
