"""Files of a form into quarantine, and the job that ingests them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.domain.base import JobKey, UploadKey
from imaging.domain.job import IngestWork
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from viewer.multipart import FIELD, FORM, Fetch, MultipartReader


@dataclass(frozen=True)
class TakenFile:
    """One file that arrived whole: its name as it was sent, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class TakenForm:
    """The files of one form, in quarantine, with the job that takes them up."""

    upload: UploadKey
    job: JobKey
    files: tuple[TakenFile, ...]


def take_form(
    project: Project, content_type: str, fetch: Fetch, *, source: str, said: Sequence[tuple[str, str]] = ()
) -> TakenForm:
    """Encrypt the files of a form as they arrive and have them ingested; what broke off leaves nothing.

    Parameters
    ----------
    said
        Properties that the images are to have.
    """
    reader = MultipartReader(content_type, fetch, FORM)
    key = project.uploads.create(source)
    with project.uploads.arriving(key):
        try:
            project.received.say(key, said)
            files = tuple(
                TakenFile(part.filename, project.uploads.add(key, part.filename, part)) for part in reader.files()
            )
            if not files:
                raise InvalidInputError(f"the upload holds no file in a field {FIELD}")
        except BaseException:
            # What arrived is of no use without the rest; whoever sent it is told so and sends it again.
            project.uploads.finish(key)
            raise
        job = project.jobs.submit(IngestWork(upload=key))
    return TakenForm(key, job.id, files)
