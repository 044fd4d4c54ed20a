"""A written pyramid gives back what went in, exactly, and is valid OME-Zarr that others read."""

from __future__ import annotations

import json
import math
import resource
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ome_zarr_models.v05.image import Image as OmeImage
from ome_zarr_models.v05.image_label import ImageLabel

from imaging.domain.base import OntologyKey, SegmentationKey, TermKey
from imaging.domain.image import Axis, ImageAttributes
from imaging.domain.ontology import Term
from imaging.errors import InvalidInputError, NotFoundError, VerificationError
from imaging.pyramid.labels import (
    SegmentationReader,
    count_voxels,
    remove_segmentation,
    segmentation_path,
    write_segmentation,
)
from imaging.pyramid.layout import AXES, plan_layout
from imaging.pyramid.manifest import load_manifest, manifest_path, verify
from imaging.pyramid.publish import publish, staging_area, staging_folder
from imaging.pyramid.read import Pyramid
from imaging.pyramid.shrink import shrink_mean, shrink_mode
from imaging.pyramid.write import PyramidWriter, write_pyramid


def attributes_for(axes: str, spacing: tuple[float | None, float | None, float | None]) -> ImageAttributes:
    z, y, x = (side or 1.0 for side in spacing)
    affine = ((0.0, 0.0, x, -10.0), (0.0, y, 0.0, -20.0), (z, 0.0, 0.0, 30.0), (0.0, 0.0, 0.0, 1.0))
    return ImageAttributes(axes=axes, affine_lps=affine, spacing_mm=spacing, modality="CT", units="HU")


def ramp(shape: tuple[int, ...], dtype: str = "int16") -> np.ndarray:
    return (np.arange(math.prod(shape)).reshape(shape) % 2003 - (1000 if dtype[0] == "i" else 0)).astype(dtype)


