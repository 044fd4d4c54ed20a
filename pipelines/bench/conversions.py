"""Converts a folder of DICOM slices by a peer, in the peer's own environment: `conversions.py PEER FOLDER TARGET`.

It imports nothing of this project, so that any Python that has the peer can run it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any


def read_volume(folder: Path) -> tuple[Any, Mapping[str, float]]:
    """Read a series as SimpleITK does; give it (z, y, x) with its spacing in mm."""
    itk: Any = import_module("SimpleITK")
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    x, y, z = image.GetSpacing()
    return itk.GetArrayFromImage(image), {"z": z, "y": y, "x": x}


def ngff_zarr(folder: Path, target: Path) -> None:
    """Write four levels as ngff-zarr does it fastest without compiled helpers: means of neighbours by Dask."""
    tool: Any = import_module("ngff_zarr")
    volume, spacing = read_volume(folder)
    image = tool.to_ngff_image(volume, dims=["z", "y", "x"], scale=spacing)
    levels = tool.to_multiscales(image, scale_factors=[2, 4, 8], method=tool.Methods.DASK_BIN_SHRINK)
    tool.to_ngff_zarr(str(target), levels, version="0.5")


def ome_zarr_py(folder: Path, target: Path) -> None:
    """Write levels as `ome_zarr.writer.write_image` does by default."""
    writer: Any = import_module("ome_zarr.writer")
    zarr: Any = import_module("zarr")
    volume, spacing = read_volume(folder)
    writer.write_image(volume, zarr.open_group(str(target), mode="w"), axes="zyx", scale=dict(spacing))


PEERS: Mapping[str, tuple[str, Callable[[Path, Path], None]]] = {
    "ngff-zarr": ("ngff_zarr", ngff_zarr),
    "ome-zarr-py": ("ome_zarr", ome_zarr_py),
}
"""Each peer with the package by which it is found."""

if __name__ == "__main__":
    PEERS[sys.argv[1]][1](Path(sys.argv[2]), Path(sys.argv[3]))
