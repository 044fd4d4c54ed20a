"""Byte ranges of shards that lie in an object store: what is sent is what it would be from the folder."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import zarr
from starlette.testclient import TestClient

from imaging.domain.image import Image, ImageAttributes, ImageDraft
from imaging.domain.segmentation import Segmentation
from imaging.project.project import Project
from imaging.pyramid import objects
from imaging.pyramid.labels import count_voxels, write_segmentation
from imaging.pyramid.manifest import manifest_path, save_manifest
from imaging.pyramid.write import write_pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.object_store import Bucket, Door, places_in
from tests.viewer.byte_ranges import satisfiable
from viewer.app import create_app

SHAPE = (5, 60, 70)


@pytest.fixture
def settings(tmp_path, bucket: Bucket, door: Door) -> Settings:
    return Settings.read(tmp_path / "W", bucket.environment(door.port))


@pytest.fixture
def stored() -> np.ndarray:
    return np.random.default_rng(1).integers(-1000, 3000, SHAPE).astype(np.int16)


@pytest.fixture
def image(project: Project, stored: np.ndarray) -> Image:
    attributes = ImageAttributes(
        axes="zyx", affine_lps=tuple(map(tuple, np.eye(4))), spacing_mm=(1.0, 1.0, 1.0), units="HU", modality="CT"
    )
    draft = ImageDraft(name="CT", subject="PHA-0001", shape=SHAPE, dtype="int16", attributes=attributes, sources=1)

    def prepare(key):
        path = project.images.path(key)
        save_manifest(write_pyramid(path, stored, attributes, store=project.object_store), manifest_path(path))

    return project.images.register(draft, prepare)


@pytest.fixture
def client(workspace: Workspace, project: Project) -> TestClient:
    made = TestClient(create_app(workspace), raise_server_exceptions=False)
    made.headers["Authorization"] = f"Bearer {workspace.accounts.token(project.member.user.id)}"
    return made


@pytest.fixture
def get(client: TestClient, image: Image) -> Callable[..., object]:
    return lambda path, **headers: client.get(f"/api/imageinstance/{image.id}/zarr/{path}", headers=headers)


def segment(project: Project, image: Image, value: int, before: Segmentation | None = None) -> Segmentation:
    labels = np.full(SHAPE, value, np.uint16)
    terms = [term for term in project.ontology.terms() if term.value == value]
    path = project.images.path(image.id)
    counts = count_voxels(labels, terms)

    def write(key):
        write_segmentation(path, key, labels, terms, store=project.object_store)

    if before is not None:
        return project.segmentations.replace(before.id, counts, write)
    return project.segmentations.create(image.id, project.layers.mine().id, "by hand", counts, write)


def shard(bucket: Bucket) -> bytes:
    (name,) = bucket.names()
    return bucket[name]


def test_a_shard_and_every_part_of_it_are_sent(get, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shard(bucket)
    size = len(whole)
    monkeypatch.setattr(objects, "_BLOCK", 1000)
    answer = get("0/c/0/0/0")
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-length"] == str(size)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"].startswith("no-store")
    for asked, start, stop in (
        *satisfiable(size),
        ("bytes=999-1000", 999, 1001),
        ("bytes=0-999", 0, 1000),
        ("bytes=1000-2999", 1000, 3000),
    ):
        answer = get("0/c/0/0/0", Range=asked)
        assert answer.status_code == 206
        assert answer.content == whole[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
    answer = get("0/c/0/0/0", Range=f"bytes={size}-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")


def test_head_tells_the_size_of_an_object(client: TestClient, image: Image, bucket: Bucket) -> None:
    answer = client.head(f"/api/imageinstance/{image.id}/zarr/0/c/0/0/0")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(shard(bucket)))


@pytest.mark.parametrize(
    "path", ["0/objects.json", "objects.json", "0/c/0/0/1", "0/c/99/0/0", "1/c/0/0/0", "labels/1/0/c/0/0/0", "c/0/0/0"]
)
def test_nothing_else_is_sent_and_no_address_of_the_store(get, path: str) -> None:
    assert get(path).status_code == 404


def test_what_is_served_reads_as_zarr(get, project: Project, image: Image, stored: np.ndarray, tmp_path) -> None:
    made = segment(project, image, 2)
    for part in ("", f"labels/{made.id}/"):
        for name in ("zarr.json", "0/zarr.json", "0/c/0/0/0"):
            target = tmp_path / "copy" / part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(get(part + name).content)
    copied = zarr.open_group(tmp_path / "copy", mode="r")
    assert (copied["0"][:] == stored).all()
    assert (zarr.open_group(tmp_path / f"copy/labels/{made.id}", mode="r")["0"][:] == 2).all()


def test_planes_and_pictures_come_from_the_store(client: TestClient, image: Image, stored: np.ndarray) -> None:
    answer = client.get(f"/api/imageinstance/{image.id}/plane/z/3")
    assert (np.frombuffer(answer.content, "<i2").reshape(SHAPE[1:]) == stored[3]).all()
    assert client.get(f"/api/imageinstance/{image.id}/thumb.png").status_code == 200


def test_a_store_that_does_not_answer_is_a_503_that_tells_no_address(get, bucket: Bucket, door: Door) -> None:
    assert get("0/c/0/0/0").status_code == 200
    door.close()
    answer = get("0/c/0/0/0")
    assert answer.status_code == 503
    assert not [word for word in (bucket.name, "127.0.0.1", "s3") if word in answer.text]
    assert get("0/zarr.json").status_code == 200
    door.open()
    assert get("0/c/0/0/0").status_code == 200


def test_an_object_that_is_gone_is_not_found(get, bucket: Bucket) -> None:
    bucket[bucket.names()[0]] = None
    assert get("0/c/0/0/0").status_code == 404


def test_a_planted_file_is_not_served_for_an_object(get, project: Project, image: Image, bucket: Bucket) -> None:
    folder = project.images.path(image.id) / "0/c/0/0"
    folder.mkdir(parents=True)
    (folder / "0").write_bytes(b"planted")
    assert get("0/c/0/0/0").content == shard(bucket)


def test_a_link_to_another_place_is_never_followed(get, project: Project, image: Image, tmp_path) -> None:
    (note,) = places_in(project.images.path(image.id))
    note.rename(tmp_path / "note")
    note.symlink_to(tmp_path / "note")
    assert get("0/c/0/0/0").status_code == 404


def test_while_a_segmentation_is_replaced_each_answer_is_one_of_its_states(
    get, project: Project, image: Image, bucket: Bucket
) -> None:
    made = segment(project, image, 1)
    states = {get(f"labels/{made.id}/0/c/0/0/0").content}
    segment(project, image, 2, made)
    states.add(get(f"labels/{made.id}/0/c/0/0/0").content)
    assert len(states) == 2
    stop = threading.Event()

    def work() -> None:
        value = 1
        while not stop.is_set():
            segment(project, image, value, made)
            value = 3 - value

    other = threading.Thread(target=work)
    other.start()
    try:
        for _ in range(60):
            answer = get(f"labels/{made.id}/0/c/0/0/0")
            assert answer.status_code == 200
            assert answer.content in states
    finally:
        stop.set()
        other.join()
    assert len(bucket.names()) == 2
