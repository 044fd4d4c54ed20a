"""Listings of annotations at 3,000 and at 300,000: `python -m tests.benchmarks.annotations [SIZE...]`.

Bars: one annotation of many (`max=1`) at the largest size at most twice its time at the smallest, and below 100 ms; a
box's listing below 50 ms for 95 of 100 boxes, all on one plane and spread over many; all of them in bounded memory.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.image import Image, ImageAttributes, ImageDraft
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.workspace import Workspace
from viewer.app import create_app

_ROWS, _COLUMNS, _PLANES = 4096, 4096, 300
_BATCH = 5_000
_SIDE = 20


def _image(project: Project, name: str) -> Image:
    attributes = ImageAttributes(
        axes="zyx",
        affine_lps=((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
        spacing_mm=(1.0, 1.0, 1.0),
    )
    shape = (_PLANES, _ROWS, _COLUMNS)
    draft = ImageDraft(name=name, subject="S", shape=shape, dtype="int16", attributes=attributes, sources=1)
    return project.images.register(draft, lambda key: None)


def _square(rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.uniform(0, _COLUMNS - _SIDE, 2)
    return round(float(x), 2), round(float(y), 2)


def _wkt(x: float, y: float, side: float = _SIDE) -> str:
    return f"POLYGON (({x} {y}, {x + side} {y}, {x + side} {y + side}, {x} {y + side}, {x} {y}))"


def _fill(project: Project, image: Image, count: int, *, spread: bool) -> None:
    rng, layer, term = np.random.default_rng(count), project.layers.mine().id, project.ontology.terms()[0].id
    for first in range(0, count, _BATCH):
        drafts = [
            AnnotationDraft(
                image=image.id, wkt=_wkt(*_square(rng)), index=place % _PLANES if spread else 0, terms=(term,)
            )
            for place in range(first, min(first + _BATCH, count))
        ]
        project.annotations.import_many(layer, drafts)


def _time(ask: Callable[[], object], rounds: int) -> list[float]:
    ask()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - start)
    return seconds


def _percentile_95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def _measure(client: TestClient, image: Image, *, index: int | None) -> None:
    query: dict[str, str | int] = {"image": image.id, "max": 1}
    one = statistics.median(_time(lambda: client.get("/api/annotation.json", params=query), 20))
    rng = np.random.default_rng(1)

    def box() -> None:
        asked: dict[str, str | int] = {"image": image.id, "bbox": _wkt(*_square(rng), side=100.0)}
        if index is not None:
            asked["index"] = index
        assert client.get("/api/annotation.json", params=asked).status_code == 200

    boxes = _percentile_95(_time(box, 100))
    sys.stdout.write(f"  max=1 {one * 1000:7.1f} ms   box, 95 of 100 below {boxes * 1000:7.1f} ms\n")


def _fetch_all(client: TestClient, image: Image) -> None:
    before, start, size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter(), 0
    with client.stream("GET", "/api/annotation.json", params={"image": image.id, "showWKT": "True"}) as answer:
        for chunk in answer.iter_bytes():
            size += len(chunk)
    seconds, grown = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(
        f"  all of them: {seconds:.1f} s, {size / 2**20:.0f} MiB, memory grown by {grown / 1024:.0f} MiB\n"
    )


def main() -> None:
    """Fill a workspace and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[3_000, 300_000])
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as folder:
        workspace, username, _ = Workspace.create(Settings.read(Path(folder) / "w"))
        user = workspace.accounts.find(username)
        client = TestClient(create_app(workspace))
        client.headers["Authorization"] = f"Bearer {workspace.accounts.token(user.id)}"
        for size in sizes:
            for spread in (False, True):
                project = workspace.create_project(user.id, f"{size} {spread}")
                project.ontology.add("lesion")
                image = _image(project, "image")
                start = time.perf_counter()
                _fill(project, image, size, spread=spread)
                seconds, where = time.perf_counter() - start, "many planes" if spread else "one plane"
                sys.stdout.write(f"{size:,} on {where}, drawn in {seconds:.0f} s\n")
                _measure(client, image, index=7 if spread else None)
                _fetch_all(client, image)


if __name__ == "__main__":
    main()
