"""The one place that opens Zarr arrays, through tensorstore."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from numpy.typing import NDArray

from imaging.errors import NotFoundError, VerificationError

_READING = tensorstore.Context({"cache_pool": {"total_bytes_limit": 16 * 2**20}})
# Durability comes from one fsync pass before publication; a sync per chunk file would cost up to a third more time.
_WRITING = tensorstore.Context({"cache_pool": {"total_bytes_limit": 0}, "file_io_sync": False})


class StoredArray:
    """One level on disk, addressed by numpy slices along all of its axes."""

    def __init__(self, store: tensorstore.TensorStore, name: str) -> None:
        self._store = store
        self._name = name

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
            return np.ascontiguousarray(self._store[where].read().result())
        except ValueError as error:
            raise VerificationError("stored voxels", self._name) from error

    def write(self, where: tuple[int | slice, ...], values: NDArray[Any]) -> None:
        """Write a box; two writers must never share a shard."""
        self._store[where].write(values).result()


def create_array(path: Path, metadata: dict[str, object], *, keep_empty: bool) -> StoredArray:
    """Make an empty array.

    Parameters
    ----------
    path
        Folder of the array; must not exist.
    metadata
        Its zarr.json.
    keep_empty
        Store chunks that hold nothing but the fill value, so that a missing one is always an error.
    """
    path.mkdir(parents=True)
    (path / "zarr.json").write_text(json.dumps(metadata, indent=1), encoding="ascii")
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
    # A replaced segmentation has the same path, so what is cached is compared with the disk at each opening.
    spec = _spec(path) | {"fill_missing_data_reads": sparse, "recheck_cached_data": "open"}
    return StoredArray(tensorstore.open(spec, context=_READING, open=True, read=True).result(), _name(path))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _spec(path: Path) -> dict[str, object]:
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path.absolute()}/"}}
