"""Planes that form no regular grid come onto one without anything moving in the patient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.domain.image import ImageAttributes, Irregularity, Padding, Rescale
from imaging.errors import InvalidInputError
from imaging.geometry import affine_lps
from imaging.pyramid.layout import Slab
from pipelines.irregular import Interpolator, RegularGrid, plan_grid, regular_attributes

Field = Callable[[np.ndarray], np.ndarray]
PIXELS = (0.8, 0.6)


def leaning(degrees: float) -> list[float]:
    """Row and column cosines of a gantry that leans about the patient's x."""
    angle = np.deg2rad(degrees)
    return [1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(np.sin(angle))]


def describe(positions: np.ndarray, orientation: list[float], **more: object) -> ImageAttributes:
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine = affine_lps(orientation=orientation, pixel_spacing=PIXELS, first=positions[0], step=step)
    values = {
        "axes": "zyx",
        "affine_lps": affine.tolist(),
        "positions_lps": positions.tolist(),
        "spacing_mm": (float(np.linalg.norm(step)), *PIXELS),
        "regular": False,
        "irregularities": (Irregularity.TILT,),
    }
    return ImageAttributes.model_validate({**values, **more})


def points_of(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """LPS of every voxel centre (z, y, x, 3)."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def sample(field: Field, positions: np.ndarray, orientation: list[float], plane: tuple[int, int]) -> np.ndarray:
    """What a scanner that measures `field` stores in each plane."""
    planes = []
    for position in positions:
        affine = affine_lps(orientation=orientation, pixel_spacing=PIXELS, first=position, step=(0, 0, 1))
        planes.append(field(points_of(affine, (1, *plane)))[0])
    return np.stack(planes)


def make_regular(stored: np.ndarray, attributes: ImageAttributes) -> tuple[np.ndarray, RegularGrid]:
    grid = plan_grid(attributes, (stored.shape[1], stored.shape[2]))
    compute = Interpolator(attributes, grid, lambda slab: stored[slab.start : slab.stop], stored.dtype)
    return compute(Slab(0, 0, grid.shape[0])), grid


def inside(grid: RegularGrid, stored: np.ndarray) -> np.ndarray:
    """Which new voxels see nothing but voxels of the source."""
    row, column = (np.arange(count) for count in grid.shape[1:])
    rows = row[None, :, None] + grid.shift[:, 0, None, None]
    columns = column[None, None, :] + grid.shift[:, 1, None, None]
    return (rows >= 0) & (rows <= stored.shape[1] - 1) & (columns >= 0) & (columns <= stored.shape[2] - 1)


def test_a_linear_function_stays_itself_on_a_tilted_and_uneven_stack() -> None:
    heights = np.array([0, 2, 4.4, 6.2, 8, 10.1, 12])
    positions = np.array([[-20.0, 10 + 0.3 * z, 5 + z] for z in heights])

    def field(points: np.ndarray) -> np.ndarray:
        return (points @ np.array([1.5, -2.25, 3.0]) + 40.0).astype(np.float32)

    attributes = describe(positions, leaning(18), irregularities=(Irregularity.TILT, Irregularity.UNEVEN))
    stored = sample(field, positions, leaning(18), (20, 24))
    made, grid = make_regular(stored, attributes)
    truth = field(points_of(grid.affine, grid.shape))
    seen = inside(grid, stored)
    assert seen.any(axis=(1, 2)).all()
    assert made[seen] == pytest.approx(truth[seen], abs=2e-3)
    assert grid.interpolated
    assert grid.across_gaps == ()


@pytest.mark.parametrize("degrees", [-25, -8, 0.5, 15, 30])
def test_a_straight_rod_in_a_tilted_ct_stays_straight_and_where_it_was(degrees: float) -> None:
    rod = np.array([3.2, -4.7])
    positions = np.array([[-16.0, -20.0, 40 + 2.5 * z] for z in range(24)])
    orientation = leaning(degrees)

    def field(points: np.ndarray) -> np.ndarray:
        away = ((points[..., :2] - rod) ** 2).sum(axis=-1)
        return np.rint(1000 * np.exp(-away / (2 * 2.5**2))).astype(np.int16)

    attributes = describe(positions, orientation)
    stored = sample(field, positions, orientation, (52, 56))
    made, grid = make_regular(stored, attributes)
    places = points_of(grid.affine, grid.shape)
    weights = np.where(made > 50, made, 0).astype(float)
    centres = (weights[..., None] * places).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))[:, None]
    assert len(centres) == len(positions)
    assert np.abs(centres[:, :2] - rod).max() < 0.06
    # Right angles, so that whoever knows only spacing and direction is not misled.
    direction = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    assert np.abs(direction.T @ direction - np.eye(3)).max() < 1e-6
    assert grid.affine[:3, 0] @ [0, 0, 1] == pytest.approx(2.5 * np.cos(np.deg2rad(degrees)) ** 2)


def to_sitk(stored: np.ndarray, affine: np.ndarray) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(stored)
    columns = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(columns, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((columns / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def resample_by_sitk(image: SimpleITK.Image, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    grid = to_sitk(np.zeros(shape, np.float32), affine)
    return SimpleITK.GetArrayFromImage(
        SimpleITK.Resample(image, grid, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0)
    )


@given(
    seed=st.integers(0, 10**6),
    degrees=st.floats(-25, 25),
    steps=st.lists(st.floats(1.0, 1.45), min_size=2, max_size=6),
    drift=st.floats(-0.4, 0.4),
)
@settings(max_examples=25, deadline=None)
def test_every_plane_is_what_simpleitk_makes_of_its_two_neighbours(
    seed: int, degrees: float, steps: list[float], drift: float
) -> None:
    rng = np.random.default_rng(seed)
    orientation = leaning(degrees)
    normal = np.cross(orientation[:3], orientation[3:])
    heights = np.concatenate([[0.0], np.cumsum(steps)])
    positions = np.array([-4.0, 3.0, 2.0]) + heights[:, None] * (normal + np.array([drift, drift / 2, 0]))
    stored = rng.normal(100, 30, (len(heights), 12, 14)).astype(np.float32)
    made, grid = make_regular(stored, describe(positions, orientation))
    seen = inside(grid, stored)
    for plane in range(grid.shape[0]):
        below = min(int(grid.below[plane]), len(heights) - 2)
        pair = affine_lps(
            orientation=orientation,
            pixel_spacing=PIXELS,
            first=positions[below],
            step=positions[below + 1] - positions[below],
        )
        onto = grid.affine.copy()
        onto[:3, 3] += plane * grid.affine[:3, 0]
        expected = resample_by_sitk(to_sitk(stored[below : below + 2], pair), onto, (1, *grid.shape[1:]))[0]
        # Pixels at the very rim are in or out of the source by rounding.
        core = seen[plane].copy()
        core[[0, -1]] = core[:, [0, -1]] = False
        assert np.abs(made[plane][core] - expected[core]).max(initial=0.0) < 0.15


def test_planes_beyond_a_gap_stay_where_they_were_and_the_made_up_ones_are_named() -> None:
    heights = np.array([0.0, 2, 4, 6, 14, 16, 18])
    positions = np.array([[0.0, 0.0, z] for z in heights])
    stored = np.repeat((100 * heights)[:, None, None], 5, axis=1).repeat(6, axis=2).astype(np.int16)
    attributes = describe(positions, leaning(0), irregularities=(Irregularity.GAP,))
    made, grid = make_regular(stored, attributes)
    assert made[:, 2, 3].tolist() == [100 * z for z in range(0, 20, 2)]
    assert grid.interpolated == grid.across_gaps == (4, 5, 6)
    assert grid.affine[:3, 0].tolist() == [0, 0, 2]


def test_padding_never_mixes_with_tissue() -> None:
    positions = np.array([[0.0, 0.0, z] for z in (0, 1, 2.3, 3.3)])
    stored = np.full((4, 8, 8), 50, np.int16)
    stored[:, :, 5:] = -2000
    attributes = describe(
        positions, leaning(0), irregularities=(Irregularity.UNEVEN,), padding=Padding(low=-2000, high=-2000)
    )
    made, _ = make_regular(stored, attributes)
    assert set(np.unique(made)) == {-2000, 50}


def test_planes_of_different_rescaling_agree_in_real_values() -> None:
    positions = np.array([[0.0, 0.0, z] for z in (0, 1, 2.3, 3.3)])
    slopes = (0.5, 1.0, 2.0, 0.25)
    stored = np.stack([np.full((4, 4), round(800 / slope)) for slope in slopes]).astype(np.uint16)
    attributes = describe(
        positions,
        leaning(0),
        irregularities=(Irregularity.UNEVEN,),
        rescale=Rescale(slope=slopes, intercept=(0.0,) * 4),
    )
    made, grid = make_regular(stored, attributes)
    rescale = regular_attributes(attributes, grid).rescale
    assert np.unique(made * rescale.slope[0] + rescale.intercept[0]).tolist() == [800]


def test_what_lies_outside_of_a_tilted_ct_is_air() -> None:
    positions = np.array([[0.0, 0.0, 3.0 * z] for z in range(6)])
    attributes = describe(positions, leaning(25), units="HU", rescale=Rescale(intercept=(-1024.0,)))
    made, grid = make_regular(np.full((6, 10, 10), 1060, np.uint16), attributes)
    assert grid.shape[1] > 10
    assert set(np.unique(made)) == {0, 1060}


def test_the_facts_of_the_regular_image_agree_with_its_matrix() -> None:
    positions = np.array([[1.0, 2.0 + 0.2 * z, 3.0 * z] for z in range(5)])
    attributes = describe(positions, leaning(12), frame_of_reference="1.2.3", profile_hash="0" * 64)
    grid = plan_grid(attributes, (10, 12))
    made = regular_attributes(attributes, grid)
    affine = np.asarray(made.affine_lps)
    assert made.regular
    assert made.irregularities == ()
    assert np.asarray(made.positions_lps)[3] == pytest.approx(affine[:3, 3] + 3 * affine[:3, 0])
    assert np.linalg.norm(affine[:3, :3], axis=0) == pytest.approx(made.spacing_mm)
    # Both change with a second pseudonymisation, which finds images by their headers.
    assert (made.frame_of_reference, made.profile_hash) == ("", "")


@pytest.mark.parametrize("wrong", [{"placed": False}, {"spacing_mm": (None, 1.0, 1.0)}])
def test_an_image_without_a_place_is_not_brought_anywhere(wrong: dict[str, object]) -> None:
    positions = np.array([[0.0, 0.0, z] for z in range(3)])
    with pytest.raises(InvalidInputError):
        plan_grid(describe(positions, leaning(0), **wrong), (4, 4))


def test_far_more_planes_than_there_are_are_not_made_up() -> None:
    positions = np.array([[0.0, 0.0, z] for z in (0.0, 0.02, 0.04, 50_000.0)])
    with pytest.raises(InvalidInputError, match="far more planes"):
        plan_grid(describe(positions, leaning(0)), (4, 4))


def test_real_values_that_no_stored_type_holds_are_kept() -> None:
    positions = np.array([[0.0, 0.0, z] for z in (0.0, 1.0, 2.3, 3.3)])
    rescale = Rescale(slope=(1, 1, 100, 0.1), intercept=(0, 1000, 0, -5))
    attributes = describe(positions, leaning(0), rescale=rescale, padding=Padding(low=0, high=0))
    stored = np.array([100, 65_000, 1, 400], np.uint16).reshape(4, 1, 1)
    grid = plan_grid(attributes, (1, 1))
    compute = Interpolator(attributes, grid, lambda slab: stored[slab.start : slab.stop], np.dtype(np.float32))
    made = compute(Slab(0, 0, grid.shape[0])).ravel()
    assert made[:2].tolist() == [100.0, 66_000.0]
    regular = regular_attributes(attributes, grid)
    assert (regular.rescale, regular.padding, regular.bits_stored) == (Rescale(), None, 32)
