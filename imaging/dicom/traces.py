"""Finds persons in a data set that is too damaged to be parsed."""

from __future__ import annotations

import re

_LITTLE = rb"\x10\x00%b\x00(?:LO(?P<explicit>..)|(?P<implicit>....))"
_BIG = rb"\x00\x10\x00%bLO(?P<big>..)"
_ENCODINGS = tuple(
    tuple(re.compile(encoding % re.escape(element), re.DOTALL) for element in (b"\x20", b"\x21"))
    for encoding in (_LITTLE, _BIG)
)
"""How a patient ID (0010,0020) begins and how its issuer (0010,0021): implicit or explicit, and explicit big-endian."""

_LONGEST = 256
"""In bytes: 64 characters (PS3.5 table 6.2-1) of up to four bytes each."""


def find_persons(data: bytes) -> frozenset[tuple[str, str]]:
    """Give what looks like a patient ID, wherever it stands, with the issuer that follows it or an empty one."""
    found = set()
    for patient_id, issuer in _ENCODINGS:
        for match in patient_id.finditer(data):
            value, end = _read(match, data)
            follows = issuer.match(data, end)
            found.add((_read(follows, data)[0] if follows else "", value))
    return frozenset(person for person in found if person[1])


def _read(match: re.Match[bytes], data: bytes) -> tuple[str, int]:
    """Read the value behind a tag and where it ends; none where it is cut short, for that would be somebody else's."""
    kind = str(match.lastgroup)
    length = int.from_bytes(match[kind], "big" if kind == "big" else "little")
    end = match.end() + length
    if length > _LONGEST or end > len(data):
        return "", match.end()
    value = data[match.end() : end]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.split("\\")[0].strip(" \0"), end
