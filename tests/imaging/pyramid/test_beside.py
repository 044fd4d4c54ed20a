"""Headers, manifest and attributes of an image change together, and a reader finds those that belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.domain.image import ImageAttributes
from imaging.errors import VerificationError
from imaging.pyramid import beside
from imaging.pyramid.beside import (
    find_beside,
    read_headers,
    read_manifest,
    remove_beside,
    remove_superseded,
    replace_headers,
    stored_profile,
)
from imaging.pyramid.manifest import digest_file, group_path, headers_path, manifest_path, save_manifest, verify
from imaging.pyramid.read import Pyramid
from imaging.pyramid.write import write_pyramid

AFFINE = ((2.0, 0.0, 0.0, 0.0), (0.0, 0.5, 0.0, 0.0), (0.0, 0.0, 0.75, 0.0), (0.0, 0.0, 0.0, 1.0))
OLD, NEW = "a" * 64, "b" * 64


def attributes_of(profile: str) -> ImageAttributes:
    return ImageAttributes(axes="zyx", affine_lps=AFFINE, spacing_mm=(2.0, 0.5, 0.75), profile_hash=profile)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with headers that say "old"."""
    path = group_path(tmp_path, ImageKey(12))
    path.parent.mkdir()
    manifest = write_pyramid(path, np.arange(24, dtype=np.int16).reshape(2, 3, 4), attributes_of(OLD))
    headers_path(path).parent.mkdir()
    headers_path(path).write_bytes(b"old")
    headers = digest_file(headers_path(path), headers_path(path).name)
    save_manifest(manifest.model_copy(update={"headers": headers}), manifest_path(path))
    return path


def is_whole(image: Path) -> bool:
    manifest, found = read_manifest(image), find_beside(image)
    return verify(image, manifest) == () and digest_file(found.headers, found.headers.name) == manifest.headers


def test_other_headers_come_with_their_manifest_and_attributes(image: Path) -> None:
    stored = Pyramid.open(image).region((0, 2, 0, 3, 0, 4))
    ome = (image / "zarr.json").read_text().split('"imaging"')[0]
    replace_headers(image, b"new", attributes_of(NEW), before=find_beside(image))
    assert (read_headers(image), stored_profile(image)) == (b"new", NEW)
    assert Pyramid.open(image).attributes == attributes_of(NEW)
    assert (image / "zarr.json").read_text().split('"imaging"')[0] == ome
    np.testing.assert_array_equal(Pyramid.open(image).region((0, 2, 0, 3, 0, 4)), stored)
    assert is_whole(image)


def test_until_the_last_step_the_old_ones_are_in_force(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = Path.replace

    def stop(self: Path, target: Path) -> Path:
        if Path(target) == image / "zarr.json":
            raise OSError("stopped")
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(OSError, match="stopped"):
        replace_headers(image, b"new", attributes_of(NEW), before=find_beside(image))
    assert (read_headers(image), stored_profile(image)) == (b"old", OLD)
    assert is_whole(image)


def test_what_is_superseded_goes_and_manifests_of_segmentations_stay(image: Path) -> None:
    of_segmentation = manifest_path(image, SegmentationKey(3))
    of_segmentation.write_text("{}")
    neighbour = manifest_path(group_path(image.parent.parent, ImageKey(123)))
    neighbour.write_text("{}")
    (headers_path(image).parent / ".12.jsonl.gz.99.partial").write_text("left by a killed process")
    replace_headers(image, b"new", attributes_of(NEW), before=find_beside(image))
    remove_superseded(image)
    found = find_beside(image)
    left = [*found.headers.parent.iterdir(), *found.manifest.parent.iterdir()]
    assert sorted(left) == sorted([found.headers, found.manifest, of_segmentation, neighbour])
    remove_beside(image)
    assert [*found.headers.parent.iterdir(), *found.manifest.parent.iterdir()] == [neighbour]


def test_nothing_is_removed_where_what_is_in_force_is_damaged(image: Path) -> None:
    replace_headers(image, b"new", attributes_of(NEW), before=find_beside(image))
    find_beside(image).headers.unlink()
    remove_superseded(image)
    assert headers_path(image).read_bytes() == b"old"
    with pytest.raises(VerificationError):
        read_headers(image)


def test_a_reader_that_was_overtaken_reads_the_new_ones(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = find_beside(image)
    replace_headers(image, b"new", attributes_of(NEW), before=stale)
    remove_superseded(image)
    found = [stale]
    monkeypatch.setattr(beside, "find_beside", lambda path: found.pop() if found else find_beside(path))
    assert read_headers(image) == b"new"
