"""Where the files of uploads lie in quarantine, and the keys that they are sealed with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from imaging.domain.base import UploadKey
from imaging.errors import StateError
from imaging.locks import is_taken
from imaging.project.gate import Gate
from imaging.store import vault
from imaging.store.keys import Wrapper
from imaging.store.uploads import UploadRow

_PURPOSE = "quarantine"
_OUTCOME = "outcome.list"
_SAID = "said.list"


class SealedFiles:
    """The quarantine of one project on disk: a folder per upload, each upload sealed with its own key.

    A file that came in one go is one sealed file. One that came in parts is a folder of sealed files, each named by the
    number of bytes before it and bound to that place.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @property
    def root(self) -> Path:
        """The project's own part of the quarantine."""
        return self._gate.settings.quarantine / str(self._gate.project)

    def folder(self, upload: UploadKey) -> Path:
        """Where the files of one upload lie."""
        return self.root / str(upload)

    def path(self, upload: UploadKey, key: int) -> Path:
        """Where one file lies."""
        return self.folder(upload) / f"{key}.sealed"

    def parts(self, upload: UploadKey, key: int) -> Path:
        """Where the parts of one file lie."""
        return self.folder(upload) / str(key)

    def outcome(self, upload: UploadKey) -> Path:
        """Where the list lies of what became of each file."""
        return self.folder(upload) / _OUTCOME

    def outcomes(self) -> list[Path]:
        """All such lists of the project."""
        return sorted(self.root.glob(f"*/{_OUTCOME}"))

    def said(self, upload: UploadKey) -> Path:
        """Where the properties lie that the images of an upload are to have."""
        return self.folder(upload) / _SAID

    def wrapper(self) -> Wrapper:
        """What seals the keys of the uploads."""
        return Wrapper(self._gate.key(_PURPOSE))

    def secret(self, row: UploadRow) -> bytes:
        """The key of one upload."""
        return self.wrapper().unwrap(row.secret, f"upload:{row.id}")

    def open_into(self, plain: BinaryIO, upload: UploadKey, key: int, *, size: int, secret: bytes) -> None:
        """Decrypt a file into a stream.

        Raises
        ------
        StateError
            It, or a part of it, is gone.
        """
        single = self.path(upload, key)
        if single.is_file():
            vault.open_file(single, plain, secret, f"file:{key}")
            return
        folder = self.parts(upload, key)
        if arrived(folder) != size or not folder.is_dir():
            raise StateError("upload", "some of its files are gone from quarantine; discard the others")
        for part in _in_order(folder):
            vault.open_file(part, plain, secret, part_context(key, int(part.stem)))

    def is_taken(self, upload: UploadKey) -> bool:
        """Whether a process that lives receives a file of an upload."""
        folder = self.folder(upload)
        if not folder.is_dir():
            return False
        # Of a hundred thousand files most are no folders; the listing tells so without asking for each.
        with os.scandir(folder) as found:
            parts = [folder / entry.name for entry in found if entry.is_dir()]
        return is_taken(folder) or any(is_taken(one) for one in parts)

    def delete(self, upload: UploadKey, kept: Collection[Path] = ()) -> None:
        """Delete all files of an upload but those to be kept."""
        for path in set(self.folder(upload).glob("*")) - {*kept}:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def part_context(key: int, offset: int) -> str:
    """Bind a part to its file and its place."""
    return f"file:{key}:{offset}"


def part_path(folder: Path, offset: int) -> Path:
    """Where the part lies that begins after so many bytes."""
    return folder / f"{offset:020}.sealed"


def arrived(folder: Path) -> int:
    """Count the plain bytes that the parts in a folder hold without a gap."""
    offset = 0
    for part in _in_order(folder):
        if int(part.stem) != offset:
            break
        offset += vault.plain_size(part.stat().st_size)
    return offset


def _in_order(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sealed"))
