"""Uploads of a project as their senders look back on them: how far each is, and what became of it."""

from __future__ import annotations

import builtins
import io
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from imaging.access import Action
from imaging.domain.base import ImageKey, UploadKey, UserKey
from imaging.domain.job import Job, JobState
from imaging.domain.outcome import Reason
from imaging.domain.received import ReceivedUpload
from imaging.errors import NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.project.layers import WRITERS
from imaging.project.remarks import check_said
from imaging.project.sealed import SealedFiles
from imaging.project.uploads import require_upload
from imaging.store import arriving, jobs, vault
from imaging.store import uploads as rows
from imaging.store.keys import Wrapper

_SAYING = (Action.EDIT_IMAGES, *WRITERS)
_PAIRS = TypeAdapter(list[tuple[str, str]])


class _Made(BaseModel):
    """One image in the result of an ingest."""

    model_config = ConfigDict(extra="ignore")

    id: int


class _Refused(BaseModel):
    """One file that was held in the result of an ingest."""

    model_config = ConfigDict(extra="ignore")

    reason: Reason


class _Result(BaseModel):
    """What the job of an ingest keeps: no name of a file."""

    model_config = ConfigDict(extra="ignore")

    files: int = 0
    images: tuple[_Made, ...] = ()
    documents: tuple[JsonValue, ...] = ()
    quarantined: tuple[_Refused, ...] = ()
    duplicates: int = 0


class Received:
    """The uploads of one project: all for who decides on held files, else the member's own."""

    def list(self) -> list[ReceivedUpload]:
        """Give all of them, oldest first, but those that were given up."""
        return self._find()

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)

    def get(self, key: UploadKey) -> ReceivedUpload:
        """Find by id."""
        found = self._find(key)
        if not found:
            raise NotFoundError("upload", key)
        return found[0]

    def names(self, key: UploadKey) -> builtins.list[str]:
        """Give the names of the files that wait, to their sender; nobody else is told one."""
        with self._gate.read(Action.UPLOAD, Action.DECIDE_QUARANTINE) as transaction:
            row = rows.get_upload(transaction, self._gate.project, key)
            if row is None or not self._is_shown(row):
                raise NotFoundError("upload", key)
            waiting = rows.list_waiting(transaction, key) if row.account == self._gate.user else []
        sealed = Wrapper(self._sealed.secret(row))
        return [sealed.unwrap(file.name, f"name:{file.id}").decode() for file in waiting]

    def say(self, key: UploadKey, said: Sequence[tuple[str, str]]) -> None:
        """Keep properties that the images of an upload are to have, sealed like its files; before its job.

        Raises
        ------
        ForbiddenError
            The member may upload, and say nothing of images.
        """
        checked = check_said(said)
        if not checked:
            return
        self._gate.require(*_SAYING)
        with self._gate.read(Action.UPLOAD) as transaction:
            row = require_upload(transaction, self._gate, key)
        if row.finished is not None:
            raise StateError("upload", "is finished")
        plain = io.BytesIO(_PAIRS.dump_json(checked))
        vault.seal_file(plain, self._sealed.said(key), self._sealed.secret(row), f"said:{key}")

    def said(self, key: UploadKey) -> builtins.list[tuple[str, str]]:
        """Give what the images of an upload are to have, as far as the member may say it still."""
        with self._gate.read(Action.UPLOAD) as transaction:
            row = require_upload(transaction, self._gate, key)
        path = self._sealed.said(key)
        if not path.is_file() or not self._gate.may(*_SAYING):
            return []
        plain = io.BytesIO()
        vault.open_file(path, plain, self._sealed.secret(row), f"said:{key}")
        return _PAIRS.validate_json(plain.getvalue())

    def _is_shown(self, row: rows.UploadRow) -> bool:
        return row.account == self._gate.user or self._gate.may(Action.DECIDE_QUARANTINE)

    def _find(self, key: UploadKey | None = None) -> builtins.list[ReceivedUpload]:
        own = None if self._gate.may(Action.DECIDE_QUARANTINE) else self._gate.user
        with self._gate.read(Action.UPLOAD, Action.DECIDE_QUARANTINE) as transaction:
            found = rows.list_uploads(transaction, self._gate.project, user=own, key=key)
            sizes = rows.count_waiting(transaction, self._gate.project)
            opened = {row.upload for row in arriving.list_open(transaction, self._gate.project, key=key)}
            last = dict(jobs.list_ingests(transaction, self._gate.project, None if key is None else [key]))
        shown = [
            _describe(row, last.get(row.id), sizes.get(row.id, (0, 0)), arriving=row.id in opened) for row in found
        ]
        return [one for one in shown if _is_worth_showing(one)]


def _is_worth_showing(one: ReceivedUpload) -> bool:
    if one.finished:
        # What ended without its job was given up, or never arrived whole.
        return one.state is JobState.SUCCEEDED
    return one.arriving or one.files > 0 or one.state is not None


def _describe(row: rows.UploadRow, job: Job | None, waiting: tuple[int, int], *, arriving: bool) -> ReceivedUpload:
    files, size = waiting
    result = _read_result(None if job is None else job.result)
    return ReceivedUpload(
        id=row.id,
        member=UserKey(row.account),
        source=row.source,
        created=row.created,
        updated=row.finished or row.created,
        files=files or result.files,
        size=size,
        arriving=arriving,
        finished=row.finished is not None,
        job=None if job is None else job.id,
        state=None if job is None else job.state,
        progress=0 if job is None else job.progress,
        reason="" if job is None else job.reason,
        images=tuple(ImageKey(made.id) for made in result.images),
        documents=len(result.documents),
        duplicates=result.duplicates,
        refused=tuple(one.reason for one in result.quarantined),
    )


def _read_result(result: JsonValue) -> _Result:
    return _Result.model_validate(result) if isinstance(result, dict) else _Result()
