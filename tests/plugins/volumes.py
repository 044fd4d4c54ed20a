"""What a reader made of a file, beside what independent programs make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from imaging.contracts import VolumeReader
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import voxel_to_world
from imaging.pyramid.layout import Slab
from imaging.readers import find_volume_reader
from imaging.volume import Volume


def opened(path: Path, *, decided: bool = False) -> Volume:
    """Open a file as an ingest does; what is unpacked lies in a folder of the test."""
    reader: VolumeReader | None = find_volume_reader(path)
    assert reader is not None
    scratch = path.parent / f"{path.name}.unpacked{len(list(path.parent.iterdir()))}"
    scratch.mkdir()
    return reader.open(path, scratch, decided=decided)


def voxels(volume: Volume) -> np.ndarray:
    """All stored values along `tczyx`."""
    extent = volume.file.format.extent
    return np.array(
        [[volume.read(Slab(0, 0, extent("z"), t, c)) for c in range(extent("c"))] for t in range(extent("t"))]
    )


def refusal(path: Path) -> tuple[Reason, str]:
    """Give why a file is refused."""
    with pytest.raises(RefusedFileError) as refused:
        opened(path)
    return refused.value.reason, refused.value.detail


def check_with_itk(path: Path) -> None:
    """Every voxel has the value and the place (LPS mm) that ITK gives it; z grows along the normal."""
    volume, other = opened(path), SimpleITK.ReadImage(str(path))
    affine = np.asarray(volume.attributes.affine_lps)
    assert np.linalg.det(affine[:3, [2, 1, 0]]) > 0
    # ITK gives real values.
    rescale = volume.attributes.rescale
    stored = voxels(volume)[0, 0] * rescale.slope[0] + rescale.intercept[0]
    there = SimpleITK.GetArrayFromImage(other)
    assert there.shape == stored.shape
    corners = np.array([[z, y, x] for z in (0, stored.shape[0] - 1) for y in (0, 2) for x in (0, 3)])
    for voxel, world in zip(corners, voxel_to_world(affine, corners), strict=True):
        x, y, z = other.TransformPhysicalPointToIndex(world.tolist())
        assert np.abs(np.subtract(other.TransformIndexToPhysicalPoint((x, y, z)), world)).max() < 1e-4
        assert there[z, y, x] == stored[tuple(voxel)]
    np.testing.assert_array_equal(there[:: -1 if volume.counts_down else 1], stored)
