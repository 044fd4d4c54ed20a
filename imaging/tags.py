"""Tags of the workspace: their creator's, and seen wherever they mark something."""

from __future__ import annotations

from imaging.access import Action, allowed
from imaging.change import changing
from imaging.domain.base import UserKey
from imaging.domain.remark import Tag
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.store import projects
from imaging.store import remarks as rows
from imaging.store.database import Database, Transaction
from imaging.taxonomy import check_name


class Tags:
    """Reads for whoever made or sees a tag; changes for its creator, or a manager of all projects that use it."""

    def list(self, user: UserKey) -> list[Tag]:
        """The user's own and those that mark something in their projects, oldest first."""
        with self._database.read() as transaction:
            return rows.list_tags(transaction, user)

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, user: UserKey, key: int) -> Tag:
        """Find by id among those that the user sees."""
        with self._database.read() as transaction:
            return _get(transaction, user, key)

    def add(self, user: UserKey, name: str) -> Tag:
        """Make a tag; StateError where the user has one of this name."""
        checked = check_name("tag", name)
        with changing(self._database, project=None, actor=user) as change:
            if rows.find_tag(change.transaction, user, checked) is not None:
                raise StateError("tag", "you have one of this name")
            made = Tag(id=change.reserve(), name=checked, creator=user, created=change.at)
            rows.insert_tag(change.transaction, made)
            change.note("add", "tag", made.id)
        return made

    def rename(self, user: UserKey, key: int, name: str) -> Tag:
        """Give another name, wherever it is used."""
        checked = check_name("tag", name)
        with changing(self._database, project=None, actor=user) as change:
            _require_change(change.transaction, user, key)
            rows.rename_tag(change.transaction, key, checked)
            change.note("edit", "tag", key, {"fields": ["name"]})
            return _get(change.transaction, user, key)

    def delete(self, user: UserKey, key: int) -> Tag:
        """Remove a tag and all its uses, and give what it was."""
        with changing(self._database, project=None, actor=user) as change:
            before = _require_change(change.transaction, user, key)
            rows.delete_tag(change.transaction, key)
            change.note("delete", "tag", key)
        return before


def _get(transaction: Transaction, user: UserKey, key: int) -> Tag:
    found = rows.get_tag(transaction, user, key)
    if found is None:
        raise NotFoundError("tag", key)
    return found


def _require_change(transaction: Transaction, user: UserKey, key: int) -> Tag:
    found = _get(transaction, user, key)
    used = rows.projects_of_tag(transaction, key)
    for project in used:
        grant = projects.find_grant(transaction, user, "project", project)
        if grant is None or not allowed(grant.member.roles, Action.EDIT_PROJECT):
            raise ForbiddenError("change a tag that other projects use")
    if not used and found.creator != user:
        raise ForbiddenError("change a tag of somebody else's")
    return found
