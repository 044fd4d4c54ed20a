"""The benchmark of leaks counts what comes through, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.leaks import Score, check_control, measure, write_probes
from tests.benchmarks.peers import CONTROL, Peer, find_peer
from tests.benchmarks.probes import SETS, SIDE, TABLE, TEXT, Probe
from tests.imaging.dicom.finding import TOKENS
from tests.imaging.dicom.planting import TOKEN, image, put
from tests.imaging.dicom.side_channels import CHANNELS

CHOSEN = ("text: image comments", "depth 12", "private block", "high bits", "jpeg comment", "preamble")
PROBES = [
    *(Probe(SIDE, name, CHANNELS[name](), TOKENS) for name in CHOSEN),
    Probe(TABLE, "00080080", image(put(0x00080080, "LO", "TK00001Q")), ("TK00001Q",)),
    Probe(TEXT, "00081040", image(put(0x00081040, "LO", "PHANTOM")), ("PHANTOM",)),
]


def score_of(run: Callable[[Path, Path], None], folder: Path) -> Score:
    write_probes(PROBES, folder / "in")
    return measure(Peer("made up", "1", run), PROBES, folder / "in", folder / "out")


def installed(name: str) -> Peer:
    found = find_peer(name, [])
    assert found is not None
    return found


def test_the_control_lets_all_through(tmp_path: Path):
    score = score_of(installed(CONTROL).run, tmp_path)
    assert score.through == {TABLE: ["00080080"], SETS[1]: [], SIDE: list(CHOSEN), TEXT: ["00081040"]}
    assert score.unwritten == []


def test_ours_writes_all_and_lets_none_through(tmp_path: Path):
    score = score_of(installed("research").run, tmp_path)
    assert score.counts() == dict.fromkeys(SETS, 0)
    assert score.unwritten == []


def test_what_is_not_written_is_no_leak_and_told_apart(tmp_path: Path):
    score = score_of(lambda _source, target: target.mkdir(), tmp_path)
    assert score.counts() == dict.fromkeys(SETS, 0)
    assert len(score.unwritten) == len(PROBES)


def test_a_token_in_a_name_that_the_tool_chose_came_through(tmp_path: Path):
    def run(source: Path, target: Path) -> None:
        (target / "00000" / TOKEN).mkdir(parents=True)
        (target / "00000" / TOKEN / "written").write_bytes(image())

    assert score_of(run, tmp_path).through[SIDE] == [CHOSEN[0]]


def test_a_probe_without_its_token_ends_the_run(tmp_path: Path):
    with pytest.raises(SystemExit, match="holds no token"):
        write_probes([Probe(SIDE, "empty", image(), TOKENS)], tmp_path)


def test_a_control_that_lets_little_through_ends_the_run():
    through = {kind: ["one"] * 94 for kind in SETS}
    with pytest.raises(SystemExit, match="worthless"):
        check_control(Score(CONTROL, "1", through), dict.fromkeys(SETS, 100))
    check_control(Score(CONTROL, "1", through), dict.fromkeys(SETS, 98))


def test_a_tool_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert find_peer("gdcmanon", []) is None
