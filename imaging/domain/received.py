"""An upload as one looks back on it."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import ImageKey, JobKey, Record, UploadKey, UserKey
from imaging.domain.job import JobState
from imaging.domain.outcome import Reason


class ReceivedUpload(Record):
    """An upload as one looks back on it; it tells no name of a file.

    Attributes
    ----------
    updated
        When it was finished; when it came, before.
    files, size
        Of those that wait, in bytes; once it is finished how many files were found in it, and 0.
    arriving
        Whether it takes more files still.
    state, progress, reason
        Of its last job; None where it has none.
    images
        Those that its last job made of it; some may have been deleted since.
    documents, duplicates
        How many files were attached to images, and how many were here already.
    refused
        Why files of it were held, one reason for each.
    """

    id: UploadKey
    member: UserKey
    source: str
    created: datetime
    updated: datetime
    files: int
    size: int
    arriving: bool
    finished: bool
    job: JobKey | None
    state: JobState | None
    progress: int
    reason: str
    images: tuple[ImageKey, ...]
    documents: int
    duplicates: int
    refused: tuple[Reason, ...]
