"""Cytomine's abstract images: here an image lies in one project, and its pixels have no life of their own."""

from __future__ import annotations

from fastapi import APIRouter, Response

from imaging.access import Action
from imaging.domain.base import ImageKey, UploadKey
from imaging.domain.image import Image
from imaging.errors import InvalidInputError, NoDownloadError, StateError
from imaging.project.project import Project
from viewer.api.shapes.abstract import (
    AbstractImageChanged,
    AbstractImageEdited,
    AbstractImageShape,
    AbstractSliceShape,
    ImageInstanceSent,
)
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.image import ImageChanged
from viewer.deps import Entry, Id, Page, Site

router = APIRouter(prefix="/api", tags=["abstractimage"])

_NO_PIXELS = "an image comes with its pixels: send its files to /upload"


@router.get("/abstractimage.json")
def list_abstract_images(door: Entry, page: Page, site: Site) -> Collection[AbstractImageShape]:
    """List the images of all projects of the caller in which one may see them."""
    shapes: list[AbstractImageShape] = []
    for record in door.workspace.projects_of(door.user.id):
        project = door.project(record.id)
        if project.may(Action.SEE_IMAGES):
            sources = _sources(project)
            shapes += [
                AbstractImageShape.of(image, site=site, uploaded_file=sources.get(image.id))
                for image in project.images.list()
            ]
    return Collection[AbstractImageShape].cut(shapes, page)


@router.post("/abstractimage.json")
def add_abstract_image(door: Entry) -> AbstractImageChanged:
    """Refuse: no image is made without its pixels."""
    raise InvalidInputError(_NO_PIXELS)


@router.get("/abstractimage/{image}.json")
def show_abstract_image(image: Id, door: Entry, site: Site) -> AbstractImageShape:
    """Show the pixels of an image."""
    project = door.locate("image", image)
    return _shape(project, project.images.get(ImageKey(image)), site)


@router.put("/abstractimage/{image}.json")
def rename_abstract_image(image: Id, sent: AbstractImageEdited, door: Entry, site: Site) -> AbstractImageChanged:
    """Rename an image; its size and what it says of itself stay."""
    project = door.locate("image", image)
    name, key = sent.original_filename, ImageKey(image)
    record = project.images.get(key) if name is None else project.images.rename(key, name)
    return AbstractImageChanged(
        message="Image: Edit",
        callback=call_back("Edit", "AbstractImage", image),
        abstractimage=_shape(project, record, site),
    )


@router.delete("/abstractimage/{image}.json")
def delete_abstract_image(image: Id, door: Entry) -> AbstractImageChanged:
    """Refuse: an image goes from its project, with what was drawn on it."""
    door.locate("image", image).images.get(ImageKey(image))
    raise StateError("abstract image", "is in a project; delete the image instance of the same id")


@router.get("/abstractimage/{image}/download", response_class=Response)
@router.get("/imageinstance/{image}/download", response_class=Response, name="download_image_instance")
def download_image(image: Id, door: Entry) -> Response:
    """Refuse: what leaves a project leaves it by a release."""
    door.locate("image", image).images.get(ImageKey(image))
    raise NoDownloadError


@router.post("/imageinstance.json")
def add_image_instance(sent: ImageInstanceSent, door: Entry) -> ImageChanged:
    """Refuse: an image is in the project that its files were sent to."""
    home, project = door.locate("image", sent.base_image), door.project(sent.project)
    home.images.get(ImageKey(sent.base_image))
    if home.id == project.id:
        raise StateError("image", "is in this project already")
    raise StateError("image", "is in another project; send its files to this one")


@router.get("/abstractimage/{image}/abstractslice.json")
def list_abstract_slices(image: Id, door: Entry, page: Page) -> Collection[AbstractSliceShape]:
    """List the z planes of an image by rank."""
    project = door.locate("image", image)
    record = project.images.get(ImageKey(image))
    return _slices([record], page, _sources(project).get(record.id))


@router.get("/uploadedfile/{upload}/abstractslice.json")
def list_uploaded_slices(upload: Id, door: Entry, page: Page) -> Collection[AbstractSliceShape]:
    """List the z planes of all images that an upload became, image by image."""
    project = door.locate("upload", upload)
    made = project.received.get(UploadKey(upload)).images
    return _slices([image for image in project.images.list() if image.id in made], page, upload)


@router.post("/abstractslice.json")
def add_abstract_slice(door: Entry) -> AbstractSliceShape:
    """Refuse: no slice is made without its pixels."""
    raise InvalidInputError(_NO_PIXELS)


@router.get("/abstractslice/{slice}.json")
def show_abstract_slice(slice: Id, door: Entry) -> AbstractSliceShape:
    """Show one slice."""
    project = door.locate("slice", slice)
    image, rank = project.images.by_slice(slice)
    return AbstractSliceShape.of(image, rank, _sources(project).get(image.id))


def _shape(project: Project, record: Image, site: str) -> AbstractImageShape:
    return AbstractImageShape.of(record, site=site, uploaded_file=_sources(project).get(record.id))


def _sources(project: Project) -> dict[ImageKey, UploadKey]:
    """Of which upload each image was made, as far as the member may look back on it."""
    if not (project.may(Action.UPLOAD) or project.may(Action.DECIDE_QUARANTINE)):
        return {}
    return {image: upload.id for upload in project.received.list() for image in upload.images}


def _slices(images: list[Image], page: Page, upload: int | None) -> Collection[AbstractSliceShape]:
    ranks = [(image, rank) for image in images for rank in range(image.slices)]
    cut = Collection[tuple[Image, int]].cut(ranks, page)
    shapes = [AbstractSliceShape.of(image, rank, upload) for image, rank in cut.collection]
    return Collection[AbstractSliceShape].page(shapes, cut.size, page)
