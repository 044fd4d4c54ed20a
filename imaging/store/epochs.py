"""The sealed secrets of a project, one behind the other in its row: none is ever written anew.

Layout: the first secret sealed (60 bytes, all that a project that never rotated its key has), then for each further
epoch one byte for its policy and its secret sealed. Each is bound to its project, its number and its policy.
"""

from __future__ import annotations

from imaging.domain.base import ProjectKey
from imaging.domain.epoch import KeyEpoch, RotationPolicy
from imaging.errors import VerificationError
from imaging.store.keys import SEALED_KEY_BYTES, Wrapper, make_secret

_SIGNS = {RotationPolicy.LINK: b"L", RotationPolicy.BREAK: b"B"}
_POLICIES = {sign: policy for policy, sign in _SIGNS.items()}
_FURTHER = 1 + SEALED_KEY_BYTES


def seal_first_epoch(wrapper: Wrapper, project: ProjectKey) -> bytes:
    """Draw the first secret of a project and seal it."""
    return wrapper.wrap(make_secret(), _first_context(project))


def open_first_epoch(sealed: bytes, wrapper: Wrapper, project: ProjectKey) -> bytes:
    """Give the first secret, which seals what is no pseudonym too; VerificationError under another master key."""
    return wrapper.unwrap(sealed[:SEALED_KEY_BYTES], _first_context(project))


def open_epochs(sealed: bytes, wrapper: Wrapper, project: ProjectKey) -> tuple[KeyEpoch, ...]:
    """Give all secrets, oldest first; VerificationError when one of them does not open in its place."""
    epochs = [KeyEpoch(1, RotationPolicy.BREAK, open_first_epoch(sealed, wrapper, project))]
    for start in range(SEALED_KEY_BYTES, len(sealed), _FURTHER):
        sign, secret, number = sealed[start : start + 1], sealed[start + 1 : start + _FURTHER], len(epochs) + 1
        context = f"{_first_context(project)}:epoch:{number}"
        if sign not in _POLICIES:
            raise VerificationError("sealed secret", context)
        policy = _POLICIES[sign]
        epochs.append(KeyEpoch(number, policy, wrapper.unwrap(secret, f"{context}:{policy.value}")))
    return tuple(epochs)


def add_epoch(sealed: bytes, wrapper: Wrapper, project: ProjectKey, policy: RotationPolicy) -> tuple[bytes, int]:
    """Put a new secret behind those that are there; also gives its number.

    Raises
    ------
    VerificationError
        Those that are there do not open: nothing is sealed beside them under another key.
    """
    number = len(open_epochs(sealed, wrapper, project)) + 1
    context = f"{_first_context(project)}:epoch:{number}:{policy.value}"
    return sealed + _SIGNS[policy] + wrapper.wrap(make_secret(), context), number


def _first_context(project: ProjectKey) -> str:
    return f"project:{project}"
