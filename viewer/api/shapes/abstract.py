"""Cytomine's abstract images and slices: here the image of a project and its slices, under the same ids."""

from __future__ import annotations

from pydantic import Field

from imaging.domain.image import Image
from viewer.api.shapes.envelope import Changed, Name, Sent, SentId, Thing
from viewer.api.shapes.image import ImageShape, SliceShape


class AbstractImageShape(Thing):
    """The pixels of an image; `uploadedFile` is told to whoever may look back on that upload."""

    class_: str = Field(default="be.cytomine.domain.image.AbstractImage", alias="class")
    filename: str
    original_filename: str
    uploaded_file: int | None
    path: str
    content_type: str
    width: int
    height: int
    depth: int
    duration: int
    channels: int
    extrinsic_channels: int
    apparent_channels: int
    dimensions: str
    physical_size_x: float | None
    physical_size_y: float | None
    physical_size_z: float | None
    fps: float | None
    zoom: int
    tile_size: int = 256
    is_virtual: bool = False
    magnification: int | None
    bit_per_sample: int
    sample_per_pixel: int
    colorspace: str
    thumb: str
    preview: str
    macro_url: str | None = Field(alias="macroURL")
    in_project: bool = True

    @classmethod
    def of(cls, image: Image, *, site: str, uploaded_file: int | None = None) -> AbstractImageShape:
        """Show the pixels of an image; `site` is scheme and host for absolute URLs."""
        shown = ImageShape.of(image, site=site)
        longer = (("C", shown.channels), ("Z", shown.depth), ("T", shown.duration))
        return cls(
            **shown.model_dump(include=set(cls.model_fields) - {"class_"}),
            uploaded_file=uploaded_file,
            dimensions="XY" + "".join(axis for axis, extent in longer if extent > 1),
        )


class AbstractImageChanged(Changed):
    """A changed image."""

    abstractimage: AbstractImageShape


class AbstractImageEdited(Sent):
    """What an image is renamed from."""

    original_filename: Name | None = None


class AbstractSliceShape(Thing):
    """One z plane at one time point and channel of an image."""

    class_: str = Field(default="be.cytomine.domain.image.AbstractSlice", alias="class")
    uploaded_file: int | None
    path: str
    mime: str
    image: int
    channel: int
    z_stack: int
    time: int
    rank: int
    channel_name: str | None
    channel_color: str | None
    z_name: str | None

    @classmethod
    def of(cls, image: Image, rank: int, uploaded_file: int | None = None) -> AbstractSliceShape:
        """Show the slice of one rank."""
        shown = SliceShape.of(image, rank).model_dump(include=set(cls.model_fields) - {"class_", "uploaded_file"})
        return cls(**shown, uploaded_file=uploaded_file)


class ImageInstanceSent(Sent):
    """Which image is to be in which project."""

    base_image: SentId
    project: SentId
