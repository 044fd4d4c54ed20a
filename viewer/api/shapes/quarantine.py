"""Held files, stopped uploads and decisions on them."""

from __future__ import annotations

from pydantic import Field

from imaging.domain.outcome import Reason
from imaging.domain.upload import HeldFile, LastJob, PaintedBox, StoppedUpload
from imaging.preview import Preview
from viewer.api.shapes.envelope import Sent, SentId, Shape, to_millis


class DecisionShape(Shape):
    """What was decided on a held file whose volume waits for others; accepted as it is where nothing is painted."""

    boxes: tuple[PaintedBox, ...]
    find: bool


class HeldShape(Shape):
    """One held file; `series` is the same for files of one series, empty where none is known.

    `decision` is carried out as soon as the others of its volume are decided on too.
    """

    id: int
    name: str
    reason: Reason
    detail: str
    size: int
    upload: int
    series: str
    created: str
    decision: DecisionShape | None

    @classmethod
    def of(cls, file: HeldFile) -> HeldShape:
        """Show a held file."""
        decided = file.decision
        return cls(
            id=file.id,
            name=file.name,
            reason=file.reason,
            detail=file.detail,
            size=file.size,
            upload=file.upload,
            series=file.series,
            created=to_millis(file.created),
            decision=None if decided is None else DecisionShape(boxes=decided.boxes, find=decided.find),
        )


class StoppedShape(Shape):
    """One upload whose files wait while no job works on them; `state` and `reason` are its last job's."""

    id: int
    source: str
    user: int
    username: str
    files: int
    partial: int
    size: int
    state: LastJob
    reason: str
    created: str

    @classmethod
    def of(cls, upload: StoppedUpload) -> StoppedShape:
        """Show a stopped upload."""
        return cls(
            id=upload.id,
            source=upload.source,
            user=upload.member,
            username=upload.username,
            files=upload.files,
            partial=upload.partial,
            size=upload.size,
            state=upload.state,
            reason=upload.reason,
            created=to_millis(upload.created),
        )


class PreviewShape(Shape):
    """How many frames there are to see, if any, how large they are in pixels, whether a detector can find text in them.

    `outside` is painted over on every frame together with the text that is found: all but an ultrasound's echoes.
    """

    frames: int
    rows: int
    columns: int
    finds: bool
    outside: tuple[PaintedBox, ...]

    @classmethod
    def of(cls, preview: Preview) -> PreviewShape:
        """Show what there is to see."""
        return cls(
            frames=preview.frames,
            rows=preview.rows,
            columns=preview.columns,
            finds=preview.finds,
            outside=tuple(map(PaintedBox.over, preview.outside)),
        )


class ReviewSent(Sent):
    """A decision: accept the files as they are, paint boxes, paint what the detector finds."""

    items: tuple[SentId, ...] = Field(min_length=1, max_length=100_000)
    accept: bool = False
    boxes: tuple[PaintedBox, ...] = Field(default=(), max_length=10_000)
    find: bool = False


class RefusalSent(Sent):
    """Held files to delete in one act."""

    items: tuple[SentId, ...] = Field(min_length=1, max_length=100_000)


class Decided(Shape):
    """What was done at once."""

    id: int
    decision: str


class DecidedTogether(Shape):
    """What was done at once to several files."""

    items: tuple[int, ...]
    decision: str
