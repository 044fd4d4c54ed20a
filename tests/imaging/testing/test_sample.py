"""The sample studies are synthetic, deterministic and worth learning from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.testing.phantoms import chest_phantom, phantoms
from imaging.testing.sample import write_sample
from imaging.testing.series import write_images

SAMPLE = Path(__file__).parents[3] / "sample_dicom"


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((SAMPLE / "manifest.json").read_text())


def test_generator_gives_the_committed_bytes_again(tmp_path: Path) -> None:
    write_sample(tmp_path)
    made = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(SAMPLE).as_posix(): path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file()}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


def test_manifest_names_every_file_with_its_digest(manifest: dict) -> None:
    found = {
        path.relative_to(SAMPLE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in SAMPLE.rglob("*.dcm")
    }
    assert found == manifest["sha256"]


def test_sample_stays_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 8_000_000


def test_label_series_lies_on_the_grid_of_its_image_series(manifest: dict) -> None:
    chests = [study for study in manifest["studies"] if "labels" in study]
    assert len(chests) >= 6
    for study in chests[::3]:
        images, labels = (_by_position(SAMPLE / study[part]) for part in ("images", "labels"))
        assert images.keys() == labels.keys()
        image, label = (np.stack([plane.pixel_array for plane in planes.values()]) for planes in (images, labels))
        assert list(image.shape) == study["shape"] == list(label.shape)
        assert set(np.unique(label)) == {0, 1}
        assert int(label.sum()) == study["nodule_voxels"]


def test_file_order_is_not_plane_order(manifest: dict) -> None:
    for study in manifest["studies"]:
        names = sorted((SAMPLE / study["images"]).iterdir())
        heights = [float(pydicom.dcmread(name, stop_before_pixels=True).SliceLocation) for name in names]
        assert heights != sorted(heights)
        assert heights != sorted(heights, reverse=True)


def test_compressed_and_native_files_decode_to_the_phantom(tmp_path: Path) -> None:
    for number in (1, 3, 4, 6):
        phantom = chest_phantom(number)
        written = write_images(phantom, tmp_path / str(number))
        planes = [pydicom.dcmread(tmp_path / str(number) / name).pixel_array for name in written.files]
        np.testing.assert_array_equal(np.stack(planes), phantom.stored)


def test_every_identifier_is_obviously_invented(manifest: dict) -> None:
    for study in manifest["studies"]:
        header = pydicom.dcmread(next((SAMPLE / study["images"]).iterdir()), stop_before_pixels=True)
        people = [element.value for element in header.iterall() if element.VR == "PN"]
        assert len(people) >= 5
        assert all("PHANTOM" in str(person) for person in people)
        assert header.PatientID.startswith("PHA-")
        assert str(header.StudyInstanceUID).startswith("2.25.")


def test_no_single_threshold_finds_the_nodules() -> None:
    for number in (1, 5, 9):
        phantom = chest_phantom(number)
        truth = phantom.labels > 0
        assert _best_threshold_dice(phantom.stored.astype(np.int64), truth) <= 0.5


def test_subjects_differ() -> None:
    chests = [phantom for phantom in phantoms() if phantom.nodules]
    assert len({phantom.spacing for phantom in chests}) >= 6
    assert len({len(phantom.nodules) for phantom in chests}) >= 3
    assert len({int(phantom.labels.sum()) for phantom in chests}) == len(chests)


def _by_position(folder: Path) -> dict[tuple[float, ...], pydicom.Dataset]:
    headers = [pydicom.dcmread(path) for path in folder.iterdir()]
    return {tuple(header.ImagePositionPatient): header for header in sorted(headers, key=lambda h: h.SliceLocation)}


def _best_threshold_dice(values: np.ndarray, truth: np.ndarray) -> float:
    low = values.min()
    inside = np.bincount(values[truth] - low, minlength=values.max() - low + 1)[::-1].cumsum()
    every = np.bincount((values - low).ravel())[::-1].cumsum()
    return float((2 * inside / (every + truth.sum())).max())
