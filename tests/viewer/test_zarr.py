"""Byte ranges of an image's OME-Zarr, and nothing else."""

from __future__ import annotations

import json
import os

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from tests.viewer.byte_ranges import satisfiable
from viewer.ranges import UnsatisfiableRangeError, parse_range


def _url(ours, path):
    return f"/api/imageinstance/{ours.ct.id}/zarr/{path}"


@pytest.fixture
def folder(ours):
    return ours.project.images.path(ours.ct.id)


def test_every_published_file_is_served_whole(manager, ours, folder):
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    assert "zarr.json" in files
    assert any(name.startswith(f"labels/{ours.segmentation.id}/0/c/") for name in files)
    for name in files:
        answer = manager.get(_url(ours, name))
        assert answer.status_code == 200, name
        assert answer.content == (folder / name).read_bytes()
        assert answer.headers["cache-control"].startswith("no-store")


def test_a_range_is_that_part(manager, ours, folder):
    whole = (folder / "0/c/0/0/0").read_bytes()
    size = len(whole)
    for header, start, stop in satisfiable(size):
        answer = manager.get(_url(ours, "0/c/0/0/0"), headers={"Range": header})
        assert answer.status_code == 206
        assert answer.content == whole[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)


def test_a_range_beyond_the_end_is_unsatisfiable(manager, ours, folder):
    size = (folder / "zarr.json").stat().st_size
    for header in (f"bytes={size}-", "bytes=-0"):
        answer = manager.get(_url(ours, "zarr.json"), headers={"Range": header})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{size}"


def test_head_tells_the_size(manager, ours, folder):
    answer = manager.head(_url(ours, "zarr.json"))
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str((folder / "zarr.json").stat().st_size)
    assert answer.content == b""


def test_a_large_file_streams(manager, ours, folder, monkeypatch):
    monkeypatch.setattr("viewer.api.zarr._BLOCK", 7)
    whole = (folder / "0/c/0/0/0").read_bytes()
    answer = manager.get(_url(ours, "0/c/0/0/0"), headers={"Range": "bytes=3-50"})
    assert answer.content == whole[3:51]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "labels",
        "%2e%2e/zarr.json",
        "..%2fzarr.json",
        "%2e%2e/%2e%2e/headers/1.jsonl.gz",
        "0/%2e%2e/zarr.json",
        "/etc/passwd",
        "0/c/0/0/0/",
        "zarr.json%00",
        "0\\zarr.json",
        ".staging/zarr.json",
        "0/c/99/0/0",
        "labels/1/zarr.json",
        "labels/0/zarr.json",
    ],
)
def test_nothing_else_lies_behind_the_route(manager, ours, path):
    assert manager.get(_url(ours, path)).status_code == 404


def test_another_images_segmentation_is_not_found(manager, world, ours, folder):
    key = world.theirs.segmentation.id
    (folder / "labels" / str(key)).symlink_to(folder / "labels" / str(ours.segmentation.id))
    try:
        assert manager.get(_url(ours, f"labels/{key}/zarr.json")).status_code == 404
    finally:
        (folder / "labels" / str(key)).unlink()


def test_a_link_is_never_followed(manager, ours, folder, tmp_path):
    outside = tmp_path / "zarr.json"
    outside.write_text(json.dumps({"secret": True}))
    (folder / "7").symlink_to(tmp_path)
    (folder / "0" / "c" / "9").symlink_to(outside)
    os.mkfifo(folder / "0" / "c" / "8")
    try:
        for path in ("7/zarr.json", "0/c/9", "0/c/8"):
            assert manager.get(_url(ours, path)).status_code == 404
    finally:
        (folder / "7").unlink()
        (folder / "0" / "c" / "9").unlink()
        (folder / "0" / "c" / "8").unlink()


def test_what_is_served_reads_as_zarr(manager, ours, tmp_path, folder):
    for file in folder.rglob("*"):
        if file.is_file():
            target = tmp_path / "copy" / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(manager.get(_url(ours, file.relative_to(folder).as_posix())).content)
    assert (zarr.open_group(tmp_path / "copy", mode="r")["0"][:] == ours.stored).all()


@given(st.integers(0, 1000), st.integers(0, 1500), st.integers(0, 1500))
def test_a_range_lies_within_the_file_or_is_refused(size, first, last):
    try:
        found = parse_range(f"bytes={first}-{last}", size)
    except UnsatisfiableRangeError:
        assert last >= first >= size
    else:
        if found is None:
            assert last < first
        else:
            assert (found.start, found.stop) == (first, min(last + 1, size))
            assert found.length > 0


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "items=0-1", "bytes=0-1,4-5", "bytes=a-b", "bytes=5-2"]
)
def test_a_header_that_names_no_single_range_means_the_whole_file(header):
    assert parse_range(header, 10) is None


def test_what_is_prepared_of_an_image_is_not_served(manager, ours, folder):
    entry = ours.project.folder / "prepared" / str(ours.ct.id) / "0"
    entry.mkdir(parents=True)
    (entry / "zarr.json").write_text("{}")
    for path in (
        f"../../prepared/{ours.ct.id}/0/zarr.json",
        f"%2e%2e/%2e%2e/prepared/{ours.ct.id}/0/zarr.json",
        f"prepared/{ours.ct.id}/0/zarr.json",
    ):
        assert manager.get(_url(ours, path)).status_code in (400, 404), path
