"""Rows of layers."""

from __future__ import annotations

from sqlalchemy import RowMapping, Select, func, insert, select

from imaging.domain.annotation import Layer, LayerKind
from imaging.domain.base import ImageKey, LayerKey, ProjectKey
from imaging.store.database import Transaction
from imaging.store.schema import account, annotation, image_term, layer, segmentation


def insert_layer(transaction: Transaction, record: Layer, owner: str) -> None:
    """Add a layer; `owner` is unique in the project."""
    values: dict[str, object] = {"id": record.id, "project": record.project, "kind": record.kind.value, "owner": owner}
    values |= {"name": record.name, "account": record.user, "model": record.model}
    transaction.execute(insert(layer).values(values))


def get_layer(transaction: Transaction, project: ProjectKey, key: LayerKey) -> Layer | None:
    """Find by id within the project."""
    row = transaction.execute(_select(project).where(layer.c.id == key)).mappings().one_or_none()
    return None if row is None else _read(row)


def find_layer(transaction: Transaction, project: ProjectKey, owner: str) -> Layer | None:
    """Find by owner within the project."""
    row = transaction.execute(_select(project).where(layer.c.owner == owner)).mappings().one_or_none()
    return None if row is None else _read(row)


def list_layers(transaction: Transaction, project: ProjectKey, *, image: ImageKey | None = None) -> list[Layer]:
    """The layers of a project, or those with something on one image."""
    statement = _select(project).order_by(layer.c.id)
    if image is not None:
        used = [select(table.c.layer).where(table.c.image == image) for table in (annotation, segmentation, image_term)]
        statement = statement.where(layer.c.id.in_(used[0].union(*used[1:])))
    return [_read(row) for row in transaction.execute(statement).mappings()]


def count_contents(
    transaction: Transaction, project: ProjectKey, *, image: ImageKey | None = None
) -> dict[LayerKey, tuple[int, int]]:
    """Annotations and segmentations per layer."""
    counts: dict[LayerKey, tuple[int, int]] = {}
    for place, table in enumerate((annotation, segmentation)):
        statement = select(table.c.layer, func.count()).where(table.c.project == project).group_by(table.c.layer)
        if image is not None:
            statement = statement.where(table.c.image == image)
        for key, number in transaction.execute(statement):
            drawn, segmented = counts.get(LayerKey(key), (0, 0))
            counts[LayerKey(key)] = (number, segmented) if place == 0 else (drawn, number)
    return counts


def _select(project: ProjectKey) -> Select[tuple[object, ...]]:
    # A member's layer carries the account's present name, so that it follows a rename.
    name = func.coalesce(account.c.username, layer.c.name).label("name")
    columns = (layer.c.id, layer.c.project, layer.c.kind, name, layer.c.account.label("user"), layer.c.model)
    return select(*columns).outerjoin(account, account.c.id == layer.c.account).where(layer.c.project == project)


def _read(row: RowMapping) -> Layer:
    return Layer(**{**row, "kind": LayerKind(row["kind"])})
