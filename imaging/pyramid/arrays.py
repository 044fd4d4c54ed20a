"""The one place that opens Zarr arrays, through tensorstore."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from numpy.typing import NDArray

from imaging.domain.object_store import ObjectStore
from imaging.errors import NotFoundError, VerificationError
from imaging.pyramid.manifest import SUFFIX
from imaging.pyramid.objects import (
    OBJECTS,
    ask,
    find_place,
    find_places,
    kvstore,
    note_place,
    remove_objects,
    resources,
)
from imaging.pyramid.publish import sync

_SYSTEM_ERROR = re.compile(r"os_error_code='(\d+)'")
"""So the library tells which error the system gave, such as that of a full disk, whatever class it raises."""
_READ = {"cache_pool": {"total_bytes_limit": 16 * 2**20}}
# Durability comes from one fsync pass before publication; a sync per chunk file would cost up to a third more time.
_WRITE = {"cache_pool": {"total_bytes_limit": 0}, "file_io_sync": False}
_READING = tensorstore.Context(_READ)
_WRITING = tensorstore.Context(_WRITE)


class StoredArray:
    """One level on disk, addressed by numpy slices along all of its axes."""

    def __init__(self, store: tensorstore.TensorStore, name: str, *, sparse: Path | None = None) -> None:
        self._store = store
        self._name = name
        self._sparse = sparse

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return tuple(self._store.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        found: np.dtype[Any] = self._store.dtype.numpy_dtype
        return found

    def read(self, where: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a box; VerificationError for a failed checksum or a missing part, never zeros in its place."""
        try:
            found = np.ascontiguousarray(self._read(where))
        except ValueError as error:
            raise VerificationError("stored voxels", self._name) from error
        if self._sparse is not None and (self._sparse / OBJECTS).exists():
            # Replaced meanwhile by one whose shards lie elsewhere: what was found here is filling.
            raise VerificationError("stored voxels", self._name)
        return found

    def write(self, where: tuple[int | slice, ...], values: NDArray[Any]) -> None:
        """Write a box; two writers must never share a shard. OSError where the disk is full."""
        try:
            self._store[where].write(values).result()
        except ValueError as error:
            told = _SYSTEM_ERROR.search(str(error))
            if told is None:
                raise
            raise OSError(int(told[1]), os.strerror(int(told[1]))) from error

    def _read(self, where: tuple[int | slice, ...]) -> NDArray[Any]:
        found: NDArray[Any] = self._store[where].read().result()
        return found


class RemoteArray(StoredArray):
    """One level whose shards lie in an object store; UnavailableError where that does not answer.

    In another process it is opened anew, so that neither an address nor a key crosses over.
    """

    def __init__(self, path: Path, *, writing: bool) -> None:
        self._path = path
        self._writing = writing
        self._open()

    def __reduce__(self) -> tuple[object, ...]:
        return _reopen, (str(self._path), self._writing)

    def read(self, where: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a box; of a segmentation that was replaced since this was opened, what it was replaced by."""
        try:
            return super().read(where)
        except VerificationError:
            if find_place(self._path) in (self._place, None):
                raise
            self._open()
        return super().read(where)

    def write(self, where: tuple[int | slice, ...], values: NDArray[Any]) -> None:
        """Write a box; two writers must never share a shard."""
        ask(self._store[where].write(values).commit)
        if find_place(self._path) != self._place and not self._is_published():
            # Given up while this was on its way, as after Ctrl+C: nothing else knows of it any more.
            remove_objects(self._place)
            raise NotFoundError("level")

    def _is_published(self) -> bool:
        """Whether what was written in staging is part of an image by now.

        A worker that was taken for dead may write once more what another wrote in its place: the same voxels.
        """
        images = self._path.parent.parent.parent
        return any(self._place in find_places(group) for group in images.glob(f"*{SUFFIX}"))

    def _read(self, where: tuple[int | slice, ...]) -> NDArray[Any]:
        # Neighbours in a shard then come in one answer.
        with tensorstore.Batch() as batch:
            answer = self._store[where].read(batch=batch)
        found: NDArray[Any] = ask(answer)
        return found

    def _open(self) -> None:
        place = find_place(self._path)
        if place is None:
            raise NotFoundError("level")
        self._place = place
        try:
            spec = {
                "driver": "zarr3",
                "kvstore": kvstore(place),
                "metadata": json.loads((self._path / "zarr.json").read_bytes()),
                # A missing shard is an error in segmentations too: they are replaced while others read them.
                "store_data_equal_to_fill_value": True,
                "fill_missing_data_reads": False,
                "recheck_cached_data": "open",
            }
            opened = tensorstore.open(
                spec,
                context=_remote(self._writing),
                open=True,
                # The metadata lie beside the address, and nothing but shards lies behind it.
                assume_metadata=True,
                read=True,
                write=self._writing,
            )
            super().__init__(ask(opened), _name(self._path))
        except FileNotFoundError as error:
            raise NotFoundError("level") from error
        except ValueError as error:
            raise VerificationError("metadata of the level", _name(self._path)) from error


def create_array(
    path: Path, metadata: dict[str, object], *, keep_empty: bool, place: ObjectStore | None = None
) -> StoredArray:
    """Make an empty array.

    Parameters
    ----------
    path
        Folder of the array; must not exist.
    metadata
        Its zarr.json.
    keep_empty
        Store chunks that hold nothing but the fill value, so that a missing one is always an error.
    place
        Where its shards go, which are all kept there; None for its folder.
    """
    path.mkdir(parents=True)
    (path / "zarr.json").write_text(json.dumps(metadata, indent=1), encoding="ascii")
    if place is not None:
        note_place(path, place)
        for folder in (path, path.parent, path.parent.parent):
            sync(folder)
        return RemoteArray(path, writing=True)
    return StoredArray(
        tensorstore.open(
            _spec(path) | {"store_data_equal_to_fill_value": keep_empty},
            context=_WRITING,
            open=True,
            read=True,
            write=True,
        ).result(),
        _name(path),
    )


def open_array(path: Path, *, sparse: bool = False) -> StoredArray:
    """Open an array for reading; `sparse` arrays leave out chunks of nothing but the fill value."""
    if not (path / "zarr.json").is_file():
        raise NotFoundError("level")
    if find_place(path) is not None:
        return RemoteArray(path, writing=False)
    # A replaced segmentation has the same path, so what is cached is compared with the disk at each opening.
    spec = _spec(path) | {"fill_missing_data_reads": sparse, "recheck_cached_data": "open"}
    opened = tensorstore.open(spec, context=_READING, open=True, read=True).result()
    return StoredArray(opened, _name(path), sparse=path if sparse else None)


def _reopen(path: str, writing: bool) -> RemoteArray:
    return RemoteArray(Path(path), writing=writing)


@lru_cache(maxsize=2)
def _remote(writing: bool) -> tensorstore.Context:
    return tensorstore.Context((_WRITE if writing else _READ) | resources())


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _spec(path: Path) -> dict[str, object]:
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path.absolute()}/"}}
