"""A shard of an image or a segmentation that lies in an object store, with its length, for who sends it on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from imaging.domain.base import SegmentationKey
from imaging.errors import NotFoundError
from imaging.pyramid.beside import read_manifest
from imaging.pyramid.manifest import load_manifest, manifest_path
from imaging.pyramid.objects import OBJECTS, StoredObject, parse_place

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class ShardName:
    """A shard as it is asked for: of an image or of one of its segmentations, on a level, `c/…`."""

    segmentation: SegmentationKey | None
    level: str
    name: str


@dataclass(frozen=True)
class Shard:
    """A shard and how many bytes it has."""

    stored: StoredObject
    size: int


def find_shard(image_path: Path, asked: ShardName, read_place: Callable[[], bytes]) -> Shard:
    """Find a shard in an object store; NotFoundError where there is none.

    Parameters
    ----------
    read_place
        Reads the file that says where the shards of the array lie.
    """
    for _ in range(_ATTEMPTS):
        content = read_place()
        manifest = (
            read_manifest(image_path)
            if asked.segmentation is None
            else load_manifest(manifest_path(image_path, asked.segmentation))
        )
        files = {file.path: file for file in manifest.files}
        noted = files.get(f"{asked.level}/{OBJECTS}")
        if noted is not None and noted.sha256 == sha256(content).hexdigest():
            found = files.get(f"{asked.level}/{asked.name}")
            if found is None:
                break
            place = parse_place(content, image_path / asked.level)
            return Shard(StoredObject(place, asked.name), found.bytes)
        # A segmentation is being replaced, and its manifest comes a moment after it.
        time.sleep(_PAUSE_SECONDS)
    raise NotFoundError("array")
