"""Columns of rows that say something of a project, an image or an annotation."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Column, ColumnElement, RowMapping, Table

from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.remark import Target, TargetKind
from imaging.store.columns import link_column


class Said(Protocol):
    """What a member says of something."""

    @property
    def target(self) -> Target:
        """Of what."""

    @property
    def user(self) -> UserKey:
        """Who."""


def target_columns() -> tuple[Column[int], ...]:
    """Of what something is said: what is said of an image or an annotation goes with it."""
    return (
        link_column("project", "project"),
        link_column("image", "image", optional=True, cascade=True),
        link_column("annotation", "annotation", optional=True, cascade=True),
        link_column("account", "account"),
    )


def target_row(project: ProjectKey, record: Said) -> dict[str, object]:
    """Say in columns of what, and who said it."""
    target = record.target
    row: dict[str, object] = {"project": project, "image": None, "annotation": None, "account": record.user}
    return row if target.kind is TargetKind.PROJECT else row | {target.kind.value: target.id}


def on_target(table: Table, project: ProjectKey, target: Target) -> ColumnElement[bool]:
    """Whether a row speaks of a thing."""
    owned = table.c.project == project
    match target.kind:
        case TargetKind.PROJECT:
            return owned & table.c.image.is_(None) & table.c.annotation.is_(None)
        case TargetKind.IMAGE:
            return owned & (table.c.image == target.id)
        case TargetKind.ANNOTATION:
            return owned & (table.c.annotation == target.id)


def target_facts(row: RowMapping) -> dict[str, object]:
    """Read the columns of a row as fields of its record."""
    facts = dict(row)
    facts["user"] = facts.pop("account")
    project, image, annotation = (facts.pop(name) for name in ("project", "image", "annotation"))
    if annotation is not None:
        target = Target(kind=TargetKind.ANNOTATION, id=int(str(annotation)))
    elif image is not None:
        target = Target(kind=TargetKind.IMAGE, id=int(str(image)))
    else:
        target = Target(kind=TargetKind.PROJECT, id=int(str(project)))
    return facts | {"target": target}
