"""The ontology that a project annotates with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Unpack

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import TermKey
from imaging.domain.ontology import CodedConcept, Ontology, Term
from imaging.errors import NotFoundError
from imaging.project.gate import Gate
from imaging.store import ontologies as rows
from imaging.store.database import Transaction
from imaging.taxonomy import TermEdit, add_term, check_name, delete_term, edit_term, require_projects


class OntologyManager:
    """The ontology of one project; a change reaches every project that shares it, so each must allow it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def record(self) -> Ontology:
        """The ontology's facts."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            found = rows.get_ontology(transaction, self._gate.record.ontology, seen_by=self._gate.user)
        assert found is not None
        return found

    def rename(self, name: str) -> Ontology:
        """Give another name."""
        with self._gate.change(Action.EDIT_ONTOLOGY) as change:
            self._require_everywhere(change)
            key = self._gate.record.ontology
            rows.update_ontology(change.transaction, key, {"name": check_name("ontology", name)})
            change.note("edit", "ontology", key, {"fields": ["name"]})
        return self.record()

    def terms(self) -> list[Term]:
        """The terms by voxel value."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            return rows.list_terms(transaction, self._gate.record.ontology)

    def term(self, key: TermKey) -> Term:
        """Find a term by id."""
        for term in self.terms():
            if term.id == key:
                return term
        raise NotFoundError("term", key)

    def find(self, name: str) -> Term:
        """Find a term by name."""
        for term in self.terms():
            if term.name == name:
                return term
        raise NotFoundError("term", name)

    def add(
        self,
        name: str,
        color: str | None = None,
        *,
        parent: TermKey | None = None,
        concept: CodedConcept | None = None,
        comment: str = "",
    ) -> Term:
        """Add a term with the next voxel value; a color is chosen where none is given."""
        edit = TermEdit(name=name, parent=parent, concept=concept, comment=comment)
        if color is not None:
            edit["color"] = color
        with self._gate.change(Action.EDIT_ONTOLOGY) as change:
            self._require_everywhere(change)
            return add_term(change, self._gate.record.ontology, edit)

    def edit(self, key: TermKey, **edit: Unpack[TermEdit]) -> Term:
        """Change what is given about a term."""
        with self._gate.change(Action.EDIT_ONTOLOGY) as change:
            self._require_everywhere(change)
            return edit_term(change, self._gate.record.ontology, key, edit)

    def delete(self, key: TermKey) -> None:
        """Remove a term that nothing carries."""
        with self._gate.change(Action.EDIT_ONTOLOGY) as change:
            self._require_everywhere(change)
            delete_term(change, self._gate.record.ontology, key)

    def _require_everywhere(self, change: Change) -> None:
        shared = rows.get_ontology(change.transaction, self._gate.record.ontology)
        assert shared is not None
        require_projects(change.transaction, self._gate.user, shared.projects)


def require_terms(transaction: Transaction, gate: Gate, terms: Collection[TermKey]) -> dict[TermKey, int]:
    """Check that terms belong to the project's ontology, and give their voxel values."""
    values = {term.id: term.value for term in rows.list_terms(transaction, gate.record.ontology)}
    for term in terms:
        if term not in values:
            raise NotFoundError("term", term)
    return {term: values[term] for term in terms}
