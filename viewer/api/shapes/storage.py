"""Cytomine's storages and uploaded files: what somebody sent, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import PurePosixPath

from pydantic import Field

from imaging.domain.job import JobState
from imaging.domain.outcome import Reason
from imaging.domain.people import User
from imaging.domain.received import ReceivedUpload
from viewer.api.shapes.abstract import AbstractImageShape
from viewer.api.shapes.envelope import Changed, Shape, Thing, to_millis
from viewer.api.shapes.image import ImageShape

_LOOKED_PERCENT = 10
"""From here on an ingest writes images; before, it looks at the files."""


class Status(IntEnum):
    """How far an uploaded file is, by Cytomine's numbers; odd ones are errors, from 100 on all went well."""

    UPLOADED = 0
    DETECTING_FORMAT = 10
    ERROR_FORMAT = 11
    CONVERTING = 30
    ERROR_CONVERSION = 31
    ERROR_DEPLOYMENT = 41
    ERROR_UNPACKING = 51
    ERROR_INTEGRITY = 61
    DEPLOYED = 100


def find_status(upload: ReceivedUpload) -> Status:
    """Tell how far an upload is; one of which only a part was held is deployed."""
    match upload.state:
        case None | JobState.QUEUED:
            return Status.UPLOADED
        case JobState.RUNNING:
            return Status.DETECTING_FORMAT if upload.progress < _LOOKED_PERCENT else Status.CONVERTING
        case JobState.FAILED | JobState.CANCELLED:
            return Status.ERROR_DEPLOYMENT
        case JobState.SUCCEEDED:
            taken = upload.images or upload.documents or upload.duplicates
            return Status.DEPLOYED if taken or not upload.refused else _find_error(upload.refused[0])


def _find_error(reason: Reason) -> Status:
    match reason:
        case (
            Reason.NOT_DICOM
            | Reason.UNREADABLE
            | Reason.UNSUPPORTED_SYNTAX
            | Reason.NO_PIXELS
            | Reason.EMBEDDED_DOCUMENT
        ):
            return Status.ERROR_FORMAT
        case Reason.ARCHIVE_REFUSED:
            return Status.ERROR_UNPACKING
        case Reason.DECODE_FAILED:
            return Status.ERROR_CONVERSION
        case (
            Reason.TRUNCATED
            | Reason.EMPTY_PATIENT_ID
            | Reason.UID_CONFLICT
            | Reason.LATE_INSTANCE
            | Reason.IRREGULAR_GEOMETRY
            | Reason.MIXED_ORIENTATION
            | Reason.BURNED_IN_RISK
            | Reason.FACE_RISK
            | Reason.LIMIT_EXCEEDED
            | Reason.SUBJECT_OPPOSED
        ):
            return Status.ERROR_INTEGRITY


class StorageShape(Thing):
    """What somebody sent to any project: everybody has one, under the id of the account."""

    class_: str = Field(default="be.cytomine.domain.image.server.Storage", alias="class")
    name: str
    user: int
    user_id: int

    @classmethod
    def of(cls, user: User) -> StorageShape:
        """Show somebody's own storage."""
        since = to_millis(user.created)
        name = f"{user.username} storage"
        return cls(id=user.id, created=since, updated=since, name=name, user=user.id, user_id=user.id)


class UploadedFileShape(Thing):
    """One upload, of one file or of several.

    `filename` is that of its one file, archive or folder, where its sender asks, and null for everybody else.
    `refused` says why files of it are held, `reason` why its job failed; `images` are those that it became.
    """

    class_: str = Field(default="be.cytomine.domain.image.UploadedFile", alias="class")
    user: int
    parent: int | None = None
    storage: int
    projects: list[int]
    original_filename: str | None
    filename: str | None
    ext: str | None
    content_type: str | None = None
    path: str
    size: int
    files: int
    status: Status
    status_text: str
    reason: str
    refused: list[Reason]
    duplicates: int
    images: list[int]
    job: int | None

    @classmethod
    def of(cls, upload: ReceivedUpload, project: int, names: Sequence[str] = ()) -> UploadedFileShape:
        """Show an upload; `names` are those of its files, for its sender."""
        status = find_status(upload)
        tops = {PurePosixPath(name.replace("\\", "/")).parts[:1] for name in names}
        name = "".join(tops.pop()) if len(tops) == 1 else None
        return cls(
            id=upload.id,
            created=to_millis(upload.created),
            updated=to_millis(upload.updated),
            user=upload.member,
            storage=upload.member,
            projects=[project],
            original_filename=name,
            filename=name,
            ext=None if name is None else PurePosixPath(name).suffix.removeprefix("."),
            path=str(upload.id),
            size=upload.size,
            files=upload.files,
            status=status,
            status_text=status.name,
            reason=upload.reason,
            refused=list(dict.fromkeys(upload.refused)),
            duplicates=upload.duplicates,
            images=list(upload.images),
            job=upload.job,
        )


class UploadedFileChanged(Changed):
    """An upload that was given up."""

    uploadedfile: UploadedFileShape


class SentImage(Shape):
    """An image that a sent file became."""

    image: AbstractImageShape
    image_instances: list[ImageShape]


class SentFile(Shape):
    """One file of a form, with the upload that it is part of and, where the job has ended, its images."""

    status: int = 200
    name: str
    size: int
    uploaded_file: UploadedFileShape
    images: list[SentImage]
