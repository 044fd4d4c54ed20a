"""Uploads that their sender goes on with after a cut: files come in parts, each sealed and durable before the next."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from typing_extensions import Buffer

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import UploadKey
from imaging.domain.upload import Announcement, ArrivingFile, OpenUpload
from imaging.errors import InvalidInputError, NotFoundError, StateError, TakenError, TooLargeError
from imaging.locks import exclusive_or_not
from imaging.project.gate import Gate
from imaging.project.sealed import SealedFiles, arrived, part_context, part_path
from imaging.project.uploads import check_name, insert_upload, load_upload
from imaging.store import arriving, vault
from imaging.store import uploads as upload_rows
from imaging.store.arriving import AnnouncedRow
from imaging.store.database import Transaction, now
from imaging.store.keys import Wrapper, make_private_folder

LARGEST_FILE = 1 << 46
"""Practically no limit: what arrives is never held in memory, and ingestion has limits of its own."""

LARGEST_PART = 16 << 20
"""What is sealed and made durable at a time, in bytes; a kill loses no more."""

_MOST_PARTS = 10_000
_LONGEST_TOLD = 16_384
_LONGEST_TOKEN = 64


class ResumableUploads:
    """Uploads of one project that take more files still, each in the hands of the member who opened it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)

    def open(self, source: str, *, alone: bool = False) -> UploadKey:
        """Open an upload that takes files until it is closed; `alone` where the arrival of one file ends it."""
        with self._gate.change(Action.UPLOAD) as change:
            key = insert_upload(change, self._gate, source)
            arriving.insert_open(change.transaction, key, change.at, alone=alone)
        make_private_folder(self._sealed.folder(key))
        return key

    def mine(self) -> list[OpenUpload]:
        """The member's own open uploads, oldest first."""
        with self._gate.read(Action.UPLOAD) as transaction:
            found = arriving.list_open(transaction, self._gate.project, user=self._gate.user)
            announced = [arriving.list_announced(transaction, row.upload) for row in found]
        return [self._open_upload(row, files) for row, files in zip(found, announced, strict=True)]

    def get(self, upload: UploadKey) -> OpenUpload:
        """Find an own open upload by id."""
        with self._gate.read(Action.UPLOAD) as transaction:
            row = arriving.get_open(transaction, self._gate.project, upload, self._gate.user)
            announced = arriving.list_announced(transaction, upload)
        if row is None:
            raise NotFoundError("open upload", upload)
        return self._open_upload(row, announced)

    def require_open(self, upload: UploadKey) -> None:
        """Refuse unless an own upload takes more files."""
        with self._gate.read(Action.UPLOAD) as transaction:
            self._require_open(transaction, upload)

    def is_alone(self, upload: UploadKey) -> bool:
        """Whether an own upload is open and ends with the arrival of its one file."""
        with self._gate.read(Action.UPLOAD) as transaction:
            row = arriving.get_open(transaction, self._gate.project, upload, self._gate.user)
        return row is not None and row.alone

    def files(self, upload: UploadKey) -> list[ArrivingFile]:
        """What was announced to an own open upload, and how much of it is here."""
        with self._gate.read(Action.UPLOAD) as transaction:
            self._require_open(transaction, upload)
            secret = self._secret(transaction, upload)
            announced = arriving.list_announced(transaction, upload)
        return [self._file(row, secret) for row in announced]

    def file(self, upload: UploadKey, key: int) -> ArrivingFile:
        """Tell how much of a file is here; one of which nothing is missing counts as whole from now on."""
        row, secret = self._require(upload, key)
        if not row.whole and self._offset(row) == row.length:
            # Its last part was durable when the process was killed.
            row = self._complete(row)
        return self._file(row, secret)

    def announce(self, upload: UploadKey, file: Announcement) -> ArrivingFile:
        """Let a file arrive in parts; announced again under its token, it is the file that it was."""
        key, row, secret = self._prepare(upload, file)
        make_private_folder(self._sealed.parts(upload, key))
        with self._gate.change(Action.UPLOAD) as change:
            row = self._announced(change, row)
            arriving.touch_open(change.transaction, upload, change.at)
            change.leave()
        if row.id != key:
            shutil.rmtree(self._sealed.parts(upload, key), ignore_errors=True)
        return self._file(row, secret)

    def take(self, upload: UploadKey, file: Announcement, stream: BinaryIO) -> ArrivingFile:
        """Announce a file and take all of it at once, which costs less than parts; of one that is cut nothing stays.

        Raises
        ------
        InvalidInputError
            It has fewer or more bytes than announced.
        """
        key, row, secret = self._prepare(upload, file)
        target = self._sealed.path(upload, key)
        try:
            with _gone_with(upload):
                size = vault.seal_file(_window(stream, file.length + 1), target, secret, f"file:{key}")
            if size != file.length:
                raise InvalidInputError("the file has another size than announced")
            with self._gate.change(Action.UPLOAD) as change:
                row = self._announced(change, row)
                if row.id == key:
                    row = self._note_whole(change, row)
                else:
                    change.leave()
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if row.id != key:
            target.unlink(missing_ok=True)
        return self._file(row, secret)

    def receive(self, upload: UploadKey, key: int, offset: int, stream: BinaryIO) -> ArrivingFile:
        """Take more of a file: `offset` says how much of it the sender knows to be here.

        All that came before the stream ended or failed stays, but for the part of `LARGEST_PART` bytes that failed.

        Raises
        ------
        StateError
            The file goes on elsewhere.
        TakenError
            Another request sends it just now.
        TooLargeError, InvalidInputError
            More comes than announced; it comes in too many parts.
        """
        row, secret = self._require(upload, key)
        folder = self._sealed.parts(upload, key)
        with _gone_with(upload), self._held(row, folder):
            at = self._offset(row)
            if at != offset:
                raise StateError("file", f"it goes on at byte {at}")
            self._check_parts(folder, row.length)
            try:
                while at < row.length and (count := _seal_part(folder, row, at, stream, secret)):
                    at += count
            finally:
                if not row.whole:
                    row = self._settle(row, at)
        return self._file(row, secret)

    def remove(self, upload: UploadKey, key: int) -> None:
        """Delete a file of an own open upload, whole or not."""
        row, _ = self._require(upload, key)
        with self._gate.change(Action.UPLOAD) as change:
            self._require_open(change.transaction, upload)
            arriving.delete_file(change.transaction, key)
            change.note("remove", "file", key, {"upload": upload})
        self._delete(row)

    def close(self, upload: UploadKey) -> int:
        """Take no more files, and give how many there are; done again, it changes nothing.

        Raises
        ------
        StateError
            Some of its files have not arrived whole, or it has none.
        """
        with self._gate.read(Action.UPLOAD) as transaction:
            finished = self._own(transaction, upload).finished is not None
            announced = arriving.list_announced(transaction, upload)
        if finished:
            return len(announced)
        for row in announced:
            if not row.whole and self._offset(row) == row.length:
                self._complete(row)
        with self._gate.change(Action.UPLOAD) as change:
            change.leave()
            announced = arriving.list_announced(change.transaction, upload)
            missing = sum(not row.whole for row in announced)
            if missing or not announced:
                raise StateError("upload", f"{missing} of its files have not arrived whole" if missing else "is empty")
            arriving.delete_open(change.transaction, upload)
        return len(announced)

    def _prepare(self, upload: UploadKey, file: Announcement) -> tuple[int, AnnouncedRow, bytes]:
        """Check an announcement; gives a new id with its row and the upload's key."""
        check_name(file.name)
        if not 0 <= file.length <= LARGEST_FILE:
            raise TooLargeError("file", LARGEST_FILE)
        if len(file.told) > _LONGEST_TOLD or len(file.token or "") > _LONGEST_TOKEN:
            raise InvalidInputError("too much is said of the file")
        with self._gate.read(Action.UPLOAD) as transaction:
            self._require_open(transaction, upload)
            secret = self._secret(transaction, upload)
        key = self._gate.reserve()
        sealed = Wrapper(secret)
        name, told = sealed.wrap(file.name.encode(), f"name:{key}"), sealed.wrap(file.told.encode(), f"told:{key}")
        return key, AnnouncedRow(key, upload, name, file.length, told, file.token), secret

    def _announced(self, change: Change, row: AnnouncedRow) -> AnnouncedRow:
        """Insert a row, or give the one that another request inserted meanwhile under the same token."""
        self._require_open(change.transaction, row.upload)
        same = arriving.list_announced(change.transaction, row.upload, token=row.token) if row.token else []
        if same:
            return same[0]
        arriving.insert_announced(change.transaction, row)
        return row

    def _complete(self, row: AnnouncedRow) -> AnnouncedRow:
        with self._gate.change(Action.UPLOAD) as change:
            (found,) = self._find(change.transaction, row.upload, row.id)
            if found.whole:
                # By another request, which may have had the upload ingested since.
                change.leave()
                return found
            self._require_open(change.transaction, row.upload)
            return self._note_whole(change, found)

    def _note_whole(self, change: Change, row: AnnouncedRow) -> AnnouncedRow:
        waiting = upload_rows.WaitingRow(row.id, row.name, row.length)
        upload_rows.insert_waiting(change.transaction, row.upload, waiting, change.at)
        arriving.touch_open(change.transaction, row.upload, change.at)
        change.note("add", "file", row.id, {"upload": row.upload, "bytes": row.length})
        return replace(row, whole=True)

    def _settle(self, row: AnnouncedRow, offset: int) -> AnnouncedRow:
        """Note how far a file came; where somebody deleted it meanwhile, what came since goes too."""
        try:
            if offset == row.length:
                return self._complete(row)
            with self._gate.read(Action.UPLOAD) as transaction:
                self._require_open(transaction, row.upload)
                (found,) = self._find(transaction, row.upload, row.id)
            with self._gate.database.write() as writing:
                arriving.touch_open(writing, row.upload, now())
        except (NotFoundError, StateError):
            self._delete_lost(row)
            raise
        return found

    def _delete_lost(self, row: AnnouncedRow) -> None:
        """Delete what came of a file that was given up; never one that a job may have by now."""
        with self._gate.read(Action.UPLOAD) as transaction:
            found = arriving.list_announced(transaction, row.upload, file=row.id)
        if not any(one.whole for one in found):
            self._delete(row)

    def _delete(self, row: AnnouncedRow) -> None:
        self._sealed.path(row.upload, row.id).unlink(missing_ok=True)
        shutil.rmtree(self._sealed.parts(row.upload, row.id), ignore_errors=True)

    @contextmanager
    def _held(self, row: AnnouncedRow, folder: Path) -> Iterator[None]:
        if row.whole:
            yield
            return
        with exclusive_or_not(folder) as mine:
            if not mine:
                raise TakenError("file")
            yield

    def _check_parts(self, folder: Path, length: int) -> None:
        if sum(1 for _ in folder.glob("*.sealed")) > _MOST_PARTS + 2 * length // LARGEST_PART:
            raise InvalidInputError("the file comes in too many parts; send larger ones")

    def _require(self, upload: UploadKey, key: int) -> tuple[AnnouncedRow, bytes]:
        with self._gate.read(Action.UPLOAD) as transaction:
            self._own(transaction, upload)
            (row,) = self._find(transaction, upload, key)
            return row, self._secret(transaction, upload)

    def _find(self, transaction: Transaction, upload: UploadKey, key: int) -> list[AnnouncedRow]:
        found = arriving.list_announced(transaction, upload, file=key)
        if not found:
            raise NotFoundError("file", key)
        return found

    def _own(self, transaction: Transaction, upload: UploadKey) -> upload_rows.UploadRow:
        row = load_upload(transaction, self._gate, upload)
        if row.account != self._gate.user:
            raise NotFoundError("upload", upload)
        return row

    def _require_open(self, transaction: Transaction, upload: UploadKey) -> None:
        if arriving.get_open(transaction, self._gate.project, upload, self._gate.user) is None:
            self._own(transaction, upload)
            raise StateError("upload", "takes no more files")

    def _secret(self, transaction: Transaction, upload: UploadKey) -> bytes:
        return self._sealed.secret(load_upload(transaction, self._gate, upload))

    def _offset(self, row: AnnouncedRow) -> int:
        return row.length if row.whole else arrived(self._sealed.parts(row.upload, row.id))

    def _file(self, row: AnnouncedRow, secret: bytes) -> ArrivingFile:
        sealed = Wrapper(secret)
        return ArrivingFile(
            id=row.id,
            upload=row.upload,
            name=sealed.unwrap(row.name, f"name:{row.id}").decode(),
            length=row.length,
            offset=self._offset(row),
            whole=row.whole,
            told=sealed.unwrap(row.told, f"told:{row.id}").decode(),
        )

    def _open_upload(self, row: arriving.OpenRow, announced: list[AnnouncedRow]) -> OpenUpload:
        return OpenUpload(
            id=row.upload,
            created=row.created,
            touched=row.touched,
            files=sum(file.whole for file in announced),
            announced=len(announced),
            size=sum(self._offset(file) for file in announced),
            alone=row.alone,
        )


