"""What a training may be told: the settings of `imaging train --config FILE.toml`, checked and completed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, FiniteFloat, JsonValue, ValidationError, model_validator

from imaging.domain.base import Record
from imaging.domain.job import Task
from imaging.errors import InvalidInputError
from pipelines.preprocessing import PreprocessingRecipe, read_table, tell_first

Whole = Annotated[int, Field(strict=True)]
"""TOML has true and false beside numbers; neither is one."""
Positive = Annotated[Whole, Field(ge=1)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]*$")]
SMALLEST_PATCH = 64


class Recipe(Record):
    """Settings of both tasks; None leaves the choice to the data and the device.

    Attributes
    ----------
    name
        Of the model in the registry; trainings of one name are its versions.
    steps, batch
        How many updates, from how many samples each.
    patch : (z, y, x)
        Voxels of one sample, at the median spacing of the training images.
    held_out
        Fraction of the subjects that training never sees; at least one subject.
    filters
        Channels of each level of the network, finest first.
    preprocessing
        How images are prepared, the same for training and for every prediction of the model; what it leaves out of
        spacing and intensity is completed from the training images.
    """

    name: Name | None = None
    network: str | None = None
    filters: Annotated[tuple[Positive, ...], Field(max_length=8)] = ()
    steps: Annotated[Whole, Field(ge=1, le=10_000_000)] | None = None
    batch: Annotated[Whole, Field(ge=1, le=4096)] | None = None
    patch: tuple[Positive, Positive, Positive] | None = None
    learning_rate: Annotated[FiniteFloat, Field(gt=0, le=1)] | None = None
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.25
    preprocessing: PreprocessingRecipe | None = None

    @model_validator(mode="after")
    def _patch_is_an_area(self) -> Self:
        if self.patch is not None and prod(self.patch) < SMALLEST_PATCH:
            raise ValueError(f"patch must hold {SMALLEST_PATCH} voxels or more")
        return self

    @model_validator(mode="after")
    def _preprocessing_can_be_exported(self) -> Self:
        given = self.preprocessing
        if given is not None and (given.isotropic is not None or given.fit == "crop"):
            raise ValueError("a model needs one spacing for all images, and none of their border cropped")
        return self


class SegmentationRecipe(Recipe):
    """Settings of a segmentation.

    Attributes
    ----------
    foreground
        Share of the samples that are centred on a term; the others may lie anywhere.
    window : low, high
        HU that a CT is clipped to; by default what the terms and their surroundings need.
    overlap
        Of neighbouring windows when predicting.
    flips
        Axes along which samples are mirrored; by default all for one term and none for several, which may differ
        by their side alone.
    """

    foreground: Annotated[float, Field(ge=0, le=1)] = 0.5
    window: tuple[FiniteFloat, FiniteFloat] | None = None
    overlap: Annotated[float, Field(ge=0, lt=0.9)] = 0.25
    flips: Annotated[str, Field(pattern="^z?y?x?$")] | None = None

    @model_validator(mode="after")
    def _window_ascends(self) -> Self:
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("window must be [low, high]")
        return self


class ClassificationRecipe(Recipe):
    """Settings of a classification; `patch` is the size that every image is brought to (z = 1 for pictures)."""


def read_settings(path: Path) -> dict[str, JsonValue]:
    """Read a TOML file; its values are checked by `make_recipe`. `preprocessing` may name a file beside it."""
    try:
        settings: dict[str, JsonValue] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInputError("the configuration file does not exist") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError("the configuration file is not readable TOML") from error
    named = settings.get("preprocessing")
    return settings | {"preprocessing": read_table(path.parent / named)} if isinstance(named, str) else settings


def make_recipe(task: Task, settings: Mapping[str, JsonValue]) -> SegmentationRecipe | ClassificationRecipe:
    """Check the settings of a training; InvalidInputError names the first that cannot be used."""
    kind = SegmentationRecipe if task is Task.SEGMENTATION else ClassificationRecipe
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise InvalidInputError(tell_first(error, unknown="unknown setting")) from error
