"""NRRD files give the voxels and places that ITK reads from them, and nothing else; else a reason."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.readers import find_volume_reader
from tests.plugins.volumes import check_with_itk, opened, refusal, voxels

VALUES = (np.arange(60).reshape(5, 3, 4) * 7 % 251).astype(np.int16)
"""(z, y, x)."""
PLAIN = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 5",
    "space directions": "(0.5,0,0) (0,0.75,0) (0,0,2)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(1,2,3)",
}


def write(path: Path, values: np.ndarray = VALUES, **fields: str | None) -> Path:
    """Write as the format is described; names have "_" for a space, None leaves a field out."""
    told = PLAIN | {name.replace("_", " "): value for name, value in fields.items()}
    lines = ["NRRD0005", "# PHANTOM^ALPHA", *(f"{name}: {value}" for name, value in told.items() if value is not None)]
    content = values.tobytes()
    if told["encoding"] in ("gzip", "gz"):
        content = gzip.compress(content)
    path.write_bytes("\n".join([*lines, "PatientName:=PHANTOM^ALPHA", "", ""]).encode() + content)
    return path


@given(turn=st.tuples(*[st.floats(-3, 3)] * 3), sizes=st.tuples(*[st.floats(0.1, 9)] * 3), mirrored=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_itk_wrote_gives_each_voxel_its_place(
    tmp_path: Path, turn: Any, sizes: Any, mirrored: bool
) -> None:
    image = SimpleITK.GetImageFromArray(VALUES)
    direction = Rotation.from_euler("xyz", turn).as_matrix() @ np.diag([-1 if mirrored else 1, 1, 1])
    image.SetDirection(direction.ravel().tolist())
    image.SetSpacing(sizes)
    image.SetOrigin((-30, 4, 5.5))
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"), useCompression=mirrored)
    check_with_itk(tmp_path / "a.nrrd")
    assert opened(tmp_path / "a.nrrd").counts_down is mirrored


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "f4"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_that_itk_writes_is_kept(tmp_path: Path, kind: str, packed: bool) -> None:
    values = (VALUES % 120).astype(kind)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / "a.nrrd"), useCompression=packed)
    volume = opened(tmp_path / "a.nrrd")
    assert volume.dtype == np.dtype(kind).name
    np.testing.assert_array_equal(voxels(volume)[0, 0], values)


def test_big_endian_values_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nrrd", VALUES.astype(">i2"), endian="big")
    np.testing.assert_array_equal(voxels(opened(path))[0, 0], VALUES)
    check_with_itk(path)


@pytest.mark.parametrize("space", ["right-anterior-superior", "LAS", "left-posterior-superior", "RAS", "LPS"])
def test_each_patient_space_becomes_lps_as_itk_turns_it(tmp_path: Path, space: str) -> None:
    check_with_itk(write(tmp_path / "a.nrrd", space=space))


def test_lengths_in_other_units_become_mm(tmp_path: Path) -> None:
    attributes = opened(write(tmp_path / "a.nrrd", space_units='"um" "um" "um"')).attributes
    assert attributes.spacing_mm == pytest.approx((0.002, 0.00075, 0.0005))
    assert attributes.affine_lps[2][3] == pytest.approx(0.003)
    assert refusal(write(tmp_path / "b.nrrd", space_units='"s" "s" "s"'))[0] is Reason.UNSUPPORTED_SYNTAX


def test_a_space_that_is_not_the_patients_gives_no_place(tmp_path: Path) -> None:
    for fields in (
        {"space": "3D-left-handed"},
        {"space": None, "space_dimension": "3"},
        {"space": None, "space_directions": None, "space_origin": None, "spacings": "0.5 0.75 2"},
    ):
        attributes = opened(write(tmp_path / "a.nrrd", **fields)).attributes
        assert not attributes.placed
        assert attributes.spacing_mm == (2, 0.75, 0.5)


def test_time_stands_first_or_last(tmp_path: Path) -> None:
    times = np.stack([VALUES, VALUES + 1])
    last = {"dimension": "4", "sizes": "4 3 5 2", "kinds": "domain domain domain time"}
    steps = PLAIN["space directions"]
    volume = opened(write(tmp_path / "a.nrrd", times, space_directions=f"{steps} none", **last))
    assert (volume.attributes.axes, volume.shape) == ("tzyx", (2, 5, 3, 4))
    np.testing.assert_array_equal(voxels(volume)[:, 0], times)
    first = {"dimension": "4", "sizes": "2 4 3 5", "kinds": "time domain domain domain"}
    turned = np.ascontiguousarray(np.moveaxis(times, 0, -1))
    volume = opened(write(tmp_path / "b.nrrd", turned, space_directions=f"none {steps}", **first))
    np.testing.assert_array_equal(voxels(volume)[:, 0], times)


def test_components_become_channels_and_colours_colour(tmp_path: Path) -> None:
    parts = np.stack([VALUES, VALUES + 1, VALUES + 2], axis=-1)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(parts, isVector=True), str(tmp_path / "a.nrrd"))
    volume = opened(tmp_path / "a.nrrd")
    assert (volume.attributes.axes, volume.shape, volume.attributes.photometric) == (
        "czyx", (3, 5, 3, 4), "MONOCHROME2",
    )  # fmt: skip
    np.testing.assert_array_equal(voxels(volume)[0], np.moveaxis(parts, -1, 0))
    assert volume.frames == 15
    np.testing.assert_array_equal(volume.frame(7), parts[2, :, :, 1])
    fields = {"dimension": "4", "sizes": "3 4 3 5", "kinds": "RGB-color domain domain domain", "type": "uchar"}
    steps = f"none {PLAIN['space directions']}"
    colours = parts.astype(np.uint8)
    volume = opened(write(tmp_path / "b.nrrd", colours, space_directions=steps, **fields))
    assert (volume.attributes.photometric, volume.frames) == ("RGB", 5)
    np.testing.assert_array_equal(voxels(volume)[0], np.moveaxis(colours, -1, 0))


def test_a_flat_picture_has_one_plane(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(VALUES[0]), str(tmp_path / "a.nrrd"))
    volume = opened(tmp_path / "a.nrrd")
    assert (volume.shape, volume.attributes.spacing_mm) == ((1, 3, 4), (None, 1, 1))
    np.testing.assert_array_equal(voxels(volume)[0, 0, 0], VALUES[0])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data_file": "a.raw"}, Reason.NO_PIXELS),
        ({"data_file": "LIST"}, Reason.NO_PIXELS),
        ({"encoding": "bzip2"}, Reason.UNSUPPORTED_SYNTAX),
        ({"encoding": "ascii"}, Reason.UNSUPPORTED_SYNTAX),
        ({"byte_skip": "-1"}, Reason.UNSUPPORTED_SYNTAX),
        ({"byte_skip": "many"}, Reason.UNREADABLE),
        ({"type": "block"}, Reason.UNSUPPORTED_SYNTAX),
        ({"endian": None}, Reason.UNREADABLE),
        ({"dimension": "4"}, Reason.UNREADABLE),
        ({"sizes": "4 3 -5"}, Reason.UNREADABLE),
        ({"sizes": "4 3 6"}, Reason.TRUNCATED),
        ({"sizes": "40000 40000 4000"}, Reason.LIMIT_EXCEEDED),
        ({"sizes": "4000 4000 4000", "encoding": "gzip"}, Reason.LIMIT_EXCEEDED),
        ({"space_directions": "(0.5,0,0) (0.4,0.75,0) (0,0,2)"}, Reason.IRREGULAR_GEOMETRY),
        ({"space_directions": "(0.5,0,0) (0,0,0) (0,0,2)"}, Reason.IRREGULAR_GEOMETRY),
        ({"space_directions": "(nan,0,0) (0,1,0) (0,0,2)"}, Reason.IRREGULAR_GEOMETRY),
        ({"space_directions": "(0.5,0) (0,1,0) (0,0,2)"}, Reason.UNREADABLE),
        ({"space_directions": "(0.5,0,0) none (0,0,2)"}, Reason.UNSUPPORTED_SYNTAX),
    ],
)
def test_what_cannot_be_read_right_is_held(tmp_path: Path, fields: dict[str, str | None], reason: Reason) -> None:
    assert refusal(write(tmp_path / "a.nrrd", **fields))[0] is reason
    assert not list(tmp_path.glob("*.unpacked*/*"))


def test_axes_that_nobody_can_tell_apart_are_held(tmp_path: Path) -> None:
    times = np.stack([VALUES, VALUES])
    fields = {"dimension": "4", "sizes": "4 3 5 2", "space": None, "space_directions": None, "space_origin": None}
    for kinds in (None, "domain domain domain domain", "domain domain domain 3D-matrix"):
        assert refusal(write(tmp_path / "a.nrrd", times, kinds=kinds, **fields))[0] is Reason.UNSUPPORTED_SYNTAX


def test_a_detached_header_that_ends_at_once_is_told_as_one(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(VALUES), str(tmp_path / "a.nhdr"))
    assert refusal(tmp_path / "a.nhdr") == (Reason.NO_PIXELS, "the voxels lie in a file of their own")


def test_packed_voxels_that_end_early_are_truncated(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 2**15, (40, 30, 20)).astype(np.int16)
    path = write(tmp_path / "a.nrrd", noise, sizes="20 30 40", encoding="gzip")
    path.write_bytes(path.read_bytes()[:-3000])
    assert refusal(path) == (Reason.TRUNCATED, "the file ends before its voxels")


def test_a_header_without_an_end_is_held(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ntype: short\n")
    assert refusal(tmp_path / "a.nrrd")[0] is Reason.TRUNCATED
    (tmp_path / "b.nrrd").write_bytes(b"NRRD0004\n#" + b"a" * 2**21)
    assert refusal(tmp_path / "b.nrrd")[0] is Reason.LIMIT_EXCEEDED


@given(place=st.integers(0, 300), value=st.binary(min_size=1, max_size=8))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_breaks_the_reader(tmp_path: Path, place: int, value: bytes) -> None:
    content = bytearray(write(tmp_path / "a.nrrd").read_bytes())
    content[place : place + len(value)] = value
    (tmp_path / "forged.nrrd").write_bytes(content)
    reader = find_volume_reader(tmp_path / "forged.nrrd")
    if reader is None:
        return
    try:
        volume = reader.open(tmp_path / "forged.nrrd", tmp_path, decided=False)
    except RefusedFileError:
        return
    assert voxels(volume).size == np.prod(volume.shape)


def test_real_volumes_are_read_as_itk_reads_them(shared_data: Path, tmp_path: Path) -> None:
    for name in ("roi_stats_pyradiomics/brain1_image.nrrd", "seg_dcmqi/liver_seg.nrrd"):
        (tmp_path / Path(name).name).write_bytes((shared_data / name).read_bytes())
        check_with_itk(tmp_path / Path(name).name)
