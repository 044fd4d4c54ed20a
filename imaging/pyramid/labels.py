"""Segmentations inside an image's group: `labels/<segmentation-id>`, replaced as a whole, never half seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.domain.base import SegmentationKey
from imaging.domain.object_store import ObjectStore
from imaging.domain.ontology import Term
from imaging.domain.segmentation import TermVoxels
from imaging.errors import InvalidInputError, NotFoundError
from imaging.locks import exclusive
from imaging.pyramid.arrays import StoredArray, create_array
from imaging.pyramid.layout import Layout, array_metadata, plan_layout
from imaging.pyramid.manifest import LABELS, Manifest, manifest_path, save_bytes, save_manifest, take_manifest
from imaging.pyramid.metadata import labels_group, read_group, segmentation_group
from imaging.pyramid.objects import fresh_places
from imaging.pyramid.publish import discard, put_in_place, staging_area, staging_folder
from imaging.pyramid.read import Grid, Pyramid
from imaging.pyramid.shrink import shrink_mode

Labels = NDArray[np.uint16]
_COMPARED_PLANES = 64


class SegmentationReader(Grid):
    """A published segmentation, read as an image is; 0 is background."""

    def __init__(self, path: Path) -> None:
        group = read_group(path, kind="segmentation")
        super().__init__(path, group["ome"]["multiscales"][0], sparse=True)
        self.values = tuple(color["label-value"] for color in group["ome"]["image-label"]["colors"])

    @classmethod
    def open(cls, image_path: Path, key: SegmentationKey) -> SegmentationReader:
        """Open one segmentation of an image; NotFoundError where there is none."""
        return cls(segmentation_path(image_path, key))


def segmentation_path(image_path: Path, key: SegmentationKey) -> Path:
    """Where a segmentation of an image lies."""
    return image_path / LABELS / str(key)


def count_voxels(labels: Labels, terms: Sequence[Term]) -> tuple[TermVoxels, ...]:
    """Count the voxels of each term; InvalidInputError when a value belongs to no term."""
    counts = np.bincount(labels.ravel(), minlength=1)
    known = {term.value for term in terms}
    strange = [int(value) for value in np.flatnonzero(counts) if value and int(value) not in known]
    if strange:
        raise InvalidInputError(f"values without a term: {', '.join(map(str, strange[:8]))}")
    return tuple(
        TermVoxels(term=term.id, value=term.value, voxels=int(counts[term.value]) if term.value < len(counts) else 0)
        for term in terms
    )


@contextmanager
def stage_segmentation(
    image_path: Path, labels: Labels | Iterable[Labels], terms: Sequence[Term], *, store: ObjectStore | None = None
) -> Iterator[Callable[[SegmentationKey], None]]:
    """Write a segmentation aside, as `write_segmentation` does, and give what puts it in place.

    Putting it in place takes a moment, however long writing takes: it may be done while a database is locked. What is
    not put in place is removed. NotFoundError where the image is deleted meanwhile.
    """
    with staging_area(image_path.parent):
        staging = staging_folder(image_path.parent)

        def put(key: SegmentationKey) -> None:
            with _image_there(image_path):
                put_in_place(staging, segmentation_path(image_path, key))
                save_manifest(manifest, manifest_path(image_path, key))
                _list_segmentations(image_path)

        try:
            manifest = _write_staged(staging, Pyramid.open(image_path), labels, terms, store)
            yield put
        finally:
            discard(staging, image_path.parent)


def holds_labels(image_path: Path, key: SegmentationKey, labels: Labels) -> bool:
    """Whether a segmentation of an image holds exactly these labels (z, y, x); False where it is gone meanwhile."""
    try:
        reader = SegmentationReader.open(image_path, key)
        planes, rows, columns = reader.shape
        if reader.shape != labels.shape:
            return False
        for start in range(0, planes, _COMPARED_PLANES):
            stop = min(start + _COMPARED_PLANES, planes)
            if not np.array_equal(reader.region((start, stop, 0, rows, 0, columns)), labels[start:stop]):
                return False
    except NotFoundError:
        return False
    return True


def write_segmentation(
    image_path: Path,
    key: SegmentationKey,
    labels: Labels | Iterable[Labels],
    terms: Sequence[Term],
    *,
    store: ObjectStore | None = None,
) -> None:
    """Write or replace a segmentation with a pyramid of as many levels as its image.

    Parameters
    ----------
    image_path
        The image's group.
    labels : (z, y, x), uint16
        On the grid of the image at level 0; or slabs of it that follow each other along z.
    terms
        Give each value its colour and name; a value without a term is refused before anything appears.
    store
        That of the project, where shards go; None for folders.
    """
    with stage_segmentation(image_path, labels, terms, store=store) as put:
        put(key)


def remove_segmentation(image_path: Path, key: SegmentationKey) -> None:
    """Take a segmentation away; one that is not there is no error."""
    path = segmentation_path(image_path, key)
    # With the image, its segmentations are gone.
    with staging_area(image_path.parent), suppress(NotFoundError), _image_there(image_path):
        if path.exists():
            staging = staging_folder(image_path.parent)
            path.rename(staging)
            _list_segmentations(image_path)
            discard(staging, image_path.parent)
        manifest_path(image_path, key).unlink(missing_ok=True)


def sweep_segmentations(image_path: Path, known: Collection[SegmentationKey]) -> None:
    """Remove the segmentations of an image that are not known, for a caller who holds the staging area alone."""
    names = {str(key) for key in known}
    kept = {manifest_path(image_path, key) for key in known}
    own = manifest_path(image_path)
    for manifest in own.parent.glob(f"{own.stem}.{LABELS}.*.json"):
        if manifest not in kept:
            manifest.unlink(missing_ok=True)
    if not (image_path / LABELS).is_dir():
        return
    with exclusive(image_path):
        for folder in (image_path / LABELS).iterdir():
            if folder.name.isdecimal() and folder.name not in names:
                discard(folder, image_path.parent)
        if not listing_is_right(image_path):
            _list_segmentations(image_path)


def listing_is_right(image_path: Path) -> bool:
    """Whether the list of segmentations in an image's `labels` is, byte for byte, what its folders say."""
    listing = image_path / LABELS / "zarr.json"
    if not listing.parent.is_dir():
        return True
    return listing.is_file() and listing.read_bytes() == _listing(image_path)


