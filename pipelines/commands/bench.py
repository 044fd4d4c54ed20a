"""`imaging bench`: the project's own benchmarks beside the peers that can be found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import click

from imaging.cli import draw_progress
from pipelines.bench.access import Comparison, bench_pyramid, bench_read
from pipelines.bench.decoding import bench_decode
from pipelines.bench.ingest import SLICES, Row, bench_ingest

_NAMES = ("ingest", "decode", "read", "pyramid")
_COMPARED = {"decode": bench_decode, "read": bench_read, "pyramid": bench_pyramid}
_TOOLS = ("imaging-workspace", "zarr", "dask", "SimpleITK", "tensorstore", "numpy")
_MEBI = 2**20


@click.command("bench")
@click.argument("name", type=click.Choice(_NAMES), required=False)
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="Turns; medians are told.")
@click.option("--slices", type=click.IntRange(8, 2000), default=SLICES, show_default=True, help="Of 512 × 512 each.")
@click.option(
    "--peer-python",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path(sys.executable),
    help="A Python in which peers are installed (ngff-zarr, ome-zarr); default this one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for each.")
def command(name: str | None, rounds: int, slices: int, peer_python: Path, as_json: bool) -> None:
    """Measure a part of the product, or all, in turns with peers: time, and of an ingest memory and space too.

    It makes its own input and leaves nothing behind. Leave the machine alone meanwhile.
    """
    for chosen in _NAMES if name is None else (name,):
        with draw_progress(f"bench {chosen}") as draw:
            if chosen == "ingest":
                rows = bench_ingest(rounds, slices, peer_python, draw)
                shown, text = [asdict(row) for row in rows], _tabulate(rows)
            else:
                compared = _COMPARED[chosen](rounds, slices, draw)
                shown, text = [asdict(row) for row in compared], _compare(compared)
        document = {"bench": chosen, "slices": slices, "rounds": rounds, "versions": _find_versions(), "rows": shown}
        click.echo(json.dumps(document) if as_json else text)


def _find_versions() -> dict[str, str]:
    return {"python": python_version(), "processors": str(os.cpu_count())} | {name: version(name) for name in _TOOLS}


def _compare(rows: Sequence[Comparison]) -> str:
    widest = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        theirs = f"{row.peer_milliseconds:7.2f} ms of {row.peer}"
        lines.append(f"{row.name:<{widest}}  {row.milliseconds:7.2f} ms  {row.ratio:5.2f}× {theirs}")
    return "\n".join(lines)


def _tabulate(rows: Sequence[Row]) -> str:
    widest = max(len(row.name) for row in rows)
    lines = [f"{'':<{widest}}  seconds  ours is  processor  peak MiB  size MiB  files"]
    for row in rows:
        found = row.measured
        lines.append(
            f"{row.name:<{widest}}  {found.seconds:7.2f}  {row.ratio:6.2f}×  {found.processor_seconds:9.2f}"
            f"  {found.peak_bytes / _MEBI:8.0f}  {row.bytes / _MEBI:8.1f}  {row.files:5d}"
        )
    return "\n".join(lines)