@contextmanager
def _gone_with(upload: UploadKey) -> Iterator[None]:
    """Say of a folder that somebody deleted meanwhile what it means."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("open upload", upload) from error


def _seal_part(folder: Path, row: AnnouncedRow, offset: int, stream: BinaryIO, secret: bytes) -> int:
    """Seal the next bytes of a stream and make them durable; gives how many, none at the stream's end."""
    room = min(LARGEST_PART, row.length - offset)
    first = stream.read(min(room, 1 << 16))
    if not first:
        return 0
    # What a killed process had begun here counts for nothing.
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    size = vault.seal_file(_window(stream, room - len(first), first), begun, secret, part_context(row.id, offset))
    if offset + size == row.length and stream.read(1):
        begun.unlink()
        raise TooLargeError("file", row.length)
    begun.rename(part_path(folder, offset))
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return size


def _window(stream: BinaryIO, size: int, first: bytes = b"") -> io.BufferedReader:
    """Give so much of a stream, after what was read of it already."""
    return io.BufferedReader(_Window(stream, size, first), 1 << 16)


class _Window(io.RawIOBase):
    def __init__(self, stream: BinaryIO, size: int, first: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._left = size
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        if self._first:
            data, self._first = self._first[: len(room)], self._first[len(room) :]
        else:
            data = self._stream.read(min(len(room), self._left)) if self._left else b""
            self._left -= len(data)
        room[: len(data)] = data
        return len(data)
