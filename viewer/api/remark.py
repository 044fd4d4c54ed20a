"""What is said of projects, images and annotations: properties, descriptions and tags."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.command import Thing
from imaging.domain.remark import Property, Target, TargetKind
from imaging.project.project import Project
from viewer.api.changes import tell
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.remark import (
    DescriptionChanged,
    DescriptionSent,
    DescriptionShape,
    PropertiesAdded,
    PropertyChanged,
    PropertyEdited,
    PropertySent,
    PropertyShape,
    TagChanged,
    TagSent,
    TagShape,
    TagUseChanged,
    TagUseSent,
    TagUseShape,
)
from viewer.api.targets import ClassName, enter_target
from viewer.deps import Entry, Id, Page

router = APIRouter(prefix="/api", tags=["property", "description", "tag"])

_DOMAIN = "/domain/{class}/{ident}"


@router.get(f"{_DOMAIN}/property.json")
def list_properties(class_: ClassName, ident: Id, door: Entry, page: Page) -> Collection[PropertyShape]:
    """List what is said of a thing, by key and value."""
    project, target = enter_target(door, class_, ident)
    return Collection[PropertyShape].cut([PropertyShape.of(one) for one in project.properties.list(target)], page)


@router.get(f"{_DOMAIN}/key/{{key}}/property.json")
def find_property(class_: ClassName, ident: Id, key: str, door: Entry) -> PropertyShape:
    """Show the first property of a thing under one key."""
    project, target = enter_target(door, class_, ident)
    return PropertyShape.of(project.properties.find(target, key))


@router.get("/annotation/{annotation}/property.json")
def list_annotation_properties(annotation: Id, door: Entry, page: Page) -> Collection[PropertyShape]:
    """List what is said of an annotation."""
    target = Target(kind=TargetKind.ANNOTATION, id=annotation)
    said = door.locate("annotation", annotation).properties.list(target)
    return Collection[PropertyShape].cut([PropertyShape.of(one) for one in said], page)


@router.post(f"{_DOMAIN}/property.json")
def add_property(
    class_: ClassName, ident: Id, sent: PropertySent | list[PropertySent], door: Entry
) -> PropertyChanged | PropertiesAdded:
    """Say something of a thing, or several at once."""
    return _add_properties(*enter_target(door, class_, ident), sent)


@router.post("/annotation/{annotation}/property.json")
def add_annotation_property(
    annotation: Id, sent: PropertySent | list[PropertySent], door: Entry
) -> PropertyChanged | PropertiesAdded:
    """Say something of an annotation, as Cytomine's client sends several at once."""
    target = Target(kind=TargetKind.ANNOTATION, id=annotation)
    return _add_properties(door.locate("annotation", annotation), target, sent)


def _add_properties(
    project: Project, target: Target, sent: PropertySent | list[PropertySent]
) -> PropertyChanged | PropertiesAdded:
    if isinstance(sent, PropertySent):
        (made,) = project.properties.add(target, [(sent.key, sent.value)])
        return _property_changed(project, "Add", made)
    several = project.properties.add(target, [(one.key, one.value) for one in sent])
    shapes = [PropertyShape.of(one) for one in several]
    return PropertiesAdded(message=f"{len(shapes)} properties added", collection=shapes, size=len(shapes))


@router.get(f"{_DOMAIN}/property/{{item}}.json")
def show_property(class_: ClassName, ident: Id, item: Id, door: Entry) -> PropertyShape:
    """Show one property."""
    project, target = enter_target(door, class_, ident)
    return PropertyShape.of(project.properties.get(target, item))


@router.put(f"{_DOMAIN}/property/{{item}}.json")
def edit_property(class_: ClassName, ident: Id, item: Id, sent: PropertyEdited, door: Entry) -> PropertyChanged:
    """Say something else."""
    project, target = enter_target(door, class_, ident)
    return _property_changed(project, "Edit", project.properties.edit(target, item, name=sent.key, value=sent.value))


@router.delete(f"{_DOMAIN}/property/{{item}}.json")
def delete_property(class_: ClassName, ident: Id, item: Id, door: Entry) -> PropertyChanged:
    """Take back what was said."""
    project, target = enter_target(door, class_, ident)
    return _property_changed(project, "Delete", project.properties.delete(target, item))


@router.get(f"{_DOMAIN}/description.json")
def show_description(class_: ClassName, ident: Id, door: Entry) -> DescriptionShape:
    """Show the text on a thing."""
    project, target = enter_target(door, class_, ident)
    return DescriptionShape.of(project.descriptions.get(target))


