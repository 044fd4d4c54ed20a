"""What waits in quarantine, and what somebody decides about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from imaging.domain.base import ImageKey, Record, UploadKey, UserKey
from imaging.domain.outcome import Reason
from imaging.text import Box

_Place = Annotated[int, Field(ge=0)]
_Extent = Annotated[int, Field(ge=1)]


class HeldFile(Record):
    """One file that stays in quarantine until somebody decides; `name` is stored only encrypted, never logged.

    `digest` is the keyed digest of its bytes, `series` and `subject` are pseudonyms; empty where nothing says.
    `days` is how long it has been held, in whole days.
    """

    id: int
    upload: UploadKey
    name: str
    reason: Reason
    detail: str
    size: int
    created: datetime
    days: int
    digest: str = ""
    series: str = ""
    subject: str = ""


@dataclass(frozen=True)
class FileToHold:
    """One file that becomes no image, on its way into quarantine.

    Attributes
    ----------
    name
        As typed or found.
    path
        Where the plain file is now; None when there are no bytes to keep.
    earlier
        Its digests under earlier keys of the project, by which it may be held already.
    """

    name: str
    path: Path | None
    reason: Reason
    detail: str = ""
    digest: str = ""
    series: str = ""
    subject: str = ""
    earlier: tuple[str, ...] = ()


class LastJob(Enum):
    """How the last job of an upload ended."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    NONE = "none"


class StoppedUpload(Record):
    """An upload whose files wait in quarantine while no job works on them; it tells no name of a file.

    `size` is in bytes; `reason` is what the last job said, and holds no personal data.
    """

    id: UploadKey
    source: str
    member: UserKey
    username: str
    created: datetime
    files: int
    size: int
    state: LastJob
    reason: str = ""


class PaintedBox(Record):
    """A rectangle of a held file that is painted over, in pixels of a frame from its upper left corner.

    `frame` counts from 0; None means every frame.
    """

    top: _Place
    left: _Place
    rows: _Extent
    columns: _Extent
    frame: _Place | None = None

    @classmethod
    def over(cls, box: Box, frame: int | None = None) -> PaintedBox:
        """Paint over a box that was found, on one frame or on every one."""
        return cls(top=box.top, left=box.left, rows=box.rows, columns=box.columns, frame=frame)


class Reviewed(Record):
    """What became of one held file that somebody decided on: part of an image, a duplicate, or held still.

    `painted` is what was painted over in it, drawn or found.
    """

    id: int
    decision: str
    image: ImageKey | None = None
    painted: tuple[PaintedBox, ...] = ()
    reason: Reason | None = None
    detail: str = ""
