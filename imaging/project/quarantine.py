"""The quarantine of a project: files that became no image, each with its reason, until somebody decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from imaging.access import INGEST, Action
from imaging.change import Change
from imaging.domain.base import UploadKey
from imaging.domain.outcome import Reason
from imaging.domain.upload import Decision, FileToHold, HeldFile
from imaging.errors import NotFoundError
from imaging.locks import exclusive
from imaging.project.gate import Gate
from imaging.project.sealed import SealedFiles
from imaging.project.uploads import load_upload, require_upload
from imaging.store import uploads as rows
from imaging.store import vault
from imaging.store.database import Transaction, batches, now
from imaging.store.keys import Wrapper, make_private_folder


class Quarantine:
    """Held files of one project and what somebody decides on them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)

    def hold(self, upload: UploadKey, file: FileToHold) -> int:
        """Keep one file in quarantine with the reason why, and return its id."""
        return self.hold_all(upload, [file])[0]

    def hold_all(self, upload: UploadKey, files: Sequence[FileToHold]) -> list[int]:
        """Keep files in quarantine, some hundreds in one transaction, and return their ids."""
        with self._gate.read(Action.UPLOAD) as transaction:
            secret = self._sealed.secret(require_upload(transaction, self._gate, upload))
        return [key for batch in batches(files) for key in self._hold(upload, batch, secret)]

    def _hold(self, upload: UploadKey, files: Sequence[FileToHold], secret: bytes) -> range:
        first = self._gate.reserve(len(files))
        keys = range(first, first + len(files))
        sizes: dict[int, int] = {}
        try:
            for key, file in zip(keys, files, strict=True):
                sizes[key] = self._seal(self._sealed.path(upload, key), key, file, secret)
            with self._gate.change(Action.UPLOAD) as change:
                for key, file in zip(keys, files, strict=True):
                    held = _held_row(upload, key, file, secret, size=sizes[key], at=change.at)
                    rows.insert_held(change.transaction, self._gate.project, held)
                    change.note("hold", "file", key, {"upload": upload, "reason": file.reason.value})
        except BaseException:
            for key in keys:
                self._sealed.path(upload, key).unlink(missing_ok=True)
            raise
        return keys

    def _seal(self, target: Path, key: int, file: FileToHold, secret: bytes) -> int:
        if file.path is None or not file.path.is_file():
            return 0
        with file.path.open("rb") as plain:
            return vault.seal_file(plain, target, secret, f"file:{key}")

    def names(self, upload: UploadKey) -> Counter[tuple[str, int]]:
        """How often each file of an upload, by its name and size in bytes, is held already."""
        with self._gate.read(Action.UPLOAD) as transaction:
            secret = self._sealed.secret(require_upload(transaction, self._gate, upload))
            found = rows.list_held(transaction, self._gate.project, upload=upload)
        return Counter((_unseal_name(row, secret), row.size) for row in found)

    def find(self, files: Sequence[FileToHold]) -> list[HeldFile | None]:
        """Give for each file what is held of it already: this member's, of the same bytes under the same name."""
        digests = {digest for file in files for digest in (file.digest, *file.earlier) if digest}
        with self._gate.read(Action.UPLOAD) as transaction:
            same = rows.list_held_of(transaction, self._gate.project, self._gate.user, digests)
            uploads = {row.upload: load_upload(transaction, self._gate, row.upload) for row in same}
        secrets = {key: self._sealed.secret(row) for key, row in uploads.items()}
        held: dict[tuple[str, str], HeldFile] = {}
        for row in same:
            held.setdefault((row.digest, _unseal_name(row, secrets[row.upload])), _held_file(row, secrets[row.upload]))
        return [_first(held.get((digest, file.name)) for digest in (file.digest, *file.earlier)) for file in files]

    def forget_withdrawn(self, digests: Collection[str]) -> None:
        """Forget that files were refused for an objection, by whomever they came: of them nothing was kept.

        Parameters
        ----------
        digests
            Of files that came again while their person objects no longer.
        """
        with self._gate.read(*INGEST) as transaction:
            refused = rows.list_held_for(transaction, self._gate.project, Reason.SUBJECT_OPPOSED)
        if not any(row.digest in digests for row in refused):
            return
        with self._gate.change(*INGEST) as change:
            # Somebody else may have done so meanwhile.
            change.leave()
            for row in rows.list_held_for(change.transaction, self._gate.project, Reason.SUBJECT_OPPOSED):
                if row.digest in digests:
                    self._delete(change, row, "withdraw", {"reason": row.reason.value})

    def settle(self, tables: Collection[str], labels: Collection[tuple[str, str]]) -> None:
        """Forget this member's files that were held, now that they came again and were taken.

        Parameters
        ----------
        tables
            Names of tables: what is held under one without a copy was the same table before it was mended.
        labels
            Names of label maps, each with a digest of its bytes.
        """
        with self._gate.read(Action.UPLOAD) as transaction:
            found = rows.list_held(transaction, self._gate.project, user=self._gate.user) if tables or labels else []
            known = {digest for _, digest in labels}
            perhaps = [row for row in found if row.digest and (row.size == 0 or row.digest in known)]
            uploads = {row.upload: load_upload(transaction, self._gate, row.upload) for row in perhaps}
        names = {row.id: _unseal_name(row, self._sealed.secret(uploads[row.upload])) for row in perhaps}
        settled = {
            row.id
            for row in perhaps
            if (row.size == 0 and names[row.id] in tables) or (names[row.id], row.digest) in labels
        }
        if not settled:
            return
        with self._gate.change(Action.UPLOAD) as change:
            # Somebody may have decided on them meanwhile.
            change.leave()
            for row in rows.list_held(change.transaction, self._gate.project, user=self._gate.user):
                if row.id in settled:
                    self._delete(change, row, "settle", {"reason": row.reason.value})

    def held(self, key: int | None = None) -> list[HeldFile]:
        """Held files, oldest first: all for who decides on them, else those of the member's own uploads."""
        with self._gate.read(Action.DECIDE_QUARANTINE, Action.UPLOAD) as transaction:
            own = None if self._gate.may(Action.DECIDE_QUARANTINE) else self._gate.user
            found = rows.list_held(transaction, self._gate.project, user=own, key=key)
            uploads = {row.upload for row in found}
            secrets = {upload: self._sealed.secret(load_upload(transaction, self._gate, upload)) for upload in uploads}
        if key is not None and not found:
            raise NotFoundError("quarantined file", key)
        return [_held_file(row, secrets[row.upload]) for row in found]

    def open(self, key: int, scratch: Path) -> Path | None:
        """Decrypt a held file into a scratch folder under its id; None when its content was never kept."""
        with self._gate.read(Action.DECIDE_QUARANTINE) as transaction:
            found = require_held(transaction, self._gate, key)
            secret = self._sealed.secret(load_upload(transaction, self._gate, found.upload))
        sealed = self._sealed.path(found.upload, key)
        if not sealed.is_file():
            return None
        target = scratch / str(key)
        with target.open("xb") as plain:
            vault.open_file(sealed, plain, secret, f"file:{key}")
        return target

    def refuse(self, key: int) -> None:
        """Delete a held file for good."""
        self._decide(key, "refuse", {})

    def refuse_together(self, keys: Collection[int]) -> None:
        """Delete held files for good in one act: all of them, or none where one is not held."""
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            # All are found before the first is deleted: bytes do not come back with their row.
            found = [require_held(change.transaction, self._gate, key) for key in dict.fromkeys(keys)]
            for row in found:
                self._delete(change, row, "refuse", {})

    def release(self, key: int, decision: str, detail: dict[str, JsonValue]) -> None:
        """Delete a held file that became part of an image, or came again as one; the journal says by what decision."""
        self._decide(key, decision, detail)

    def expire(self, key: int, days: int) -> None:
        """Delete a held file for good because it has been held for this many days."""
        self._decide(key, "expire", {"days": days})

    def deciding(self) -> AbstractContextManager[None]:
        """Let one at a time carry out decisions: of two on one volume, the later must see the earlier."""
        self._gate.require(Action.DECIDE_QUARANTINE)
        make_private_folder(self._sealed.root)
        return exclusive(self._sealed.root)

    def remember(self, key: int, decision: Decision) -> None:
        """Keep what was decided on a file until the volume that it is a slice of can be made."""
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            found = require_held(change.transaction, self._gate, key)
            rows.set_decision(change.transaction, key, decision)
            detail: dict[str, JsonValue] = {"boxes": len(decision.boxes), "find": decision.find}
            change.note("decide", "file", key, {"upload": found.upload, "decision": decision.word, **detail})

    def restate(self, key: int, reason: Reason, detail: str) -> None:
        """Hold a file for another reason than before."""
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            found = require_held(change.transaction, self._gate, key)
            rows.set_reason(change.transaction, key, reason, detail)
            change.note("hold", "file", key, {"upload": found.upload, "reason": reason.value})

    def _decide(self, key: int, decision: str, detail: dict[str, JsonValue]) -> None:
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            self._delete(change, require_held(change.transaction, self._gate, key), decision, detail)

    def _delete(self, change: Change, row: rows.HeldRow, decision: str, detail: dict[str, JsonValue]) -> None:
        rows.delete_held(change.transaction, row.id)
        change.note(decision, "file", row.id, {"upload": row.upload, **detail})
        # Before the row is gone for good: no bytes are left that nothing names.
        self._sealed.path(row.upload, row.id).unlink(missing_ok=True)