def term(key: int, value: int, name: str, color: str = "#ff8000") -> Term:
    return Term(
        id=TermKey(key),
        ontology=OntologyKey(1),
        name=name,
        color=color,
        value=value,
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "7.ome.zarr"
    write_pyramid(path, ramp((70, 300, 260)), attributes_for("zyx", (1.0, 0.8, 0.8)))
    return path


def test_volumes_and_flat_images_are_cut_as_documented() -> None:
    volume = plan_layout("zyx", (300, 512, 512), "int16", (1.0, 0.7, 0.7))
    assert [level.shape for level in volume.levels] == [(300, 512, 512), (150, 256, 256)]
    assert (volume.levels[0].chunk, volume.levels[0].shard) == ((32, 64, 64), (64, 512, 512))
    picture = plan_layout("czyx", (3, 1, 1760, 1760), "uint8", (None, None, None))
    assert (picture.levels[0].chunk, picture.levels[0].shard) == ((1, 1, 512, 512), (1, 1, 2048, 2048))
    assert [level.shape[-1] for level in picture.levels] == [1760, 880, 440, 220]


def test_z_is_halved_only_once_the_plane_is_as_coarse() -> None:
    thick = plan_layout("zyx", (40, 1024, 1024), "int16", (2.0, 0.5, 0.5))
    assert [level.step for level in thick.levels] == [(1, 1, 1), (1, 2, 2), (1, 2, 2)]
    thin = plan_layout("zyx", (400, 1024, 1024), "int16", (1.0, 0.5, 0.5))
    assert [level.step for level in thin.levels] == [(1, 1, 1), (1, 2, 2), (2, 2, 2)]


def test_a_long_stack_of_small_planes_still_reaches_a_small_top_level() -> None:
    layout = plan_layout("zyx", (3000, 64, 64), "int16", (10.0, 0.5, 0.5))
    assert max(layout.levels[-1].shape) <= 256


@pytest.mark.parametrize(("axes", "shape", "dtype"), [("xyz", (1, 1, 1), "int16"), ("zyx", (1, 1), "int16")])
def test_an_impossible_layout_is_refused(axes: str, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(InvalidInputError):
        plan_layout(axes, shape, dtype, (None, None, None))


@settings(deadline=None, max_examples=60)
@given(
    stored=arrays.arrays(st.sampled_from(["int16", "uint8", "uint16"]), st.tuples(*[st.integers(2, 9)] * 3)),
    step=st.sampled_from([(2, 2, 2), (1, 2, 2), (2, 1, 1)]),
)
def test_halving_equals_simpleitk_bin_shrink(stored: np.ndarray, step: tuple[int, int, int]) -> None:
    expected = SimpleITK.GetArrayFromImage(SimpleITK.BinShrink(SimpleITK.GetImageFromArray(stored), step[::-1]))
    np.testing.assert_array_equal(shrink_mean(stored, step), expected)


@settings(deadline=None, max_examples=40)
@given(labels=arrays.arrays("uint16", st.tuples(*[st.integers(2, 5)] * 3), elements=st.integers(0, 3)))
def test_a_coarse_label_is_a_most_frequent_value_of_its_block(labels: np.ndarray) -> None:
    coarse = shrink_mode(labels, (2, 2, 2))
    for z, y, x in np.ndindex(coarse.shape):
        counts = np.bincount(labels[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel(), minlength=4)
        assert coarse[z, y, x] == max(np.flatnonzero(counts == counts.max()))


@settings(deadline=None, max_examples=25)
@given(
    axes=st.sampled_from(AXES),
    size=st.tuples(st.integers(1, 70), st.integers(1, 80), st.integers(1, 80)),
    dtype=st.sampled_from(["int16", "uint8", "uint16"]),
    data=st.data(),
)
def test_level_0_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, axes: str, size: tuple[int, int, int], dtype: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("image") / "1.ome.zarr"
    stored = ramp((2, 3)[: len(axes) - 3] + size, dtype)
    write_pyramid(path, stored, attributes_for(axes, (1.0, 1.0, 1.0)))
    pyramid = Pyramid.open(path)
    t = data.draw(st.integers(0, stored.shape[0] - 1)) if axes.startswith("t") else 0
    c = data.draw(st.integers(0, stored.shape[axes.find("c")] - 1)) if "c" in axes else 0
    volume = stored[tuple({"t": t, "c": c}[axis] for axis in axes[:-3])]
    z, y, x = (data.draw(st.integers(0, length - 1)) for length in size)
    np.testing.assert_array_equal(pyramid.plane(Axis.Z, z, t=t, c=c), volume[z])
    np.testing.assert_array_equal(pyramid.plane(Axis.Y, y, t=t, c=c), volume[:, y])
    np.testing.assert_array_equal(pyramid.plane(Axis.X, x, t=t, c=c), volume[:, :, x])
    box = (z, size[0], y, size[1], x, size[2])
    np.testing.assert_array_equal(pyramid.region(box, t=t, c=c), volume[z:, y:, x:])


def test_each_level_is_half_of_the_one_below(image: Path) -> None:
    pyramid = Pyramid.open(image)
    assert [level.shape for level in pyramid.levels] == [(70, 300, 260), (35, 150, 130)]
    below = pyramid.region((0, 70, 0, 300, 0, 260))
    np.testing.assert_array_equal(pyramid.region((0, 35, 0, 150, 0, 130), level=1), shrink_mean(below, (2, 2, 2)))
    assert pyramid.levels[1].scale == (2.0, 1.6, 1.6)


def test_zarr_python_reads_the_same_bytes(image: Path) -> None:
    group = zarr.open_group(image, mode="r")
    array = group["0"]
    assert isinstance(array, zarr.Array)
    np.testing.assert_array_equal(np.asarray(array[:]), ramp((70, 300, 260)))
    assert array.metadata.dimension_names == ("z", "y", "x")  # type: ignore[union-attr]


def test_the_metadata_is_valid_ome_zarr_and_carries_our_geometry(image: Path) -> None:
    model = OmeImage.from_zarr(zarr.open_group(image, mode="r"))
    scale, translation = model.ome_attributes.multiscales[0].datasets[1].coordinateTransformations
    assert list(scale.scale) == [2.0, 1.6, 1.6]
    assert translation.translation == pytest.approx([0.5, 0.4, 0.4])
    assert Pyramid.open(image).attributes == attributes_for("zyx", (1.0, 0.8, 0.8))
    codecs = json.loads((image / "0" / "zarr.json").read_text())["codecs"][0]["configuration"]
    assert codecs["index_location"] == "end"
    assert [codec["name"] for codec in codecs["codecs"]] == ["bytes", "blosc", "crc32c"]


@pytest.mark.parametrize(
    ("shape", "axes", "spacing"),
    [
        ((2, 5, 300, 40), "tzyx", (2.0, 1.0, 1.0)),
        ((3, 1, 300, 300), "czyx", (None, None, None)),
        ((4, 3, 1, 30, 30), "tczyx", (None, 0.2, 0.2)),
        ((1, 30, 30), "zyx", (None, None, None)),
    ],
)
def test_every_kind_of_image_is_valid_ome_zarr(
    tmp_path: Path, shape: tuple[int, ...], axes: str, spacing: tuple[float | None, float | None, float | None]
) -> None:
    write_pyramid(tmp_path / "1.ome.zarr", ramp(shape, "uint8"), attributes_for(axes, spacing))
    group = zarr.open_group(tmp_path / "1.ome.zarr", mode="r")
    multiscale = OmeImage.from_zarr(group).ome_attributes.multiscales[0]
    assert "".join(axis.name for axis in multiscale.axes) == axes
    assert [axis.unit == "millimeter" for axis in multiscale.axes[-3:]] == [side is not None for side in spacing]
    np.testing.assert_array_equal(np.asarray(group["0"][...]), ramp(shape, "uint8"))  # type: ignore[index]


def test_planes_and_boxes_outside_are_refused(image: Path) -> None:
    pyramid = Pyramid.open(image)
    for wrong in (
        lambda: pyramid.plane(Axis.Z, 70),
        lambda: pyramid.plane(Axis.Z, -1),
        lambda: pyramid.plane(Axis.Z, 0, level=2),
        lambda: pyramid.plane(Axis.Z, 0, t=1),
        lambda: pyramid.region((0, 71, 0, 1, 0, 1)),
        lambda: pyramid.region((3, 3, 0, 1, 0, 1)),
    ):
        with pytest.raises(InvalidInputError):
            wrong()


def test_where_there_is_no_image_none_is_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Pyramid.open(tmp_path / "8.ome.zarr")


def test_a_damaged_chunk_raises_and_a_missing_shard_never_reads_as_zeros(image: Path) -> None:
    shard = image / "0" / "c" / "1" / "0" / "0"
    damaged = bytearray(shard.read_bytes())
    damaged[100] ^= 1
    shard.write_bytes(damaged)
    with pytest.raises(VerificationError):
        Pyramid.open(image).region((64, 70, 0, 300, 0, 260))
    shard.unlink()
    with pytest.raises(VerificationError):
        Pyramid.open(image).plane(Axis.Z, 65)


def test_a_file_that_cannot_grow_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    stored = np.random.default_rng(5).integers(-1000, 3000, (32, 256, 256), dtype=np.int16)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_pyramid(tmp_path / "images" / "3.ome.zarr", stored, attributes_for("zyx", (1.0, 1.0, 1.0)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_verification_names_every_changed_missing_and_extra_file(tmp_path: Path) -> None:
    path = tmp_path / "images" / "3.ome.zarr"
    manifest = write_pyramid(path, ramp((40, 64, 64)), attributes_for("zyx", (1.0, 1.0, 1.0)))
    assert verify(path, manifest) == ()
    shard = path / "0" / "c" / "0" / "0" / "0"
    flipped = bytearray(shard.read_bytes())
    flipped[len(flipped) // 2] ^= 4
    shard.write_bytes(flipped)
    (path / "0" / "zarr.json").unlink()
    (path / "stray").write_bytes(b"x")
    assert {(found.path, found.problem) for found in verify(path, manifest)} == {
        ("0/c/0/0/0", "changed"),
        ("0/zarr.json", "missing"),
        ("stray", "extra"),
    }


@settings(deadline=None, max_examples=40)
@given(planes=st.integers(1, 700), t=st.integers(1, 3), z=st.floats(0.5, 3.0))
def test_a_coarse_slab_needs_exactly_the_slabs_it_is_computed_from(planes: int, t: int, z: float) -> None:
    layout = plan_layout("tzyx", (t, planes, 300, 8), "int16", (z, 1.0, 1.0))
    writer = PyramidWriter.__new__(PyramidWriter)
    writer.layout = layout
    for level in range(1, len(layout.levels)):
        step = layout.levels[level].step[0]
        for slab in layout.slabs(level):
            wanted = set(range(slab.start * step, slab.stop * step))
            overlapping = {
                below
                for below in layout.slabs(level - 1)
                if (below.t, below.c) == (slab.t, slab.c) and wanted & set(range(below.start, below.stop))
            }
            assert set(writer.needs(slab)) == overlapping


def test_an_unfinished_pyramid_is_no_image(tmp_path: Path) -> None:
    layout = plan_layout("zyx", (4, 8, 8), "int16", (1.0, 1.0, 1.0))
    writer = PyramidWriter.create(tmp_path / "a", layout, attributes_for("zyx", (1.0, 1.0, 1.0)))
    writer.write_slab(0, ramp((4, 8, 8)))
    with pytest.raises(NotFoundError):
        Pyramid.open(tmp_path / "a")


def test_publication_replaces_a_folder_and_leaves_nothing_behind(tmp_path: Path) -> None:
    final = tmp_path / "images" / "1.ome.zarr"
    for content in ("first", "second"):
        staging = staging_folder(tmp_path / "images")
        staging.mkdir(parents=True)
        (staging / "zarr.json").write_text(content)
        publish(staging, final)
        assert (final / "zarr.json").read_text() == content
    assert list((tmp_path / "images" / ".staging").iterdir()) == []


def test_what_a_killed_writer_left_is_swept_only_when_nobody_else_writes(tmp_path: Path) -> None:
    left = staging_folder(tmp_path)
    swept: list[str] = []
    with staging_area(tmp_path):
        left.mkdir()
        with staging_area(tmp_path, lambda: swept.append("inner")):
            assert left.exists()
    with staging_area(tmp_path, lambda: swept.append("alone")):
        assert not left.exists()
    assert swept == ["alone"]


def test_a_segmentation_has_the_levels_of_its_image_and_valid_metadata(image: Path) -> None:
    labels = np.zeros((70, 300, 260), np.uint16)
    labels[10:20, 100:140, 50:90] = 5
    write_segmentation(image, SegmentationKey(12), labels, [term(3, 5, "nodule")])
    reader = SegmentationReader.open(image, SegmentationKey(12))
    assert [level.shape for level in reader.levels] == [level.shape for level in Pyramid.open(image).levels]
    np.testing.assert_array_equal(reader.region((0, 70, 0, 300, 0, 260)), labels)
    np.testing.assert_array_equal(reader.plane(Axis.X, 60), labels[:, :, 60])
    np.testing.assert_array_equal(reader.plane(Axis.Z, 7, level=1), shrink_mode(labels, (2, 2, 2))[7])
    ImageLabel.from_zarr(zarr.open_group(segmentation_path(image, SegmentationKey(12)), mode="r"))
    group = zarr.open_group(image / "labels", mode="r")
    assert group.attrs["ome"]["labels"] == ["12"]  # type: ignore[index, call-overload]
    assert (
        verify(segmentation_path(image, SegmentationKey(12)), load_manifest(manifest_path(image, SegmentationKey(12))))
        == ()
    )


def test_a_segmentation_is_replaced_whole_and_can_be_taken_away(image: Path) -> None:
    terms = [term(3, 1, "one"), term(4, 2, "two")]
    for value in (1, 2):
        slabs = (np.full((10, 300, 260), value, np.uint16) for _ in range(7))
        write_segmentation(image, SegmentationKey(9), slabs, terms)
    assert int(SegmentationReader.open(image, SegmentationKey(9)).region((0, 70, 0, 9, 0, 9)).min()) == 2
    remove_segmentation(image, SegmentationKey(9))
    with pytest.raises(NotFoundError):
        SegmentationReader.open(image, SegmentationKey(9))
    assert not manifest_path(image, SegmentationKey(9)).exists()


def test_a_segmentation_off_the_grid_or_with_a_strange_value_leaves_nothing(image: Path) -> None:
    for wrong in (np.ones((70, 300, 261), np.uint16), np.ones((69, 300, 260), np.uint16), np.full((70, 300, 260), 9)):
        with pytest.raises(InvalidInputError):
            write_segmentation(image, SegmentationKey(2), wrong.astype(np.uint16), [term(1, 1, "one")])
    assert not segmentation_path(image, SegmentationKey(2)).exists()
    assert list((image.parent / ".staging").iterdir()) == []


def test_voxels_are_counted_per_term() -> None:
    labels = np.array([[[0, 1, 1], [2, 0, 1]]], np.uint16)
    counts = count_voxels(labels, [term(8, 1, "one"), term(9, 2, "two"), term(10, 3, "three")])
    assert [(count.term, count.value, count.voxels) for count in counts] == [(8, 1, 3), (9, 2, 1), (10, 3, 0)]
