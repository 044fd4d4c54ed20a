"""NIfTI files give the voxels and places that nibabel and ITK read from them, and nothing else; else a reason."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import voxel_to_world
from imaging.readers import find_reader, find_volume_reader
from tests.plugins.volumes import check_with_itk, opened, refusal, voxels

STRAIGHT = np.diag([-0.5, -0.75, 2.0, 1.0])


def orthogonal(turn: tuple[float, float, float], sizes: tuple[float, float, float], *, mirrored: bool) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn).as_matrix() @ np.diag(sizes)
    if mirrored:
        affine[:3, 0] *= -1
    affine[:3, 3] = (11.5, -20.25, 7)
    return affine


def made(shape: tuple[int, ...] = (4, 3, 5), kind: Any = np.int16) -> np.ndarray:
    return (np.arange(np.prod(shape)).reshape(shape) * 3 % 251).astype(kind)


def save(path: Path, values: np.ndarray, affine: np.ndarray | None = STRAIGHT, **fields: Any) -> Path:
    """Write by nibabel, then set fields of the header as nibabel would not."""
    image = nibabel.Nifti1Image(values, affine)
    nibabel.save(image, path)
    for name, value in fields.items():
        change(path, name, value)
    return path


def change(path: Path, name: str, value: Any) -> None:
    packed = path.suffix == ".gz"
    content = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@given(
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
    sizes=st.tuples(*[st.floats(0.1, 9)] * 3),
    mirrored=st.booleans(),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_voxel_lies_where_nibabel_lays_it(
    tmp_path: Path, name: str, turn: Any, sizes: Any, mirrored: bool
) -> None:
    affine, values = orthogonal(turn, sizes, mirrored=mirrored), made()
    volume = opened(save(tmp_path / name, values, affine))
    ours = np.asarray(volume.attributes.affine_lps)
    assert np.linalg.det(ours[:3, [2, 1, 0]]) > 0
    assert volume.counts_down is mirrored
    stored = voxels(volume)[0, 0]
    places = np.argwhere(np.ones(stored.shape))
    ras = voxel_to_world(ours, places) * (-1, -1, 1)
    written = nibabel.load(tmp_path / name).affine
    indices = (ras - written[:3, 3]) @ np.linalg.inv(written[:3, :3]).T
    np.testing.assert_allclose(indices, np.rint(indices), atol=1e-4)
    found = values[tuple(np.rint(indices).astype(int).T)]
    np.testing.assert_array_equal(found, stored.ravel())
    np.testing.assert_allclose(volume.attributes.spacing_mm, sizes[::-1], rtol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_itk_gives_each_voxel_the_same_place(tmp_path: Path, name: str, mirrored: bool) -> None:
    save(tmp_path / name, made(), orthogonal((0.3, -0.4, 1.1), (0.5, 0.7, 3), mirrored=mirrored))
    check_with_itk(tmp_path / name)


def test_a_file_that_itk_wrote_is_read_exactly(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(made((6, 5, 4), np.uint16))
    image.SetSpacing((0.5, 0.75, 2.5))
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    image.SetOrigin((-3, 4, 5.5))
    SimpleITK.WriteImage(image, str(tmp_path / "a.nii"))
    check_with_itk(tmp_path / "a.nii")
    volume = opened(tmp_path / "a.nii")
    assert (volume.attributes.axes, volume.shape, volume.dtype) == ("zyx", (6, 5, 4), "uint16")
    assert volume.attributes.affine_lps[0] == pytest.approx((2.5, 0, 0, -3))
    assert volume.attributes.positions_lps[1] == pytest.approx((-0.5, 4, 5.5))


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", ">u2", "<i4", ">u4", ">f4"])
def test_stored_values_keep_their_type_in_either_byte_order(tmp_path: Path, kind: str) -> None:
    values = made(kind=kind)
    header = nibabel.Nifti1Header(endianness=">" if kind[0] == ">" else "<")
    header.set_data_dtype(np.dtype(kind))
    nibabel.save(nibabel.Nifti1Image(values, STRAIGHT, header), tmp_path / "a.nii")
    volume = opened(tmp_path / "a.nii")
    assert volume.dtype == np.dtype(kind).newbyteorder("=").name
    np.testing.assert_array_equal(voxels(volume)[0, 0], values.transpose(2, 1, 0)[:: -1 if volume.counts_down else 1])


def test_a_nifti_2_file_is_read_as_the_same_volume(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(made(), OBLIQUE_RIGHT), tmp_path / "a.nii.gz")
    save(tmp_path / "b.nii", made(), OBLIQUE_RIGHT)
    one, other = opened(tmp_path / "a.nii.gz"), opened(tmp_path / "b.nii")
    np.testing.assert_array_equal(voxels(one), voxels(other))
    np.testing.assert_allclose(one.attributes.affine_lps, other.attributes.affine_lps, atol=1e-5)


OBLIQUE_RIGHT = orthogonal((0.2, 0.1, -0.3), (0.8, 0.9, 4), mirrored=False)


def test_scaled_integers_stay_integers_beside_their_slope_and_intercept(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", made(), scl_slope=0.5, scl_inter=-1024)
    volume = opened(path)
    assert volume.dtype == "int16"
    rescale = volume.attributes.rescale
    assert (rescale.slope, rescale.intercept) == ((0.5,), (-1024.0,))
    real = voxels(volume)[0, 0] * rescale.slope[0] + rescale.intercept[0]
    turned = nibabel.load(path).get_fdata().transpose(2, 1, 0)
    np.testing.assert_array_equal(real[:: -1 if volume.counts_down else 1], turned)


@pytest.mark.parametrize("slope", [0, np.nan, np.inf])
def test_a_slope_that_is_none_rescales_nothing(tmp_path: Path, slope: float) -> None:
    rescale = opened(save(tmp_path / "a.nii", made(), scl_slope=slope, scl_inter=7)).attributes.rescale
    assert (rescale.slope, rescale.intercept) == ((1.0,), (0.0,))


def test_a_fourth_axis_is_time(tmp_path: Path) -> None:
    values = made((4, 3, 5, 6))
    volume = opened(save(tmp_path / "a.nii.gz", values, orthogonal((0, 0, 0), (1, 1, 1), mirrored=True)))
    assert (volume.attributes.axes, volume.shape, volume.counts_down) == ("tzyx", (6, 5, 3, 4), True)
    np.testing.assert_array_equal(voxels(volume)[:, 0], values.transpose(3, 2, 1, 0)[:, ::-1])
    assert volume.frames == 30
    np.testing.assert_array_equal(volume.frame(7), values[:, :, 2, 1].T)


def test_colour_comes_channel_by_channel(tmp_path: Path) -> None:
    parts = np.random.default_rng(1).integers(0, 255, (4, 3, 5, 3)).astype(np.uint8)
    packed = np.ascontiguousarray(parts).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    volume = opened(save(tmp_path / "a.nii", packed, orthogonal((0, 0, 0), (1, 1, 1), mirrored=False)))
    assert (volume.attributes.axes, volume.shape, volume.attributes.photometric) == ("czyx", (3, 5, 3, 4), "RGB")
    np.testing.assert_array_equal(voxels(volume)[0], parts.transpose(3, 2, 1, 0))
    np.testing.assert_array_equal(volume.frame(2), parts[:, :, 2].transpose(2, 1, 0))


def test_a_flat_picture_has_one_plane_and_no_distance_between_planes(tmp_path: Path) -> None:
    volume = opened(save(tmp_path / "a.nii", made((4, 3))))
    assert volume.shape == (1, 3, 4)
    assert volume.attributes.spacing_mm == (None, 0.75, 0.5)


@pytest.mark.parametrize(("units", "factor"), [(0, 1), (1, 1000), (2, 1), (3, 0.001), (2 | 8, 1)])
def test_units_become_mm(tmp_path: Path, units: int, factor: float) -> None:
    attributes = opened(save(tmp_path / "a.nii", made(), STRAIGHT, xyzt_units=units)).attributes
    assert attributes.spacing_mm == pytest.approx((2 * factor, 0.75 * factor, 0.5 * factor))


def test_a_file_that_names_no_place_is_unplaced_but_measured(tmp_path: Path) -> None:
    volume = opened(save(tmp_path / "a.nii", made(), STRAIGHT, sform_code=0, qform_code=0))
    assert not volume.attributes.placed
    assert volume.attributes.spacing_mm == (2, 0.75, 0.5)
    assert not volume.counts_down


def test_the_qform_places_where_there_is_no_sform(tmp_path: Path) -> None:
    volume = opened(save(tmp_path / "a.nii", made(), OBLIQUE_RIGHT, sform_code=0, qform_code=1, srow_x=(9, 9, 9, 9)))
    expected = np.diag([-1, -1, 1, 1]) @ OBLIQUE_RIGHT[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(volume.attributes.affine_lps, expected, atol=1e-5)
    change(tmp_path / "a.nii", "pixdim", [0, *nibabel.load(tmp_path / "a.nii").header["pixdim"][1:]])
    np.testing.assert_allclose(opened(tmp_path / "a.nii").attributes.affine_lps, expected, atol=1e-5)


def test_two_places_are_held_until_somebody_decides_for_the_sform(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", made(), STRAIGHT, qform_code=1)
    opened(path)
    change(path, "qoffset_x", 5)
    assert refusal(path)[0] is Reason.IRREGULAR_GEOMETRY
    assert opened(path, decided=True).attributes.affine_lps[0][3] == 0


def test_a_sheared_volume_is_held(tmp_path: Path) -> None:
    leaning = STRAIGHT.copy()
    leaning[1, 2] = 0.4
    path = save(tmp_path / "a.nii", made(), leaning)
    assert refusal(path) == (Reason.IRREGULAR_GEOMETRY, "the axes of the volume are not at right angles")
    with pytest.raises(RefusedFileError):
        opened(path, decided=True)


@pytest.mark.parametrize("row", [(0, 0, 0, 0), (np.nan, 0, 0, 0), (0, 0, 0, np.inf)])
def test_a_place_that_makes_no_sense_is_held(tmp_path: Path, row: tuple[float, ...]) -> None:
    path = save(tmp_path / "a.nii", made(), STRAIGHT, srow_x=row)
    assert refusal(path)[0] is Reason.IRREGULAR_GEOMETRY


@pytest.mark.parametrize("place", [256, 280])
def test_a_signalling_nan_in_either_place_is_held_without_a_warning(tmp_path: Path, place: int) -> None:
    path = save(tmp_path / "a.nii", made(), STRAIGHT, qform_code=1)
    content = bytearray(path.read_bytes())
    content[place : place + 4] = b"\x01\x00\x81\x7f"
    path.write_bytes(content)
    assert refusal(path)[0] is Reason.IRREGULAR_GEOMETRY


@pytest.mark.parametrize(("kind", "kept"), [(np.float64, "float32"), (np.int64, "int32"), (np.uint64, "uint32")])
def test_64_bits_become_32_only_where_no_value_changes(tmp_path: Path, kind: Any, kept: str) -> None:
    values = made(kind=kind)
    nibabel.save(nibabel.Nifti1Image(values, OBLIQUE_RIGHT, dtype=kind), tmp_path / "a.nii")
    volume = opened(tmp_path / "a.nii")
    assert volume.dtype == kept
    np.testing.assert_array_equal(voxels(volume)[0, 0], values.transpose(2, 1, 0))
    values[1, 1, 1] = 0.1 if kind is np.float64 else 2**40
    nibabel.save(nibabel.Nifti1Image(values, OBLIQUE_RIGHT, dtype=kind), tmp_path / "b.nii")
    assert refusal(tmp_path / "b.nii")[0] is Reason.UNSUPPORTED_SYNTAX


def test_what_is_no_number_stays_in_the_volume_and_is_black_to_look_at(tmp_path: Path) -> None:
    values = made(kind=np.float64)
    values[0, 0, 0], values[1, 0, 0] = np.nan, np.inf
    nibabel.save(nibabel.Nifti1Image(values, OBLIQUE_RIGHT, dtype=np.float64), tmp_path / "a.nii")
    volume = opened(tmp_path / "a.nii")
    assert np.isnan(voxels(volume)[0, 0, 0, 0, 0])
    assert volume.frame(0)[0, :2].tolist() == [0, 0]


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_types_that_no_pyramid_has_are_held(tmp_path: Path, kind: Any) -> None:
    assert refusal(save(tmp_path / "a.nii", made(kind=kind)))[0] is Reason.UNSUPPORTED_SYNTAX


def test_vectors_and_other_axes_are_held(tmp_path: Path) -> None:
    assert refusal(save(tmp_path / "a.nii", made((4, 3, 5, 1, 3))))[0] is Reason.UNSUPPORTED_SYNTAX


def test_the_header_of_a_pair_is_held(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(made(), STRAIGHT), tmp_path / "a.hdr")
    assert refusal(tmp_path / "a.hdr") == (Reason.NO_PIXELS, "the voxels lie in a file of their own")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_that_ends_early_is_truncated(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(1).integers(0, 2**15, (40, 30, 20)).astype(np.int16)
    path = save(tmp_path / name, values)
    path.write_bytes(path.read_bytes()[:-3000])
    assert refusal(path) == (Reason.TRUNCATED, "the file ends before its voxels")


def test_damaged_packed_voxels_are_held(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(1).integers(0, 2**15, (40, 30, 20)).astype(np.int16))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # the checksum
    path.write_bytes(content)
    assert refusal(path) == (Reason.DECODE_FAILED, "the packed voxels are damaged")


@pytest.mark.parametrize(
    ("dim", "reason"),
    [
        ((3, 32767, 32767, 32767, 1, 1, 1, 1), Reason.LIMIT_EXCEEDED),
        ((3, 4000, 4000, 4000, 1, 1, 1, 1), Reason.LIMIT_EXCEEDED),
        ((4, 2, 2, 30000, 30000, 1, 1, 1), Reason.LIMIT_EXCEEDED),
        ((3, -1, 1, 1, 1, 1, 1, 1), Reason.UNREADABLE),
        ((0, 4, 3, 5, 1, 1, 1, 1), Reason.UNREADABLE),
    ],
)
def test_what_a_header_announces_is_checked_before_a_byte_is_unpacked(
    tmp_path: Path, dim: tuple[int, ...], reason: Reason
) -> None:
    path = save(tmp_path / "a.nii.gz", made(), STRAIGHT, dim=dim)
    assert refusal(path)[0] is reason
    assert not list(tmp_path.glob("*.unpacked*/*"))


def test_a_file_that_goes_on_for_long_after_its_voxels_is_held(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", made())
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(2**27), 1))
    assert refusal(path)[0] is Reason.LIMIT_EXCEEDED


def test_other_packed_files_and_dicom_files_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"no volume at all" * 40))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"short")[:9])
    start = save(tmp_path / "c.nii", made()).read_bytes()[:128]
    (tmp_path / "d").write_bytes(start + b"DICM" + bytes(400))
    for name in ("a.gz", "b.gz", "d"):
        assert find_volume_reader(tmp_path / name) is None
        assert find_reader(tmp_path / name) is None


@given(place=st.integers(0, 351), value=st.binary(min_size=1, max_size=8))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_breaks_the_reader(tmp_path: Path, place: int, value: bytes) -> None:
    path = tmp_path / "a.nii"
    if not path.exists():
        save(path, made(), OBLIQUE_RIGHT, qform_code=1)
    content = bytearray(path.read_bytes())
    content[place : place + len(value)] = value
    forged = tmp_path / "forged.nii"
    forged.write_bytes(content)
    reader = find_volume_reader(forged)
    if reader is None:
        return
    try:
        volume = reader.open(forged, tmp_path, decided=False)
    except RefusedFileError:
        return
    assert voxels(volume).size == np.prod(volume.shape)
    assert np.linalg.det(np.asarray(volume.attributes.affine_lps)[:3, [2, 1, 0]]) > 0


def test_real_volumes_are_read_as_itk_reads_them(shared_data: Path, tmp_path: Path) -> None:
    for name in ("ct_philips_phantom/reference/series2010.nii.gz", "hippocampus/images/hippocampus_001.nii.gz"):
        (tmp_path / Path(name).name).write_bytes((shared_data / name).read_bytes())
        check_with_itk(tmp_path / Path(name).name)
