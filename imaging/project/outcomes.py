"""What became of each file of an upload, for whoever sent it: by name, and so encrypted like the upload itself."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from imaging.access import Action
from imaging.domain.base import UploadKey
from imaging.domain.outcome import FileOutcome
from imaging.errors import NotFoundError
from imaging.project.gate import Gate
from imaging.project.sealed import SealedFiles
from imaging.project.uploads import load_upload, require_upload
from imaging.store import vault
from imaging.store.database import now

KEPT = timedelta(days=30)
"""How long a list is shown; what is older is deleted when the next one is written."""

_LIST = TypeAdapter(list[FileOutcome])


class Outcomes:
    """The lists of one project, one for each upload that a job has finished."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._sealed = SealedFiles(gate)

    def write(self, upload: UploadKey, files: Sequence[FileOutcome]) -> None:
        """Keep the list of an upload, in place of one that a job began that was cut off."""
        with self._gate.read(Action.UPLOAD) as transaction:
            secret = self._sealed.secret(require_upload(transaction, self._gate, upload))
        readable = [one.model_copy(update={"name": _readable(one.name)}) for one in files]
        plain = io.BytesIO(zlib.compress(_LIST.dump_json(readable, exclude_defaults=True)))
        target = self._sealed.outcome(upload)
        begun = target.with_suffix(f".{os.getpid()}")
        begun.unlink(missing_ok=True)
        vault.seal_file(plain, begun, secret, f"outcome:{upload}")
        begun.rename(target)
        for path in self._sealed.outcomes():
            if _is_old(path):
                _delete(path)

    def read(self, upload: UploadKey) -> list[FileOutcome]:
        """Give the list of an upload to who sent it or decides on held files.

        Raises
        ------
        NotFoundError
            The upload is another member's, or there is no list: it is not finished, or was finished too long ago.
        """
        with self._gate.read(Action.UPLOAD, Action.DECIDE_QUARANTINE) as transaction:
            row = load_upload(transaction, self._gate, upload)
        path = self._sealed.outcome(upload)
        mine = row.account == self._gate.user or self._gate.may(Action.DECIDE_QUARANTINE)
        if not mine or row.finished is None or not path.is_file() or _is_old(path):
            raise NotFoundError("list of outcomes of upload", upload)
        plain = io.BytesIO()
        vault.open_file(path, plain, self._sealed.secret(row), f"outcome:{upload}")
        return _LIST.validate_json(zlib.decompress(plain.getvalue()))

    def forget(self) -> int:
        """Delete all lists of the project, and give how many there were.

        A name may tell of anybody, and the list does not say of whom a duplicate is.
        """
        with self._gate.change(Action.ERASE) as change:
            found = self._sealed.outcomes()
            if found:
                change.note("forget", "outcome", None, {"lists": len(found)})
            else:
                change.leave()
        for path in found:
            _delete(path)
        return len(found)


def _is_old(path: Path) -> bool:
    try:
        written = path.stat().st_mtime
    except FileNotFoundError:
        # Somebody deleted it meanwhile.
        return True
    return datetime.fromtimestamp(written, UTC) < now() - KEPT


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def _readable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
