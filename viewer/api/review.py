"""Reviews of images: started, validated, cancelled; annotations accepted and rejected."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from imaging.domain.annotation import Annotation
from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, TermKey, UserKey
from imaging.domain.command import Thing
from imaging.domain.image import Image
from imaging.project.project import Project
from viewer.api.shapes.annotation import AnnotationsAdded, AnnotationShape, ReviewedChanged
from viewer.api.shapes.annotation_query import Ids
from viewer.api.shapes.envelope import call_back
from viewer.api.shapes.image import ImageChanged, ImageShape
from viewer.api.shapes.review import read_terms
from viewer.deps import Door, Entry, Id, Site

router = APIRouter(prefix="/api", tags=["review"])

_LONGEST = 64 << 10
_REVIEW = "/imageinstance/{image}/review.json"
_ANNOTATION = "/annotation/{annotation}/review.json"
_ALL = "/imageinstance/{image}/annotation/review.json"
Cancelled = Annotated[bool, Query(description="Take the review back instead of validating it.")]
Users = Annotated[Ids, Query(description="Of these members alone.")]
Layers = Annotated[Ids, Query(description="Of these layers alone.")]


@router.post(_REVIEW)
def start_review(image: Id, door: Entry, site: Site) -> ImageChanged:
    """Take an image under one's own review."""
    project = door.locate("image", image)
    return _image_changed(project, project.reviews.start(ImageKey(image)), site)


@router.delete(_REVIEW)
def end_review(image: Id, door: Entry, site: Site, cancel: Cancelled = False) -> ImageChanged:
    """Validate one's own review; with `cancel`, take back that it was validated, or else that it began."""
    project = door.locate("image", image)
    end = project.reviews.cancel if cancel else project.reviews.validate
    return _image_changed(project, end(ImageKey(image)), site)


@router.post(_ANNOTATION, max_body_size=_LONGEST)
async def accept(annotation: Id, door: Entry, site: Site, request: Request) -> ReviewedChanged:
    """Accept an annotation: a copy of it goes into the layer of the review."""
    return await run_sync(_accept, door, annotation, await request.body(), site)


def _accept(door: Door, annotation: int, body: bytes, site: str) -> ReviewedChanged:
    project = door.locate("annotation", annotation)
    terms: tuple[TermKey, ...] | None = read_terms(body)
    return _changed(project, "Add", project.reviews.accept(AnnotationKey(annotation), terms), site)


@router.delete(_ANNOTATION)
def reject(annotation: Id, door: Entry, site: Site) -> ReviewedChanged:
    """Reject an annotation: the copy that was made of it, or that is named itself, goes."""
    project = door.locate("annotation", annotation)
    return _changed(project, "Delete", project.reviews.reject(AnnotationKey(annotation)), site)


@router.post(_ALL)
def accept_all(image: Id, door: Entry, site: Site, users: Users = (), layers: Layers = ()) -> AnnotationsAdded:
    """Accept what is on an image, of some members or layers alone where they are named."""
    project = door.locate("image", image)
    made = project.reviews.accept_all(ImageKey(image), users=_users(users), layers=_layers(layers))
    return _several(project, ImageKey(image), made, "accepted", site)


@router.delete(_ALL)
def reject_all(image: Id, door: Entry, site: Site, users: Users = (), layers: Layers = ()) -> AnnotationsAdded:
    """Remove what was accepted on an image, of some members or layers alone where they are named."""
    project = door.locate("image", image)
    gone = project.reviews.reject_all(ImageKey(image), users=_users(users), layers=_layers(layers))
    return _several(project, ImageKey(image), gone, "rejected", site)


def _users(keys: tuple[int, ...]) -> list[UserKey]:
    return [UserKey(key) for key in keys]


def _layers(keys: tuple[int, ...]) -> list[LayerKey]:
    return [LayerKey(key) for key in keys]


def _several(project: Project, key: ImageKey, copies: list[Annotation], done: str, site: str) -> AnnotationsAdded:
    image = project.images.get(key)
    shapes = [AnnotationShape.of(copy, image, site=site) for copy in copies]
    return AnnotationsAdded(message=f"{len(shapes)} annotations {done}", collection=shapes, size=len(shapes))


def _changed(project: Project, change: str, copy: Annotation, site: str) -> ReviewedChanged:
    shape = AnnotationShape.of(copy, project.images.get(copy.image), site=site)
    callback = call_back(change, "ReviewedAnnotation", copy.id) | {"annotationID": copy.id, "imageID": copy.image}
    return ReviewedChanged(
        message=f"ReviewedAnnotation: {change}",
        callback=callback,
        command=project.commands.latest(Thing.ANNOTATION, copy.id),
        annotation=shape,
        reviewedannotation=shape,
    )


def _image_changed(project: Project, image: Image, site: str) -> ImageChanged:
    return ImageChanged(
        message="Image: review",
        callback=call_back("Edit", "ImageInstance", image.id),
        command=project.commands.latest(Thing.IMAGE_REVIEW, image.id),
        imageinstance=ImageShape.of(image, site=site),
    )
