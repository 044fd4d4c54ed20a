"""Commands: what was changed, and what undoing it did."""

from __future__ import annotations

from typing import Self

from pydantic import Field, JsonValue

from imaging.domain.command import Command, Deed, Thing
from viewer.api.shapes.envelope import Shape, call_back, to_millis
from viewer.api.shapes.envelope import Thing as Named

NOUNS = {
    Thing.ANNOTATION: "UserAnnotation",
    Thing.IMAGE_REVIEW: "ImageReview",
    Thing.PROPERTY: "Property",
    Thing.DESCRIPTION: "Description",
    Thing.TAG_USE: "TagDomainAssociation",
    Thing.ATTACHED_FILE: "AttachedFile",
    Thing.COMMENT: "SharedAnnotation",
    Thing.TRACK: "Track",
    Thing.TRACKED: "AnnotationTrack",
    Thing.IMAGE_GROUP: "ImageGroup",
    Thing.GROUPED_IMAGE: "ImageGroupImageInstance",
    Thing.ANNOTATION_GROUP: "AnnotationGroup",
    Thing.ANNOTATION_LINK: "AnnotationLink",
}
"""Cytomine's words."""

_PACKAGE = {
    Thing.IMAGE_REVIEW: "image",
    Thing.ANNOTATION: "ontology",
    Thing.COMMENT: "ontology",
    Thing.TRACK: "ontology",
    Thing.TRACKED: "ontology",
    Thing.IMAGE_GROUP: "image.group",
    Thing.GROUPED_IMAGE: "image.group",
    Thing.ANNOTATION_GROUP: "annotation",
    Thing.ANNOTATION_LINK: "annotation",
}
_OPPOSITE = {Deed.ADD: Deed.DELETE, Deed.EDIT: Deed.EDIT, Deed.DELETE: Deed.ADD}


class CommandShape(Named):
    """One change of one thing; `undone` says when it was taken back, null while it stands."""

    class_: str = Field(alias="class")
    user: int
    project: int
    image: int | None
    action: str
    domain_class_name: str
    domain_ident: int
    transaction: int = Field(description="Commands of one request share it, and are undone together.")
    save_on_undo_redo_stack: bool = True
    refuse_undo: bool = False
    undone: str | None

    @classmethod
    def of(cls, command: Command) -> Self:
        """Show a command."""
        return cls(
            id=command.id,
            class_=f"be.cytomine.domain.command.{command.deed.value.title()}Command",
            created=to_millis(command.created),
            updated=None,
            user=command.user,
            project=command.project,
            image=command.image,
            action=command.deed.value.upper(),
            domain_class_name=f"be.cytomine.domain.{_PACKAGE.get(command.thing, 'meta')}.{NOUNS[command.thing]}",
            domain_ident=command.key,
            transaction=command.batch,
            undone=None if command.undone is None else to_millis(command.undone),
        )


class TurnedShape(Shape):
    """What was done to one thing, as a change of it answers."""

    message: str
    callback: dict[str, JsonValue]
    print_message: bool = True
    command: int

    @classmethod
    def of(cls, command: Command, *, undo: bool) -> Self:
        """Show what undoing or doing again a command did."""
        deed, noun = _OPPOSITE[command.deed] if undo else command.deed, NOUNS[command.thing]
        callback = call_back(deed.value.title(), noun, command.key)
        if command.thing is Thing.ANNOTATION:
            callback["annotationID"] = command.key
        if command.image is not None:
            callback["imageID"] = command.image
        return cls(message=f"{noun}: {deed.value}", callback=callback, command=command.id)
