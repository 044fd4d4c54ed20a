"""Images with label maps and tables as data sets lay them out."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

RAS = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, 40], [0, 0, 2.5, -7], [0, 0, 0, 1]])
MIRRORED = RAS @ np.diag([-1, 1, 1, 1])
DECATHLON = {"labels": {"0": "background", "1": "lung", "2": "nodule"}, "numTraining": 1}
NNUNET = {"labels": {"background": 0, "lung": 1, "nodule": 2}, "file_ending": ".nii.gz"}


def write(path: Path, stored: np.ndarray, affine: np.ndarray = RAS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(stored.transpose(*reversed(range(stored.ndim))), affine), path)
    return path


def image_of(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3000, (6, 24, 20)).astype(np.int16)


def label_of(seed: int = 1) -> np.ndarray:
    values = np.zeros((6, 24, 20), np.uint8)
    values[1:4, 4 + seed : 12, 5:15] = 1
    values[2, 14:20, 3:9] = 2
    return values


def write_table(path: Path, columns: Sequence[str], *rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
    return path


def lay_out(folder: Path) -> Path:
    """Two images with their label maps as the Decathlon lays them out."""
    for seed in (1, 2):
        write(folder / "imagesTr" / f"case_{seed}.nii.gz", image_of(seed))
        write(folder / "labelsTr" / f"case_{seed}.nii.gz", label_of(seed))
    (folder / "dataset.json").write_text(json.dumps(DECATHLON))
    return folder
