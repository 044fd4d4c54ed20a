"""What may be asked of a picture.

A parameter that is not served is refused: whoever sent it would take another picture for the one that they asked for.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from imaging.dicom.palettes import PALETTES
from imaging.domain.image import Image, Window
from imaging.errors import InvalidInputError
from viewer.api.shapes.annotation_query import Ids
from viewer.cuts import LARGEST_SIDE, Cut, Rectangle, fit, halve
from viewer.deps import LARGEST_ID
from viewer.looks import PLAIN, Look
from viewer.pixels import PRESETS, Encoding
from viewer.reading import Place, PlaneName

_MOST_HALVINGS = 30

Real = Annotated[float, Field(allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
Count = Annotated[int, Field(ge=0, le=LARGEST_ID)]


PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A picture.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in sorted({encoding.media_type for encoding in Encoding})
        },
        "headers": {"ETag": {"schema": {"type": "string"}}},
    },
    304: {"description": "What `If-None-Match` names is still so."},
}
"""What a route that sends a picture tells of its answers."""


def choose_window(center: float | None, width: float | None, preset: str | None) -> Window | None:
    """Read a window in real units; None means the default one."""
    if preset is not None and preset != "default":
        if preset not in PRESETS:
            raise InvalidInputError(f"the presets are default, {', '.join(PRESETS)}")
        return PRESETS[preset]
    if (center is None) != (width is None):
        raise InvalidInputError("a window needs both center and width")
    if center is None or width is None:
        return None
    if width <= 0:
        raise InvalidInputError("the width of a window is above 0")
    return Window(center=center, width=width)


class PictureQuery(BaseModel):
    """How a picture looks; `center` and `width` in real units, by default those of the header."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    center: Real | None = None
    width: Real | None = None
    preset: str | None = Field(default=None, description=f"default, {', '.join(PRESETS)}")
    contrast: Factor = 1.0
    gamma: Factor = 1.0
    colormap: str | None = Field(default=None, description=", ".join(PALETTES))
    inverse: bool = False
    bits: int = Field(default=8, description="8, or 16 for the stored values, signed ones raised by 32,768")

    @property
    def exact(self) -> bool:
        """Whether stored values are asked for."""
        if self.bits not in (8, 16):
            raise InvalidInputError("bits is 8 or 16")
        return self.bits == 16

    @property
    def look(self) -> Look:
        """How grey levels are to look."""
        palette = None if self.colormap is None else self.colormap.upper()
        if palette is not None and palette not in PALETTES:
            raise InvalidInputError(f"the colour maps are {', '.join(PALETTES)}")
        look = Look(
            choose_window(self.center, self.width, self.preset), self.contrast, self.gamma, self.inverse, palette
        )
        if self.exact and (look != PLAIN or self.preset is not None):
            raise InvalidInputError("pictures of 16 bits hold stored values; a window and a look are for 8 bits")
        return look

    def require_no_look(self) -> None:
        """Refuse what would have to change a mask, which has two levels and nothing between them."""
        if self.exact or self.look != PLAIN:
            raise InvalidInputError("a mask has 8 bits and takes no window, contrast, gamma, colormap or inverse")


class PlaneQuery(BaseModel):
    """Which plane of an image; by default the one that its thumbnail shows."""

    plane: PlaneName = PlaneName.Z
    index: Count | None = None
    t: Count = 0
    c: Count = 0

    def place(self, image: Image) -> Place:
        """Find the plane at full resolution, the middle one where no index is named."""
        axis = self.plane.axis(image.attributes)
        index = image.extent(axis.value) // 2 if self.index is None else self.index
        return Place(axis, index, 0, self.t, self.c)


class ThumbQuery(PictureQuery):
    """What a thumbnail may be asked for."""

    max_size: Side = 512


class PlanarThumbQuery(ThumbQuery, PlaneQuery):
    """The same of any plane."""


class RegionQuery(PictureQuery):
    """How large a picture is: at most `maxSize`, else halved `zoom` times; never larger than what it shows."""

    max_size: Side | None = None
    zoom: int = Field(default=0, ge=0, le=_MOST_HALVINGS, description="Halvings; not heeded beside maxSize.")

    def cut(self, rectangle: Rectangle) -> Cut:
        """Choose the size of the picture of a rectangle."""
        return halve(rectangle, self.zoom) if self.max_size is None else fit(rectangle, self.max_size)


class CropQuery(RegionQuery):
    """What a picture of an annotation may be asked for."""

    increase_area: Factor = 1.0
    complete: bool = Field(default=True, description="Drawings are complete always.")


class WindowQuery(RegionQuery):
    """What a window may be asked for; `annotations`, `terms`, `users` and `reviewed` choose what a mask is made of."""

    mask: bool = False
    alpha_mask: bool = False
    annotations: Ids = ()
    terms: Ids = ()
    users: Ids = ()
    reviewed: bool | None = None
    complete: bool = Field(default=True, description="Drawings are complete always.")


class PlanarWindowQuery(WindowQuery, PlaneQuery):
    """The same on any plane."""


class PlanarTileQuery(PictureQuery, PlaneQuery):
    """What a tile of any plane may be asked for."""
