"""Images, their slices and the terms given to whole images."""

from __future__ import annotations

from collections import defaultdict

from fastapi import APIRouter

from imaging.domain.base import ImageKey, TermKey
from imaging.domain.image import Image
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.image import (
    ImageChanged,
    ImageEdited,
    ImageShape,
    ImageTermChanged,
    ImageTermShape,
    LevelShape,
    SliceShape,
)
from viewer.deps import Entry, Id, Page, Site
from viewer.reading import open_pyramid

router = APIRouter(prefix="/api", tags=["image"])


@router.get("/project/{project}/imageinstance.json")
def list_images(project: Id, door: Entry, page: Page, site: Site) -> Collection[ImageShape]:
    """List the images of a project, without levels and positions."""
    images = door.project(project).images
    cut = Collection[Image].cut(images.list(), page)
    terms = defaultdict[ImageKey, list[TermKey]](list)
    for given in images.terms():
        terms[given.image].append(given.term)
    shapes = [ImageShape.of(image, site=site, terms=terms[image.id]) for image in cut.collection]
    return Collection[ImageShape].page(shapes, cut.size, page)


@router.get("/imageinstance/{image}.json")
def show_image(image: Id, door: Entry, site: Site) -> ImageShape:
    """Show an image with all that the viewer needs."""
    project = door.locate("image", image)
    record = project.images.get(ImageKey(image))
    levels = tuple(
        LevelShape(shape=level.shape, scale=level.scale) for level in open_pyramid(project, record.id).levels
    )
    terms = [given.term for given in project.images.terms(record.id)]
    return ImageShape.of(record, site=site, levels=levels, terms=terms)


@router.put("/imageinstance/{image}.json")
def rename_image(image: Id, sent: ImageEdited, door: Entry, site: Site) -> ImageChanged:
    """Rename an image."""
    images = door.locate("image", image).images
    name = sent.instance_filename
    record = images.get(ImageKey(image)) if name is None else images.rename(ImageKey(image), name)
    return _changed("Edit", record, site)


@router.delete("/imageinstance/{image}.json")
def delete_image(image: Id, door: Entry, site: Site) -> ImageChanged:
    """Remove an image with its annotations."""
    images = door.locate("image", image).images
    record = images.get(ImageKey(image))
    images.delete(record.id)
    return _changed("Delete", record, site)


@router.get("/imageinstance/{image}/sliceinstance.json")
def list_slices(image: Id, door: Entry, page: Page) -> Collection[SliceShape]:
    """List the z planes of an image by rank."""
    record = door.locate("image", image).images.get(ImageKey(image))
    ranks = Collection[int].cut(range(record.slices), page)
    return Collection[SliceShape].page([SliceShape.of(record, rank) for rank in ranks.collection], ranks.size, page)


@router.get("/imageinstance/{image}/sliceinstance/reference.json")
def show_reference_slice(image: Id, door: Entry) -> SliceShape:
    """Show the slice that stands for an image: the one that its thumbnail shows, and that is drawn on by default."""
    record = door.locate("image", image).images.get(ImageKey(image))
    return SliceShape.of(record, record.reference)


@router.get("/sliceinstance/{slice}.json")
def show_slice(slice: Id, door: Entry) -> SliceShape:
    """Show one slice."""
    return SliceShape.of(*door.locate("slice", slice).images.by_slice(slice))


@router.get("/imageinstance/{image}/term.json")
def list_image_terms(image: Id, door: Entry, page: Page) -> Collection[ImageTermShape]:
    """List the terms given to a whole image, by every layer."""
    given = door.locate("image", image).images.terms(ImageKey(image))
    return Collection[ImageTermShape].cut([ImageTermShape.of(one) for one in given], page)


@router.post("/imageinstance/{image}/term/{term}.json")
def add_image_term(image: Id, term: Id, door: Entry) -> ImageTermChanged:
    """Give a term to a whole image in the caller's layer."""
    images = door.locate("image", image).images
    given = images.add_term(ImageKey(image), TermKey(term))
    return _term_changed("Add", image, ImageTermShape.of(given))


@router.delete("/imageinstance/{image}/term/{term}.json")
def remove_image_term(image: Id, term: Id, door: Entry) -> ImageTermChanged:
    """Take a term back from a whole image in the caller's layer."""
    door.locate("image", image).images.remove_term(ImageKey(image), TermKey(term))
    return _term_changed("Delete", image, None)


def _changed(change: str, record: Image, site: str) -> ImageChanged:
    return ImageChanged(
        message=f"Image: {change}",
        callback=call_back(change, "ImageInstance", record.id),
        imageinstance=ImageShape.of(record, site=site),
    )


def _term_changed(change: str, image: int, given: ImageTermShape | None) -> ImageTermChanged:
    callback = call_back(change, "ImageTerm", image)
    return ImageTermChanged(message=f"Image term: {change}", callback=callback, imageterm=given)
