"""Images and their slices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from imaging.domain.base import Record, TermKey
from imaging.domain.image import Axis, Image, ImageAttributes, ImageTerm
from imaging.project.drawing import plane_of
from viewer.api.shapes.envelope import Changed, Name, Sent, Shape, Thing, to_millis
from viewer.cuts import count_zooms


class LevelShape(Record):
    """One resolution; `shape` and `scale` follow the image's axes, scale in mm where calibrated."""

    shape: tuple[int, ...]
    scale: tuple[float, ...]


class ImagingShape(ImageAttributes):
    """What radiology needs and Cytomine has no word for; lists leave `levels` and `positions_lps` empty."""

    shape: tuple[int, ...]
    dtype: str
    levels: tuple[LevelShape, ...]
    terms: tuple[int, ...]
    segmentations: int
    subject: str
    study: str
    series: str
    description: str


class ImageShape(Thing):
    """An image of a project: Cytomine's image instance. Physical sizes are in micrometres."""

    class_: str = Field(default="be.cytomine.domain.image.ImageInstance", alias="class")
    base_image: int
    project: int
    user: int
    instance_filename: str
    original_filename: str
    filename: str
    blinded_name: str | None = None
    path: str
    content_type: str = "application/vnd.zarr"
    width: int
    height: int
    depth: int
    duration: int
    channels: int
    extrinsic_channels: int
    apparent_channels: int
    physical_size_x: float | None
    physical_size_y: float | None
    physical_size_z: float | None
    fps: float | None = None
    zoom: int
    magnification: int | None = None
    bit_per_sample: int
    sample_per_pixel: int
    colorspace: str
    thumb: str
    preview: str
    macro_url: str | None = Field(default=None, alias="macroURL")
    number_of_annotations: int
    number_of_job_annotations: int = 0
    number_of_reviewed_annotations: int
    reviewed: bool
    in_review: bool
    review_user: int | None
    review_start: str | None
    review_stop: str | None
    imaging: ImagingShape

    @classmethod
    def of(cls, image: Image, *, site: str, levels: tuple[LevelShape, ...] = (), terms: Iterable[TermKey] = ()) -> Self:
        """Show an image.

        Parameters
        ----------
        site
            Scheme and host for Cytomine's absolute URLs.
        levels
            All resolutions; empty in lists, which are short of positions too.
        terms
            Given to the image as a whole, by any layer.
        """
        colour = image.attributes.photometric == "RGB"
        channels = image.slice_order.channels
        sizes = [None if size is None else size * 1000 for size in image.attributes.spacing_mm]
        thumb = f"{site}/api/imageinstance/{image.id}/thumb.png"
        return cls(
            id=image.id,
            created=to_millis(image.created),
            updated=to_millis(image.created),
            base_image=image.id,
            project=image.project,
            user=image.added_by,
            instance_filename=image.name,
            original_filename=image.name,
            filename=image.name,
            path=str(image.id),
            width=image.extent("x"),
            height=image.extent("y"),
            depth=image.extent("z"),
            duration=image.extent("t"),
            channels=channels,
            extrinsic_channels=channels,
            apparent_channels=image.extent("c"),
            physical_size_x=sizes[2],
            physical_size_y=sizes[1],
            physical_size_z=sizes[0],
            zoom=count_zooms(plane_of(image, Axis.Z)),
            bit_per_sample=image.attributes.bits_stored,
            sample_per_pixel=3 if colour else 1,
            colorspace="rgb" if colour else "grayscale",
            thumb=f"{thumb}?maxSize=512",
            preview=f"{thumb}?maxSize=1024",
            number_of_annotations=image.annotations - image.reviewed_annotations,
            number_of_reviewed_annotations=image.reviewed_annotations,
            reviewed=image.review_stopped is not None,
            in_review=image.review_started is not None and image.review_stopped is None,
            review_user=image.reviewer,
            review_start=None if image.review_started is None else to_millis(image.review_started),
            review_stop=None if image.review_stopped is None else to_millis(image.review_stopped),
            imaging=_describe(image, levels, terms),
        )


def _describe(image: Image, levels: tuple[LevelShape, ...], terms: Iterable[TermKey]) -> ImagingShape:
    seen = dict(image.attributes)
    if not levels:
        seen["positions_lps"] = ()
    return ImagingShape(
        **seen,
        shape=image.shape,
        dtype=image.dtype,
        levels=levels,
        terms=tuple(sorted(set(terms))),
        segmentations=image.segmentations,
        subject=image.subject,
        study=image.study,
        series=image.series,
        description=image.description,
    )


class ImageChanged(Changed):
    """A changed image."""

    imageinstance: ImageShape


class ImageEdited(Sent):
    """What an image is renamed from."""

    instance_filename: Name | None = None


class SliceShape(Thing):
    """One z plane at one time point and channel; rank = c + C * (z + Z * t)."""

    class_: str = Field(default="be.cytomine.domain.image.SliceInstance", alias="class")
    project: int
    base_slice: int
    image: int
    path: str
    mime: str = "application/vnd.zarr"
    channel: int
    z_stack: int
    time: int
    rank: int
    uploaded_file: int | None = None
    channel_name: str | None = None
    channel_color: str | None = None
    z_name: str | None = None

    @classmethod
    def of(cls, image: Image, rank: int) -> SliceShape:
        """Show the slice of one rank."""
        t, z, c = image.slice_order.place(rank)
        key = image.slice_base + rank
        return cls(
            id=key,
            created=to_millis(image.created),
            updated=to_millis(image.created),
            project=image.project,
            base_slice=key,
            image=image.id,
            path=str(image.id),
            channel=c,
            z_stack=z,
            time=t,
            rank=rank,
        )


class ImageTermShape(Shape):
    """A term given to a whole image by one layer; `probability` where a model said it."""

    term: int
    layer: int
    probability: float | None
    reviewed: bool
    created: str

    @classmethod
    def of(cls, given: ImageTerm) -> ImageTermShape:
        """Show an image-level term."""
        return cls(
            term=given.term,
            layer=given.layer,
            probability=given.probability,
            reviewed=given.reviewed,
            created=to_millis(given.created),
        )


class ImageTermChanged(Changed):
    """A changed image-level term."""

    imageterm: ImageTermShape | None
