"""The preprocessing recipe: how an image is oriented, cropped, normalised, resampled and padded before a network."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, JsonValue, ValidationError, field_validator, model_validator

from imaging.domain.base import Record
from imaging.errors import InvalidInputError
from pipelines.voxels import Intensity

REVISION = 2
"""Raised when the same recipe gives other voxels of the same image: what was prepared before is then not used."""

_SIDES = ({"R", "L"}, {"A", "P"}, {"I", "S"})
Millimetres = Annotated[FiniteFloat, Field(gt=0.01, le=1000)]
Count = Annotated[int, Field(strict=True, ge=1, le=4096)]


class Crop(Record):
    """Where an image is cut to: the box around every voxel above a value.

    Attributes
    ----------
    above
        In real units (HU); the body in a CT by default.
    margin
        Voxels of the image that are kept around it.
    """

    above: FiniteFloat = -500.0
    margin: Annotated[int, Field(strict=True, ge=0, le=4096)] = 0


class PreprocessingRecipe(Record):
    """Steps in this order, each left out where nothing is said: orient, crop, normalise, resample, fit.

    Attributes
    ----------
    version
        Of this format.
    orientation
        The sides that x, y and z run to, as "LPS" or "RAS": axes are swapped and reversed to the nearest, never turned.
    crop
        Cut away what lies around the body.
    intensity
        By modality; a modality that is not named keeps its real values.
    spacing : (z, y, x), mm
        After orienting; one number for all three.
    isotropic
        Instead of a spacing: as many times the finest spacing of each image, the same along all axes.
    multiple : (z, y, x)
        Lengths become multiples of these, evenly at both ends.
    fit
        How: "pad" repeats the border, "crop" takes from it.
    """

    version: Literal[1] = 1
    orientation: str | None = None
    crop: Crop | None = None
    intensity: dict[str, Intensity] = Field(default_factory=dict)
    spacing: tuple[Millimetres, Millimetres, Millimetres] | None = None
    isotropic: Annotated[FiniteFloat, Field(gt=0, le=100)] | None = None
    multiple: tuple[Count, Count, Count] | None = None
    fit: Literal["pad", "crop"] = "pad"

    @field_validator("spacing", mode="before")
    @classmethod
    def _spread(cls, given: object) -> object:
        return (given,) * 3 if isinstance(given, int | float) and not isinstance(given, bool) else given

    @field_validator("multiple", mode="before")
    @classmethod
    def _spread_count(cls, given: object) -> object:
        return (given,) * 3 if isinstance(given, int) and not isinstance(given, bool) else given

    @field_validator("orientation")
    @classmethod
    def _name_each_direction_once(cls, given: str | None) -> str | None:
        if given is not None and (len(given) != 3 or any(len(side & set(given)) != 1 for side in _SIDES)):
            raise ValueError("an orientation names one side of each direction, as LPS or RAS")
        return given

    @model_validator(mode="after")
    def _one_spacing(self) -> Self:
        if self.spacing is not None and self.isotropic is not None:
            raise ValueError("spacing and isotropic exclude each other")
        return self

    @property
    def axes(self) -> str | None:
        """The sides that z, y and x run to, in the order of the arrays ("SPL" for LPS)."""
        return None if self.orientation is None else self.orientation[::-1]

    def digest(self, pixels: str) -> str:
        """Name what this recipe makes of an image; `pixels` is the digest of the image's manifest."""
        told = {"recipe": self.model_dump(mode="json"), "image": pixels, "revision": REVISION}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def read_recipe(path: Path) -> PreprocessingRecipe:
    """Read a recipe from a TOML file."""
    return check_recipe(read_table(path))


def read_table(path: Path) -> dict[str, JsonValue]:
    """Read a TOML file; InvalidInputError for one that is not there or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInputError("the recipe does not exist") from None
    except (OSError, ValueError):
        raise InvalidInputError("the recipe is not a readable TOML file") from None


def check_recipe(table: Mapping[str, JsonValue]) -> PreprocessingRecipe:
    """Check a recipe; InvalidInputError names the first thing in it that cannot be used."""
    try:
        return PreprocessingRecipe.model_validate(dict(table))
    except ValidationError as error:
        raise InvalidInputError(f"recipe: {tell_first(error, unknown='unknown key')}") from error


def tell_first(error: ValidationError, *, unknown: str) -> str:
    """Say of the first setting that cannot be used where it stands, and what is wrong with it."""
    first, *others = error.errors(include_url=False, include_input=False)
    place = first["loc"]
    match first["type"], place:
        case "extra_forbidden", _:
            what = unknown
        case "missing", (*_, int()):
            # Of a list that is too short, every value that is not there is missing.
            missing = [one["loc"] for one in (first, *others) if one["loc"][:-1] == place[:-1]]
            place, what = place[:-1], f"needs {int(missing[-1][-1]) + 1} values"
        case "too_long", _:
            what = f"takes {first['ctx']['max_length']} values at most"
        case "missing", _:
            what = "is missing"
        case _:
            what = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    where = ".".join(str(part) for part in place)
    return f"{where}: {what}" if where else what
