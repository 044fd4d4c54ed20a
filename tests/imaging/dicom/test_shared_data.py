"""Real input: volumes equal to what independent readers published, and one outcome for every file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.dicom.decode import read_frame, read_slab
from imaging.dicom.headers import read_instance
from imaging.dicom.limits import Limits
from imaging.dicom.series import Grouped, group
from imaging.dicom.stack import Stack
from imaging.dicom.walk import Found, Refusal, find_files
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import voxel_to_world
from imaging.text import load_detector


def take(folder: Path, scratch: Path) -> tuple[Counter[str], Grouped, int]:
    outcomes: Counter[str] = Counter()
    instances, files = [], 0
    for found in find_files([folder], Limits(), scratch):
        files += 1
        if isinstance(found, Refusal):
            outcomes[found.reason.value] += 1
            continue
        try:
            instances.append(read_instance(found))
        except RefusedFileError as refusal:
            outcomes[refusal.reason.value] += 1
    grouped = group(instances, load_detector())
    outcomes.update(reason.value for _, reason, _ in grouped.refused)
    outcomes["duplicate"] += len(grouped.duplicates)
    outcomes["image"] += sum(len(stack.instances) for stack in grouped.stacks)
    return +outcomes, grouped, files


def assert_equals_nifti(stack: Stack, path: Path) -> None:
    """Same voxels at the same place: every voxel is looked up by its world coordinate; corners within 0.01 mm."""
    nifti = nibabel.load(path)
    expected = np.asarray(nifti.dataobj).reshape(*nifti.shape[:3], -1)
    extents = np.array([len(stack.planes[0]), *stack.plane_shape])
    to_index = np.linalg.inv(nifti.affine) @ np.diag([-1, -1, 1, 1]) @ np.array(stack.attributes.affine_lps)
    turn, start = np.round(to_index[:3, :3]).astype(int), np.round(to_index[:3, 3]).astype(int)
    assert np.abs(turn).sum() == 3
    corners = np.array(list(np.ndindex(2, 2, 2))) * (extents - 1)
    world = voxel_to_world(stack.attributes.affine_lps, corners) * [-1, -1, 1]
    theirs = (corners @ turn.T + start) @ nifti.affine[:3, :3].T + nifti.affine[:3, 3]
    assert np.abs(theirs - world).max() < 0.01
    flipped = expected[tuple(slice(None, None, int(row.sum())) for row in turn)]
    ordered = flipped.transpose(*np.abs(turn).argmax(axis=0), 3)
    rescale = stack.attributes.rescale
    assert ordered.shape == (*extents, len(stack.planes))
    for time in range(len(stack.planes)):
        stored = read_slab(stack, 0, extents[0], t=time) * rescale.slope[0] + rescale.intercept[0]
        assert np.array_equal(ordered[..., time], stored)


@pytest.mark.parametrize(
    ("folder", "reference"),
    [
        ("ct_philips_phantom/dicom/S2010", "ct_philips_phantom/reference/series2010.nii.gz"),
        ("mr_nih/dicom/siemens_mosaic_0003", "mr_nih/reference/EPI_PE=AP_3.nii.gz"),
        ("mr_nih/dicom/ge_0004", "mr_nih/reference/DCM2NIIX_regression_test_4.nii.gz"),
        (
            "enhanced_multiframe/siemens_xa10",
            "enhanced_multiframe/siemens_xa10/reference/Siemens_REST1_w_SMS_PF7-8_6.nii.gz",
        ),
    ],
)
def test_volumes_equal_their_published_reference(shared_data: Path, tmp_path: Path, folder: str, reference: str):
    _, grouped, _ = take(shared_data / folder, tmp_path)
    (stack,) = grouped.stacks
    assert_equals_nifti(stack, shared_data / reference)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("ct_philips_phantom", {"image": 29, "burned_in_risk": 6, "no_pixels": 3, "not_dicom": 3}),
        ("mr_nih", {"image": 152, "not_dicom": 7}),
        ("mr_tumour_PGBM-001", {"image": 147}),
        ("transfer_syntaxes_wg04", {"image": 15, "burned_in_risk": 20}),
        ("malformed_and_odd", {}),
        ("dicomdir_export", {}),
        ("private_tags", {}),
        ("charsets", {}),
        ("highdicom", {}),
        ("rt_sr", {}),
        ("seg_dcmqi", {}),
        ("enhanced_multiframe", {}),
        ("ultrasound", {"burned_in_risk": 4}),
    ],
)
def test_every_file_has_exactly_one_outcome(shared_data: Path, tmp_path: Path, folder: str, expected: dict[str, int]):
    outcomes, _, files = take(shared_data / folder, tmp_path)
    assert sum(outcomes.values()) == files
    assert {name: outcomes[name] for name in expected} == expected
    assert set(outcomes) <= {reason.value for reason in Reason} | {"image", "duplicate"}


def test_tumour_masks_pass_and_hold_the_published_voxels(shared_data: Path, tmp_path: Path):
    voxels = {}
    for session in ("session_1991-11-19", "session_1992-04-02"):
        (stack,) = take(shared_data / "mr_tumour_PGBM-001" / session / "MaskTumor", tmp_path)[1].stacks
        (image,) = take(shared_data / "mr_tumour_PGBM-001" / session / "T1post", tmp_path)[1].stacks
        mask = read_slab(stack, 0, len(stack.planes[0]))
        voxels[session] = (int((mask == 1).sum()), int(mask.any(axis=(1, 2)).sum()), np.unique(mask).tolist())
        assert stack.shape == image.shape
        assert np.allclose(stack.attributes.affine_lps, image.attributes.affine_lps, atol=1e-3)
    assert voxels == {"session_1991-11-19": (2641, 7, [0, 1]), "session_1992-04-02": (6809, 8, [0, 1])}


@pytest.mark.parametrize("name", ["CT1", "NM1", "MR4", "US1", "XA1"])
def test_lossless_syntaxes_equal_the_uncompressed_file(shared_data: Path, name: str):
    folder = shared_data / "transfer_syntaxes_wg04" / name
    plain = read_frame(read_instance(Found(folder / f"{name}_UNC.dcm", "")), 0)
    compared = 0
    for path in sorted(folder.glob("*.dcm")):
        decoded = read_frame(read_instance(Found(path, "")), 0)
        kind = path.stem.split("_")[1]
        limit = {"J2KI": 352, "JLSN": 4, "JPLY": 116}.get(kind, 0)
        if kind != "UNC":
            assert np.abs(decoded.astype(int) - plain.astype(int)).max() <= limit, path.name
            compared += 1
    assert compared >= 3
