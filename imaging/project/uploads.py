"""Uploads of a project: files wait in quarantine, each upload encrypted under its own key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import BinaryIO

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import UploadKey
from imaging.domain.job import Job, JobState
from imaging.domain.upload import LastJob, StoppedUpload
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.locks import exclusive, scratch_folder
from imaging.project.gate import Gate
from imaging.project.sealed import SealedFiles, arrived
from imaging.store import arriving, jobs, vault
from imaging.store import uploads as rows
from imaging.store.arriving import AnnouncedRow
from imaging.store.database import Transaction, now
from imaging.store.keys import Wrapper, make_private_folder, make_secret

_BUSY = "its files still arrive, or a job has them; after a kill a worker takes that job up again"
LONGEST_NAME = 4096
PATIENCE = timedelta(days=1)
"""How long an upload that its sender may go on with is not listed as stopped."""

_PAUSE = timedelta(minutes=2)
"""How long after its last bytes an upload may be between two files."""

_MOST_AHEAD = 64

# In bytes: file systems take 255 for one name, macOS 1024 for a path, and a prefix and the scratch folder come before.
_LONGEST_PART, _LONGEST_PATH = 200, 700


class _IdsAhead:
    """Ids taken some at a time, for each taking is a transaction made durable: more as more are asked for."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._taking = Lock()
        self._ids = range(0)
        self._count = 1

    def take(self) -> int:
        """Give an id that nobody else has."""
        with self._taking:
            if not self._ids:
                first = self._gate.reserve(self._count)
                self._ids = range(first, first + self._count)
                self._count = min(2 * self._count, _MOST_AHEAD)
            taken, self._ids = self._ids[0], self._ids[1:]
            return taken


class Uploads:
    """Uploads of one project and the files held back from them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)
        self._ahead = _IdsAhead(gate)
        self._last: tuple[UploadKey | None, bytes] = (None, b"")

    def create(self, source: str) -> UploadKey:
        """Open an upload; `source` says by which door it came, such as "page" or "command line"."""
        with self._gate.change(Action.UPLOAD) as change:
            key = insert_upload(change, self._gate, source)
        make_private_folder(self._sealed.folder(key))
        return key

    def arriving(self, upload: UploadKey) -> AbstractContextManager[None]:
        """Let nobody take up or delete an upload while its files arrive; a process that is killed lets go of it."""
        self._gate.require(Action.UPLOAD)
        return exclusive(self._sealed.folder(upload))

    def add(self, upload: UploadKey, name: str, stream: BinaryIO) -> int:
        """Encrypt one file into the upload and return its size in bytes."""
        check_name(name)
        secret, key = self._open_secret(upload), self._ahead.take()
        target = self._sealed.path(upload, key)
        try:
            size = vault.seal_file(stream, target, secret, f"file:{key}")
        except FileNotFoundError as error:
            # Its folder goes when the last of its files is done.
            raise StateError("upload", "is finished") from error
        try:
            with self._gate.change(Action.UPLOAD) as change:
                _require_unfinished(require_upload(change.transaction, self._gate, upload))
                waiting = rows.WaitingRow(key, Wrapper(secret).wrap(name.encode(), f"name:{key}"), size)
                rows.insert_waiting(change.transaction, upload, waiting, change.at)
                change.note("add", "file", key, {"upload": upload, "bytes": size})
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return size

    def _open_secret(self, upload: UploadKey) -> bytes:
        """Open the key of an upload, once for files that follow one another; `add` asks whether it takes any."""
        key, secret = self._last
        if key != upload:
            with self._gate.read(Action.UPLOAD) as transaction:
                row = require_upload(transaction, self._gate, upload)
            _require_unfinished(row)
            secret = self._sealed.secret(row)
            self._last = upload, secret
        return secret

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
            target = _place(scratch, name, file.id)
            with target.open("xb") as plain:
                self._sealed.open_into(plain, upload, file.id, size=file.size, secret=secret)
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
            arriving.delete_open(change.transaction, upload)
            held = rows.list_held(change.transaction, self._gate.project, upload=upload)
        self._forget(upload, held, listed=True)

    def stopped(self, key: UploadKey | None = None, *, young: bool = False) -> list[StoppedUpload]:
        """Uploads whose files wait while nothing works on them: all for who decides on them, else the member's own.

        One that its sender may go on with is among them once it has been left for `PATIENCE`, or at once with `young`.

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
            opened = {row.upload: row.touched for row in arriving.list_open(transaction, self._gate.project)}
            partial = {row.id: arriving.list_announced(transaction, row.id) for row in found if row.partial}
        latest = now() - PATIENCE
        free = [row for row in found if row.id not in last or last[row.id].state.final]
        free = [row for row in free if not (row.id in opened and opened[row.id] > latest) or young]
        free = [row for row in free if (row.id in opened and young) or not self._sealed.is_taken(row.id)]
        stopped = [_stopped(row, last.get(row.id), self._arrived(partial.get(row.id, ()))) for row in free]
        if key is not None and not stopped:
            raise StateError("upload", _BUSY) if found else NotFoundError("stopped upload", key)
        return stopped

    def discard(self, upload: UploadKey) -> int:
        """Delete the files of a stopped upload for good and return how many there were; what is held of it stays held.

        Raises
        ------
        NotFoundError, StateError
            As `stopped`; of an upload that its sender may go on with, something came just now.
        """
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            load_upload(change.transaction, self._gate, upload)
            opened = arriving.list_open(change.transaction, self._gate.project, key=upload)
            if self._sealed.is_taken(upload) or any(row.touched > change.at - _PAUSE for row in opened):
                raise StateError("upload", _BUSY)
            waiting, held = self._end(change, upload, "discard")
        self._forget(upload, held)
        return waiting

    def abandon(self, upload: UploadKey) -> int:
        """Delete the files of an own upload that takes more files still, and return how many there were."""
        with self._gate.change(Action.UPLOAD) as change:
            if arriving.get_open(change.transaction, self._gate.project, upload, self._gate.user) is None:
                raise NotFoundError("open upload", upload)
            waiting, held = self._end(change, upload, "abandon")
        self._forget(upload, held)
        return waiting

    def _end(self, change: Change, upload: UploadKey, action: str) -> tuple[int, list[rows.HeldRow]]:
        """Note that nothing comes of an upload; gives how many files it has, and which of them are held."""
        waiting = rows.list_waiting(change.transaction, upload)
        announced = arriving.list_announced(change.transaction, upload)
        if action == "discard" and not (waiting or announced):
            raise NotFoundError("stopped upload", upload)
        require_no_job(change.transaction, self._gate, upload)
        rows.finish_upload(change.transaction, upload, change.at)
        arriving.delete_open(change.transaction, upload)
        size = sum(file.size for file in waiting) + self._arrived(announced)
        files = len(waiting) + sum(not row.whole for row in announced)
        change.note(action, "upload", upload, {"files": files, "bytes": size})
        return files, rows.list_held(change.transaction, self._gate.project, upload=upload)

    def _arrived(self, announced: Iterable[AnnouncedRow]) -> int:
        """Count the bytes that are here of files that have not arrived whole."""
        return sum(arrived(self._sealed.parts(row.upload, row.id)) for row in announced if not row.whole)

    def _forget(self, upload: UploadKey, held: Sequence[rows.HeldRow], *, listed: bool = False) -> None:
        # All but what is held: a process that was killed between a file and its row left bytes that nothing names.
        kept = {self._sealed.path(upload, row.id) for row in held}
        self._sealed.delete(upload, kept | {self._sealed.outcome(upload)} if listed else kept)
        # The rows go last: what is left by a process that is killed here is listed and can be deleted again.
        with suppress(OSError):
            self._sealed.folder(upload).rmdir()
        with self._gate.database.write() as transaction:
            arriving.delete_announced(transaction, upload)
            rows.delete_waiting(transaction, upload)

    def outcome_noted(self, upload: UploadKey) -> dict[str, int] | None:
        """Give the counts with which an earlier attempt of the acting job finished this upload; None if none did."""
        self._gate.require(Action.UPLOAD)
        noted = [event.detail for event in self._gate.done_by_job("finish", "upload") if event.key == upload]
        if not noted or not isinstance(noted[-1], dict):
            return None
        return {name: count for name, count in noted[-1].items() if isinstance(count, int)}


