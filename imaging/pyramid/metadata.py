"""OME-Zarr 0.5 metadata of an image and of a segmentation, with our own geometry beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imaging.domain.image import ImageAttributes
from imaging.domain.ontology import Term
from imaging.errors import NotFoundError, VerificationError
from imaging.pyramid.layout import Layout

OME_VERSION = "0.5"
_KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def print_group(group: dict[str, object]) -> bytes:
    """Give a zarr.json as it is written."""
    return json.dumps(group, indent=1, allow_nan=False).encode()


def restate_group(path: Path, attributes: ImageAttributes) -> bytes:
    """Give the zarr.json of an image with other attributes of ours; what OME-Zarr says stays."""
    stated = read_group(path, kind="image")
    return print_group(_group({**stated, "imaging": attributes.model_dump(mode="json")}))


def image_group(layout: Layout, attributes: ImageAttributes) -> dict[str, object]:
    """The zarr.json of an image: multiscales, and `attributes.imaging` with everything that OME-Zarr cannot say."""
    ome: dict[str, object] = {"version": OME_VERSION, "multiscales": [_multiscale(layout, attributes, "mean")]}
    return _group({"ome": ome, "imaging": attributes.model_dump(mode="json")})


def segmentation_group(layout: Layout, attributes: ImageAttributes, terms: Sequence[Term]) -> dict[str, object]:
    """The zarr.json of a segmentation: multiscales and the colour of each value."""
    ome: dict[str, object] = {
        "version": OME_VERSION,
        "multiscales": [_multiscale(layout, attributes, "mode")],
        "image-label": {
            "colors": [{"label-value": term.value, "rgba": _rgba(term.color)} for term in terms],
            "properties": [{"label-value": term.value, "term": term.id, "name": term.name} for term in terms],
            "source": {"image": "../../"},
        },
    }
    return _group({"ome": ome})


def labels_group(names: Sequence[str]) -> dict[str, object]:
    """The zarr.json of the `labels` folder."""
    return _group({"ome": {"version": OME_VERSION, "labels": list(names)}})


def read_group(path: Path, *, kind: str) -> dict[str, Any]:
    """The attributes of a group; NotFoundError of that kind when there is none."""
    try:
        text = (path / "zarr.json").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(kind) from error
    try:
        attributes = json.loads(text)["attributes"]
    except (ValueError, KeyError) as error:
        raise VerificationError(f"metadata of the {kind}", path.name) from error
    assert isinstance(attributes, dict)
    return attributes


def _multiscale(layout: Layout, attributes: ImageAttributes, method: str) -> dict[str, object]:
    spacing = dict(zip("zyx", attributes.spacing_mm, strict=True))
    axes = [
        {"name": name, "type": _KINDS[name]} | ({"unit": "millimeter"} if spacing.get(name) is not None else {})
        for name in layout.axes
    ]
    datasets = [
        {
            "path": str(number),
            "coordinateTransformations": [
                {"type": "scale", "scale": list(level.scale)},
                {"type": "translation", "translation": list(level.translation)},
            ],
        }
        for number, level in enumerate(layout.levels)
    ]
    return {"axes": axes, "datasets": datasets, "type": method}


def _group(attributes: dict[str, object]) -> dict[str, object]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def _rgba(color: str) -> list[int]:
    digits = color.lstrip("#")
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)] + [255]
