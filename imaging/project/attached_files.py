"""Files that members put beside a project, its images and annotations, each sealed with a key of the project."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from imaging.access import Action
from imaging.dicom.beginning import is_dicom
from imaging.domain.base import ImageKey
from imaging.domain.command import Thing
from imaging.domain.remark import AttachedFile, Target
from imaging.errors import InvalidInputError, NotFoundError, StateError, VerificationError
from imaging.project.commands import Touched, record, touch
from imaging.project.gate import Gate
from imaging.project.targets import SAYERS, SEERS, require_author, require_target
from imaging.store import vault
from imaging.store.attached_files import AttachedFileRows, all_places, delete_attached
from imaging.store.attached_folder import attached_path
from imaging.store.keys import Wrapper, make_private_folder
from imaging.taxonomy import check_name

LARGEST = 64 << 20
"""Bytes of an attached file: it is read as a whole."""

_PURPOSE = "attached files"


class AttachedFiles:
    """Attached files of one project.

    On disk they lie in a folder for each image, and one for the project itself, and stay there when they are deleted,
    so that this can be undone; they go with their image.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self, target: Target) -> list[AttachedFile]:
        """What lies with a thing, oldest first."""
        with self._gate.read(*SEERS) as transaction:
            require_target(transaction, self._gate, target, writing=False)
            return self._rows().list(transaction, target)

    def get(self, key: int) -> AttachedFile:
        """Find by id."""
        with self._gate.read(*SEERS) as transaction:
            found = self._rows().get(transaction, key)
            if found is None:
                raise NotFoundError("attached file", key)
            require_target(transaction, self._gate, found.target, writing=False)
        return found

    def add(self, target: Target, name: str, stream: BinaryIO) -> AttachedFile:
        """Put a file beside a thing.

        Raises
        ------
        InvalidInputError
            It is empty, too large, or DICOM: an image comes in by an upload, which takes identities out.
        """
        named = check_name("file", name)
        with self._gate.read(*SAYERS) as transaction:
            image = require_target(transaction, self._gate, target, writing=True)
        content = stream.read(LARGEST + 1)
        if not content or len(content) > LARGEST:
            raise InvalidInputError(f"an attached file has 1 to {LARGEST} bytes")
        if is_dicom(content[:1024], len(content)):
            raise InvalidInputError("DICOM files come in by an upload, which takes identities out of them")
        key = self._gate.reserve()
        path = self._path(image, key)
        make_private_folder(path.parent)
        vault.seal_file(BytesIO(content), path, self._gate.key(_PURPOSE), _context(key))
        try:
            with self._gate.change(*SAYERS) as change:
                require_target(change.transaction, self._gate, target, writing=True)
                made = AttachedFile(
                    id=key, target=target, user=self._gate.user, name=named, size=len(content), created=change.at
                )
                self._rows().insert(change.transaction, made)
                # Its name may be a person's; the journal keeps what it was told, whatever is erased.
                change.note("add", "attached file", key, {target.kind.value: target.id, "bytes": made.size})
                record(change, self._gate, Thing.ATTACHED_FILE, [Touched(key, image)])
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return made

    def read(self, key: int) -> bytes:
        """Give what is in a file; the journal notes who read it."""
        found = self.get(key)
        with self._gate.change(*SEERS) as change:
            image = require_target(change.transaction, self._gate, found.target, writing=False)
            change.note("read", "attached file", key, {found.target.kind.value: found.target.id})
        return self._open(self._path(image, key), key)

    def delete(self, key: int) -> AttachedFile:
        """Take a file away, and give what it was."""
        with self._gate.change(*SAYERS) as change:
            before = self._rows().get(change.transaction, key)
            if before is None:
                raise NotFoundError("attached file", key)
            image = require_target(change.transaction, self._gate, before.target, writing=True)
            require_author(self._gate, before.target, before.user)
            touched = touch(change, Thing.ATTACHED_FILE, key, image)
            delete_attached(change.transaction, key)
            change.note("delete", "attached file", key, {before.target.kind.value: before.target.id})
            record(change, self._gate, Thing.ATTACHED_FILE, [touched])
        return before

    def damaged(self) -> tuple[int, dict[Path, str]]:
        """Read every file of the project; give how many there are, and which are `missing` or `changed`."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            places = all_places(transaction, self._gate.project)
        found: dict[Path, str] = {}
        for key, image in sorted(places.items()):
            path = self._path(image, key)
            try:
                self._open(path, key)
            except StateError:
                found[path] = "missing"
            except VerificationError:
                found[path] = "changed"
        return len(places), found

    def _open(self, path: Path, key: int) -> bytes:
        content = BytesIO()
        if not path.is_file():
            raise StateError("attached file", "its bytes are gone")
        vault.open_file(path, content, self._gate.key(_PURPOSE), _context(key))
        return content.getvalue()

    def _rows(self) -> AttachedFileRows:
        return AttachedFileRows(self._gate.project, Wrapper(self._gate.key(_PURPOSE)))

    def _path(self, image: ImageKey | None, key: int) -> Path:
        return attached_path(self._gate.folder, image, key)


def _context(key: int) -> str:
    return f"attached file:{key}"
