"""What is written is as valid as what came: no error that David Clunie's dciodvfy did not find in the original."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from imaging.dicom.headers import read_any
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.walk import Found
from imaging.errors import RefusedFileError

OURS = Pseudonyms(b"a" * 32)
PER_FOLDER = 4
_NUMBERS = re.compile(r"<[0-9. -]*>")

pytestmark = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")


def find_errors(path: Path) -> Counter[str]:
    """Count the errors of one file by what they say; values of numbers are left out, for UIDs and dates change."""
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
    lines = (told.stderr + told.stdout).decode("latin-1").splitlines()
    return Counter(_NUMBERS.sub("<>", line) for line in lines if line.startswith("Error"))


def find_added(paths: list[Path], folder: Path, profile: str) -> tuple[dict[str, list[str]], int]:
    """Give the new errors by file, and how many files were written."""
    added: dict[str, list[str]] = {}
    written = 0
    for path in paths:
        target = folder / "written.dcm"
        try:
            arrived = read_any(Found(path, path.name))
            with target.open("wb") as sink:
                rewrite(arrived, sink, profile=Profile.built_in(profile), pseudonyms=OURS)
        except RefusedFileError:
            continue
        written += 1
        new = find_errors(target) - find_errors(path)
        if new:
            added[path.name] = sorted(new)
    return added, written


@pytest.mark.parametrize("profile", ["research", "basic"])
def test_no_bundled_file_gains_an_error(profile: str, bundled: Path, tmp_path: Path):
    added, written = find_added(sorted(bundled.rglob("*.dcm")), tmp_path, profile)
    assert added == {}
    assert written >= 45


def test_no_file_of_real_scanners_gains_an_error(shared_data: Path, tmp_path: Path):
    folders = ("ct_philips_phantom", "mr_tumour_PGBM-001", "transfer_syntaxes_wg04", "mr_nih", "burned_in")
    paths: list[Path] = []
    for folder in sorted(
        {path.parent for name in folders for path in (shared_data / name).rglob("*") if path.is_file()}
    ):
        paths += sorted(path for path in folder.iterdir() if path.is_file())[:PER_FOLDER]
    added, written = find_added(paths, tmp_path, "research")
    assert added == {}
    assert written >= 15


def test_a_missing_attribute_is_seen(factory: Callable, tmp_path: Path):
    whole = factory.slice(0.0)
    without = factory.slice(0.0, StudyTime=None)
    assert find_errors(without) - find_errors(whole)
