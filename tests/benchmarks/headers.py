"""How long pseudonymising a file takes: `python -m tests.benchmarks.headers [FOLDER...]`, beside its peers in one run.

Processor time of one process, in turns: pydicom reading and writing (1.0), our headers without the look for text, ours
with it, and dicom-anonymizer, which looks at no pixel, where it is installed. Without a folder, 80 slices of 512 × 512
are made from a bundled CT; files that are held are left out of all rows. Then elapsed time over a folder of 1,600 such
slices by one and by two workers, beside what two processes gain that only compute SHA-256: medians of five turns.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from imaging.dicom.batch import pseudonymise_folder
from imaging.dicom.copying import Order
from imaging.dicom.headers import read_any, read_instance
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.screen import screen
from imaging.dicom.walk import Found
from imaging.errors import RefusedFileError
from imaging.text import TextDetector, load_detector

_ROUNDS, _TURNS, _SLICES, _MANY, _ENLARGED = 7, 5, 80, 1600, 4
_SECRET = b"a" * 32
_HASHED = bytes(64 * 2**20)

_Work = Callable[[Sequence[Path], Path], None]


def make_slices(folder: Path, count: int) -> list[Path]:
    """Enlarge a bundled slice, and give each copy noise and a name of its own."""
    # Loaded here: processes that are started to share the work read this module too.
    from scipy.ndimage import zoom

    header = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    # Smoothly: the edges of squares would look like strokes of letters.
    body = zoom(header.pixel_array.astype(np.float32), _ENLARGED, order=1).astype(np.int16)
    header.Rows, header.Columns = body.shape
    noise = np.random.default_rng(1)
    for number in range(count):
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        header.InstanceNumber = number
        header.PixelData = (body + noise.integers(-20, 20, body.shape, np.int16)).astype(np.int16).tobytes()
        header.save_as(folder / f"{number:03d}")
    return sorted(folder.iterdir())


def copy(files: Sequence[Path], target: Path) -> None:
    for number, path in enumerate(files):
        pydicom.dcmwrite(target / f"{number}", pydicom.dcmread(path), overwrite=True)


def pseudonymise(files: Sequence[Path], target: Path) -> None:
    profile, pseudonyms = Profile.built_in("research"), Pseudonyms(_SECRET)
    for number, path in enumerate(files):
        with (target / f"{number}").open("wb") as sink:
            rewrite(read_any(Found(path, "")), sink, profile=profile, pseudonyms=pseudonyms)


def look_and_pseudonymise(files: Sequence[Path], target: Path) -> None:
    profile, pseudonyms, detector = Profile.built_in("research"), Pseudonyms(_SECRET), load_detector()
    for number, path in enumerate(files):
        instance = read_instance(Found(path, ""))
        screen(instance, detector)
        with (target / f"{number}").open("wb") as sink:
            rewrite(instance, sink, profile=profile, pseudonyms=pseudonyms)


def find_peer() -> _Work | None:
    """Give dicom-anonymizer with its newest table, where it is installed."""
    if find_spec("dicomanonymizer") is None:
        return None
    peer: Any = import_module("dicomanonymizer")

    def anonymise(files: Sequence[Path], target: Path) -> None:
        for number, path in enumerate(files):
            peer.anonymize_dicom_file(
                str(path),
                str(target / f"{number}"),
                base_rules_gen=lambda: peer.initialize_actions("dicomfields_2026c"),
            )

    return anonymise


def passes(path: Path, detector: TextDetector | None) -> bool:
    """Whether a file becomes a copy: what is held costs other work."""
    try:
        screen(read_instance(Found(path, "")), detector)
    except RefusedFileError:
        return False
    return True


def seconds(work: _Work, files: Sequence[Path], target: Path) -> float:
    before = time.process_time()
    work(files, target)
    return time.process_time() - before


def measure_rows(files: Sequence[Path], target: Path) -> dict[str, dict[str, float]]:
    """Give for each row how often longer it takes than pydicom alone: the median, least and most of the rounds."""
    rows: dict[str, _Work] = {"headers": pseudonymise, "headers and look": look_and_pseudonymise}
    peer = find_peer()
    if peer is not None:
        rows["dicom-anonymizer"] = peer
    ratios: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(_ROUNDS + 1):
        plain = seconds(copy, files, target)
        for name, work in rows.items():
            ratio = seconds(work, files, target) / plain
            # The first turn reads files and code into memory.
            ratios[name] += [ratio] if turn else []
    return {
        name: {"ratio": round(statistics.median(found), 2), "least": round(min(found), 2), "most": round(max(found), 2)}
        for name, found in ratios.items()
    }


def hash_once(_: int) -> str:
    return hashlib.sha256(_HASHED).hexdigest()


def measure_workers(scratch: Path) -> dict[str, float]:
    """Give how often faster two workers are than one, by medians: the command, and a control that shares nothing."""
    source = scratch / "many"
    source.mkdir()
    make_slices(source, _MANY)
    ours: dict[int, list[float]] = {1: [], 2: []}
    control: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(_TURNS):
        for workers in (1, 2):
            target = scratch / f"copies-{turn}-{workers}"
            before = time.perf_counter()
            order = Order(_SECRET, Profile.built_in("research"), workers)
            pseudonymise_folder(source, target, order, lambda _: None)
            ours[workers].append(time.perf_counter() - before)
            shutil.rmtree(target)
            with ProcessPoolExecutor(workers) as pool:
                list(pool.map(hash_once, range(workers)))
                before = time.perf_counter()
                list(pool.map(hash_once, range(24)))
                control[workers].append(time.perf_counter() - before)
    return {"two workers": _gain(ours), "control": _gain(control)}


def _gain(times: Mapping[int, Sequence[float]]) -> float:
    return round(statistics.median(times[1]) / statistics.median(times[2]), 2)


def main(arguments: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        source, target = scratch / "in", scratch / "out"
        source.mkdir()
        target.mkdir()
        given = sorted(path for argument in arguments for path in Path(argument).rglob("*") if path.is_file())
        detector = load_detector()
        files = [path for path in given or make_slices(source, _SLICES) if passes(path, detector)]
        told = {"files": len(files), "look": detector is not None, **measure_rows(files, target)}
        told.update(measure_workers(scratch))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
