"""Rows of files that lie with projects, images and annotations; their names are sealed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, LargeBinary, RowMapping, Table, delete, func, insert, select

from imaging.domain.base import ImageKey, ProjectKey
from imaging.domain.remark import AttachedFile, Target
from imaging.store.columns import key_column
from imaging.store.database import Transaction
from imaging.store.keys import Wrapper
from imaging.store.moment import Moment
from imaging.store.schema import annotation, metadata
from imaging.store.targets import on_target, target_columns, target_facts, target_row

attached_file = Table(
    "attached_file",
    metadata,
    key_column(),
    *target_columns(),
    Column("name", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "project"),
    Index(None, "image"),
    Index(None, "annotation"),
)


@dataclass(frozen=True)
class AttachedFileRows:
    """The attached files of one project; `wrapper` seals their names."""

    project: ProjectKey
    wrapper: Wrapper

    def insert(self, transaction: Transaction, record: AttachedFile) -> None:
        """Add a file."""
        values = target_row(self.project, record) | record.model_dump(exclude={"target", "user"})
        values["name"] = self.wrapper.wrap(record.name.encode(), _context(record.id))
        transaction.execute(insert(attached_file).values(values))

    def get(self, transaction: Transaction, key: int) -> AttachedFile | None:
        """Find by id within the project."""
        wanted = (attached_file.c.id == key) & (attached_file.c.project == self.project)
        row = transaction.execute(select(attached_file).where(wanted)).mappings().one_or_none()
        return None if row is None else self._read(row)

    def list(self, transaction: Transaction, target: Target) -> list[AttachedFile]:
        """What lies with one thing, oldest first."""
        statement = select(attached_file).where(on_target(attached_file, self.project, target))
        return [self._read(row) for row in transaction.execute(statement.order_by(attached_file.c.id)).mappings()]

    def _read(self, row: RowMapping) -> AttachedFile:
        name = self.wrapper.unwrap(row["name"], _context(row["id"])).decode()
        return AttachedFile(**target_facts(row) | {"name": name})


def delete_attached(transaction: Transaction, key: int) -> None:
    """Remove a row; the file stays, for whoever undoes it."""
    transaction.execute(delete(attached_file).where(attached_file.c.id == key))


def all_places(transaction: Transaction, project: ProjectKey) -> dict[int, ImageKey | None]:
    """The ids of all files of a project, each with the image that it belongs to, if any."""
    place = func.coalesce(attached_file.c.image, annotation.c.image)
    statement = select(attached_file.c.id, place).where(attached_file.c.project == project)
    statement = statement.outerjoin_from(attached_file, annotation, annotation.c.id == attached_file.c.annotation)
    return {key: None if image is None else ImageKey(image) for key, image in transaction.execute(statement)}


def _context(key: int) -> str:
    return f"attached:{key}"
