"""What makes an ontology and its terms valid and who may change them, in a project or without one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypedDict

from imaging.access import Action, allowed
from imaging.change import Change
from imaging.domain.base import OntologyKey, ProjectKey, TermKey, UserKey
from imaging.domain.ontology import CodedConcept, Term, TermDraft
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.store import ontologies, projects
from imaging.store.database import Transaction

LONGEST_NAME = 256
_COLOR = re.compile(r"#[0-9a-f]{6}")
_PALETTE = (
    "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#46f0f0",
    "#f032e6", "#bcf60c", "#008080", "#9a6324", "#808000", "#ffe119",
)  # fmt: skip


class TermEdit(TypedDict, total=False):
    """What may change about a term; its voxel value never does."""

    name: str
    color: str
    comment: str
    parent: TermKey | None
    concept: CodedConcept | None


def check_name(kind: str, name: str) -> str:
    """Trim a name and refuse an empty, overlong or many-lined one."""
    trimmed = name.strip()
    if not 0 < len(trimmed) <= LONGEST_NAME or not trimmed.isprintable():
        raise InvalidInputError(f"the name of a {kind} has 1 to {LONGEST_NAME} printable characters")
    return trimmed


def check_text(text: str, longest: int) -> str:
    """Refuse a text that is empty, too long or holds what no database takes."""
    if not text or len(text) > longest or "\0" in text:
        raise InvalidInputError(f"a text has 1 to {longest} characters")
    return text


def require_projects(transaction: Transaction, user: UserKey, sharing: Iterable[ProjectKey]) -> None:
    """Refuse unless the user may edit the ontology in each project that shares it: a change reaches all of them."""
    for project in sharing:
        grant = projects.find_grant(transaction, user, "project", project)
        if grant is None or not allowed(grant.member.roles, Action.EDIT_ONTOLOGY):
            raise ForbiddenError(Action.EDIT_ONTOLOGY.value)


def add_term(change: Change, ontology: OntologyKey, edit: TermEdit) -> Term:
    """Add a term with the next voxel value."""
    name = check_name("term", edit.get("name", ""))
    existing = ontologies.list_terms(change.transaction, ontology)
    _check(existing, edit | {"name": name}, itself=None)
    value = ontologies.take_value(change.transaction, ontology)
    if value > ontologies.LAST_VALUE:
        raise StateError("ontology", "has no voxel values left")
    term = Term(
        id=TermKey(change.reserve()),
        ontology=ontology,
        name=name,
        color=_color(edit.get("color")) or _PALETTE[(value - 1) % len(_PALETTE)],
        value=value,
        comment=edit.get("comment", ""),
        parent=edit.get("parent"),
        concept=edit.get("concept"),
        created=change.at,
    )
    ontologies.insert_term(change.transaction, term)
    change.note("add", "term", term.id)
    return term


def add_drafts(change: Change, ontology: OntologyKey, drafts: Iterable[TermDraft]) -> None:
    """Add the terms of a new ontology in order."""
    known: dict[str, TermKey] = {}
    for draft in drafts:
        edit = TermEdit(name=draft.name, comment=draft.comment, concept=draft.concept)
        if draft.color is not None:
            edit["color"] = draft.color
        if draft.parent is not None:
            if draft.parent not in known:
                raise InvalidInputError("the parent of a term must come before it")
            edit["parent"] = known[draft.parent]
        term = add_term(change, ontology, edit)
        known[term.name] = term.id


def edit_term(change: Change, ontology: OntologyKey, key: TermKey, edit: TermEdit) -> Term:
    """Change what is given about a term."""
    existing = ontologies.list_terms(change.transaction, ontology)
    if key not in {term.id for term in existing}:
        raise NotFoundError("term", key)
    values: dict[str, object] = {name: value for name, value in edit.items() if name != "concept"}
    if "name" in edit:
        values["name"] = check_name("term", edit["name"])
    if "color" in edit:
        values["color"] = _color(edit["color"])
    if "concept" in edit:
        values |= ontologies.concept_columns(edit["concept"])
    _check(existing, edit, itself=key)
    ontologies.update_term(change.transaction, key, values)
    change.note("edit", "term", key, {"fields": [*sorted(edit)]})
    term = ontologies.get_term(change.transaction, key)
    assert term is not None
    return term


def delete_term(change: Change, ontology: OntologyKey, key: TermKey) -> None:
    """Remove a term that nothing carries."""
    term = ontologies.get_term(change.transaction, key)
    if term is None or term.ontology != ontology:
        raise NotFoundError("term", key)
    if ontologies.count_uses(change.transaction, key):
        raise StateError("term", "annotations, images or segmentations carry it")
    ontologies.delete_term(change.transaction, key)
    change.note("delete", "term", key)


def check_color(color: str) -> str:
    """Give a color in lower case and refuse what is none."""
    if not _COLOR.fullmatch(color.lower()):
        raise InvalidInputError("a color is written #rrggbb")
    return color.lower()


def _color(color: str | None) -> str | None:
    return None if color is None else check_color(color)


def _check(existing: list[Term], edit: TermEdit, *, itself: TermKey | None) -> None:
    others = {term.id: term for term in existing if term.id != itself}
    if "name" in edit and edit["name"].strip() in {term.name for term in others.values()}:
        raise StateError("term", "this name is taken in the ontology")
    above = edit.get("parent")
    while above is not None:
        if above not in others:
            # Either of another ontology, or the term itself: a tree has no cycles.
            raise InvalidInputError("the parent must be another term of the same ontology, not below this one")
        above = others[above].parent
