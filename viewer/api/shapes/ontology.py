"""Ontologies and terms."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from imaging.domain.base import TermKey
from imaging.domain.ontology import CodedConcept, Ontology, Term
from viewer.api.shapes.envelope import Changed, Name, Sent, SentId, Shape, Thing, to_millis

_COLOR = r"^#[0-9a-fA-F]{6}$"


class TermShape(Thing):
    """One class; `value` is its voxel value in segmentations."""

    class_: str = Field(default="be.cytomine.domain.ontology.Term", alias="class")
    name: str
    comment: str
    ontology: int
    color: str
    parent: int | None
    value: int
    concept: CodedConcept | None = None
    rate: float = 0.0

    @classmethod
    def of(cls, term: Term) -> TermShape:
        """Show a term."""
        return cls(
            id=term.id,
            created=to_millis(term.created),
            updated=to_millis(term.created),
            name=term.name,
            comment=term.comment,
            ontology=term.ontology,
            color=term.color,
            parent=term.parent,
            value=term.value,
            concept=term.concept,
        )


class NodeKind(Shape):
    """What a node of the tree stands for."""

    id: int
    type: str


class TermNode(TermShape):
    """A term in the tree of its ontology."""

    title: str
    attr: NodeKind
    data: str
    key: int
    is_folder: bool
    hide_checkbox: bool = False
    children: list[TermNode] = Field(default=[])

    @classmethod
    def grow(cls, terms: Sequence[Term], parent: TermKey | None = None) -> list[TermNode]:
        """Give the terms below `parent` with all that is below them."""
        nodes = []
        for term in terms:
            if term.parent == parent:
                children = cls.grow(terms, term.id)
                shape = TermShape.of(term).model_dump()
                kind = NodeKind(id=term.id, type="be.cytomine.domain.ontology.Term")
                tree = {"title": term.name, "attr": kind, "data": term.name, "key": term.id}
                nodes.append(cls(**shape, **tree, is_folder=bool(children), children=children))
        return nodes


class OntologyShape(Thing):
    """A named tree of terms."""

    class_: str = Field(default="be.cytomine.domain.ontology.Ontology", alias="class")
    name: str
    user: int
    title: str
    attr: NodeKind
    data: str
    is_folder: bool = True
    key: int
    hide_checkbox: bool = True
    state: str = "open"
    projects: list[int]
    children: list[TermNode]

    @classmethod
    def of(cls, ontology: Ontology, terms: Sequence[Term]) -> OntologyShape:
        """Show an ontology with its tree."""
        return cls(
            id=ontology.id,
            created=to_millis(ontology.created),
            updated=to_millis(ontology.created),
            name=ontology.name,
            user=ontology.creator,
            title=ontology.name,
            attr=NodeKind(id=ontology.id, type="be.cytomine.domain.ontology.Ontology"),
            data=ontology.name,
            key=ontology.id,
            projects=list(ontology.projects),
            children=TermNode.grow(terms),
        )


class OntologyChanged(Changed):
    """A changed ontology."""

    ontology: OntologyShape


class TermChanged(Changed):
    """A changed term."""

    term: TermShape


class RelationTermShape(Thing):
    """That term 1 is the parent of term 2."""

    class_: str = Field(default="be.cytomine.domain.ontology.RelationTerm", alias="class")
    term1: int
    term2: int

    @classmethod
    def of(cls, parent: int, child: Term) -> RelationTermShape:
        """Show the relation under the id of the child: a term has one parent."""
        moment = to_millis(child.created)
        return cls(id=child.id, created=moment, updated=moment, term1=parent, term2=child.id)


class RelationTermChanged(Changed):
    """A changed relation."""

    relationterm: RelationTermShape


class OntologySent(Sent):
    """What an ontology is made or renamed from."""

    name: Name


class TermSent(Sent):
    """What a term is made from."""

    name: Name
    ontology: SentId
    color: str | None = Field(default=None, pattern=_COLOR)
    parent: SentId | None = None
    comment: str = Field(default="", max_length=2000)
    concept: CodedConcept | None = None


class TermEdited(Sent):
    """What a term is edited from; what is absent stays."""

    name: Name | None = None
    color: str | None = Field(default=None, pattern=_COLOR)
    parent: SentId | None = None
    comment: str | None = Field(default=None, max_length=2000)


class RelationSent(Sent):
    """Which term becomes the parent (1) of which (2)."""

    term1: SentId
    term2: SentId
