"""How fast compressed files are decoded, beside a plain pydicom loop over the same files."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from imaging.cli import Report
from imaging.dicom.decode import read_frame
from imaging.dicom.decoders import READERS
from imaging.dicom.headers import read_instance
from imaging.dicom.walk import Found
from imaging.errors import VerificationError
from imaging.testing.chest import ChestPlan
from imaging.testing.phantoms import chest_phantom
from imaging.testing.series import write_images
from pipelines.bench.access import Comparison
from pipelines.bench.ingest import SPACING_MM, make_volume

_SUBJECTS = {"JPEG-LS": (1, 1), "JPEG 2000": (4, 6), "RLE": (6, 2)}
"""The phantom that is compressed so, and what part of the slices: the slow ones would take minutes."""

_DIGESTED = bytes(32 * 2**20)

_Work = Callable[[], None]


def bench_decode(rounds: int, slices: int, report: Report) -> tuple[Comparison, ...]:
    """Read and decode compressed files of 512 × 512 as an ingest does, in turns with `dcmread(file).pixel_array`.

    The last row tells how much the processors of this machine gave to work that shares nothing.

    Raises
    ------
    VerificationError
        What both give is not equal.
    """
    found = []
    for number, (codec, (subject, part)) in enumerate(_SUBJECTS.items()):
        count = max(1, slices // part)
        report(100 * number // len(_SUBJECTS), f"{count} {codec} files")
        with tempfile.TemporaryDirectory() as name:
            _write(Path(name), subject, count)
            files = sorted(Path(name).iterdir())
            found.append(_compare(f"{count} {codec} files", files, rounds))
    return (*found, _take_turns("SHA-256 on all processors", "one", _digest_all, _digest_one_by_one, rounds))


def _write(folder: Path, subject: int, slices: int) -> None:
    small = chest_phantom(subject, ChestPlan(subject, shape=(2, 32, 32), spacing=(5.0, 10.0, 10.0)))
    stored = (make_volume(slices).astype(np.int32) + 1100).clip(0, 4095).astype(np.uint16)
    write_images(replace(small, stored=stored, spacing=SPACING_MM), folder)


def _compare(name: str, files: Sequence[Path], rounds: int) -> Comparison:
    # Starting the processes is in no turn: each decodes thousands of frames.
    if any(not np.array_equal(_decode(path), _decode_by_peer(path)) for path in files[:2]):
        raise VerificationError("decoded samples", "differ from those of pydicom")
    return _take_turns(name, "pydicom", lambda: _decode_all(files), lambda: _decode_all_by_peer(files), rounds)


def _take_turns(name: str, peer: str, ours: _Work, theirs: _Work, rounds: int) -> Comparison:
    turns = [(_time(ours), _time(theirs)) for _ in range(rounds)]
    mine, others = (statistics.median(times) * 1000 for times in zip(*turns, strict=True))
    return Comparison(name, mine, peer, others, mine / others)


def _time(work: _Work) -> float:
    before = perf_counter()
    work()
    return perf_counter() - before


def _decode_all(files: Sequence[Path]) -> None:
    with ThreadPoolExecutor(READERS) as pool:
        for _ in pool.map(_decode, files):
            pass


def _decode_all_by_peer(files: Sequence[Path]) -> None:
    for path in files:
        _decode_by_peer(path)


def _decode(path: Path) -> np.ndarray[Any, Any]:
    decoded: np.ndarray[Any, Any] = read_frame(read_instance(Found(path, path.name)), 0)[0]
    return decoded


def _decode_by_peer(path: Path) -> np.ndarray[Any, Any]:
    pydicom: Any = import_module("pydicom")
    decoded: np.ndarray[Any, Any] = pydicom.dcmread(path).pixel_array
    return decoded


def _digest_all() -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(sha256, [_DIGESTED] * (os.cpu_count() or 1)):
            pass


def _digest_one_by_one() -> None:
    for _ in range(os.cpu_count() or 1):
        sha256(_DIGESTED)
