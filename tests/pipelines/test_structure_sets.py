"""Contours of structure sets land on the planes that they were drawn on, and keep their vertices."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import generate_uid

from imaging.dicom.structures import Contour, ContourKind
from imaging.domain.image import Image
from imaging.errors import InvalidInputError
from imaging.geometry import affine_lps, parse_wkt, voxel_to_world, world_to_voxel
from imaging.project.project import Project
from pipelines.contours import lay_contours
from tests.pipelines.dicom_objects import bring, write_contours
from tests.pipelines.ingesting import take


def square(z: float, low: float, high: float) -> np.ndarray:
    return np.array([[low, low, z], [high, low, z], [high, high, z], [low, high, z]])


def in_patient(image: Image, xy: Sequence[float], z: int) -> np.ndarray:
    """Give the LPS mm of pixels (x, y) of plane z as the API counts them: origin lower-left."""
    height = image.extent("y")
    voxels = [[z, height - y - 0.5, x - 0.5] for x, y in np.reshape(xy, (-1, 2))]
    return voxel_to_world(image.attributes.affine_lps, voxels)


def test_outlines_keep_their_vertices_and_holes(project: Project, image: Image, tmp_path: Path) -> None:
    outer, hole = square(32.5, -9.0, -1.0), square(32.5, -6.0, -3.0)
    outer[:, 1] -= 10
    hole[:, 1] -= 10
    beside = square(32.5, 1.0, 2.0) - [0, 13, 0]
    contours = [(4, "CLOSED_PLANAR", part) for part in (hole, outer, beside)]
    path = write_contours(tmp_path / "s.dcm", contours, {4: "Liver"})
    made = bring(project, image, path, "rtstruct").made
    assert (made.annotations, made.created_terms) == (2, ["Liver"])
    found = project.annotations.list().items
    assert {(one.axis.value, one.index, one.reviewed) for one in found} == {("z", 1, True)}
    shapes = sorted((parse_wkt(one.wkt) for one in found), key=lambda shape: -shape.area)
    assert [len(shape.interiors) for shape in shapes] == [1, 0]
    # The inside convention has its origin top-left: x = column + 0.5, y = row + 0.5.
    points = np.array([*shapely.get_coordinates(shapes[0]), *shapely.get_coordinates(shapes[1])])
    back = voxel_to_world(image.attributes.affine_lps, [[1, y - 0.5, x - 0.5] for x, y in points])
    for corner in np.concatenate([outer, hole, beside]):
        assert np.linalg.norm(back - corner, axis=1).min() < 1e-5
    assert found[0].area_mm2 is not None
    assert sum(one.area_mm2 or 0 for one in found) == pytest.approx(64 - 9 + 1)


def test_points_lines_and_exclusive_outlines_come_in_as_what_they_are(
    project: Project, image: Image, tmp_path: Path
) -> None:
    contours = [
        (1, "POINT", np.array([[-8.0, -18.0, 30.0]])),
        (2, "OPEN_PLANAR", np.array([[-8.0, -18.0, 35.0], [-5.0, -15.0, 35.0]])),
        (3, "CLOSEDPLANAR_XOR", square(35.0, -9.0, -5.0) - [0, 10, 0]),
        (3, "CLOSEDPLANAR_XOR", square(35.0, -7.0, -3.0) - [0, 10, 0]),
    ]
    path = write_contours(tmp_path / "s.dcm", contours, {1: "Liver", 2: "Lung", 3: "Heart"})
    made = bring(project, image, path, "rtstruct", v2="line", Heart="core").made
    assert set(made.created_terms) == {"Liver", "line", "core"}
    found = {one.wkt.split(" ")[0] for one in project.annotations.list().items}
    assert found == {"POINT", "LINESTRING", "POLYGON"}
    core = [one for one in project.annotations.list().items if one.terms == (project.ontology.find("core").id,)]
    assert sum(one.area_mm2 or 0 for one in core) == pytest.approx(16 + 16 - 2 * 4)


def test_an_outline_that_comes_twice_is_one_and_one_of_no_area_is_a_line(
    project: Project, image: Image, tmp_path: Path
) -> None:
    outline = square(30.0, -9.0, -5.0) - [0, 10, 0]
    flat = np.array([[-9.0, -18.0, 30.0], [-5.0, -18.0, 30.0], [-7.0, -18.0, 30.0]])
    two = np.array([[-9.0, -18.0, 32.5], [-5.0, -18.0, 32.5]])
    contours = [(1, "CLOSED_PLANAR", outline)] * 2 + [(1, "CLOSED_PLANAR", flat), (1, "POINT", two)]
    bring(project, image, write_contours(tmp_path / "s.dcm", contours, {1: "Liver"}), "rtstruct")
    kinds = sorted(one.wkt.split(" ")[0] for one in project.annotations.list().items)
    assert kinds == ["LINESTRING", "POINT", "POINT", "POLYGON"]


def test_an_outline_in_a_hole_is_filled_again(project: Project, image: Image, tmp_path: Path) -> None:
    rings = [square(30.0, low, high) - [0, 10, 0] for low, high in ((-9.0, -1.0), (-8.0, -2.0), (-7.0, -3.0))]
    path = write_contours(tmp_path / "s.dcm", [(1, "CLOSED_PLANAR", ring) for ring in rings], {1: "Liver"})
    bring(project, image, path, "rtstruct")
    areas = sorted(one.area_mm2 or 0 for one in project.annotations.list().items)
    assert areas == pytest.approx([16, 64 - 36])


def test_terms_of_regions_are_exchanged_in_one_go(project: Project, image: Image, tmp_path: Path) -> None:
    contours = [(1, "POINT", np.array([[-8.0, -18.0, 30.0]])), (2, "POINT", np.array([[-8.0, -18.0, 32.5]]))]
    path = write_contours(tmp_path / "s.dcm", contours, {1: "lung", 2: "nodule"})
    bring(project, image, path, "rtstruct", lung="nodule", nodule="lung")
    terms = {one.index: one.terms for one in project.annotations.list().items}
    assert terms == {0: (project.ontology.find("nodule").id,), 1: (project.ontology.find("lung").id,)}


def test_an_outline_across_the_planes_lies_on_a_plane_of_another_axis(
    project: Project, image: Image, tmp_path: Path
) -> None:
    upright = np.array([[-7.0, -19.0, 30.0], [-7.0, -15.0, 30.0], [-7.0, -15.0, 40.0], [-7.0, -19.0, 40.0]])
    bring(project, image, write_contours(tmp_path / "s.dcm", [(1, "CLOSED_PLANAR", upright)], {1: "Liver"}), "rtstruct")
    (one,) = project.annotations.list().items
    assert (one.axis.value, one.index) == ("x", 4)
    assert one.area_mm2 == pytest.approx(40)


@pytest.mark.parametrize(
    ("kind", "points", "said"),
    [
        ("CLOSED_PLANAR", square(31.2, -9, -5), "on no plane"),
        ("CLOSED_PLANAR", square(-30.0, -9, -5), "outside the image"),
        ("CLOSED_PLANAR", square(30.0, 500, 600), "lies on the plane"),
        ("OPEN_NONPLANAR", square(30.0, -9, -5), "lies on no plane"),
        ("CLOSED_PLANAR", np.array([[1.0, 2.0]]), "without three coordinates"),
    ],
    ids=["between planes", "below the image", "beside the image", "not flat", "two coordinates"],
)
def test_contours_that_lie_nowhere_change_nothing(
    kind: str, points: np.ndarray, said: str, project: Project, image: Image, tmp_path: Path
) -> None:
    good = (1, "POINT", np.array([[-8.0, -18.0, 30.0]]))
    path = write_contours(tmp_path / "s.dcm", [good, (1, kind, points)], {1: "Liver"})
    terms = project.ontology.terms()
    with pytest.raises(InvalidInputError, match=said):
        bring(project, image, path, "rtstruct")
    assert (project.annotations.list().total, project.ontology.terms()) == (0, terms)


def tilted(angles: tuple[float, float, float], spacing: tuple[float, float, float]) -> np.ndarray:
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        step = np.eye(3)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        step[one, one] = step[other, other] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    orientation = (*turn[:, 0], *turn[:, 1])
    return affine_lps(
        orientation=orientation, pixel_spacing=spacing[1:], first=(3.0, -70.0, 11.0), step=turn[:, 2] * spacing[0]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 6)] * 3),
    index=st.integers(0, 5),
    corners=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 24)), min_size=3, max_size=12, unique=True),
)
def test_vertices_stay_in_place_whatever_way_the_planes_lie(
    image: Image,
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    index: int,
    corners: list[tuple[float, float]],
) -> None:
    hull = shapely.convex_hull(shapely.MultiPoint(corners))
    if hull.geom_type != "Polygon" or hull.area < 0.5:
        return
    affine = tuple(map(tuple, tilted(angles, spacing)))
    attributes = image.attributes.model_copy(update={"affine_lps": affine, "spacing_mm": spacing})
    turned = image.model_copy(update={"attributes": attributes})
    wanted = shapely.get_coordinates(hull)[:-1]
    points = in_patient(turned, wanted.ravel().tolist(), index)
    (drawn,) = lay_contours([Contour(1, ContourKind.OUTLINE, points)], {1: "a"}, turned)
    assert drawn.index == index
    got = in_patient(turned, shapely.get_coordinates(parse_wkt(drawn.wkt)).ravel().tolist(), index)
    for point in points:
        assert np.linalg.norm(got - point, axis=1).min() < 0.01


def test_real_contours_keep_their_vertices(
    project: Project, template: pydicom.Dataset, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "rt_sr" / "dicompyler" / "rtss.dcm"
    source = pydicom.dcmread(shared_data / "rt_sr" / "dicompyler" / "ct.0.dcm")
    structures = pydicom.dcmread(path)
    sets = [item for region in structures.ROIContourSequence for item in region.get("ContourSequence", [])]
    raw = [np.asarray(item.ContourData, float).reshape(-1, 3) for item in sets]
    heights = sorted({round(float(z), 3) for points in raw for z in points[:, 2]})
    step = min(np.diff(heights))
    (tmp_path / "ct").mkdir()
    # The study's other slices are not public: planes at their places, with nothing on them.
    for number in range(round((heights[-1] - heights[0]) / step) + 1):
        plane = deepcopy(source)
        plane.SOPInstanceUID = plane.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        plane.ImagePositionPatient = [*source.ImagePositionPatient[:2], heights[0] + number * step]
        plane.InstanceNumber, plane.PixelData = number, bytes(len(source.PixelData))
        plane.save_as(tmp_path / "ct" / f"{number}.dcm")
    take(project, tmp_path / "ct")
    (image,) = project.images.list()
    made = bring(project, image, path, "rtstruct").made
    assert made.annotations >= len(sets) / 2
    by_plane: dict[int, list[np.ndarray]] = {}
    for one in project.annotations.list().items:
        xy = shapely.get_coordinates(parse_wkt(one.wkt))
        voxels = np.column_stack([np.full(len(xy), one.index), xy[:, 1] - 0.5, xy[:, 0] - 0.5])
        by_plane.setdefault(one.index, []).append(voxel_to_world(image.attributes.affine_lps, voxels))
    for points in raw:
        index = round(float(world_to_voxel(image.attributes.affine_lps, points[:1])[0, 0]))
        there = np.concatenate(by_plane[index])
        distances = np.linalg.norm(points[:, np.newaxis] - there, axis=2).min(axis=1)
        assert distances.max() < 0.01
