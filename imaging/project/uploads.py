"""Uploads of a project: files wait in quarantine, each upload encrypted under its own key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from imaging.access import Action
from imaging.domain.base import UploadKey
from imaging.domain.job import Job, JobState
from imaging.domain.upload import LastJob, StoppedUpload
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.locks import exclusive, is_taken, scratch_folder
from imaging.project.gate import Gate
from imaging.project.sealed import SealedFiles
from imaging.store import jobs, vault
from imaging.store import uploads as rows
from imaging.store.database import Transaction
from imaging.store.keys import Wrapper, make_private_folder, make_secret

_BUSY = "its files still arrive, or a job has them; after a kill a worker takes that job up again"
LONGEST_NAME = 4096
# In bytes: file systems take 255 for one name, macOS 1024 for a path, and a prefix and the scratch folder come before.
_LONGEST_PART, _LONGEST_PATH = 200, 700


class Uploads:
    """Uploads of one project and the files held back from them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)

    def create(self, source: str) -> UploadKey:
        """Open an upload; `source` says by which door it came, such as "page" or "command line"."""
        with self._gate.change(Action.UPLOAD) as change:
            key = UploadKey(change.reserve())
            sealed = self._sealed.wrapper().wrap(make_secret(), f"upload:{key}")
            row = rows.UploadRow(key, self._gate.user, source, sealed, change.at, None)
            rows.insert_upload(change.transaction, self._gate.project, row)
            change.note("add", "upload", key, {"source": source})
        make_private_folder(self._sealed.folder(key))
        return key

    def arriving(self, upload: UploadKey) -> AbstractContextManager[None]:
        """Let nobody take up or delete an upload while its files arrive; a process that is killed lets go of it."""
        self._gate.require(Action.UPLOAD)
        return exclusive(self._sealed.folder(upload))

    def add(self, upload: UploadKey, name: str, stream: BinaryIO) -> int:
        """Encrypt one file into the upload and return its size in bytes."""
        if not 0 < len(name) <= LONGEST_NAME or "\0" in name:
            raise InvalidInputError(f"a file needs a name of at most {LONGEST_NAME} characters")
        with self._gate.read(Action.UPLOAD) as transaction:
            row = require_upload(transaction, self._gate, upload)
        if row.finished is not None:
            raise StateError("upload", "is finished")
        secret, key = self._sealed.secret(row), self._gate.reserve()
        target = self._sealed.path(upload, key)
        size = vault.seal_file(stream, target, secret, f"file:{key}")
        try:
            with self._gate.change(Action.UPLOAD) as change:
                waiting = rows.WaitingRow(key, Wrapper(secret).wrap(name.encode(), f"name:{key}"), size)
                rows.insert_waiting(change.transaction, upload, waiting, change.at)
                change.note("add", "file", key, {"upload": upload, "bytes": size})
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return size

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a private empty folder inside the quarantine that is removed afterwards, come what may.

        What a killed process left is removed by the next who asks: the kernel's lock on a folder dies with its process.
        """
        self._gate.require(Action.UPLOAD, Action.DECIDE_QUARANTINE, Action.IMPORT_ANNOTATIONS)
        parent = self._gate.settings.quarantine / "scratch"
        make_private_folder(self._gate.settings.quarantine)
        make_private_folder(parent)
        with scratch_folder(parent) as folder:
            yield folder

    def open_files(self, upload: UploadKey, scratch: Path) -> list[Path]:
        """Decrypt the waiting files of an upload into a scratch folder under the names they came with.

        A name that would lead out of the folder, or that came twice, is made harmless by a prefix; one that no file
        system takes loses its beginning.
        """
        with self._gate.read(Action.UPLOAD) as transaction:
            row = require_upload(transaction, self._gate, upload)
            waiting = rows.list_waiting(transaction, upload)
        secret, paths = self._sealed.secret(row), []
        for file in waiting:
            name = Wrapper(secret).unwrap(file.name, f"name:{file.id}").decode()
            sealed = self._sealed.path(upload, file.id)
            if not sealed.is_file():
                raise StateError("upload", "some of its files are gone from quarantine; discard the others")
            target = _place(scratch, name, file.id)
            with target.open("xb") as plain:
                vault.open_file(sealed, plain, secret, f"file:{file.id}")
            paths.append(target)
        return paths

    def finish(self, upload: UploadKey, outcome: dict[str, int] | None = None) -> None:
        """Delete the originals: every file has its outcome, and what is held was kept by `hold`.

        Done again, it deletes what a killed process left of them.

        Parameters
        ----------
        outcome
            Counts for the journal, given back by `outcome_noted` if the job is cut off before it can tell them itself.
        """
        with self._gate.change(Action.UPLOAD) as change:
            row = require_upload(change.transaction, self._gate, upload)
            waiting = rows.list_waiting(change.transaction, upload)
            if row.finished is None:
                rows.finish_upload(change.transaction, upload, change.at)
                change.note("finish", "upload", upload, {"files": len(waiting), **(outcome or {})})
            else:
                change.leave()
            held = rows.list_held(change.transaction, self._gate.project, upload=upload)
        self._forget(upload, held)

    def stopped(self, key: UploadKey | None = None) -> list[StoppedUpload]:
        """Uploads whose files wait while nothing works on them: all for who decides on them, else the member's own.

        Raises
        ------
        NotFoundError
            No file of the upload that was asked for waits.
        StateError
            Its files still arrive, or a job works on them.
        """
        with self._gate.read(Action.DECIDE_QUARANTINE, Action.UPLOAD) as transaction:
            own = None if self._gate.may(Action.DECIDE_QUARANTINE) else self._gate.user
            found = rows.list_stopped(transaction, self._gate.project, user=own, key=key)
            last = dict(jobs.list_ingests(transaction, self._gate.project, [row.id for row in found]))
        free = [row for row in found if row.id not in last or last[row.id].state.final]
        stopped = [_stopped(row, last.get(row.id)) for row in free if not is_taken(self._sealed.folder(row.id))]
        if key is not None and not stopped:
            raise StateError("upload", _BUSY) if found else NotFoundError("stopped upload", key)
        return stopped

    def discard(self, upload: UploadKey) -> int:
        """Delete the files of a stopped upload for good and return how many there were; what is held of it stays held.

        Raises
        ------
        NotFoundError, StateError
            As `stopped`.
        """
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            load_upload(change.transaction, self._gate, upload)
            waiting = rows.list_waiting(change.transaction, upload)
            if not waiting:
                raise NotFoundError("stopped upload", upload)
            if is_taken(self._sealed.folder(upload)):
                raise StateError("upload", _BUSY)
            require_no_job(change.transaction, self._gate, upload)
            held = rows.list_held(change.transaction, self._gate.project, upload=upload)
            rows.finish_upload(change.transaction, upload, change.at)
            size = sum(file.size for file in waiting)
            change.note("discard", "upload", upload, {"files": len(waiting), "bytes": size})
        self._forget(upload, held)
        return len(waiting)

    def _forget(self, upload: UploadKey, held: Sequence[rows.HeldRow]) -> None:
        # All but what is held: a process that was killed between a file and its row left bytes that nothing names.
        kept = {self._sealed.path(upload, row.id) for row in held}
        for path in set(self._sealed.folder(upload).glob("*.sealed")) - kept:
            path.unlink(missing_ok=True)
        # The rows go last: what is left by a process that is killed here is listed and can be deleted again.
        with suppress(OSError):
            self._sealed.folder(upload).rmdir()
        with self._gate.database.write() as transaction:
            rows.delete_waiting(transaction, upload)

    def outcome_noted(self, upload: UploadKey) -> dict[str, int] | None:
        """Give the counts with which an earlier attempt of the acting job finished this upload; None if none did."""
        self._gate.require(Action.UPLOAD)
        noted = [event.detail for event in self._gate.done_by_job("finish", "upload") if event.key == upload]
        if not noted or not isinstance(noted[-1], dict):
            return None
        return {name: count for name, count in noted[-1].items() if isinstance(count, int)}


def load_upload(transaction: Transaction, gate: Gate, key: UploadKey) -> rows.UploadRow:
    """Load an upload of whomever or raise NotFoundError."""
    row = rows.get_upload(transaction, gate.project, key)
    if row is None:
        raise NotFoundError("upload", key)
    return row


def require_upload(transaction: Transaction, gate: Gate, key: UploadKey) -> rows.UploadRow:
    """Load an upload of the member, or of anybody for who edits the project; else raise NotFoundError."""
    row = load_upload(transaction, gate, key)
    if row.account != gate.user and not gate.may(Action.EDIT_PROJECT):
        raise NotFoundError("upload", key)
    return row


def require_open_upload(transaction: Transaction, gate: Gate, key: UploadKey) -> None:
    """Refuse where a new job may not take up an upload: it is finished, or another job has it."""
    if require_upload(transaction, gate, key).finished is not None:
        raise StateError("upload", "is finished")
    require_no_job(transaction, gate, key)


def require_no_job(transaction: Transaction, gate: Gate, upload: UploadKey) -> None:
    """Refuse while a job works on an upload or waits to."""
    for _, job in jobs.list_ingests(transaction, gate.project, [upload]):
        if not job.state.final:
            raise StateError("upload", _BUSY)


def _stopped(row: rows.StoppedRow, last: Job | None) -> StoppedUpload:
    return StoppedUpload(
        id=row.id,
        source=row.source,
        member=row.account,
        username=row.username,
        created=row.created,
        files=row.files,
        size=row.size,
        state=_last_job(None if last is None else last.state),
        reason="" if last is None else last.reason,
    )


def _last_job(state: JobState | None) -> LastJob:
    match state:
        case JobState.FAILED:
            return LastJob.FAILED
        case JobState.CANCELLED:
            return LastJob.CANCELLED
        case None | JobState.QUEUED | JobState.RUNNING | JobState.SUCCEEDED:
            return LastJob.NONE


def _place(scratch: Path, name: str, key: int) -> Path:
    named = (part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", "."))
    # The end of a long name is kept, for its suffix and because it tells files of one folder apart.
    parts = [part.encode()[-_LONGEST_PART:].decode(errors="ignore") for part in named]
    while sum(len(part.encode()) + 1 for part in parts) > _LONGEST_PATH:
        del parts[0]
    target = scratch.joinpath(*parts) if parts else scratch / str(key)
    if target.exists() or any((scratch / parent).is_file() for parent in target.relative_to(scratch).parents):
        target = scratch / f"{key}-{parts[-1]}" if parts else scratch / str(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