def insert_upload(change: Change, gate: Gate, source: str) -> UploadKey:
    """Add an empty upload of the member, with a key of its own, within a change."""
    key = UploadKey(change.reserve())
    sealed = SealedFiles(gate).wrapper().wrap(make_secret(), f"upload:{key}")
    rows.insert_upload(
        change.transaction, gate.project, rows.UploadRow(key, gate.user, source, sealed, change.at, None)
    )
    change.note("add", "upload", key, {"source": source})
    return key


def check_name(name: str) -> None:
    """Refuse a name that no file has."""
    if not 0 < len(name) <= LONGEST_NAME or "\0" in name:
        raise InvalidInputError(f"a file needs a name of at most {LONGEST_NAME} characters")


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


def close_upload(transaction: Transaction, gate: Gate, key: UploadKey) -> None:
    """Let an upload take no more files, for a job is to have it.

    Raises
    ------
    StateError
        It is finished, another job has it, or it was announced to and no file has arrived whole.
    """
    _require_unfinished(require_upload(transaction, gate, key))
    require_no_job(transaction, gate, key)
    announced = arriving.list_announced(transaction, key)
    if announced and not any(row.whole for row in announced):
        raise StateError("upload", "none of its files has arrived whole; send them again, or discard it")
    arriving.delete_open(transaction, key)


def _require_unfinished(row: rows.UploadRow) -> None:
    if row.finished is not None:
        raise StateError("upload", "is finished")


def require_no_job(transaction: Transaction, gate: Gate, upload: UploadKey) -> None:
    """Refuse while a job works on an upload or waits to."""
    for _, job in jobs.list_ingests(transaction, gate.project, [upload]):
        if not job.state.final:
            raise StateError("upload", _BUSY)


def _stopped(row: rows.StoppedRow, last: Job | None, partly: int) -> StoppedUpload:
    return StoppedUpload(
        id=row.id,
        source=row.source,
        member=row.account,
        username=row.username,
        created=row.created,
        files=row.files,
        size=row.size + partly,
        state=_last_job(None if last is None else last.state),
        reason="" if last is None else last.reason,
        partial=row.partial,
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
