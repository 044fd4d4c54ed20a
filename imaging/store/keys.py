"""Key files, the master key, and what it wraps: project secrets and API private keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from imaging.errors import NotFoundError, StateError, VerificationError
from imaging.settings import Settings

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
SEALED_KEY_BYTES = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES


class Wrapper:
    """Seals small secrets with AES-256-GCM; the context binds each to its place, so that none can be swapped."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise StateError("key", "must hold 32 bytes")
        self._cipher = AESGCM(key)

    def wrap(self, plain: bytes, context: str) -> bytes:
        """Seal; the nonce goes in front."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def unwrap(self, sealed: bytes, context: str) -> bytes:
        """Open, or raise VerificationError when key, context or bytes do not fit."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise VerificationError("sealed secret", context) from error


def make_secret() -> bytes:
    """Draw a 256-bit secret."""
    return secrets.token_bytes(KEY_BYTES)


def derive(secret: bytes, purpose: str) -> bytes:
    """Make a 256-bit key for one purpose from a secret (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"imaging/{purpose}".encode()).derive(secret)


def create_master_key(settings: Settings) -> Wrapper:
    """Make the secrets folder (0700) and the key file (0600)."""
    make_private_folder(settings.secrets)
    settings.master_key_file.parent.mkdir(parents=True, exist_ok=True)
    # An operator may lay the key there beforehand, for instance from a hardware store: it is left as it is.
    create_key_file(settings.master_key_file, make_secret())
    return read_master_key(settings)


def create_key_file(path: Path, key: bytes) -> None:
    """Write a key, hex, into a file of mode 0600 and make it durable; a file that is there already stays."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_master_key(settings: Settings) -> Wrapper:
    """Read the key; NotFoundError when the file is absent."""
    try:
        text = settings.master_key_file.read_text("ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("master key") from None
    except (PermissionError, IsADirectoryError, UnicodeDecodeError) as error:
        raise StateError("master key", "cannot be read") from error
    try:
        return Wrapper(bytes.fromhex(text))
    except ValueError as error:
        raise StateError("master key", "is not hexadecimal") from error


def lets_others_in(mode: int) -> bool:
    """Whether a mode lets other accounts than the owner in."""
    return bool(mode & 0o077)


def make_private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
