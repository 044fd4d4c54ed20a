"""What waits in quarantine, and what somebody decides about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from imaging.domain.base import ImageKey, Record, UploadKey, UserKey
from imaging.domain.outcome import Reason
from imaging.text import Box

_Place = Annotated[int, Field(ge=0)]
_Extent = Annotated[int, Field(ge=1)]


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


class Decision(Record):
    """What is done to a held file before it becomes an image; nothing at all where it is accepted as it is.

    Attributes
    ----------
    boxes
        What is painted over.
    find
        Whether what the text detector finds, and all outside the regions of an ultrasound, is painted over too.
    boxes_cover
        Whether the boxes are to cover all text: where the detector finds some outside of them, the file stays held.
    """

    boxes: tuple[PaintedBox, ...] = ()
    find: bool = False
    boxes_cover: bool = False

    @property
    def word(self) -> str:
        """The word for it in the journal."""
        return "redact" if self.boxes or self.find else "accept"


class HeldFile(Record):
    """One file that stays in quarantine until somebody decides; `name` is stored only encrypted, never logged.

    `digest` is the keyed digest of its bytes, `series` and `subject` are pseudonyms; empty where nothing says.
    `days` is how long it has been held, in whole days. `decision` is carried out as soon as the volume can be made that
    it is a slice of.
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
    decision: Decision | None = None


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

    `size` is in bytes, those of files that have not arrived whole among them; `partial` counts these files, which
    `files` does not. `reason` is what the last job said, and holds no personal data.
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
    partial: int = 0


@dataclass(frozen=True)
class Announcement:
    """A file that its sender means to send.

    Attributes
    ----------
    name
        As typed or found.
    length
        In bytes.
    told
        All that the sender says of it, in the sender's own words; given back to the sender only.
    token
        The sender's own word for this announcement: made twice, when no answer came, it announces one file.
    """

    name: str
    length: int
    told: str = ""
    token: str | None = None


class ArrivingFile(Record):
    """A file of an open upload: `offset` of its `length` bytes are here for good; see `Announcement`.

    `whole` says whether nothing of it is missing. It is shown to its sender only.
    """

    id: int
    upload: UploadKey
    name: str
    length: int
    offset: int
    whole: bool
    told: str = ""


class OpenUpload(Record):
    """A member's own upload that takes more files still.

    `files` have arrived whole, `announced` were announced; `size` is in bytes. `touched` is when something came last.
    `alone` says that it is of one file, whose arrival ends it.
    """

    id: UploadKey
    created: datetime
    touched: datetime
    files: int
    announced: int
    size: int
    alone: bool = False


class Reviewed(Record):
    """What became of one held file that somebody decided on.

    Attributes
    ----------
    decision
        "released" into an image, "duplicate", "held" still, or "decided": what was decided is kept until the volume can
        be made that the file is a slice of.
    attached
        Whether it was released into the layer `source` of the image, and became no part of its pixels.
    painted
        What was painted over in it, drawn or found.
    text_left
        Whether text is found on it still where nothing but drawn boxes was painted over.
    waits_for
        Other held files of its series on which nobody has decided: they may carry text, or lie irregularly.
    """

    id: int
    decision: Literal["released", "duplicate", "held", "decided"]
    image: ImageKey | None = None
    attached: bool = False
    painted: tuple[PaintedBox, ...] = ()
    text_left: bool = False
    waits_for: tuple[int, ...] = ()
    reason: Reason | None = None
    detail: str = ""
