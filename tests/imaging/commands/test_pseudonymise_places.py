"""Where `imaging pseudonymise` writes: over nothing that is there already, and nowhere else."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.imaging.commands.pseudonymising import SAMPLE, Tool


@pytest.mark.parametrize(
    "options",
    [
        ("--mapping", "key"),
        ("--report", "key"),
        ("--mapping", "link"),
        ("--mapping", "second name of the key"),
        ("--mapping", "notes.txt"),
        ("--mapping", "in/one.dcm"),
        ("--report", "in/one.json"),
        ("--mapping", "one.json", "--report", "one.json"),
        ("--mapping", "one.html", "--report", "one.json"),
        ("--report", "one.html"),
    ],
)
def test_nothing_is_written_over_an_original_the_key_or_another_result(tool: Tool, options: tuple[str, ...]):
    (tool.folder / "in").mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), tool.folder / "in" / "one.dcm")
    tool.key.write_text("ab" * 32)
    (tool.folder / "link").symlink_to(tool.key)
    (tool.folder / "second name of the key").hardlink_to(tool.key)
    (tool.folder / "notes.txt").write_text("what somebody noted, and nobody else has")
    before = {path: path.read_bytes() for path in tool.folder.rglob("*") if path.is_file()}
    paths = [option if option.startswith("--") else str(tool.folder / option) for option in options]
    code, out, err = tool(tool.folder / "in", "out", *paths)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert {path: path.read_bytes() for path in tool.folder.rglob("*") if path.is_file()} == before


def test_a_mapping_keeps_the_way_back_of_earlier_runs_and_is_for_its_holder_only(tool: Tool, tmp_path: Path):
    mapping, whole = tmp_path / "map.csv", tmp_path / "whole.csv"
    whole.touch()
    tool.document(SAMPLE, "out", "--workers", "1", "--mapping", str(whole))
    for number, path in enumerate(sorted(SAMPLE.iterdir())[:2]):
        shutil.copy(path, tmp_path / f"{number}.dcm")
        tool.document(tmp_path / f"{number}.dcm", f"out{number}", "--workers", "1", "--mapping", str(mapping))
        mapping.chmod(0o644)
    rows = set(mapping.read_text().splitlines())
    tool.document(tmp_path / "0.dcm", "again", "--workers", "1", "--mapping", str(mapping))
    assert set(mapping.read_text().splitlines()) == rows
    assert rows < set(whole.read_text().splitlines())
    assert len(rows) > 4
    assert stat.S_IMODE(mapping.stat().st_mode) == 0o600


def test_a_copy_of_an_earlier_run_is_never_replaced_by_another_file(tool: Tool, tmp_path: Path):
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        dataset.save_as(tmp_path / name / "slice.dcm")
        dataset.PixelData = bytes(len(dataset.PixelData))
    tool.document(tmp_path / "one", "out", "--workers", "1")
    kept = tool.copies()
    code, out, _ = tool(tmp_path / "two", "out", "--workers", "1", "--json")
    assert (code, [held["reason"] for held in json.loads(out)["quarantined"]]) == (0, ["uid_conflict"])
    assert tool.copies() == kept


def test_a_link_in_the_output_is_not_followed_out_of_it(tool: Tool, tmp_path: Path):
    tool.document(SAMPLE, "out", "--workers", "1")
    place = Path(next(iter(tool.copies()))).parts[0]
    shutil.rmtree(tool.folder / "out" / place)
    (tmp_path / "elsewhere").mkdir()
    (tool.folder / "out" / place).symlink_to(tmp_path / "elsewhere")
    code, out, err = tool(SAMPLE, "out", "--workers", "1")
    assert (code, out, err) == (2, "", "imaging: the output folder holds a link that leads out of it\n")
    assert list((tmp_path / "elsewhere").iterdir()) == []