def require_held(transaction: Transaction, gate: Gate, key: int) -> rows.HeldRow:
    """Load a held file of the project or raise NotFoundError."""
    found = rows.list_held(transaction, gate.project, key=key)
    if not found:
        raise NotFoundError("quarantined file", key)
    return found[0]


def drop_decision(change: Change, gate: Gate, key: int) -> None:
    """Forget what was decided on a held file, before anything else is: from now on nobody carries it out."""
    found = require_held(change.transaction, gate, key)
    if found.decision is not None:
        rows.set_decision(change.transaction, key, None)
        change.note("undecide", "file", key, {"upload": found.upload})


def _first(found: Iterable[HeldFile | None]) -> HeldFile | None:
    return next((file for file in found if file is not None), None)


def _held_row(upload: UploadKey, key: int, file: FileToHold, secret: bytes, *, size: int, at: datetime) -> rows.HeldRow:
    return rows.HeldRow(
        id=key,
        upload=upload,
        name=Wrapper(secret).wrap(file.name.encode("utf-8", "surrogateescape"), f"name:{key}"),
        reason=file.reason,
        detail=file.detail,
        size=size,
        created=at,
        digest=file.digest,
        series=file.series,
        subject=file.subject,
    )


def _unseal_name(row: rows.HeldRow, secret: bytes) -> str:
    return Wrapper(secret).unwrap(row.name, f"name:{row.id}").decode("utf-8", "surrogateescape")


def _held_file(row: rows.HeldRow, secret: bytes) -> HeldFile:
    name = _unseal_name(row, secret)
    return HeldFile(
        id=row.id,
        upload=row.upload,
        name=name.encode("utf-8", "replace").decode(),
        reason=row.reason,
        detail=row.detail,
        size=row.size,
        created=row.created,
        days=(now() - row.created).days,
        digest=row.digest,
        series=row.series,
        subject=row.subject,
        decision=row.decision,
    )
