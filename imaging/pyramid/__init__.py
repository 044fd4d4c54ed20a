"""The only home of zarr and tensorstore: layout, write, read, segmentations."""
