"""Drawings from and to files: GeoJSON and CSV, in Cytomine's plane coordinates (origin lower-left, y up, pixels)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import shapely
from pydantic import JsonValue

from imaging.domain.annotation import Annotation, AnnotationDraft, Layer, Measurement
from imaging.domain.base import LayerKey, TermKey
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import flip_wkt_y, format_wkt, parse_wkt
from imaging.project.drawing import LONGEST_WKT, plane_of

_KINDS = frozenset({"Point", "LineString", "Polygon", "MultiPolygon"})


@dataclass(frozen=True)
class Drawn:
    """One drawing as a file gives it; `wkt` has its origin lower-left, `terms` are names.

    `image` is the id or name of the image that the file says it lies on, empty where it says none.
    """

    wkt: str
    terms: tuple[str, ...] = ()
    axis: Axis = Axis.Z
    index: int = 0
    t: int = 0
    c: int = 0
    image: str = ""
    measurements: tuple[Measurement, ...] = ()

    def names_another(self, image: Image) -> bool:
        """Whether the file says that the drawing lies on another image."""
        return self.image not in ("", str(image.id), image.name)

    def draft(self, image: Image, terms: Iterable[TermKey]) -> AnnotationDraft:
        """Place the drawing on an image, turning it to the inside convention."""
        return AnnotationDraft(
            image=image.id,
            wkt=flip_wkt_y(self.wkt, plane_of(image, self.axis).height),
            axis=self.axis,
            index=self.index,
            t=self.t,
            c=self.c,
            terms=tuple(terms),
            measurements=self.measurements,
        )


def read_geojson(path: Path) -> list[Drawn]:
    """Read features whose properties may hold axis, index, t, c, and term, terms or a QuPath classification."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError("the file is no readable GeoJSON") from error
    features = document.get("features", [document]) if isinstance(document, dict) else document
    if not isinstance(features, list):
        raise InvalidInputError("the file is no readable GeoJSON")
    return [_read_feature(feature, number) for number, feature in enumerate(features, 1)]


def read_csv(path: Path) -> list[Drawn]:
    """Read rows of the columns wkt and, where wanted, term, axis, index, t, c; several terms are parted by `;`."""
    found = []
    for number, row in read_rows(path, needed=("wkt",)):
        terms = tuple(name.strip() for name in row.get("term", "").split(";") if name.strip())
        found.append(_place(row["wkt"], terms, row, f"row {number}"))
    return found


READERS: dict[str, Callable[[Path], list[Drawn]]] = {"geojson": read_geojson, "csv": read_csv}
"""Formats of drawings by their name on the command line."""


def read_rows(path: Path, *, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a comma-separated table with a header; gives row numbers as an editor shows them."""
    # Python's own limit of 131,072 characters is less than a careful outline takes.
    csv.field_size_limit(LONGEST_WKT)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in needed if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInputError(f"the table has no column {missing[0]}")
            for row in reader:
                if None in row or None in row.values():
                    raise InvalidInputError(f"row {reader.line_num} of the table has too many or too few cells")
                yield reader.line_num, {column: cell.strip() for column, cell in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError("the table is no readable CSV file") from error


def write_geojson(
    annotations: Iterable[Annotation],
    path: Path,
    *,
    images: Mapping[int, Image],
    layers: Mapping[LayerKey, Layer],
    names: Mapping[TermKey, str],
) -> int:
    """Write drawings so that `read_geojson` reads them back; gives their count.

    Whose a layer is is told by its id alone: nobody is named.
    """
    features: list[JsonValue] = []
    for annotation in annotations:
        image = images[annotation.image]
        wkt = flip_wkt_y(annotation.wkt, plane_of(image, annotation.axis).height)
        properties: dict[str, JsonValue] = {
            "image": annotation.image,
            "axis": annotation.axis.value,
            "index": annotation.index,
            "t": annotation.t,
            "c": annotation.c,
            "terms": [names[term] for term in annotation.terms],
            "reviewed": annotation.reviewed,
            "layer": {"id": annotation.layer, "kind": layers[annotation.layer].kind.value},
            "measurements": [measurement.model_dump() for measurement in annotation.measurements],
        }
        geometry = json.loads(shapely.to_geojson(parse_wkt(wkt)))
        features.append({"type": "Feature", "id": annotation.id, "geometry": geometry, "properties": properties})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return len(features)


def _read_feature(feature: JsonValue, number: int) -> Drawn:
    where = f"feature {number}"
    if not isinstance(feature, dict):
        raise InvalidInputError(f"{where} is no GeoJSON feature")
    properties = feature.get("properties") or {}
    try:
        geometry = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise InvalidInputError(f"{where} has no readable geometry") from error
    if geometry is None or geometry.geom_type not in _KINDS or not isinstance(properties, dict):
        raise InvalidInputError(f"{where} is no point, line or polygon")
    return _place(format_wkt(geometry), _terms_of(properties), properties, where)


def _terms_of(properties: Mapping[str, JsonValue]) -> tuple[str, ...]:
    terms, one, class_ = (properties.get(key) for key in ("terms", "term", "classification"))
    if isinstance(terms, list):
        return tuple(str(term) for term in terms)
    if isinstance(one, str | int):
        return (str(one),)
    if isinstance(class_, dict) and isinstance(class_.get("name"), str):
        return (str(class_["name"]),)
    return ()


def _place(wkt: str, terms: tuple[str, ...], given: Mapping[str, JsonValue] | Mapping[str, str], where: str) -> Drawn:
    numbers = {name: given.get(name) or 0 for name in ("index", "t", "c")}
    named = given.get("image")
    image = str(named) if isinstance(named, str | int) else ""
    try:
        index, t, c = (int(str(numbers[name])) for name in ("index", "t", "c"))
        return Drawn(wkt, terms, Axis(given.get("axis") or "z"), index, t, c, image)
    except ValueError as error:
        raise InvalidInputError(f"{where} lies on no plane: axis is z, y or x, index a whole number") from error
