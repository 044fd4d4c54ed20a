"""A recipe gives the voxels that MONAI and SimpleITK give, where they give them, once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import zarr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ome_zarr_models.v05.image import Image as OmeImage

import pipelines.preprocess
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.prepared import list_entries
from imaging.pyramid.read import Pyramid
from pipelines.plan import orientation_of
from pipelines.prepared_grid import plan_prepared
from pipelines.preprocess import PreparedImages, PreparedLabels, preprocess
from pipelines.preprocessing import PreprocessingRecipe, check_recipe, read_recipe
from pipelines.voxels import LabelVoxels
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import take
from tests.pipelines.learning.conftest import AddImage
from tests.pipelines.learning.preparing import by_monai, by_sitk, lay, noise, orient, prepare, put_image

ORDERS = ((2, 1, 0), (0, 1, 2), (1, 2, 0), (0, 2, 1))


@given(
    seed=st.integers(0, 10**6),
    # An angle of 1e-300 is none, but leaves a matrix that MONAI does not take for a turned one.
    angles=st.tuples(*[st.floats(-20, 20).map(lambda degrees: round(degrees, 3))] * 3),
    spacing=st.tuples(*[st.floats(0.6, 4.0)] * 3),
    wanted=st.tuples(*[st.floats(0.5, 5.0)] * 3),
    order=st.sampled_from(ORDERS),
    orientation=st.sampled_from(["LPS", "RAS", "RAI", "LPI"]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orienting_and_resampling_is_what_monai_and_simpleitk_do(
    project: Project,
    seed: int,
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    wanted: tuple[float, float, float],
    order: tuple[int, int, int],
    orientation: str,
) -> None:
    from monai.transforms import Spacing

    affine, stored = lay(angles, spacing, order), noise(seed)
    recipe = PreprocessingRecipe(orientation=orientation, spacing=wanted)
    grid = plan_prepared(recipe, tuple(map(tuple, affine.tolist())), stored.shape, None)
    lengths = [(stored.shape[axis.source] - 1) / abs(axis.step) for axis in grid.axes]
    # Half a voxel more or less is one more or none, by the last digit of the matrix.
    assume(all(abs(length % 1 - 0.5) > 1e-6 for length in lengths))
    # MONAI leaves a spacing alone that is wanted but for a thousandth.
    assume(all(abs(abs(axis.step) - 1) > 0.01 for axis in grid.axes))
    image = put_image(project, stored, affine)
    made, placed = prepare(project, image.id, recipe)
    theirs, monai_affine = by_monai(stored - 1000.0, affine, orient(recipe.axes), Spacing(wanted))
    assert made.shape == theirs.shape
    assert placed == pytest.approx(monai_affine, abs=1e-6)
    assert orientation_of(tuple(map(tuple, placed.tolist()))) == recipe.axes
    assert np.abs(made - theirs).max() < 0.05
    # Beyond the last voxel SimpleITK takes the nearest, where MONAI goes on interpolating along the border.
    ends = [axis.start + axis.step * np.arange(axis.length) for axis in grid.axes]
    seen = [np.flatnonzero((end >= 0) & (end <= axis.last)) for end, axis in zip(ends, grid.axes, strict=True)]
    theirs = by_sitk(stored - 1000.0, affine, placed, made.shape)
    assert np.abs(made - theirs)[np.ix_(*seen)].max() < 0.05


def test_the_whole_recipe_is_the_chain_of_monai_that_a_bundle_runs(project: Project) -> None:
    from monai.transforms import CropForeground, DivisiblePad, ScaleIntensityRange, Spacing

    stored = noise(3, (14, 30, 26)) // 10
    stored[3:11, 6:21, 4:22] += 900
    affine = lay((5, -8, 12), (2.5, 0.8, 0.9), (0, 2, 1))
    image = put_image(project, stored, affine)
    table = {
        "orientation": "RAS",
        "spacing": [1.5, 1.25, 1.1],
        "multiple": 8,
        "crop": {"above": -300.0, "margin": 2},
        "intensity": {"CT": {"kind": "fixed", "low": -200.0, "high": 250.0}},
    }
    made, placed = prepare(project, image.id, check_recipe(table))
    theirs, monai_affine = by_monai(
        stored - 1000.0,
        affine,
        orient("SAR"),
        CropForeground(select_fn=lambda values: values > -300.0, margin=2, allow_smaller=True),
        ScaleIntensityRange(-200.0, 250.0, -1.0, 1.0, clip=True),
        Spacing((1.5, 1.25, 1.1)),
        DivisiblePad(8, mode="edge"),
    )
    assert made.shape == theirs.shape
    assert [length % 8 for length in made.shape] == [0, 0, 0]
    assert placed == pytest.approx(monai_affine, abs=1e-6)
    assert np.abs(made - theirs).max() < 1e-4


@pytest.mark.parametrize("length", [33, 34, 35, 36])
@pytest.mark.parametrize("orientation", ["LPS", "RAI"])
def test_half_a_voxel_at_the_end_counts_as_in_monai(project: Project, length: int, orientation: str) -> None:
    from monai.transforms import Spacing

    stored, affine = noise(length, (length, 3, length + 1)), lay((0, 0, 0), (1.0, 1.0, 2.0))
    image = put_image(project, stored, affine)
    recipe = PreprocessingRecipe(orientation=orientation, spacing=(2.0, 1.0, 4.0))
    made, placed = prepare(project, image.id, recipe)
    theirs, monai_affine = by_monai(stored - 1000.0, affine, orient(recipe.axes), Spacing((2.0, 1.0, 4.0)))
    assert made.shape == theirs.shape
    assert placed == pytest.approx(monai_affine, abs=1e-6)
    assert np.abs(made - theirs).max() < 1e-3


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_an_mr_is_normalised_by_what_the_crop_leaves_of_it(project: Project, kind: str) -> None:
    from monai.transforms import ClipIntensityPercentiles, CropForeground, NormalizeIntensity

    stored = noise(4) // 20
    stored[2:9, 3:12, 2:11] += 700
    affine = lay((0, 0, 0), (3.0, 1.0, 1.0))
    image = put_image(project, stored, affine, modality="MR", intercept=0.0)
    bounds = {"low": 2.0, "high": 97.0} if kind == "percentile" else {}
    recipe = check_recipe({"crop": {"above": 500}, "intensity": {"MR": {"kind": kind, **bounds}}})
    made, _ = prepare(project, image.id, recipe)
    clip = [ClipIntensityPercentiles(2.0, 97.0)] if bounds else []
    cut = CropForeground(select_fn=lambda values: values > 500, margin=0, allow_smaller=True)
    theirs, _ = by_monai(stored, affine, cut, *clip, NormalizeIntensity())
    assert np.abs(made - theirs).max() < 1e-3


def test_isotropic_takes_the_finest_spacing_of_each_image(project: Project) -> None:
    image = put_image(project, noise(5, (12, 20, 16)), lay((0, 0, 0), (3.0, 0.5, 0.75)))
    made, placed = prepare(project, image.id, PreprocessingRecipe(isotropic=2.0))
    assert np.linalg.norm(placed[:3, :3], axis=0) == pytest.approx([1.0, 1.0, 1.0])
    assert made.shape == (34, 10, 12)


def test_cropping_to_a_multiple_takes_evenly_from_both_ends(project: Project) -> None:
    stored = noise(6, (10, 13, 15))
    image = put_image(project, stored, lay((0, 0, 0), (1.0, 1.0, 1.0)))
    made, placed = prepare(project, image.id, PreprocessingRecipe(multiple=(4, 4, 4), fit="crop"))
    assert np.array_equal(made, stored[1:9, 0:12, 1:13] - 1000.0)
    assert placed[:3, 3] == pytest.approx([-30.5, 12.25, 81.0])


def test_a_crop_that_leaves_nothing_is_refused(project: Project) -> None:
    image = put_image(project, noise(1), lay((0, 0, 0), (1, 1, 1)))
    recipe = check_recipe({"crop": {"above": 1000, "margin": 2}})
    with pytest.raises(InvalidInputError, match=f"leaves nothing of image {image.id}: "):
        preprocess(project, recipe, [image.id], lambda percent, message: None)
    assert list_entries(project.folder) == []


def test_an_image_of_several_time_points_is_refused_by_its_id(project: Project, add_image: AddImage) -> None:
    image = add_image(np.stack([noise(1), noise(2)]), "P", axes="tzyx")
    for recipe in (PreprocessingRecipe(), RECIPE):
        with PreparedImages(project, recipe) as images, pytest.raises(InvalidInputError, match="2 time points") as said:
            images.open(image.id)
        assert str(said.value).startswith(f"image {image.id} has ")
    assert list_entries(project.folder) == []


@pytest.mark.parametrize(
    ("table", "axis"),
    [
        ({"spacing": 1000}, "z"),
        ({"spacing": [2, 30.1, 2]}, "y"),
        ({"spacing": [2, 2, 26.1], "orientation": "LPS"}, "x"),
        ({"isotropic": 13.1}, "x"),
        ({"spacing": [2, 2, 7], "crop": {"above": 900}}, "x"),
    ],
)
def test_voxels_larger_than_the_image_are_refused(project: Project, table: dict[str, object], axis: str) -> None:
    stored = np.zeros((11, 15, 13), np.uint16)
    stored[:, :, 5:8] = 2000
    image = put_image(project, stored, lay((0, 0, 0), (4, 2, 2)))
    with pytest.raises(InvalidInputError, match=f"spacing along {axis} that is larger than the image"):
        prepare(project, image.id, check_recipe(table))
    assert list_entries(project.folder) == []


def test_voxels_as_large_as_the_image_and_an_axis_of_one_voxel_are_fine(project: Project) -> None:
    image = put_image(project, noise(1), lay((0, 0, 0), (4, 2, 2)))
    made, _ = prepare(project, image.id, PreprocessingRecipe(spacing=(44, 30, 26)))
    assert made.shape == (2, 2, 2)
    plane = put_image(project, noise(1, (1, 15, 13)), lay((0, 0, 0), (4, 2, 2)))
    made, _ = prepare(project, plane.id, PreprocessingRecipe(spacing=(1000, 2, 2)))
    assert made.shape == (1, 15, 13)


@given(
    seed=st.integers(0, 10**6),
    spacing=st.tuples(*[st.floats(0.6, 4.0)] * 3),
    wanted=st.tuples(*[st.floats(0.5, 5.0)] * 3),
    order=st.sampled_from(ORDERS),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_labels_are_those_of_the_nearest_voxel_box_by_box(
    project: Project,
    seed: int,
    spacing: tuple[float, float, float],
    wanted: tuple[float, float, float],
    order: tuple[int, int, int],
) -> None:
    affine = lay((4, 7, -3), spacing, order)
    stored = noise(seed)
    image = put_image(project, stored, affine)
    truth = (stored % 3).astype(np.uint8)

    class Truth(LabelVoxels):
        def read(self, box: tuple[int, ...]) -> np.ndarray:
            return truth[box[0] : box[1], box[2] : box[3], box[4] : box[5]]

    recipe = PreprocessingRecipe(orientation="LPS", spacing=wanted, multiple=(4, 4, 4))
    with PreparedImages(project, recipe) as images:
        found = images.open(image.id)
        grid, placed = found.grid, np.asarray(Pyramid.open(found.path).attributes.affine_lps)
    labels = PreparedLabels(Truth(truth.shape), grid)
    z, y, x = labels.shape
    made = labels.read((0, z, 0, y, 0, x))
    # By the matrices alone: the nearest voxel of the source in the patient, and nothing in the padding.
    voxels = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    onto = np.linalg.inv(affine) @ placed
    places = voxels @ onto[:3, :3].T + onto[:3, 3]
    clear = (np.abs(places - np.floor(places) - 0.5) > 1e-3).all(axis=-1)
    filled = np.ones(grid.shape, bool)
    for number, axis in enumerate(grid.axes):
        index = voxels[..., number]
        filled &= (index >= axis.filled[0]) & (index < axis.filled[1])
    nearest = np.clip(np.rint(places).astype(int), 0, np.array(truth.shape) - 1)
    expected = np.where(filled, truth[tuple(nearest[..., axis] for axis in range(3))], 0)
    assert np.array_equal(made[clear], expected[clear])
    cut = (1, z, 2, y - 1, 0, x - 2)
    assert np.array_equal(labels.read(cut), made[1:, 2 : y - 1, : x - 2])


def test_an_image_that_needs_several_slabs_and_blocks_is_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = noise(8, (90, 24, 20))
    affine = lay((0, 0, 0), (1.0, 1.0, 1.0), (0, 1, 2))
    first = put_image(project, stored, affine)
    recipe = PreprocessingRecipe(orientation="LPS", spacing=(0.5, 0.7, 1.1))
    made, _ = prepare(project, first.id, recipe)
    monkeypatch.setattr(pipelines.preprocess, "_BLOCK_VOXELS", 3000)
    again, _ = prepare(project, put_image(project, stored, affine).id, recipe)
    assert np.array_equal(made, again)


RECIPE = PreprocessingRecipe(spacing=(2.0, 2.0, 2.0))


def test_the_result_is_valid_ome_zarr_that_names_nobody(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    with PreparedImages(project, RECIPE) as images:
        path = images.open(one.id).path
    group = zarr.open_group(path, mode="r")
    OmeImage.from_zarr(group)
    own = dict(group.attrs)["imaging"]
    assert (own["frame_of_reference"], own["profile_hash"], own["windows"]) == ("", "", [])


def test_the_same_recipe_gives_these_voxels_until_its_revision_is_raised(project: Project) -> None:
    """Another digest here means that REVISION must be raised, for prepared images would be taken for the new ones."""
    stored = (np.arange(8 * 9 * 10).reshape(8, 9, 10) * 7 % 1000).astype(np.uint16)
    image = put_image(project, stored, lay((0, 0, 0), (2.0, 1.0, 1.0), (0, 1, 2)))
    table = {"orientation": "LPS", "spacing": 1.6, "multiple": 4, "crop": {"above": -900.0}}
    made, _ = prepare(project, image.id, check_recipe(table))
    assert hashlib.sha256(np.round(made, 2).astype("<f4").tobytes()).hexdigest()[:16] == "4ac531623d569f5a"


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"orientation": "LPX"}, "orientation"),
        ({"orientation": "LRS"}, "orientation"),
        ({"spacing": [1.0, 1.0]}, "^recipe: spacing: needs 3 values$"),
        ({"spacing": [1.0]}, "^recipe: spacing: needs 3 values$"),
        ({"spacing": [1.0, 1.0, 1.0, 1.0]}, "^recipe: spacing: takes 3 values at most$"),
        ({"crop": {"margin": 1.5}}, "^recipe: crop.margin: must be a valid integer$"),
        ({"intensity": {"CT": {}}}, "^recipe: intensity.CT.kind: is missing$"),
        ({"spacing": -1.0}, "spacing"),
        ({"spacing": 1.0, "isotropic": 2.0}, "exclude"),
        ({"multiple": 0}, "multiple"),
        ({"sharpen": True}, "sharpen: unknown key"),
        ({"version": 2}, "version"),
        ({"intensity": {"CT": {"kind": "fixed", "low": 5.0, "high": 5.0}}}, "low must be below high"),
        ({"intensity": {"MR": {"kind": "percentile", "low": 1.0, "high": 101.0}}}, "percentiles"),
        ({"intensity": {"CT": {"kind": "magic"}}}, "kind"),
    ],
)
def test_what_no_recipe_says_is_refused_with_its_place(table: dict[str, object], where: str) -> None:
    with pytest.raises(InvalidInputError, match=where):
        check_recipe(table)


def test_a_recipe_is_read_from_toml(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('orientation = "LPS"\nspacing = 2.0\n[crop]\nmargin = 3\n')
    recipe = read_recipe(tmp_path / "r.toml")
    assert recipe.spacing == (2.0, 2.0, 2.0)
    assert recipe.crop is not None
    assert (recipe.crop.above, recipe.crop.margin) == (-500.0, 3)
    assert PreprocessingRecipe.model_validate(json.loads(recipe.model_dump_json())) == recipe


def test_percentiles_that_name_no_bound_leave_out_the_outermost() -> None:
    told = check_recipe({"intensity": {"MR": {"kind": "percentile"}}})
    assert told == check_recipe({"intensity": {"MR": {"kind": "percentile", "low": 0.5, "high": 99.5}}})


def test_preparing_an_image_with_voxels_that_are_no_numbers_is_told(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    stored = noise(1).astype(np.float32)
    stored[1, 2, 3] = np.nan
    image = put_image(project, stored, lay((0, 0, 0), (1, 1, 1)))
    prepare(project, image.id, RECIPE)
    assert f"voxels that are no numbers count as 0 in image {image.id}" in caplog.text


def test_the_job_tells_what_it_prepared(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    told = [preprocess(project, RECIPE, [one.id], lambda percent, message: None).prepared[0] for _ in range(2)]
    assert [row.made for row in told] == [True, False]
    assert told[0].spacing_mm == pytest.approx((2.0, 2.0, 2.0))
    assert told[0].shape == (6, 8, 7)


def test_real_images_are_prepared_as_simpleitk_would(project: Project, shared_data: Path) -> None:
    oblique = shared_data / "mr_tumour_PGBM-001" / "session_1991-11-19" / "T1post"
    take(project, shared_data / "ct_philips_phantom" / "dicom" / "S2010", oblique)
    volumes = [image for image in project.images.list() if image.attributes.spacing_mm[0] is not None]
    assert len(volumes) >= 2
    for image in volumes:
        z, y, x = (image.extent(axis) for axis in "zyx")
        stored = Pyramid.open(project.images.path(image.id)).region((0, z, 0, y, 0, x))
        rescale, affine = image.attributes.rescale, np.asarray(image.attributes.affine_lps)
        values = stored * rescale.slope[0] + rescale.intercept[0]
        made, placed = prepare(project, image.id, PreprocessingRecipe(orientation="RAS", spacing=(3.1, 1.9, 2.3)))
        assert orientation_of(tuple(map(tuple, placed.tolist()))) == "SAR"
        assert np.linalg.norm(placed[:3, :3], axis=0) == pytest.approx((3.1, 1.9, 2.3), abs=1e-6)
        # The last voxel may lie beyond the source, where SimpleITK no longer interpolates along the border.
        core = (slice(0, -1),) * 3
        theirs = by_sitk(values, affine, placed, made.shape)
        assert np.abs(made - theirs)[core].max() < 1e-4 * np.ptp(values)


def write_pet(folder: Path, make_series: MakeSeries) -> np.ndarray:
    """A PET of 70 kg, 350 MBq an hour before the scan."""
    voxels = make_series(folder)
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        header.Modality, header.Units, header.DecayCorrection = "PT", "BQML", "START"
        header.CorrectedImage, header.PatientWeight = ["DECY", "ATTN"], "70"
        header.SeriesDate = header.AcquisitionDate = "20200304"
        header.SeriesTime, header.AcquisitionTime = "111500", "111600"
        header.RescaleSlope, header.RescaleIntercept = "2", "0"
        drug = pydicom.Dataset()
        drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "350000000", "6586.2"
        drug.RadiopharmaceuticalStartTime = "101500"
        header.RadiopharmaceuticalInformationSequence = [drug]
        header.save_as(path)
    return voxels


def test_a_pet_is_brought_to_uptake_values_by_its_pseudonymised_header(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = write_pet(tmp_path / "pet", make_series)
    take(project, tmp_path / "pet")
    (image,) = project.images.list()
    recipe = check_recipe({"intensity": {"PT": {"kind": "suv", "low": 0.0, "high": 2.0}}})
    made, _ = prepare(project, image.id, recipe)
    uptake = voxels.astype(float) * 2 * 70_000 / (350e6 * 2 ** (-3600 / 6586.2))
    assert made == pytest.approx(np.clip(uptake, 0, 2) - 1, abs=1e-4)


def test_uptake_values_are_refused_where_no_header_says_them(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)), modality="PT")
    recipe = check_recipe({"intensity": {"PT": {"kind": "suv", "low": 0.0, "high": 2.0}}})
    with PreparedImages(project, recipe) as images, pytest.raises(InvalidInputError, match="with its headers"):
        images.open(one.id)


def test_colour_is_prepared_channel_by_channel(project: Project, add_image: AddImage) -> None:
    stored = np.random.default_rng(1).integers(0, 255, (3, 1, 21, 18)).astype(np.uint8)
    image = add_image(stored, "P", modality="XC", spacing=(None, None, None))
    table = {"multiple": [1, 8, 8], "intensity": {"XC": {"kind": "fixed", "low": 0.0, "high": 255.0}}}
    with PreparedImages(project, check_recipe(table)) as images:
        found = images.open(image.id)
        made = found.voxels.read((0, 1, 0, 24, 0, 24))
    assert made.shape == (3, 1, 24, 24)
    assert made[:, :, 1:22, 3:21] == pytest.approx(stored / 127.5 - 1, abs=1e-5)
    with PreparedImages(project, RECIPE) as images, pytest.raises(InvalidInputError, match="how large"):
        images.open(image.id)
