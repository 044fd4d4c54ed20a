"""The file beside exported labels: which value is which term, what kind of layer they are of, whether reviewed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imaging.domain.annotation import Layer, LayerKind
from imaging.domain.base import ImageKey, LayerKey, ModelKey, Record, SegmentationKey, TermKey
from imaging.domain.model import Model
from imaging.domain.ontology import Term
from imaging.domain.segmentation import Segmentation
from imaging.errors import InvalidInputError
from imaging.taxonomy import check_name

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr")


class SidecarTerm(Record):
    """What one voxel value means."""

    value: int
    name: str
    colour: str


class SidecarLayer(Record):
    """The layer, without its name: that may be a person's."""

    id: LayerKey
    kind: LayerKind


class SidecarModel(Record):
    """The model that made the labels."""

    id: ModelKey
    name: str
    version: str


class Sidecar(Record):
    """What is known about one exported segmentation; `model` is None where a person or an import made it."""

    image: ImageKey
    segmentation: SegmentationKey
    layer: SidecarLayer
    reviewed: bool
    model: SidecarModel | None = None
    terms: tuple[SidecarTerm, ...]

    @classmethod
    def of(
        cls, segmentation: Segmentation, layer: Layer, terms: dict[TermKey, Term], *, model: Model | None
    ) -> Sidecar:
        """Describe a segmentation."""
        known = [terms[item.term] for item in segmentation.terms]
        return cls(
            image=segmentation.image,
            segmentation=segmentation.id,
            layer=SidecarLayer(id=layer.id, kind=layer.kind),
            reviewed=segmentation.reviewed,
            model=None if model is None else SidecarModel(id=model.id, name=model.name, version=model.version),
            terms=tuple(SidecarTerm(value=term.value, name=term.name, colour=term.color) for term in known),
        )


class _Named(BaseModel):
    """What an import needs of a term; another program may write more or less beside it."""

    model_config = ConfigDict(frozen=True, strict=True)

    value: Annotated[int, Field(ge=1, le=65535)]
    name: str


_TERMS = TypeAdapter(list[_Named])


def sidecar_path(labels: Path) -> Path | None:
    """Where the sidecar of a file of labels lies: `a.json` beside `a.nii.gz`; None for other endings."""
    for ending in _ENDINGS:
        if labels.name.lower().endswith(ending):
            return labels.with_name(f"{labels.name[: -len(ending)]}.json")
    return None


def write_sidecar(sidecar: Sidecar, labels: Path) -> None:
    """Write what is known about a file of labels beside it."""
    path = sidecar_path(labels)
    assert path is not None
    path.write_text(sidecar.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_names(labels: Path) -> dict[int, str] | None:
    """Read which value is called what; None where nothing beside the labels says so.

    Other programs write JSON files beside volumes too (BIDS does); without `terms` one is not ours.

    Raises
    ------
    InvalidInputError
        There is such a file, and it cannot be understood: guessing would give voxels to the wrong term.
    """
    path = sidecar_path(labels)
    if path is None or not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict) or "terms" not in document:
            return None
        terms = _TERMS.validate_python(document["terms"])
        names = {term.value: check_name("term", term.name) for term in terms}
    except (OSError, ValueError, RecursionError, ValidationError, InvalidInputError) as error:
        raise _unreadable() from error
    if len(names) != len(terms):
        raise _unreadable()
    return names


def _unreadable() -> InvalidInputError:
    return InvalidInputError("the JSON file beside the labels does not say what each value is: use --term VALUE=NAME")
