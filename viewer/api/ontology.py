"""Ontologies, terms and which term is whose parent."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.base import OntologyKey, TermKey
from imaging.domain.ontology import Ontology, Term
from imaging.errors import InvalidInputError, NotFoundError
from imaging.taxonomy import TermEdit
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.ontology import (
    OntologyChanged,
    OntologySent,
    OntologyShape,
    RelationSent,
    RelationTermChanged,
    RelationTermShape,
    TermChanged,
    TermEdited,
    TermSent,
    TermShape,
)
from viewer.deps import Door, Entry, Id, Page

router = APIRouter(prefix="/api", tags=["ontology"])


def _changed(door: Door, change: str, ontology: Ontology) -> OntologyChanged:
    terms = [] if change == "Delete" else door.workspace.ontologies.terms(door.user.id, ontology.id)
    callback = call_back(change, "Ontology", ontology.id)
    return OntologyChanged(message=f"Ontology: {change}", callback=callback, ontology=OntologyShape.of(ontology, terms))


def _term_changed(change: str, term: Term) -> TermChanged:
    return TermChanged(message=f"Term: {change}", callback=call_back(change, "Term", term.id), term=TermShape.of(term))


def _edit_of(sent: TermSent | TermEdited) -> TermEdit:
    edit = TermEdit()
    if sent.name is not None:
        edit["name"] = sent.name
    if sent.color is not None:
        edit["color"] = sent.color
    if sent.comment is not None:
        edit["comment"] = sent.comment
    if "parent" in sent.model_fields_set:
        edit["parent"] = None if sent.parent is None else TermKey(sent.parent)
    return edit


@router.get("/ontology.json")
def list_ontologies(door: Entry, page: Page) -> Collection[OntologyShape]:
    """List what the caller made or uses."""
    ontologies = door.workspace.ontologies
    found = ontologies.list(door.user.id)
    shapes = [OntologyShape.of(ontology, ontologies.terms(door.user.id, ontology.id)) for ontology in found]
    return Collection[OntologyShape].cut(shapes, page)


@router.get("/ontology/{ontology}.json")
def show_ontology(ontology: Id, door: Entry) -> OntologyShape:
    """Show an ontology with its tree."""
    key, ontologies = OntologyKey(ontology), door.workspace.ontologies
    return OntologyShape.of(ontologies.get(door.user.id, key), ontologies.terms(door.user.id, key))


@router.post("/ontology.json")
def add_ontology(sent: OntologySent, door: Entry) -> OntologyChanged:
    """Make an ontology; it is its maker's until a project takes it."""
    return _changed(door, "Add", door.workspace.ontologies.add(door.user.id, sent.name))


@router.put("/ontology/{ontology}.json")
def rename_ontology(ontology: Id, sent: OntologySent, door: Entry) -> OntologyChanged:
    """Rename an ontology."""
    key = OntologyKey(ontology)
    return _changed(door, "Edit", door.workspace.ontologies.rename(door.user.id, key, sent.name))


@router.delete("/ontology/{ontology}.json")
def delete_ontology(ontology: Id, door: Entry) -> OntologyChanged:
    """Remove an ontology that no project uses."""
    key, ontologies = OntologyKey(ontology), door.workspace.ontologies
    record = ontologies.get(door.user.id, key)
    ontologies.delete(door.user.id, key)
    return _changed(door, "Delete", record)


@router.get("/ontology/{ontology}/term.json")
def list_ontology_terms(ontology: Id, door: Entry, page: Page) -> Collection[TermShape]:
    """List the terms of one ontology."""
    terms = door.workspace.ontologies.terms(door.user.id, OntologyKey(ontology))
    return Collection[TermShape].cut([TermShape.of(term) for term in terms], page)


@router.get("/project/{project}/term.json")
def list_project_terms(project: Id, door: Entry, page: Page) -> Collection[TermShape]:
    """List the terms that a project annotates with."""
    terms = door.project(project).ontology.terms()
    return Collection[TermShape].cut([TermShape.of(term) for term in terms], page)


@router.get("/term.json")
def list_terms(door: Entry, page: Page) -> Collection[TermShape]:
    """List the terms of all ontologies that the caller made or uses."""
    ontologies, user = door.workspace.ontologies, door.user.id
    terms = [term for ontology in ontologies.list(user) for term in ontologies.terms(user, ontology.id)]
    return Collection[TermShape].cut([TermShape.of(term) for term in terms], page)


@router.get("/term/{term}.json")
def show_term(term: Id, door: Entry) -> TermShape:
    """Show a term."""
    return TermShape.of(door.workspace.ontologies.term(door.user.id, TermKey(term)))


@router.post("/term.json")
def add_term(sent: TermSent | list[TermSent], door: Entry) -> TermChanged:
    """Add one term, or several that a client sends as an array; the last one is shown."""
    added: list[Term] = []
    for one in sent if isinstance(sent, list) else [sent]:
        edit = _edit_of(one)
        if one.concept is not None:
            edit["concept"] = one.concept
        added.append(door.workspace.ontologies.add_term(door.user.id, OntologyKey(one.ontology), **edit))
    if not added:
        raise InvalidInputError("no term was sent")
    return _term_changed("Add", added[-1])


@router.put("/term/{term}.json")
def edit_term(term: Id, sent: TermEdited, door: Entry) -> TermChanged:
    """Change what is given about a term."""
    edited = door.workspace.ontologies.edit_term(door.user.id, TermKey(term), **_edit_of(sent))
    return _term_changed("Edit", edited)


@router.delete("/term/{term}.json")
def delete_term(term: Id, door: Entry) -> TermChanged:
    """Remove a term that nothing carries."""
    ontologies = door.workspace.ontologies
    record = ontologies.term(door.user.id, TermKey(term))
    ontologies.delete_term(door.user.id, record.id)
    return _term_changed("Delete", record)


@router.post("/relation/parent/term.json")
def add_relation(sent: RelationSent, door: Entry) -> RelationTermChanged:
    """Put term 2 below term 1."""
    child = door.workspace.ontologies.edit_term(door.user.id, TermKey(sent.term2), parent=TermKey(sent.term1))
    return _relation_changed("Add", sent.term1, child)


@router.get("/relation/parent/term1/{term1}/term2/{term2}.json")
def show_relation(term1: Id, term2: Id, door: Entry) -> RelationTermShape:
    """Confirm that term 1 is the parent of term 2."""
    return RelationTermShape.of(term1, _find_child(door, term1, term2))


@router.delete("/relation/parent/term1/{term1}/term2/{term2}.json")
def delete_relation(term1: Id, term2: Id, door: Entry) -> RelationTermChanged:
    """Put term 2 back to the top."""
    _find_child(door, term1, term2)
    child = door.workspace.ontologies.edit_term(door.user.id, TermKey(term2), parent=None)
    return _relation_changed("Delete", term1, child)


def _find_child(door: Door, parent: int, child: int) -> Term:
    term = door.workspace.ontologies.term(door.user.id, TermKey(child))
    if term.parent != parent:
        raise NotFoundError("relation")
    return term


def _relation_changed(change: str, parent: int, child: Term) -> RelationTermChanged:
    return RelationTermChanged(
        message=f"Relation: {change}",
        callback=call_back(change, "RelationTerm", child.id),
        relationterm=RelationTermShape.of(parent, child),
    )
