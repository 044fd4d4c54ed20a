"""Rows of the model registry."""

from __future__ import annotations

from sqlalchemy import RowMapping, func, insert, select

from imaging.domain.base import ModelKey, ProjectKey
from imaging.domain.job import Task
from imaging.domain.model import Model
from imaging.store.database import Transaction
from imaging.store.schema import model


def next_version(transaction: Transaction, project: ProjectKey, name: str) -> int:
    """Count on from the newest version of a name."""
    statement = select(func.max(model.c.version)).where(model.c.project == project, model.c.name == name)
    return int(transaction.execute(statement).scalar_one() or 0) + 1


def insert_model(transaction: Transaction, record: Model) -> None:
    """Add a model."""
    values = record.model_dump(mode="json", exclude={"created"})
    transaction.execute(insert(model).values(values | {"version": int(record.version), "created": record.created}))


def get_model(transaction: Transaction, project: ProjectKey, key: ModelKey) -> Model | None:
    """Find by id within the project."""
    statement = select(model).where(model.c.id == key, model.c.project == project)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _read(row)


def list_models(transaction: Transaction, project: ProjectKey, *, name: str | None = None) -> list[Model]:
    """The models of a project, oldest first; those of one name by version."""
    statement = select(model).where(model.c.project == project).order_by(model.c.id)
    if name is not None:
        statement = statement.where(model.c.name == name)
    return [_read(row) for row in transaction.execute(statement).mappings()]


def _read(row: RowMapping) -> Model:
    values = {name: row[name] for name in Model.model_fields if name not in {"version", "task", "terms"}}
    return Model(**values, version=str(row["version"]), task=Task(row["task"]), terms=tuple(row["terms"]))
