"""Rows of projects and members, and the one query that finds the project of a bare id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update

from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.people import Member, Role
from imaging.domain.project import EditingMode, IrregularPolicy, Kind, PixelAccess, ProjectRecord
from imaging.store.annotation_counts import annotation_count
from imaging.store.attached_files import attached_file
from imaging.store.commands import command
from imaging.store.database import Transaction
from imaging.store.groupings import annotation_group, image_group, track
from imaging.store.images import holds_slice
from imaging.store.people import read_user
from imaging.store.remarks import tag_use
from imaging.store.schema import (
    account,
    annotation,
    image,
    job,
    layer,
    member,
    model,
    project,
    segmentation,
    term,
    upload,
)

KINDS: tuple[Kind, ...] = get_args(Kind)
_OWNED = {
    "image": image,
    "annotation": annotation,
    "segmentation": segmentation,
    "layer": layer,
    "job": job,
    "model": model,
    "upload": upload,
    "command": command,
    "tag use": tag_use,
    "attached file": attached_file,
    "track": track,
    "image group": image_group,
    "annotation group": annotation_group,
}
_IMAGES = (
    select(func.count())
    .select_from(image)
    .where(image.c.project == project.c.id)
    .correlate(project)
    .scalar_subquery()
    .label("images")
)
_ANNOTATIONS = (
    select(func.coalesce(func.sum(annotation_count.c.number), 0))
    .join(image, image.c.id == annotation_count.c.image)
    .where(image.c.project == project.c.id)
    .correlate(project)
    .scalar_subquery()
    .label("annotations")
)
_FACTS = (*project.c, _IMAGES, _ANNOTATIONS)


@dataclass(frozen=True)
class Grant:
    """What opening a project needs: its facts, the member and the project's sealed secrets."""

    record: ProjectRecord
    member: Member
    sealed: bytes


def insert_project(
    transaction: Transaction, record: ProjectRecord, sealed: bytes, profile: Mapping[str, object]
) -> None:
    """Add a project with its sealed secret and the options of its profile."""
    values = record.model_dump(exclude={"images", "annotations"}) | {
        "pixel_access": record.pixel_access.value,
        "irregular": record.irregular.value,
        "editing": record.editing.value,
    }
    transaction.execute(insert(project).values(values | {"secret": sealed, "profile": profile}))


def update_project(transaction: Transaction, key: ProjectKey, values: Mapping[str, object]) -> None:
    """Change columns and count the version up."""
    transaction.execute(update(project).where(project.c.id == key).values(version=project.c.version + 1, **values))


def read_project(transaction: Transaction, key: ProjectKey) -> ProjectRecord | None:
    """Find by id."""
    row = transaction.execute(select(*_FACTS).where(project.c.id == key)).mappings().one_or_none()
    return None if row is None else _record(row)


def read_sealed(transaction: Transaction, key: ProjectKey) -> bytes:
    """Give the sealed secrets of a project as they are now."""
    return bytes(transaction.execute(select(project.c.secret).where(project.c.id == key)).scalar_one())


def list_projects(transaction: Transaction, user: UserKey) -> list[ProjectRecord]:
    """The projects of a member, oldest first."""
    mine = select(member.c.project).where(member.c.account == user)
    statement = select(*_FACTS).where(project.c.id.in_(mine)).order_by(project.c.id)
    return [_record(row) for row in transaction.execute(statement).mappings()]


def all_keys(transaction: Transaction) -> set[ProjectKey]:
    """The ids of all projects."""
    return {ProjectKey(key) for key in transaction.execute(select(project.c.id)).scalars()}


def find_grant(transaction: Transaction, user: UserKey, kind: Kind, key: int) -> Grant | None:
    """Find the project that owns an id and the user's place in it; None when absent or not a member."""
    statement = (
        select(*project.c, *(column.label(f"account_{column.name}") for column in account.c), member.c.role)
        .select_from(project)
        .join(member, member.c.project == project.c.id)
        .join(account, account.c.id == member.c.account)
        .where(member.c.account == user, account.c.active.is_(True))
    )
    # An ontology may serve several projects: the member's oldest one answers for its terms.
    rows = transaction.execute(_owning(statement, kind, key).order_by(project.c.id)).mappings().all()
    rows = [row for row in rows if row["id"] == rows[0]["id"]]
    if not rows:
        return None
    record = _record(rows[0])
    person = read_user({column.name: rows[0][f"account_{column.name}"] for column in account.c})
    roles = frozenset(Role(row["role"]) for row in rows)
    return Grant(record, Member(project=record.id, user=person, roles=roles), bytes(rows[0]["secret"]))


def list_members(transaction: Transaction, key: ProjectKey) -> list[Member]:
    """All members with their roles, oldest account first."""
    statement = (
        select(*account.c, member.c.role)
        .join(member, member.c.account == account.c.id)
        .where(member.c.project == key)
        .order_by(account.c.id)
    )
    roles: dict[UserKey, set[Role]] = {}
    people = {}
    for row in transaction.execute(statement).mappings():
        person = read_user(row)
        people[person.id] = person
        roles.setdefault(person.id, set()).add(Role(row["role"]))
    return [Member(project=key, user=people[user], roles=frozenset(held)) for user, held in roles.items()]


def set_roles(transaction: Transaction, key: ProjectKey, user: UserKey, roles: Iterable[Role]) -> None:
    """Replace a member's roles; none removes the member."""
    transaction.execute(delete(member).where(member.c.project == key, member.c.account == user))
    rows = [{"project": key, "account": user, "role": role.value} for role in sorted(roles, key=lambda r: r.value)]
    if rows:
        transaction.execute(insert(member), rows)


def _owning(statement: Select[tuple[object, ...]], kind: Kind, key: int) -> Select[tuple[object, ...]]:
    match kind:
        case "project":
            return statement.where(project.c.id == key)
        case "slice":
            return statement.join(image, image.c.project == project.c.id).where(holds_slice(key))
        case "term":
            return statement.join(term, term.c.ontology == project.c.ontology).where(term.c.id == key)
        case _:
            table = _OWNED[kind]
            return statement.join(table, table.c.project == project.c.id).where(table.c.id == key)


def _record(row: RowMapping) -> ProjectRecord:
    # Counts are there only where a query asked for them: opening a project must not cost a count of all it holds.
    values = {name: row[name] for name in ProjectRecord.model_fields if name in row}
    kinds = {"pixel_access": PixelAccess, "irregular": IrregularPolicy, "editing": EditingMode}
    read = {name: kind(row[name]) for name, kind in kinds.items()}
    return ProjectRecord(**values | read)