@router.post(f"{_DOMAIN}/description.json")
def add_description(class_: ClassName, ident: Id, sent: DescriptionSent, door: Entry) -> DescriptionChanged:
    """Describe a thing."""
    project, target = enter_target(door, class_, ident)
    made = DescriptionShape.of(project.descriptions.add(target, sent.data))
    return _description_changed(project, "Add", made)


@router.put(f"{_DOMAIN}/description.json")
def edit_description(class_: ClassName, ident: Id, sent: DescriptionSent, door: Entry) -> DescriptionChanged:
    """Describe a thing otherwise."""
    project, target = enter_target(door, class_, ident)
    made = DescriptionShape.of(project.descriptions.edit(target, sent.data))
    return _description_changed(project, "Edit", made)


@router.delete(f"{_DOMAIN}/description.json")
def delete_description(class_: ClassName, ident: Id, door: Entry) -> DescriptionChanged:
    """Take a description away."""
    project, target = enter_target(door, class_, ident)
    return _description_changed(project, "Delete", DescriptionShape.of(project.descriptions.delete(target)))


@router.get("/tag.json")
def list_tags(door: Entry, page: Page) -> Collection[TagShape]:
    """List one's own tags and those that mark something in one's projects."""
    return Collection[TagShape].cut([TagShape.of(tag) for tag in door.workspace.tags.list(door.user.id)], page)


@router.post("/tag.json")
def add_tag(sent: TagSent, door: Entry) -> TagChanged:
    """Make a tag."""
    return _tag_changed("Add", TagShape.of(door.workspace.tags.add(door.user.id, sent.name)))


@router.get("/tag/{tag}.json")
def show_tag(tag: Id, door: Entry) -> TagShape:
    """Show a tag."""
    return TagShape.of(door.workspace.tags.get(door.user.id, tag))


@router.put("/tag/{tag}.json")
def rename_tag(tag: Id, sent: TagSent, door: Entry) -> TagChanged:
    """Rename a tag, wherever it is used."""
    return _tag_changed("Edit", TagShape.of(door.workspace.tags.rename(door.user.id, tag, sent.name)))


@router.delete("/tag/{tag}.json")
def delete_tag(tag: Id, door: Entry) -> TagChanged:
    """Remove a tag and all its uses."""
    return _tag_changed("Delete", TagShape.of(door.workspace.tags.delete(door.user.id, tag)))


@router.get(f"{_DOMAIN}/tag_domain_association.json")
def list_tag_uses(class_: ClassName, ident: Id, door: Entry, page: Page) -> Collection[TagUseShape]:
    """List what a thing is marked with."""
    project, target = enter_target(door, class_, ident)
    return Collection[TagUseShape].cut([TagUseShape.of(use) for use in project.tags.list(target)], page)


@router.post(f"{_DOMAIN}/tag_domain_association.json")
def add_tag_use(class_: ClassName, ident: Id, sent: TagUseSent, door: Entry) -> TagUseChanged:
    """Mark a thing."""
    project, target = enter_target(door, class_, ident)
    return _tag_use_changed(project, "Add", TagUseShape.of(project.tags.add(target, sent.tag)))


@router.get("/tag_domain_association/{use}.json")
def show_tag_use(use: Id, door: Entry) -> TagUseShape:
    """Show that a thing is marked."""
    return TagUseShape.of(door.locate("tag use", use).tags.get(use))


@router.delete("/tag_domain_association/{use}.json")
def delete_tag_use(use: Id, door: Entry) -> TagUseChanged:
    """Take a mark away."""
    project = door.locate("tag use", use)
    return _tag_use_changed(project, "Delete", TagUseShape.of(project.tags.delete(use)))


def _property_changed(project: Project, change: str, said: Property) -> PropertyChanged:
    return PropertyChanged(**tell(project, change, Thing.PROPERTY, said.id), property=PropertyShape.of(said))


def _description_changed(project: Project, change: str, shape: DescriptionShape) -> DescriptionChanged:
    return DescriptionChanged(**tell(project, change, Thing.DESCRIPTION, shape.id), description=shape)


def _tag_changed(change: str, shape: TagShape) -> TagChanged:
    return TagChanged(message=f"Tag: {change}", callback=call_back(change, "Tag", shape.id), tag=shape)


def _tag_use_changed(project: Project, change: str, shape: TagUseShape) -> TagUseChanged:
    return TagUseChanged(**tell(project, change, Thing.TAG_USE, shape.id), tag_domain_association=shape)
