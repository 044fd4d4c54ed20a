"""Which files belong to an image or a segmentation, where they lie, and the digest of every byte."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.domain.base import ImageKey, Record, SegmentationKey
from imaging.errors import VerificationError
from imaging.pyramid.objects import OBJECTS, StoredObject, find_place, list_objects

LABELS = "labels"
SUFFIX = ".ome.zarr"
_OBJECTS_AT_A_TIME = 2


class FileDigest(Record):
    """One file: its path relative to the group, its length and the SHA-256 of its bytes, hex."""

    path: str
    bytes: int
    sha256: str


class VoxelDigest(Record):
    """The SHA-256, hex, of the stored voxels z planes start..stop−1 of level 0: little-endian, C order (z, y, x).

    It stays what it is when voxels are compressed or cut in another way.
    """

    t: int
    c: int
    start: int
    stop: int
    sha256: str


class Manifest(Record):
    """All files of one group, sorted by path, and the voxels of an image.

    `headers` is the file of pseudonymised headers beside an image.
    """

    files: tuple[FileDigest, ...]
    headers: FileDigest | None = None
    voxels: tuple[VoxelDigest, ...] = ()

    @property
    def bytes(self) -> int:
        """Length of all files together."""
        return sum(file.bytes for file in self.files)


class Difference(Record):
    """One file that is not as the manifest says: `missing`, `extra` or `changed`."""

    path: str
    problem: str


def group_path(project: Path, key: ImageKey) -> Path:
    """Where the group of an image lies in the folder of its project."""
    return project / "images" / f"{key}{SUFFIX}"


def manifest_path(image_path: Path, segmentation: SegmentationKey | None = None) -> Path:
    """Where the manifest of an image, or of one of its segmentations, lies: beside the images, out of their reach."""
    image = image_path.name.removesuffix(SUFFIX)
    name = image if segmentation is None else f"{image}.{LABELS}.{segmentation}"
    return image_path.parent.parent / "manifests" / f"{name}.json"


def headers_path(image_path: Path) -> Path:
    """Where the pseudonymised headers of an image lie."""
    return image_path.parent.parent / "headers" / f"{image_path.name.removesuffix(SUFFIX)}.jsonl.gz"


def digest_file(path: Path, name: str) -> FileDigest:
    """Read one file through and note what it holds."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileDigest(path=name, bytes=stream.tell(), sha256=digest)


def digest_voxels(stored: NDArray[Any]) -> str:
    """Note what some stored voxels are, however they come to be stored."""
    plain = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<"))
    return hashlib.sha256(plain.data).hexdigest()


def take_manifest(group: Path, voxels: Iterable[VoxelDigest] = ()) -> Manifest:
    """Digest every file of a group; the segmentations inside an image keep manifests of their own."""
    found = sorted(_files(group), key=lambda item: item[0])
    # An object is held in memory as a whole, so only a few at a time.
    remote = any(isinstance(stored, StoredObject) for _, stored in found)
    with ThreadPoolExecutor(_OBJECTS_AT_A_TIME if remote else os.cpu_count()) as pool:
        files = tuple(pool.map(lambda item: _digest(item[1], item[0]), found))
    return Manifest(files=files, voxels=tuple(sorted(voxels, key=lambda part: (part.t, part.c, part.start))))


def save_manifest(manifest: Manifest, target: Path) -> None:
    """Write a manifest durably and at once."""
    save_bytes(manifest.model_dump_json(indent=1).encode(), target)


def save_bytes(content: bytes, target: Path) -> None:
    """Write one file so that a reader sees either all of it or what was there before."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(target)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest back."""
    try:
        return Manifest.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise VerificationError("manifest", path.name) from error


def verify(group: Path, manifest: Manifest) -> tuple[Difference, ...]:
    """Compare every byte of a group with its manifest.

    Returns
    -------
    Every file that is missing, extra or changed; empty when all is as it was written. An object counts as the file
    that it would be in the folder of its array.
    """
    recorded = {file.path: file for file in manifest.files}
    # What says where shards lie is gone where they were brought home; where they were not, they are missing.
    needed = {name for name in recorded if not name.endswith(f"/{OBJECTS}")}
    present, extra = dict[str, Path | StoredObject](), set[str]()
    for name, stored in _files(group):
        # A file under the name of an object is one too many.
        extra |= {name} - (recorded.keys() - present.keys())
        # Objects come before what lies below the folder of their array.
        present.setdefault(name, stored)
    found = [Difference(path=name, problem="missing") for name in sorted(needed - present.keys())]
    found += [Difference(path=name, problem="extra") for name in sorted(extra)]
    for name in sorted(recorded.keys() & present.keys()):
        if not _is_as(present[name], recorded[name]):
            found.append(Difference(path=name, problem="changed"))
    return tuple(found)


def _files(group: Path) -> Iterator[tuple[str, Path | StoredObject]]:
    for folder, folders, names in os.walk(group):
        if Path(folder) == group and LABELS in folders:
            folders.remove(LABELS)
        inside = Path(folder).relative_to(group)
        for name in names:
            yield (inside / name).as_posix(), Path(folder, name)
        if OBJECTS in names:
            # Where it is damaged, it is told as changed, and the shards as missing.
            with suppress(VerificationError):
                place = find_place(Path(folder))
                for found in [] if place is None else list_objects(place):
                    yield (inside / found.name).as_posix(), found


def _digest(found: Path | StoredObject, name: str) -> FileDigest:
    if isinstance(found, Path):
        return digest_file(found, name)
    content = found.read()
    return FileDigest(path=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _is_as(found: Path | StoredObject, recorded: FileDigest) -> bool:
    if isinstance(found, Path):
        return digest_file(found, recorded.path) == recorded
    return found.is_as(recorded.bytes, recorded.sha256)
