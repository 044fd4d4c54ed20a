"""Ontologies of the workspace: their creator's until a project takes one."""

from __future__ import annotations

import builtins
from typing import Unpack

from imaging.access import Action
from imaging.change import Change, changing
from imaging.domain.base import OntologyKey, TermKey, UserKey
from imaging.domain.ontology import Ontology, Term
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.store import ontologies as rows
from imaging.store.database import Database, Transaction
from imaging.taxonomy import TermEdit, add_term, check_name, delete_term, edit_term, require_projects


def create_ontology(change: Change, user: UserKey, name: str) -> Ontology:
    """Add an ontology without terms inside an open change."""
    key = OntologyKey(change.reserve())
    record = Ontology(id=key, name=check_name("ontology", name), creator=user, created=change.at)
    rows.insert_ontology(change.transaction, record)
    change.note("add", "ontology", key)
    return record


class Ontologies:
    """Reads for whoever made or uses an ontology; changes for whom its projects, or else its creator, allow it."""

    def list(self, user: UserKey) -> list[Ontology]:
        """What the user made or uses, oldest first."""
        with self._database.read() as transaction:
            return rows.list_ontologies(transaction, user)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: UserKey, name: str) -> Ontology:
        """Add an ontology without terms."""
        with changing(self._database, project=None, actor=user) as change:
            return create_ontology(change, user, name)

    def get(self, user: UserKey, key: OntologyKey) -> Ontology:
        """Find by id; NotFoundError unless the user made or uses it."""
        with self._database.read() as transaction:
            return _get(transaction, user, key)

    def rename(self, user: UserKey, key: OntologyKey, name: str) -> Ontology:
        """Give another name."""
        with changing(self._database, project=None, actor=user) as change:
            _require_edit(change.transaction, user, key)
            rows.update_ontology(change.transaction, key, {"name": check_name("ontology", name)})
            change.note("edit", "ontology", key, {"fields": ["name"]})
            return _get(change.transaction, user, key)

    def delete(self, user: UserKey, key: OntologyKey) -> None:
        """Remove an ontology that no project uses."""
        with changing(self._database, project=None, actor=user) as change:
            _require_edit(change.transaction, user, key)
            if rows.in_use(change.transaction, key):
                raise StateError("ontology", "a project uses it")
            rows.delete_ontology(change.transaction, key)
            change.note("delete", "ontology", key)

    def terms(self, user: UserKey, key: OntologyKey) -> builtins.list[Term]:
        """The terms by voxel value."""
        with self._database.read() as transaction:
            _get(transaction, user, key)
            return rows.list_terms(transaction, key)

    def term(self, user: UserKey, key: TermKey) -> Term:
        """Find a term by id; NotFoundError unless the user made or uses its ontology."""
        with self._database.read() as transaction:
            return _term(transaction, user, key)

    def add_term(self, user: UserKey, key: OntologyKey, **edit: Unpack[TermEdit]) -> Term:
        """Add a term with the next voxel value."""
        with changing(self._database, project=None, actor=user) as change:
            _require_edit(change.transaction, user, key)
            return add_term(change, key, edit)

    def edit_term(self, user: UserKey, key: TermKey, **edit: Unpack[TermEdit]) -> Term:
        """Change what is given about a term."""
        with changing(self._database, project=None, actor=user) as change:
            ontology = _term(change.transaction, user, key).ontology
            _require_edit(change.transaction, user, ontology)
            return edit_term(change, ontology, key, edit)

    def delete_term(self, user: UserKey, key: TermKey) -> None:
        """Remove a term that nothing carries."""
        with changing(self._database, project=None, actor=user) as change:
            ontology = _term(change.transaction, user, key).ontology
            _require_edit(change.transaction, user, ontology)
            delete_term(change, ontology, key)


def _get(transaction: Transaction, user: UserKey, key: OntologyKey) -> Ontology:
    found = rows.get_ontology(transaction, key, seen_by=user)
    if found is None:
        raise NotFoundError("ontology", key)
    return found


def _term(transaction: Transaction, user: UserKey, key: TermKey) -> Term:
    term = rows.get_term(transaction, key)
    if term is None or rows.get_ontology(transaction, term.ontology, seen_by=user) is None:
        raise NotFoundError("term", key)
    return term


def _require_edit(transaction: Transaction, user: UserKey, key: OntologyKey) -> None:
    seen = _get(transaction, user, key)
    everywhere = rows.get_ontology(transaction, key)
    assert everywhere is not None
    if not everywhere.projects and seen.creator != user:
        raise ForbiddenError(Action.EDIT_ONTOLOGY.value)
    require_projects(transaction, user, everywhere.projects)
