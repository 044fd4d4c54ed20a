"""Drawings that were made on one image and come onto another are told, not refused."""

from __future__ import annotations

import json
from pathlib import Path

from imaging.domain.image import Image
from imaging.project.project import Project
from tests.pipelines.conftest import Call


def write_points(path: Path, *images: object) -> Path:
    """One point for each image that the drawings say they lie on."""
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 5]}, "properties": {"image": named}}
        for named in images
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def options(image: Image, kind: str = "geojson") -> tuple[object, ...]:
    return "annotations", "import", "phantoms", "--image", image.id, "--format", kind


def test_drawings_that_name_another_image_come_in_and_are_told(
    call: Call, project: Project, image: Image, tmp_path: Path
) -> None:
    source = write_points(tmp_path / "a.geojson", 449, "another", image.id)
    code, out, err = call(*options(image), source)
    assert (code, err) == (0, "imaging: 2 annotations name another image\n")
    assert "3 annotations" in out
    code, out, err = call(*options(image), write_points(tmp_path / "b.geojson", 449), "--json")
    assert (code, err) == (0, "imaging: 1 annotation names another image\n")
    assert json.loads(out)["other_image"] == 1
    assert project.annotations.list().total == 4


def test_drawings_that_name_their_image_or_none_bring_no_warning(call: Call, image: Image, tmp_path: Path) -> None:
    source = write_points(tmp_path / "a.geojson", image.id, str(image.id), image.name, None, "")
    code, out, err = call(*options(image), source, "--json")
    assert (code, err, json.loads(out)["other_image"]) == (0, "", 0)


def test_rows_that_name_another_image_are_told_too(call: Call, image: Image, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"wkt,image\nPOINT (5 5),449\nPOINT (5 6),{image.id}\n")
    code, _, err = call(*options(image, "csv"), tmp_path / "a.csv")
    assert (code, err) == (0, "imaging: 1 annotation names another image\n")


def test_a_dump_comes_back_onto_its_image_without_a_warning(call: Call, image: Image, tmp_path: Path) -> None:
    assert call(*options(image), write_points(tmp_path / "a.geojson", None))[0] == 0
    assert call("annotations", "dump", "phantoms", tmp_path / "b.geojson", "--format", "geojson")[0] == 0
    assert call(*options(image), tmp_path / "b.geojson")[::2] == (0, "")
