"""Files of an upload that are no DICOM: pictures, volumes, label maps, tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from imaging.contracts import Reader, VolumeReader
from imaging.dicom.walk import Found
from imaging.domain.upload import PaintedBox
from pipelines.opposition import Person
from pipelines.tables import Row, Table

R = TypeVar("R", Reader, VolumeReader)


@dataclass(frozen=True, eq=False)
class ReadFile(Generic[R]):
    """One file that a plugin reads; `earlier` are its digests under earlier keys."""

    found: Found
    reader: R
    digest: str
    earlier: tuple[str, ...] = ()
    reviewed: bool = False
    painted: tuple[PaintedBox, ...] = ()


class PictureFile(ReadFile[Reader]):
    """A file that holds one picture."""


class VolumeFile(ReadFile[VolumeReader]):
    """A file that holds a volume."""


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A file that a table names as a label map; its digest is of the pair, as two images may have equal label maps.

    Attributes
    ----------
    reader
        None where the file is no volume.
    row
        What the table says of it; None where the table cannot be used, or where two tables differ.
    subject
        Pseudonym of whose it is, where the table or its image tells.
    """

    found: Found
    reader: VolumeReader | None
    row: Row | None
    digest: str
    earlier: tuple[str, ...] = ()
    subject: str = ""


@dataclass(frozen=True, eq=False)
class TableFile:
    """A table with the keyed digest of its file; it is no duplicate when it comes again."""

    found: Found
    table: Table
    digest: str
    earlier: tuple[str, ...] = ()

    @property
    def persons(self) -> frozenset[Person]:
        """Whom the table names."""
        return frozenset(row.person for row in self.table.rows if row.person is not None)


Foreign = PictureFile | VolumeFile | LabelFile | TableFile
"""Files that name nobody by themselves, or many."""
