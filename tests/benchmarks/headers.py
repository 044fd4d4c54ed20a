"""How long pseudonymising a file takes beside pydicom reading and writing it: `python -m tests.benchmarks.headers`.

CPU time of one process, rounds in turn within one run; no look for text. Folders of DICOM files may be given; without
one, 80 slices of 512 × 512 are made from a bundled CT.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from imaging.dicom.headers import read_any
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.walk import Found

_ROUNDS, _SLICES, _SIDE = 7, 80, 512


def make_slices(folder: Path) -> list[Path]:
    header = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    header.Rows = header.Columns = _SIDE
    noise = np.random.default_rng(1)
    for number in range(_SLICES):
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        header.InstanceNumber = number
        header.PixelData = noise.integers(-1000, 3000, (_SIDE, _SIDE), np.int16).tobytes()
        header.save_as(folder / f"{number:03d}")
    return sorted(folder.iterdir())


def copy(files: Sequence[Path], target: Path) -> None:
    for number, path in enumerate(files):
        pydicom.dcmwrite(target / f"{number}", pydicom.dcmread(path), overwrite=True)


def pseudonymise(files: Sequence[Path], target: Path) -> None:
    profile, pseudonyms = Profile.built_in("research"), Pseudonyms(b"a" * 32)
    for number, path in enumerate(files):
        with (target / f"{number}").open("wb") as sink:
            rewrite(read_any(Found(path, "")), sink, profile=profile, pseudonyms=pseudonyms)


def seconds(work: Callable[[Sequence[Path], Path], None], files: Sequence[Path], target: Path) -> float:
    before = time.process_time()
    work(files, target)
    return time.process_time() - before


def main(arguments: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out"
        source.mkdir()
        target.mkdir()
        given = (path for argument in arguments for path in Path(argument).rglob("*") if path.is_file())
        files = sorted(given) or make_slices(source)
        copy(files, target)
        pseudonymise(files, target)
        rounds = [(seconds(copy, files, target), seconds(pseudonymise, files, target)) for _ in range(_ROUNDS)]
    ratios = sorted(ours / plain for plain, ours in rounds)
    told = {"files": len(files), "ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
