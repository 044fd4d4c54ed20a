"""Properties, descriptions and tags of projects, images and annotations."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from imaging.domain.remark import Description, Property, Tag, TagUse, Target, TargetKind
from imaging.errors import NotFoundError
from viewer.api.shapes.envelope import Changed, Sent, SentId, Shape, Thing, to_millis

_CLASSES = {
    TargetKind.PROJECT: "be.cytomine.domain.project.Project",
    TargetKind.IMAGE: "be.cytomine.domain.image.ImageInstance",
    TargetKind.ANNOTATION: "be.cytomine.domain.ontology.UserAnnotation",
}
_KINDS = {name: kind for kind, name in _CLASSES.items()} | {
    "be.cytomine.domain.image.AbstractImage": TargetKind.IMAGE,
    "be.cytomine.domain.ontology.AnnotationDomain": TargetKind.ANNOTATION,
    "be.cytomine.domain.ontology.ReviewedAnnotation": TargetKind.ANNOTATION,
}


def find_target(class_name: str, key: int) -> Target:
    """Read of what Cytomine's class and id speak; of other classes nothing is said here."""
    kind = _KINDS.get(class_name)
    if kind is None:
        raise NotFoundError("domain")
    return Target(kind=kind, id=key)


class SaidShape(Thing):
    """What is said of a thing."""

    domain_class_name: str
    domain_ident: int


def show_target(target: Target) -> dict[str, str | int]:
    """Name a thing by Cytomine's class and its id."""
    return {"domain_class_name": _CLASSES[target.kind], "domain_ident": target.id}


class PropertyShape(SaidShape):
    """A key and a value of a thing."""

    class_: str = Field(default="be.cytomine.domain.meta.Property", alias="class")
    key: str
    value: str

    @classmethod
    def of(cls, said: Property) -> Self:
        """Show a property."""
        times = {"created": to_millis(said.created), "updated": to_millis(said.updated)}
        return cls(id=said.id, key=said.key, value=said.value, **times, **show_target(said.target))


class PropertyChanged(Changed):
    """A changed property."""

    property: PropertyShape


class PropertiesAdded(Shape):
    """What several properties that are sent at once answer."""

    message: str
    collection: list[PropertyShape]
    size: int


class PropertySent(Sent):
    """What a property is made of."""

    key: str = Field(min_length=1, max_length=256)
    value: str = Field(min_length=1, max_length=65_536)


class PropertyEdited(Sent):
    """What changes of a property; null stays as it is."""

    key: str | None = Field(default=None, min_length=1, max_length=256)
    value: str | None = Field(default=None, min_length=1, max_length=65_536)


class DescriptionShape(SaidShape):
    """A text on a thing."""

    class_: str = Field(default="be.cytomine.domain.meta.Description", alias="class")
    data: str

    @classmethod
    def of(cls, said: Description) -> Self:
        """Show a description."""
        times = {"created": to_millis(said.created), "updated": to_millis(said.updated)}
        return cls(id=said.id, data=said.text, **times, **show_target(said.target))


class DescriptionChanged(Changed):
    """A changed description."""

    description: DescriptionShape


class DescriptionSent(Sent):
    """What a thing is described as."""

    data: str = Field(min_length=1, max_length=1_000_000)


class TagShape(Thing):
    """A word that things are marked with."""

    class_: str = Field(default="be.cytomine.domain.meta.Tag", alias="class")
    name: str
    user: int

    @classmethod
    def of(cls, tag: Tag) -> Self:
        """Show a tag."""
        return cls(id=tag.id, created=to_millis(tag.created), updated=None, name=tag.name, user=tag.creator)


class TagChanged(Changed):
    """A changed tag."""

    tag: TagShape


class TagSent(Sent):
    """What a tag is called."""

    name: str = Field(min_length=1, max_length=256)


class TagUseShape(SaidShape):
    """That a thing is marked with a tag."""

    class_: str = Field(default="be.cytomine.domain.meta.TagDomainAssociation", alias="class")
    tag: int
    tag_name: str
    user: int

    @classmethod
    def of(cls, use: TagUse) -> Self:
        """Show a mark."""
        facts = {"id": use.id, "created": to_millis(use.created), "tag": use.tag, "tag_name": use.name}
        return cls(**facts, updated=None, user=use.user, **show_target(use.target))


class TagUseChanged(Changed):
    """A thing that was marked, or is no longer."""

    tag_domain_association: TagUseShape = Field(alias="tag_domain_association")


class TagUseSent(Sent):
    """What a thing is marked with."""

    tag: SentId
