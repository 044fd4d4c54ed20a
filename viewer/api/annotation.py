"""Annotations and their terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from imaging.domain.annotation import Annotation, AnnotationDraft
from imaging.domain.base import AnnotationKey, ImageKey, TermKey
from imaging.domain.command import Thing
from imaging.domain.image import Image
from imaging.errors import InvalidInputError, NotFoundError
from imaging.geometry import flip_wkt_y
from imaging.project.drawing import plane_of
from imaging.project.project import Project
from viewer.api.shapes.annotation import (
    AnnotationChanged,
    AnnotationEdited,
    AnnotationsAdded,
    AnnotationSent,
    AnnotationShape,
    AnnotationTermChanged,
    AnnotationTermShape,
)
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.ontology import TermShape
from viewer.deps import Door, Entry, Id, Page, Site

router = APIRouter(prefix="/api", tags=["annotation"])


@router.get("/annotation/{annotation}.json")
def show_annotation(annotation: Id, door: Entry, site: Site) -> AnnotationShape:
    """Show one annotation with its location."""
    project = door.locate("annotation", annotation)
    drawn = project.annotations.get(AnnotationKey(annotation))
    return AnnotationShape.of(drawn, project.images.get(drawn.image), site=site)


@router.post("/annotation.json")
def add_annotation(
    sent: AnnotationSent | list[AnnotationSent], door: Entry, site: Site
) -> AnnotationChanged | AnnotationsAdded:
    """Draw one annotation, or several that a client sends as an array."""
    if isinstance(sent, AnnotationSent):
        project, image, draft = _place(door, sent)
        return _changed(project, "Add", project.annotations.create(draft, token=sent.token), image, site)
    drawn = _draw_all(door, sent)
    shapes = [AnnotationShape.of(one, image, site=site) for one, image in drawn]
    return AnnotationsAdded(message=f"{len(shapes)} annotations added", collection=shapes, size=len(shapes))


@router.put("/annotation/{annotation}.json")
def edit_annotation(annotation: Id, sent: AnnotationEdited, door: Entry, site: Site) -> AnnotationChanged:
    """Redraw or re-term an annotation; a stale version answers 409 with the current one."""
    project = door.locate("annotation", annotation)
    drawn = project.annotations.get(AnnotationKey(annotation))
    image = project.images.get(drawn.image)
    wkt = None if sent.location is None else flip_wkt_y(sent.location, plane_of(image, drawn.axis).height)
    edited = project.annotations.edit(drawn.id, wkt=wkt, terms=sent.terms, version=sent.version)
    return _changed(project, "Edit", edited, image, site)


@router.delete("/annotation/{annotation}.json")
def delete_annotation(
    annotation: Id, door: Entry, site: Site, version: Annotated[int | None, Query(ge=0)] = None
) -> AnnotationChanged:
    """Remove an annotation."""
    project = door.locate("annotation", annotation)
    drawn = project.annotations.get(AnnotationKey(annotation))
    project.annotations.delete(drawn.id, version=version)
    return _changed(project, "Delete", drawn, project.images.get(drawn.image), site)


@router.get("/annotation/{annotation}/term.json")
def list_annotation_terms(annotation: Id, door: Entry, page: Page) -> Collection[TermShape]:
    """List the terms of one annotation."""
    project = door.locate("annotation", annotation)
    held = set(project.annotations.get(AnnotationKey(annotation)).terms)
    terms = [TermShape.of(term) for term in project.ontology.terms() if term.id in held]
    return Collection[TermShape].cut(terms, page)


@router.get("/annotation/{annotation}/term/{term}.json")
def show_annotation_term(annotation: Id, term: Id, door: Entry) -> AnnotationTermShape:
    """Confirm that an annotation carries a term."""
    drawn = door.locate("annotation", annotation).annotations.get(AnnotationKey(annotation))
    if term not in drawn.terms:
        raise NotFoundError("annotation term")
    return AnnotationTermShape.of(drawn, term)


@router.post("/annotation/{annotation}/term/{term}.json")
def add_annotation_term(annotation: Id, term: Id, door: Entry) -> AnnotationTermChanged:
    """Give a term to an annotation."""
    project = door.locate("annotation", annotation)
    drawn = project.annotations.add_term(AnnotationKey(annotation), TermKey(term))
    return _term_changed(project, "Add", drawn, term)


@router.delete("/annotation/{annotation}/term/{term}.json")
def remove_annotation_term(annotation: Id, term: Id, door: Entry) -> AnnotationTermChanged:
    """Take a term from an annotation."""
    project = door.locate("annotation", annotation)
    drawn = project.annotations.remove_term(AnnotationKey(annotation), TermKey(term))
    return _term_changed(project, "Delete", drawn, term)


def _draw_all(door: Door, sent: Sequence[AnnotationSent]) -> list[tuple[Annotation, Image]]:
    """All or none: a client that hears of a failure sends the whole array again."""
    placed = [_place(door, one) for one in sent]
    if not placed:
        return []
    project = placed[0][0]
    if any(other.record.id != project.record.id for other, _, _ in placed):
        raise InvalidInputError("annotations that come together belong to one project")
    layer = project.layers.mine().id
    drawn = project.annotations.import_many(layer, [draft for _, _, draft in placed])
    return [(one, image) for one, (_, image, _) in zip(drawn, placed, strict=True)]


def _place(door: Door, sent: AnnotationSent) -> tuple[Project, Image, AnnotationDraft]:
    rank = None
    if sent.slice is not None:
        project = door.locate("slice", sent.slice)
        image, rank = project.images.by_slice(sent.slice)
        if sent.image not in (None, image.id):
            raise InvalidInputError("the slice is not one of the image")
    elif sent.image is not None:
        project = door.locate("image", sent.image)
        image = project.images.get(ImageKey(sent.image))
    else:
        raise InvalidInputError("an annotation needs an image or a slice")
    return project, image, sent.draft(image, rank)


def _changed(project: Project, change: str, drawn: Annotation, image: Image, site: str) -> AnnotationChanged:
    callback = call_back(change, "UserAnnotation", drawn.id) | {"annotationID": drawn.id, "imageID": image.id}
    shape = AnnotationShape.of(drawn, image, site=site)
    command = project.commands.latest(Thing.ANNOTATION, drawn.id)
    return AnnotationChanged(message=f"Annotation: {change}", callback=callback, command=command, annotation=shape)


def _term_changed(project: Project, change: str, drawn: Annotation, term: int) -> AnnotationTermChanged:
    return AnnotationTermChanged(
        message=f"Annotation term: {change}",
        callback=call_back(change, "AnnotationTerm", drawn.id) | {"annotationID": drawn.id, "termID": term},
        command=project.commands.latest(Thing.ANNOTATION, drawn.id),
        annotationterm=AnnotationTermShape.of(drawn, term),
    )
