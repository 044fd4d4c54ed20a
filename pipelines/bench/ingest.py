"""How long the whole way from DICOM to an image takes, and how much memory and space, beside plain converters."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from imaging.cli import Report
from imaging.testing.chest import ChestPlan
from imaging.testing.phantoms import Phantom, chest_phantom
from imaging.testing.series import write_images
from pipelines.bench import conversions
from pipelines.bench.measuring import Measured, measure, take_medians

OURS, UNSCREENED = "imaging ingest", "imaging ingest, no look for text"
SLICES, LONGER = 300, 3
SPACING_MM = (1.25, 0.65, 0.65)
"""(z, y, x), whatever the number of slices: a longer series must not be halved in another way."""

_ENLARGED, _NOISE = 4, 12
_SUBJECT = 3
"""A phantom whose slices are not compressed."""
_UNSCREENED = "import imaging.text as text; text.load_detector = lambda: None; from imaging.cli import run; run()"


@dataclass(frozen=True)
class Row:
    """What one tool made of the series.

    Attributes
    ----------
    ratio
        Elapsed time of ours over this tool's, medians of turns in one run.
    bytes, files
        What lies in the image's folder afterwards.
    """

    name: str
    measured: Measured
    ratio: float
    bytes: int
    files: int


def bench_ingest(rounds: int, slices: int, peer_python: Path, report: Report) -> tuple[Row, ...]:
    """Ingest a made CT series of 512 × 512 slices in turns with whatever peers can be found.

    Ours is the whole command: pseudonymisation, look for text, checksums, and every byte made durable; once without
    the look, and once of a series three times as long.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        report(0, "making slices")
        source = make_series(scratch / "series", slices)
        tools = _find_tools(source, peer_python)
        runs: dict[str, list[Measured]] = {name: [] for name in tools}
        left: dict[str, tuple[int, int]] = {}
        for turn in range(rounds):
            for number, (tool, run) in enumerate(tools.items()):
                report(5 + 80 * (turn * len(tools) + number) // (rounds * len(tools)), tool)
                target = scratch / "made"
                runs[tool].append(run(target))
                left[tool] = _weigh(target)
                shutil.rmtree(target)
        report(85, f"{slices * LONGER} slices")
        longer = _ingest(make_series(scratch / "longer", slices * LONGER), OURS, scratch / "made")
        medians = {name: take_medians(found) for name, found in runs.items()}
        medians[f"{OURS}, {slices * LONGER} slices"] = longer
        left[f"{OURS}, {slices * LONGER} slices"] = _weigh(scratch / "made")
    ours = medians[OURS].seconds
    return tuple(Row(name, found, ours / found.seconds, *left[name]) for name, found in medians.items())


def make_volume(slices: int) -> NDArray[np.int16]:
    """Make the stored values (z, y, x) of a chest: smooth anatomy and noise, 512 × 512 to a slice."""
    return _enlarge(_make_small(), slices)


def make_series(folder: Path, slices: int) -> Path:
    """Write such a chest, one native file per slice."""
    small = _make_small()
    write_images(replace(small, stored=_enlarge(small, slices), spacing=SPACING_MM), folder)
    return folder


def _make_small() -> Phantom:
    return chest_phantom(_SUBJECT, ChestPlan(_SUBJECT, shape=(64, 128, 128), spacing=(5.0, 2.6, 2.6), noise=4.0))


def _enlarge(small: Phantom, slices: int) -> NDArray[np.int16]:
    body = zoom(small.stored.astype(np.float32), (1, _ENLARGED, _ENLARGED), order=1)
    chance = np.random.default_rng(_SUBJECT)
    stored = np.empty((slices, *body.shape[1:]), np.int16)
    for z, place in enumerate(np.linspace(0, len(body) - 1, slices)):
        low = min(int(place), len(body) - 2)
        plane = body[low] + (place - low) * (body[low + 1] - body[low])
        stored[z] = np.rint(plane + chance.normal(0, _NOISE, plane.shape))
    return stored


def _find_tools(source: Path, peer_python: Path) -> Mapping[str, Callable[[Path], Measured]]:
    def ours(name: str) -> Callable[[Path], Measured]:
        return lambda target: _ingest(source, name, target)

    def peers(name: str) -> Callable[[Path], Measured]:
        return lambda target: measure([peer_python, conversions.__file__, name, source, target])

    found = [name for name, (package, _) in conversions.PEERS.items() if _has(peer_python, package)]
    return {name: ours(name) for name in (OURS, UNSCREENED)} | {name: peers(name) for name in found}


def _has(python: Path, package: str) -> bool:
    asked: list[str | Path] = [
        python,
        "-c",
        f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)",
    ]
    return subprocess.run(asked, check=False).returncode == 0


def _ingest(source: Path, name: str, target: Path) -> Measured:
    """Ingest into a new workspace, and leave the image's folder alone in `target`."""
    workspace = target.with_name("workspace")
    here: Sequence[str | Path] = ("--workspace", workspace)
    for words in (("init",), ("project", "create", "bench")):
        command: list[str | Path] = [sys.executable, "-m", "imaging", *words, *here]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    start = ["-m", "imaging"] if name == OURS else ["-c", _UNSCREENED]
    measured = measure([sys.executable, *start, "ingest", "bench", source, *here])
    (image,) = (workspace / "projects").glob("*/images/*/zarr.json")
    image.parent.rename(target)
    shutil.rmtree(workspace)
    return measured


def _weigh(folder: Path) -> tuple[int, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), len(files)
