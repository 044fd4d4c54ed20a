"""Real studies become what their published references say."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from imaging.project.project import Project
from imaging.project.verification import verify_project
from tests.imaging.dicom.conftest import Factory
from tests.imaging.dicom.test_breasts import tomosynthesis
from tests.pipelines.ingesting import take, voxels_of


@pytest.mark.parametrize(
    ("folder", "images", "held"),
    [
        ("mr_tumour_PGBM-001", [(25, 320, 260)] * 3 + [(24, 320, 260)] * 3, 0),
        # The references beside the studies, in NIfTI, are images too.
        ("ct_philips_phantom", [(1, 256, 512), (28, 512, 512), (28, 512, 512)], 11),
        ("mr_nih", [(10, 15, 64, 64), (2, 5, 72, 72)] * 2, 5),
    ],
)
def test_real_studies_have_their_known_shapes(
    folder: str, images: list[tuple[int, ...]], held: int, project: Project, shared_data: Path
) -> None:
    made = take(project, shared_data / folder)
    assert sorted(image.shape for image in made.images) == sorted(images)
    assert len(made.quarantined) == held
    assert verify_project(project).ok


def test_the_philips_ct_equals_its_reference_in_voxels_and_corners(project: Project, shared_data: Path) -> None:
    study = shared_data / "ct_philips_phantom"
    take(project, study / "dicom" / "S2010")
    (image,) = project.images.list()
    reference = nibabel.load(study / "reference" / "series2010.nii.gz")
    expected = np.asarray(reference.dataobj).transpose(2, 1, 0)[:, ::-1]
    slope, intercept = image.attributes.rescale.slope[0], image.attributes.rescale.intercept[0]
    np.testing.assert_array_equal(voxels_of(project) * slope + intercept, expected)
    corners = np.array([[z, y, x, 1] for z in (0, 27) for y in (0, 511) for x in (0, 511)], float)
    ours = corners @ np.asarray(image.attributes.affine_lps).T
    theirs = corners[:, [2, 1, 0, 3]] * [1, -1, 1, 1] + [0, 511, 0, 0]
    ras = theirs @ reference.affine.T
    np.testing.assert_allclose(ours[:, :3], ras[:, :3] * [-1, -1, 1], atol=0.01)


def test_lossless_syntaxes_publish_the_same_voxels(project: Project, shared_data: Path) -> None:
    study = shared_data / "transfer_syntaxes_wg04" / "CT1"
    made = take(project, *(study / f"CT1_{syntax}.dcm" for syntax in ("UNC", "J2KR", "JLSL", "JPLL", "RLE")))
    assert len(made.images) == 5 - made.duplicates - len(made.quarantined) >= 1
    for number in range(1, len(made.images)):
        np.testing.assert_array_equal(voxels_of(project, number), voxels_of(project))


def test_a_real_dose_grid_is_published_whole(project: Project, shared_data: Path) -> None:
    path = shared_data / "rt_sr" / "rtdose.dcm"
    (made,) = take(project, path).images
    assert (made.modality, made.shape, made.dtype, made.spacing_mm) == ("RTDOSE", (15, 10, 10), "uint32", (5, 10, 10))
    np.testing.assert_array_equal(voxels_of(project), pydicom.dcmread(path).pixel_array)
    assert verify_project(project).ok


def test_a_stack_without_a_distance_is_published_without_one(project: Project, tmp_path: Path) -> None:
    (made,) = take(project, tomosynthesis(Factory(tmp_path), 4, placed=False, step=None)).images
    assert (made.modality, made.axes, made.shape, made.spacing_mm) == ("MG", "zyx", (4, 4, 6), (None, 0.1, 0.1))
    np.testing.assert_array_equal(voxels_of(project).ravel(), np.arange(96))
    assert verify_project(project).ok
