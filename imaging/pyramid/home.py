"""Shards of an object store brought home: into a copy of the folders that their arrays have on disk."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from imaging.domain.base import SegmentationKey
from imaging.errors import NotFoundError, VerificationError
from imaging.locks import unchanging
from imaging.pyramid.manifest import LABELS, SUFFIX, manifest_path
from imaging.pyramid.objects import OBJECTS, find_place, list_objects

_SHARD = re.compile(r"c(/\d+)+")


def bring_home(images: Path, copy: Path) -> None:
    """Fetch the shards of a project's images and segmentations into a copy of its folder.

    Parameters
    ----------
    images
        Where the images lie, which others may change meanwhile.
    copy
        What was copied of it, the project's manifests beside it; needs no object store afterwards.

    Raises
    ------
    UnavailableError
        The store does not answer.
    """
    for group in sorted(copy.glob(f"*{SUFFIX}")):
        origin = images / group.name
        for segmentation in sorted((group / LABELS).glob("[0-9]*")):
            _bring_segmentation(origin, segmentation)
        # The shards of an image lie where they lie as long as it is there.
        _fetch(group)
        if not origin.is_dir():
            shutil.rmtree(group)


def _bring_segmentation(image: Path, copied: Path) -> None:
    """Copy a segmentation anew while nobody replaces it: the shards of an earlier one may be gone by now."""
    source = image / LABELS / copied.name
    with unchanging(image):
        if not any(next(folder.glob(f"*/{OBJECTS}"), None) for folder in (source, copied)):
            return
        shutil.rmtree(copied)
        # Removed since it was copied.
        with suppress(FileNotFoundError):
            shutil.copytree(source, copied)
            _fetch(copied)
            noted = manifest_path(image, SegmentationKey(int(copied.name)))
            shutil.copy2(noted, copied.parents[3] / noted.parent.name / noted.name)


def _fetch(group: Path) -> None:
    for file in sorted(group.glob(f"*/{OBJECTS}")):
        array = file.parent
        try:
            place = find_place(array)
        except VerificationError:
            # It is as damaged where it was copied from, and `imaging verify` tells it there and here.
            continue
        for found in [] if place is None else list_objects(place):
            # What somebody else put there is none of ours, whatever path its name spells.
            if _SHARD.fullmatch(found.name):
                with suppress(NotFoundError):
                    _write(found.read(), array / found.name)
        file.unlink()


def _write(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