@contextmanager
def _image_there(image_path: Path) -> Iterator[None]:
    """Hold an image's group alone; NotFoundError where it is deleted, by whoever held it before at the latest."""
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(image_path))
        except FileNotFoundError:
            raise NotFoundError("image") from None
        if not image_path.is_dir():
            raise NotFoundError("image")
        yield


def _write_staged(
    staging: Path,
    image: Pyramid,
    labels: Labels | Iterable[Labels],
    terms: Sequence[Term],
    store: ObjectStore | None,
) -> Manifest:
    place = fresh_places(store)
    layout = plan_layout("zyx", image.shape[-3:], "uint16", image.attributes.spacing_mm)
    arrays = [
        create_array(staging / str(level), array_metadata(layout, level), keep_empty=False, place=place(level))
        for level in range(len(layout.levels))
    ]
    _write_finest(arrays[0], layout, labels, terms)
    for level in range(1, len(layout.levels)):
        _write_coarser(arrays[level - 1], arrays[level], layout, level)
    group = segmentation_group(layout, image.attributes, terms)
    (staging / "zarr.json").write_text(json.dumps(group, indent=1), encoding="utf-8")
    return take_manifest(staging)


def _write_finest(array: StoredArray, layout: Layout, labels: Labels | Iterable[Labels], terms: Sequence[Term]) -> None:
    slabs = iter([labels]) if isinstance(labels, np.ndarray) else iter(labels)
    depth = layout.levels[0].shard[0]
    start = 0
    for slab in _gather(slabs, depth):
        stop = start + len(slab)
        if slab.shape[1:] != array.shape[1:] or stop > array.shape[0]:
            raise InvalidInputError("the segmentation does not lie on the grid of the image")
        count_voxels(slab, terms)
        array.write((slice(start, stop), slice(None), slice(None)), slab)
        start = stop
    if start != array.shape[0]:
        raise InvalidInputError("the segmentation does not lie on the grid of the image")


def _write_coarser(below: StoredArray, array: StoredArray, layout: Layout, level: int) -> None:
    step = layout.levels[level].step
    for slab in layout.slabs(level):
        source = below.read((slice(slab.start * step[0], slab.stop * step[0]), slice(None), slice(None)))
        array.write((slice(slab.start, slab.stop), slice(None), slice(None)), shrink_mode(source, step))


def _gather(slabs: Iterator[Labels], depth: int) -> Iterator[Labels]:
    """Cut consecutive slabs of any depth into slabs of whole shards."""
    waiting: list[Labels] = []
    for slab in slabs:
        waiting.append(np.ascontiguousarray(slab, np.uint16))
        while sum(map(len, waiting)) >= depth:
            joined = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            yield joined[:depth]
            waiting = [joined[depth:]]
    rest = np.concatenate(waiting) if waiting else np.empty((0, 0, 0), np.uint16)
    if len(rest):
        yield rest


def _list_segmentations(image_path: Path) -> None:
    save_bytes(_listing(image_path), image_path / LABELS / "zarr.json")


def _listing(image_path: Path) -> bytes:
    names = sorted((path.name for path in (image_path / LABELS).iterdir() if path.name.isdecimal()), key=int)
    return json.dumps(labels_group(names), indent=1).encode()
