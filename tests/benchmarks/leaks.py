"""How many planted identifiers come through: `python -m tests.benchmarks.leaks`, ours and its peers in one run.

    python -m tests.benchmarks.leaks [--peers NAME,NAME...] [--peer-python PATH]... [--names]

Every tool gets the same files, each with one token in one place: (A) the rows of PS3.15 Table E.1-1, in the data set
and inside (5200,9229)>(0028,9145); (B) the side channels of the tests; (T) text attributes that no row names, with the
subject's own name and number in them. A token that is found in the output, or in the name that a tool chose for it,
came through. A file that is not written is told apart. Each tool runs at its default, dicom-anonymizer with its newest
table, in a process of its own and in the first `--peer-python` that has it. JSON goes to the output, a table to the
error stream. A control that only reads and writes must let nearly all through, else the run counts for nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.peers import CONTROL, NAMES, Peer, find_peer
from tests.benchmarks.probes import SETS, Probe, make_probes
from tests.imaging.dicom.finding import leaks

_CONTROL_LETS_THROUGH = 0.95


@dataclass
class Score:
    """What one tool let through, and the probes of which it wrote nothing, by name and set."""

    tool: str
    version: str
    through: dict[str, list[str]] = field(default_factory=dict)
    unwritten: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {kind: len(names) for kind, names in self.through.items()}


def write_probes(probes: Sequence[Probe], folder: Path) -> None:
    """Give each probe a folder of its own, so that no tool can take two for one or two names for one."""
    for number, probe in enumerate(probes):
        if not leaks(probe.encoded, *probe.tokens):
            raise SystemExit(f"the probe {probe.kind}: {probe.name} holds no token")
        place = folder / f"{number:05d}"
        place.mkdir(parents=True)
        (place / "probe.dcm").write_bytes(probe.encoded)


def measure(peer: Peer, probes: Sequence[Probe], source: Path, target: Path) -> Score:
    """Let one tool work on all probes and look for the tokens in what it wrote."""
    peer.run(source, target)
    score = Score(peer.name, peer.version, {kind: [] for kind in SETS})
    for number, probe in enumerate(probes):
        place = target / f"{number:05d}"
        written = [path for path in place.rglob("*") if path.is_file() and path.stat().st_size]
        if not written:
            score.unwritten.append((probe.kind, probe.name))
        if any(comes_through(path, place, probe) for path in written):
            score.through[probe.kind].append(probe.name)
    return score


def comes_through(path: Path, place: Path, probe: Probe) -> bool:
    chosen = str(path.relative_to(place))
    return any(token in chosen for token in probe.tokens) or leaks(path.read_bytes(), *probe.tokens)


def check_control(score: Score, sizes: dict[str, int]) -> None:
    """End the run where the control lets too little through: the finder or the probes are at fault."""
    for kind, count in score.counts().items():
        if count < _CONTROL_LETS_THROUGH * sizes[kind]:
            raise SystemExit(f"worthless: of {sizes[kind]} tokens of {kind} the control let only {count} through")


def describe(scores: Sequence[Score], sizes: dict[str, int]) -> str:
    """Draw a table for a person."""
    rows = [["tool", "version", *(f"{kind} of {sizes[kind]}" for kind in SETS), "no output"]]
    rows += [
        [score.tool, score.version, *map(str, score.counts().values()), str(len(score.unwritten))] for score in scores
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def document(score: Score, *, names: bool) -> dict[str, object]:
    told: dict[str, object] = {"tool": score.tool, "version": score.version, **score.counts()}
    told["no output"] = len(score.unwritten)
    return {**told, "through": score.through, "unwritten": score.unwritten} if names else told


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.leaks")
    parser.add_argument("--peers", default=",".join(NAMES), help=f"of {', '.join(NAMES)}; the control always runs")
    parser.add_argument("--peer-python", action="append", default=[], help="a Python that has peers; may be repeated")
    parser.add_argument("--names", action="store_true", help="tell which probes came through or were not written")
    given = parser.parse_args(arguments)
    wanted = [CONTROL, *(name for name in given.peers.split(",") if name != CONTROL)]
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    with warnings.catch_warnings():
        # The probes hold on purpose what no attribute may.
        warnings.simplefilter("ignore")
        probes = make_probes()
    sizes = {kind: sum(probe.kind == kind for probe in probes) for kind in SETS}
    scores, missing = [], {}
    with tempfile.TemporaryDirectory() as folder:
        write_probes(probes, Path(folder) / "in")
        for name in wanted:
            peer = find_peer(name, given.peer_python)
            if peer is None:
                missing[name] = "not installed"
                continue
            try:
                scores.append(measure(peer, probes, Path(folder) / "in", Path(folder) / name))
            except (OSError, subprocess.SubprocessError) as error:
                missing[name] = type(error).__name__
            if name == CONTROL:
                check_control(scores[0], sizes)
    told = {"probes": sizes, "tools": [document(score, names=given.names) for score in scores], "not run": missing}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stderr.write(describe(scores, sizes) + "".join(f"not run: {name}, {why}\n" for name, why in missing.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
