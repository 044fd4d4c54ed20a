"""Where the files of uploads lie in quarantine, and the keys that they are sealed with."""

from __future__ import annotations

from pathlib import Path

from imaging.domain.base import UploadKey
from imaging.project.gate import Gate
from imaging.store.keys import Wrapper
from imaging.store.uploads import UploadRow

_PURPOSE = "quarantine"


class SealedFiles:
    """The quarantine of one project on disk: a folder per upload, each upload sealed with its own key."""

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

    def wrapper(self) -> Wrapper:
        """What seals the keys of the uploads."""
        return Wrapper(self._gate.key(_PURPOSE))

    def secret(self, row: UploadRow) -> bytes:
        """The key of one upload."""
        return self.wrapper().unwrap(row.secret, f"upload:{row.id}")
