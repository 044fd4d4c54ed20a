"""What an instance says of itself to whoever sends it: its UIDs, read from its first bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag

from imaging.dicom.values import read_text

ENOUGH = 2**16
"""Bytes in which the UIDs of nearly every instance stand."""

_STUDY = 0x0020000D
_GROUP_LENGTH = b"\x02\0\0\0UL"
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Announced:
    """UIDs of one instance as they were sent; `study` is empty where the first bytes do not tell it."""

    sop_class: str
    instance: str
    study: str


def read_announced(start: bytes) -> Announced | None:
    """Read who an instance is from at most its first `ENOUGH` bytes; None for what is no DICOM file (PS3.10 7.1)."""
    if start[128:132] != b"DICM" or not _is_meta_whole(start):
        return None
    meta = read_dataset(BytesIO(start[132 : _find_end(start)]), is_implicit_VR=False, is_little_endian=True)
    sop_class = read_text(meta, "MediaStorageSOPClassUID")
    instance = read_text(meta, "MediaStorageSOPInstanceUID")
    if any(_UID.fullmatch(uid) is None for uid in (sop_class, instance)):
        return None
    return Announced(sop_class, instance, _read_study(start))


def _read_study(start: bytes) -> str:
    stop = _BehindStudy()
    try:
        header = read_partial(BytesIO(start), stop_when=stop)
    # Whatever pydicom raises on bytes that somebody sent, or on the start of a deflated data set.
    except Exception:
        return ""
    study = read_text(header, "StudyInstanceUID") if stop.came else ""
    return study if _UID.fullmatch(study) else ""


def _is_meta_whole(start: bytes) -> bool:
    """Whether the file meta ends where its group length says; of one that is cut pydicom gives a part of a UID."""
    return start[132:138] == _GROUP_LENGTH and _find_end(start) <= len(start)


def _find_end(start: bytes) -> int:
    return 144 + int.from_bytes(start[140:144], "little")


class _BehindStudy:
    """Stops pydicom behind the study UID, and knows whether it came so far."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, tag: BaseTag, _representation: str | None, _length: int) -> bool:
        self.came = int(tag) > _STUDY
        return self.came
