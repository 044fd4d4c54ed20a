"""A volume with text on several slices: each is decided on by itself, and the last decision releases all of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.dicom.series import VOLUME_WAITS
from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import Decision, PaintedBox, Reviewed
from imaging.errors import RefusedFileError, StateError
from imaging.project.project import Project
from imaging.project.quarantine import Quarantine
from pipelines.review import review
from tests.imaging.dicom.burned_in import write_volume
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import silent, take, voxels_of

BOX = PaintedBox(top=4, left=4, rows=32, columns=230)


@pytest.fixture
def planes(project: Project, tmp_path: Path) -> np.ndarray:
    """A series of four slices that is held, a name on the second and on the last: (z, y, x)."""
    planes = write_volume(tmp_path / "in", named=(1, 3))
    take(project, tmp_path / "in")
    return planes


def keys_of(project: Project) -> dict[str, int]:
    """The held slices by the names of their files."""
    return {Path(item.name).name: item.id for item in project.quarantine.held()}


def decide(project: Project, *items: int, boxes: tuple[PaintedBox, ...] = (), find: bool = False) -> list[Reviewed]:
    return list(review(project, ReviewWork(items=items, boxes=boxes, find=find), silent))


def test_a_decision_is_remembered_and_told_while_another_slice_needs_one(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    outcomes = {outcome.id: outcome for outcome in decide(project, keys["1.dcm"], boxes=(BOX,))}
    decided = outcomes[keys["1.dcm"]]
    assert (decided.decision, decided.reason, decided.detail) == ("decided", Reason.BURNED_IN_RISK, VOLUME_WAITS)
    assert decided.waits_for == (keys["3.dcm"],)
    assert {outcome.decision for key, outcome in outcomes.items() if key != decided.id} == {"held"}
    assert project.images.list() == []
    kept = {item.id: item.decision for item in project.quarantine.held()}
    assert kept == dict.fromkeys(keys.values()) | {decided.id: Decision(boxes=(BOX,))}


def test_the_last_decision_releases_the_volume_and_each_slice_is_treated_as_decided_on_it(
    project: Project, planes: np.ndarray
):
    keys = keys_of(project)
    decide(project, keys["1.dcm"], boxes=(BOX,))
    outcomes = {outcome.id: outcome for outcome in decide(project, keys["3.dcm"])}
    assert {outcome.decision for outcome in outcomes.values()} == {"released"}
    assert {key: outcome.painted for key, outcome in outcomes.items() if outcome.painted} == {keys["1.dcm"]: (BOX,)}
    assert project.quarantine.held() == []
    stored, expected = voxels_of(project), planes.copy()
    expected[1, BOX.top : BOX.top + BOX.rows, BOX.left : BOX.left + BOX.columns] = stored[1, BOX.top, BOX.left]
    np.testing.assert_array_equal(stored, expected)
    noted = [(event.action, event.key) for event in project.journal.list() if event.kind == "file"]
    assert ("decide", keys["1.dcm"]) in noted
    assert ("redact", keys["1.dcm"]) in noted
    assert ("accept", keys["3.dcm"]) in noted


def test_what_is_to_be_found_is_painted_where_it_was_decided_and_nowhere_else(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    decide(project, keys["1.dcm"])
    decide(project, keys["3.dcm"], find=True)
    stored = voxels_of(project)
    np.testing.assert_array_equal(stored[:3], planes[:3])
    assert (stored[3][planes[3] > 2000] < 1500).all()


def test_a_later_decision_on_the_same_slice_takes_the_place_of_the_earlier(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    decide(project, keys["1.dcm"])
    decide(project, keys["1.dcm"], boxes=(BOX,))
    outcomes = {outcome.id: outcome for outcome in decide(project, keys["3.dcm"])}
    assert outcomes[keys["1.dcm"]].painted == (BOX,)


def test_a_slice_that_was_decided_on_can_still_be_refused(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    decide(project, keys["3.dcm"], boxes=(BOX,))
    project.quarantine.refuse(keys["3.dcm"])
    decide(project, keys["1.dcm"], boxes=(BOX,))
    assert [image.extent("z") for image in project.images.list()] == [3]


def test_a_decision_that_cannot_be_carried_out_is_not_remembered(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    outside = BOX.model_copy(update={"frame": 1})
    assert {outcome.decision for outcome in decide(project, keys["1.dcm"], boxes=(outside,))} == {"held"}
    assert {item.decision for item in project.quarantine.held()} == {None}


def test_the_same_files_uploaded_again_are_held_once_and_stay_decided(
    project: Project, planes: np.ndarray, tmp_path: Path
):
    keys = keys_of(project)
    decide(project, keys["1.dcm"], boxes=(BOX,))
    take(project, tmp_path / "in")
    assert {item.id for item in project.quarantine.held() if item.decision is not None} == {keys["1.dcm"]}


def test_a_new_decision_ends_the_earlier_one_even_where_it_cannot_be_carried_out(
    call: Call, project: Project, planes: np.ndarray
):
    keys = keys_of(project)
    call("quarantine", "accept", "phantoms", keys["1.dcm"])
    assert call("quarantine", "redact", "phantoms", keys["1.dcm"], "--box", "250,4,32,230")[0] == 2
    call("quarantine", "accept", "phantoms", keys["3.dcm"])
    assert project.images.list() == []
    assert [item.id for item in project.quarantine.held() if item.decision is not None] == [keys["3.dcm"]]


def test_a_new_decision_ends_the_earlier_one_as_soon_as_it_is_submitted(
    call: Call, project: Project, planes: np.ndarray
):
    keys = keys_of(project)
    call("quarantine", "accept", "phantoms", keys["1.dcm"])
    project.jobs.submit(ReviewWork(items=(keys["1.dcm"],), boxes=(BOX,)))
    assert {item.decision for item in project.quarantine.held()} == {None}
    call("quarantine", "accept", "phantoms", keys["3.dcm"])
    assert project.images.list() == []
    noted = [(event.action, event.key) for event in project.journal.list() if event.action in ("decide", "undecide")]
    assert sorted(noted) == [("decide", keys["1.dcm"]), ("decide", keys["3.dcm"]), ("undecide", keys["1.dcm"])]


def test_a_second_decision_waits_until_the_first_has_ended(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    first = project.jobs.submit(ReviewWork(items=(keys["1.dcm"], keys["3.dcm"])))
    with pytest.raises(StateError, match=f"job {first.id}"):
        project.jobs.submit(ReviewWork(items=(keys["1.dcm"],), boxes=(BOX,)))
    project.jobs.submit(ReviewWork(items=(keys["0.dcm"],)))
    project.jobs.cancel(first.id)
    project.jobs.submit(ReviewWork(items=(keys["1.dcm"],), boxes=(BOX,)))


def test_no_volume_is_made_without_a_slice_that_cannot_be_treated_as_decided(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    decide(project, keys["1.dcm"], boxes=(BOX,))
    outside = BOX.model_copy(update={"frame": 1})
    outcomes = {outcome.id: outcome for outcome in decide(project, keys["3.dcm"], boxes=(outside,))}
    assert {outcome.decision for outcome in outcomes.values()} == {"held"}
    assert outcomes[keys["3.dcm"]].detail == "a box names a frame that is not there"
    assert project.images.list() == []
    assert len(project.quarantine.held()) == 4


def test_each_decision_is_noted_once_and_told_once(project: Project, tmp_path: Path):
    write_volume(tmp_path / "in", named=(0, 1, 2, 3))
    take(project, tmp_path / "in")
    keys = keys_of(project)
    for name in ("0.dcm", "1.dcm", "2.dcm"):
        told = [outcome.id for outcome in decide(project, keys[name]) if outcome.decision == "decided"]
        assert told == [keys[name]]
    noted = [event.key for event in project.journal.list() if event.action == "decide"]
    assert sorted(noted) == [keys[name] for name in ("0.dcm", "1.dcm", "2.dcm")]


def test_what_was_deleted_meanwhile_does_not_keep_the_others_from_their_outcome(
    project: Project, planes: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    keys = keys_of(project)
    release = type(project.quarantine).release

    def refuse_first(self: Quarantine, key: int, *facts: Any) -> None:
        if key == keys["0.dcm"]:
            self.refuse(key)
        release(self, key, *facts)

    monkeypatch.setattr(Quarantine, "release", refuse_first)
    decide(project, keys["1.dcm"], keys["3.dcm"], find=True)
    assert [image.extent("z") for image in project.images.list()] == [4]
    assert project.quarantine.held() == []


def test_two_who_decide_at_once_release_the_volume_together(project: Project, planes: np.ndarray):
    keys = keys_of(project)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda name: decide(project, keys[name], find=True), ("1.dcm", "3.dcm")))
    assert sorted({outcome.decision for outcomes in made for outcome in outcomes}) == ["decided", "held", "released"]
    assert [image.extent("z") for image in project.images.list()] == [4]
    assert project.quarantine.held() == []


def test_the_command_tells_on_what_the_volume_waits(call: Call, project: Project, planes: np.ndarray):
    keys = keys_of(project)
    code, out, _ = call("quarantine", "accept", "phantoms", keys["1.dcm"])
    assert code == 0
    assert f"{keys['1.dcm']:>6}  decided; its volume waits, undecided in its series: {keys['3.dcm']}\n" in out
    listed = call("quarantine", "list", "phantoms")[1].splitlines()
    assert [line.split()[0] for line in listed if "decided: accept" in line] == [str(keys["1.dcm"])]
    rows = json.loads(call("quarantine", "list", "phantoms", "--json")[1])
    assert {row["id"]: row["decision"] for row in rows} == dict.fromkeys(keys.values()) | {keys["1.dcm"]: "accept"}
    code, out, _ = call("quarantine", "redact", "phantoms", keys["3.dcm"])
    assert (code, out.count("part of image")) == (0, 2)
    assert "     3 more of the series: part of image" in out


def test_what_a_deleted_slice_parts_becomes_an_image_on_each_side_of_the_gap(
    call: Call, project: Project, tmp_path: Path
):
    planes = write_volume(tmp_path / "in", named=(1, 2))
    take(project, tmp_path / "in")
    keys = keys_of(project)
    assert call("quarantine", "refuse", "phantoms", keys["1.dcm"])[0] == 0
    code, out, _ = call("quarantine", "redact", "phantoms", keys["2.dcm"], "--box", "4,4,32,230")
    assert (code, "1 more of the series: part of image" in out) == (0, True)
    assert project.quarantine.held() == []
    images = {image.shape[0]: image for image in project.images.list()}
    assert sorted(images) == [1, 2]
    assert images[2].attributes.spacing_mm[0] == 2
    np.testing.assert_array_equal(voxels_of(project, project.images.list().index(images[1]))[0], planes[0])


def test_an_ingest_parts_no_volume_by_itself(project: Project, tmp_path: Path):
    write_volume(tmp_path / "in", named=())
    (tmp_path / "in" / "1.dcm").unlink()
    take(project, tmp_path / "in")
    assert {(item.reason, item.detail) for item in project.quarantine.held()} == {(Reason.IRREGULAR_GEOMETRY, "gap")}


def test_a_slice_on_which_painting_leaves_text_says_so(project: Project, planes: np.ndarray, monkeypatch: Any):
    still = "text is still found after painting over it"

    def find_more(*_: object) -> None:
        raise RefusedFileError(Reason.BURNED_IN_RISK, still)

    monkeypatch.setattr("pipelines.review.cover_text", find_more)
    key = keys_of(project)["1.dcm"]
    decide(project, key, find=True)
    assert [item.detail for item in project.quarantine.held() if item.id == key] == [still]


def test_several_files_are_refused_at_once_or_none(call: Call, project: Project, planes: np.ndarray):
    keys = keys_of(project)
    code, _, err = call("quarantine", "refuse", "phantoms", keys["0.dcm"], 999_999)
    assert (code, err, len(project.quarantine.held())) == (2, "imaging: no such quarantined file: 999999\n", 4)
    code, out, _ = call("quarantine", "refuse", "phantoms", keys["0.dcm"], keys["2.dcm"], keys["0.dcm"])
    assert (code, len(out.splitlines()), len(project.quarantine.held())) == (0, 2, 2)
