"""A decision on what one file shows decides nothing about how its series lies, and loses none of its slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom

from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import PaintedBox, Reviewed
from imaging.project.project import Project
from pipelines.review import review
from tests.imaging.dicom.burned_in import SIDE, write_volume
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import silent, take, voxels_of

BOX = PaintedBox(top=4, left=4, rows=32, columns=230)
GAP = (0, 1, 3, 4, 5)


def keys_of(project: Project) -> dict[str, int]:
    """The held slices by the names of their files."""
    return {Path(item.name).name: item.id for item in project.quarantine.held()}


def held_for(project: Project, reason: Reason) -> list[int]:
    return [item.id for item in project.quarantine.held() if item.reason is reason]


def decide(project: Project, *items: int, boxes: tuple[PaintedBox, ...] = ()) -> dict[int, Reviewed]:
    return {outcome.id: outcome for outcome in review(project, ReviewWork(items=items, boxes=boxes), silent)}


def extents(project: Project) -> list[int]:
    return sorted(image.extent("z") for image in project.images.list())


def test_text_on_a_slice_of_a_series_with_a_gap_waits_for_who_decides_on_the_gap(
    project: Project, tmp_path: Path
) -> None:
    planes = write_volume(tmp_path / "in", named=(3,), places=GAP)
    take(project, tmp_path / "in")
    irregular, (shown,) = held_for(project, Reason.IRREGULAR_GEOMETRY), held_for(project, Reason.BURNED_IN_RISK)
    assert len(irregular) == 4
    decided = decide(project, shown, boxes=(BOX,))[shown]
    assert (decided.decision, decided.reason) == ("decided", Reason.IRREGULAR_GEOMETRY)
    assert decided.waits_for == tuple(irregular)
    assert project.images.list() == []
    assert len(project.quarantine.held()) == 5
    assert {outcome.decision for outcome in decide(project, *irregular).values()} == {"released"}
    assert extents(project) == [2, 3]
    assert [image.attributes.parted for image in project.images.list()] == [True, True]
    assert project.quarantine.held() == []
    stored = next(voxels_of(project, number) for number in (0, 1) if voxels_of(project, number).shape[0] == 3)
    np.testing.assert_array_equal(stored[[0, 2]], planes[[2, 4]])
    # What is painted is that of the slice that shows it.
    assert len(np.unique(stored[1, BOX.top : BOX.top + BOX.rows, BOX.left : BOX.left + BOX.columns])) == 1


def test_texts_that_are_decided_on_one_after_the_other_stay_with_their_volume(project: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "in", named=(2, 3), places=GAP)
    take(project, tmp_path / "in")
    first, second = held_for(project, Reason.BURNED_IN_RISK)
    irregular = held_for(project, Reason.IRREGULAR_GEOMETRY)
    assert set(decide(project, first, boxes=(BOX,))[first].waits_for) == {second, *irregular}
    assert set(decide(project, second, boxes=(BOX,))[second].waits_for) == {*irregular}
    assert project.images.list() == []
    decide(project, *irregular)
    assert (extents(project), project.quarantine.held()) == ([2, 3], [])


def test_a_gap_that_is_decided_on_first_waits_for_who_decides_on_the_text(project: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "in", named=(3,), places=GAP)
    take(project, tmp_path / "in")
    (shown,) = held_for(project, Reason.BURNED_IN_RISK)
    decide(project, *held_for(project, Reason.IRREGULAR_GEOMETRY))
    # The run without text waits for nobody.
    assert extents(project) == [2]
    assert {outcome.decision for outcome in decide(project, shown, boxes=(BOX,)).values()} == {"released"}
    assert (extents(project), project.quarantine.held()) == ([2, 3], [])


def test_the_right_one_of_two_files_of_one_uid_makes_its_series_whole(project: Project, tmp_path: Path) -> None:
    write_volume(tmp_path / "in", named=(), places=range(5))
    forged = pydicom.dcmread(tmp_path / "in" / "2.dcm")
    forged.PixelData = bytes(2 * SIDE * SIDE)
    forged.save_as(tmp_path / "in" / "forged.dcm")
    take(project, tmp_path / "in")
    keys = keys_of(project)
    assert set(held_for(project, Reason.UID_CONFLICT)) == {keys["2.dcm"], keys["forged.dcm"]}
    assert len(held_for(project, Reason.IRREGULAR_GEOMETRY)) == 4
    outcomes = decide(project, keys["2.dcm"])
    assert {outcome.decision for outcome in outcomes.values()} == {"released"}
    assert (extents(project), [*keys_of(project)]) == ([5], ["forged.dcm"])
    assert not project.images.list()[0].attributes.parted


def test_the_command_names_a_few_of_the_files_that_a_decision_waits_for(
    project: Project, tmp_path: Path, call: Call
) -> None:
    write_volume(tmp_path / "in", named=(1,), places=(0, 1, 2, 3, 5, 6, 7, 8))
    take(project, tmp_path / "in")
    (shown,) = held_for(project, Reason.BURNED_IN_RISK)
    code, out, _ = call("quarantine", "accept", "phantoms", shown)
    assert (code, "and 2 more" in out) == (0, True)
