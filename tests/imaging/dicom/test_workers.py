"""Processes that share a folder's files: every outcome comes once, in the order of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.dicom.copying import PARTIAL, Assignment, Order
from imaging.dicom.profile import Profile
from imaging.dicom.walk import Found, Refusal
from imaging.dicom.workers import copy_all
from imaging.domain.outcome import Reason

SAMPLE = Path(__file__).parents[3] / "sample_dicom" / "images" / "mr-head-11"


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_outcomes_come_once_and_in_the_order_of_the_files(workers: int, tmp_path: Path):
    (tmp_path / PARTIAL).mkdir()
    files = sorted(SAMPLE.iterdir())
    # More than all processes are handed ahead, so that the first of them works too.
    offered: list[Found | Refusal] = [
        Refusal(f"{turn}", Reason.LIMIT_EXCEEDED, "too large") if turn % 7 == 3 else Found(files[turn % 30], f"{turn}")
        for turn in range(120)
    ]
    order = Order(b"w" * 32, Profile.built_in("research"), workers)
    outcomes = list(copy_all(iter(offered), Assignment(order, tmp_path, {})))
    assert [name for name, _ in outcomes] == [item.name for item in offered]
    assert [made.refusal is not None for _, made in outcomes] == [isinstance(item, Refusal) for item in offered]
    # The same slice came four times, by whichever process: the same place, the same bytes.
    copies: dict[Path, set[tuple[str, str]]] = {}
    for item, (_, made) in zip(offered, outcomes, strict=True):
        if isinstance(item, Found):
            copies.setdefault(item.path, set()).add((made.place, made.content))
    assert [len(told) for told in copies.values()] == [1] * 30
    written = {made.partial for _, made in outcomes if made.partial is not None}
    assert written == set((tmp_path / PARTIAL).iterdir())
    assert len(written) == sum(isinstance(item, Found) for item in offered)
