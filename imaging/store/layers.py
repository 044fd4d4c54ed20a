"""Rows of layers."""

from __future__ import annotations

from sqlalchemy import RowMapping, Select, func, insert, select

from imaging.domain.annotation import Layer, LayerKind
from imaging.domain.base import ImageKey, LayerKey, ProjectKey
from imaging.store.annotation_counts import annotation_count
from imaging.store.database import Transaction
from imaging.store.schema import account, image_term, layer, segmentation


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
        drawn = annotation_count.c.number > 0
        used = [select(annotation_count.c.layer).where(annotation_count.c.image == image, drawn)]
        used += [select(table.c.layer).where(table.c.image == image) for table in (segmentation, image_term)]
        statement = statement.where(layer.c.id.in_(used[0].union(*used[1:])))
    return [_read(row) for row in transaction.execute(statement).mappings()]


def count_contents(
    transaction: Transaction, project: ProjectKey, *, image: ImageKey | None = None
) -> dict[LayerKey, tuple[int, int]]:
    """Annotations and segmentations per layer."""
    counts: dict[LayerKey, tuple[int, int]] = {}
    number, owned = func.sum(annotation_count.c.number), layer.c.project == project
    drawn = select(layer.c.id, number).join(annotation_count, annotation_count.c.layer == layer.c.id)
    segmented = select(layer.c.id, func.count()).join(segmentation, segmentation.c.layer == layer.c.id)
    for place, (statement, table) in enumerate(((drawn, annotation_count), (segmented, segmentation))):
        wheres = [owned] if image is None else [owned, table.c.image == image]
        for key, found in transaction.execute(statement.where(*wheres).group_by(layer.c.id)):
            before = counts.get(LayerKey(key), (0, 0))
            counts[LayerKey(key)] = (int(found), before[1]) if place == 0 else (before[0], int(found))
    return {key: held for key, held in counts.items() if any(held)}


def _select(project: ProjectKey) -> Select[tuple[object, ...]]:
    # A member's layer carries the account's present name, so that it follows a rename.
    name = func.coalesce(account.c.username, layer.c.name).label("name")
    columns = (layer.c.id, layer.c.project, layer.c.kind, name, layer.c.account.label("user"), layer.c.model)
    return select(*columns).outerjoin(account, account.c.id == layer.c.account).where(layer.c.project == project)


def _read(row: RowMapping) -> Layer:
    return Layer(**{**row, "kind": LayerKind(row["kind"])})
