"""Uploads: what waits for more files, what arrived of each, what became of each."""

from __future__ import annotations

from imaging.domain.outcome import Became, FileOutcome, Reason
from imaging.domain.upload import ArrivingFile, OpenUpload
from viewer.api.shapes.envelope import Shape, to_millis


class Uploaded(Shape):
    """Ids of what waits in quarantine and of the job that takes it up."""

    upload: int
    job: int
    files: int


class Taken(Shape):
    """How many files of one form are in an upload now."""

    upload: int
    files: int


class OpenShape(Shape):
    """One's own upload that takes more files; `files` of those `announced` arrived whole, `size` is in bytes."""

    id: int
    files: int
    announced: int
    size: int
    created: str
    touched: str

    @classmethod
    def of(cls, upload: OpenUpload) -> OpenShape:
        """Show an open upload."""
        return cls(
            id=upload.id,
            files=upload.files,
            announced=upload.announced,
            size=upload.size,
            created=to_millis(upload.created),
            touched=to_millis(upload.touched),
        )


class ArrivingShape(Shape):
    """A file of an open upload: `offset` of its `length` bytes are here; `metadata` is as it was announced."""

    id: int
    name: str
    length: int
    offset: int
    whole: bool
    metadata: str

    @classmethod
    def of(cls, file: ArrivingFile) -> ArrivingShape:
        """Show a file to its sender."""
        return cls(
            id=file.id,
            name=file.name,
            length=file.length,
            offset=file.offset,
            whole=file.whole,
            metadata=file.told,
        )


class OutcomeShape(Shape):
    """What became of one file; `image` is the one that it became or was attached to.

    `unmatched` counts the rows of a table that speak of an image that is not here.
    """

    name: str
    became: Became
    image: int | None
    reason: Reason | None
    detail: str
    unmatched: int

    @classmethod
    def of(cls, outcome: FileOutcome) -> OutcomeShape:
        """Show what became of a file."""
        return cls(
            name=outcome.name,
            became=outcome.became,
            image=outcome.image,
            reason=outcome.reason,
            detail=outcome.detail,
            unmatched=outcome.unmatched,
        )
