"""The coloured tree of terms that a project annotates with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from imaging.domain.base import OntologyKey, ProjectKey, Record, TermKey, UserKey


class Ontology(Record):
    """A named set of terms that one or more projects use."""

    id: OntologyKey
    name: str
    creator: UserKey
    projects: tuple[ProjectKey, ...] = ()
    created: datetime
    version: int = 0


class CodedConcept(Record):
    """A code of SNOMED CT, RadLex or another scheme (PS3.3 section 8.8), as long as its columns are."""

    value: Annotated[str, Field(min_length=1, max_length=64)]
    scheme: Annotated[str, Field(min_length=1, max_length=64)]
    meaning: Annotated[str, Field(max_length=256)]


class Term(Record):
    """One class of the ontology.

    `value` is the voxel value of this term in segmentations, 1-65535, stable for the ontology's life.
    """

    id: TermKey
    ontology: OntologyKey
    name: str
    color: str
    value: int
    comment: str = ""
    parent: TermKey | None = None
    concept: CodedConcept | None = None
    created: datetime
    version: int = 0


class TermDraft(Record):
    """A term of a new ontology; `parent` is the name of a term before it."""

    name: str
    color: str | None = None
    comment: str = ""
    parent: str | None = None
    concept: CodedConcept | None = None
