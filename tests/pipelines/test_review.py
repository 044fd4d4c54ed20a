"""What a person decides on held files: let pass, painted over, or still held."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from pydicom.uid import generate_uid

from imaging.cli import main
from imaging.dicom.headers_store import unpack_headers
from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import PaintedBox, Reviewed
from imaging.errors import NotFoundError
from imaging.project.project import Project
from imaging.pyramid.manifest import headers_path
from imaging.pyramid.read import Pyramid
from pipelines.review import review
from tests.imaging.dicom.burned_in import NAME, SIDE, body, written
from tests.imaging.dicom.ultrasound import make_ultrasound
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import silent, take, voxels_of

BOX = PaintedBox(top=4, left=4, rows=32, columns=230)


def decide(project: Project, *items: int, boxes: tuple[PaintedBox, ...] = (), find: bool = False) -> list[Reviewed]:
    return list(review(project, ReviewWork(items=items, boxes=boxes, find=find), silent))


def shown(project: Project) -> int:
    """The id of the one held file on which text was found."""
    (key,) = (item.id for item in project.quarantine.held() if item.detail == "text was found in the picture")
    return key


def test_a_volume_waits_whole_for_the_slice_that_shows_a_name(project: Project, volume: np.ndarray, tmp_path: Path):
    made = take(project, tmp_path / "in")
    assert not made.images
    assert [item.reason for item in made.quarantined] == [Reason.BURNED_IN_RISK] * 4


def test_painting_what_is_found_releases_the_volume_and_changes_nothing_outside(
    project: Project, volume: np.ndarray, tmp_path: Path
):
    take(project, tmp_path / "in")
    outcomes = decide(project, shown(project), find=True)
    (image,) = project.images.list()
    assert {outcome.image for outcome in outcomes} == {image.id}
    assert len(outcomes) == 4
    assert project.quarantine.held() == []
    stored = voxels_of(project)
    painted = np.zeros(volume.shape, bool)
    for box in (box for outcome in outcomes for box in outcome.painted):
        assert (box.frame, box.top + box.rows <= 48) == (0, True)
        painted[1, box.top : box.top + box.rows, box.left : box.left + box.columns] = True
    np.testing.assert_array_equal(stored[~painted], volume[~painted])
    bright = volume[1] > 2000
    assert (stored[1][bright] < 1500).all()


def test_the_headers_of_a_painted_slice_say_so(project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    decide(project, shown(project), boxes=(BOX,))
    (image,) = project.images.list()
    headers = list(unpack_headers(headers_path(project.images.path(image.id)).read_bytes()))
    cleaned = ["113101" in [code.CodeValue for code in header.DeidentificationMethodCodeSequence] for header in headers]
    assert cleaned == [False, True, False, False]
    assert headers[1].BurnedInAnnotation == "NO"
    assert image.attributes.painted
    assert Pyramid.open(project.images.path(image.id)).attributes.painted


def test_a_box_is_painted_exactly_and_on_its_frame_only(project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    decide(project, shown(project), boxes=(BOX,))
    stored = voxels_of(project)
    expected = volume.copy()
    inside = expected[1, BOX.top : BOX.top + BOX.rows, BOX.left : BOX.left + BOX.columns]
    inside[...] = stored[1, BOX.top, BOX.left]
    np.testing.assert_array_equal(stored, expected)
    assert stored[1, BOX.top, BOX.left] < 200


def test_text_that_the_drawn_boxes_miss_is_told(project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    key = shown(project)
    outcomes = decide(project, key, boxes=(PaintedBox(top=90, left=4, rows=8, columns=8),))
    assert {outcome.id for outcome in outcomes if outcome.text_left} == {key}
    assert {outcome.decision for outcome in outcomes} == {"released"}
    detail = next(event.detail for event in project.journal.list() if event.key == key and event.action == "redact")
    assert isinstance(detail, dict)
    assert detail["text_left"] is True


def test_nothing_is_told_of_text_where_the_drawn_boxes_cover_it(project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    assert not any(outcome.text_left for outcome in decide(project, shown(project), boxes=(BOX,)))


def test_an_accepted_file_keeps_every_pixel(project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    decide(project, shown(project))
    np.testing.assert_array_equal(voxels_of(project), volume)


def test_deciding_on_a_clean_slice_does_not_release_the_one_with_the_name(
    project: Project, volume: np.ndarray, tmp_path: Path
):
    take(project, tmp_path / "in")
    other = next(item.id for item in project.quarantine.held() if item.id != shown(project))
    outcomes = decide(project, other)
    assert {outcome.decision: outcome.waits_for for outcome in outcomes} == {"decided": (shown(project),), "held": ()}
    assert project.images.list() == []
    assert len(project.quarantine.held()) == 4


@pytest.mark.parametrize(
    ("box", "told"),
    [
        (PaintedBox(top=SIDE - 4, left=0, rows=5, columns=5), "a box reaches out of the picture"),
        (PaintedBox(top=0, left=SIDE, rows=5, columns=5), "a box reaches out of the picture"),
        (PaintedBox(top=0, left=0, rows=5, columns=5, frame=1), "a box names a frame that is not there"),
    ],
)
def test_a_box_that_misses_the_picture_releases_nothing(
    project: Project, volume: np.ndarray, tmp_path: Path, box: PaintedBox, told: str
):
    take(project, tmp_path / "in")
    outcomes = decide(project, shown(project), boxes=(box,))
    assert {outcome.decision for outcome in outcomes} == {"held"}
    assert told in {outcome.detail for outcome in outcomes}
    assert project.images.list() == []


def test_a_copy_of_a_file_that_stays_held_stays_too(project: Project, tmp_path: Path):
    for name in ("a", "b"):
        Picture.fromarray((written(NAME, 20, 3000) // 16).astype(np.uint8)).save(tmp_path / f"{name}.png")
        take(project, tmp_path / f"{name}.png")
    first, second = (item.id for item in project.quarantine.held())
    outcomes = decide(project, first, second, boxes=(PaintedBox(top=0, left=SIDE, rows=5, columns=5),))
    assert {outcome.decision for outcome in outcomes} == {"held"}
    assert len(project.quarantine.held()) == 2
    assert {event.action for event in project.journal.list()}.isdisjoint({"release", "redact"})
    assert {outcome.decision for outcome in decide(project, first, second)} == {"released", "duplicate"}
    assert project.quarantine.held() == []


def test_a_box_that_misses_the_text_releases_nothing_on_the_command_line(
    project: Project, tmp_path: Path, call: Call
) -> None:
    Picture.fromarray((written(NAME, 20, 3000) // 16).astype(np.uint8)).save(tmp_path / "shot.png")
    take(project, tmp_path / "shot.png")
    redact = ["quarantine", "redact", "phantoms", project.quarantine.held()[0].id, "--box", "200,4,20,20"]
    code, out, _ = call(*redact)
    assert (code, "text is found outside the boxes" in out) == (2, True)
    assert project.images.list() == []
    assert [item.detail for item in project.quarantine.held()] == ["text is found outside the boxes"]
    # Whoever says that nothing is to be looked for has seen the picture.
    code, out, _ = call(*redact, "--no-find")
    assert (code, "text is still found on it" in out) == (0, True)


def test_a_picture_is_painted_too(project: Project, tmp_path: Path):
    Picture.fromarray((written(NAME, 20, 3000) // 16).astype(np.uint8)).save(tmp_path / "shot.png")
    take(project, tmp_path / "shot.png")
    decide(project, project.quarantine.held()[0].id, find=True)
    plain = np.asarray(Picture.open(tmp_path / "shot.png"))
    stored = voxels_of(project)[0]
    assert (stored[plain > 150] < 100).all()
    assert (stored == plain).mean() > 0.9


def test_what_is_no_image_stays_held_with_its_reason(project: Project, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("no image")
    take(project, tmp_path / "notes.txt")
    (outcome,) = decide(project, project.quarantine.held()[0].id)
    assert (outcome.decision, outcome.reason) == ("held", Reason.NOT_DICOM)
    assert len(project.quarantine.held()) == 1


def test_an_instance_that_came_late_becomes_an_image_of_its_own(project: Project, make_series, tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    late = next(path for path in sorted((tmp_path / "in").iterdir()) if path.name.endswith("-1.bin"))
    late.rename(tmp_path / "late.dcm")
    take(project, tmp_path / "in")
    assert [item.reason for item in take(project, tmp_path / "late.dcm").quarantined] == [Reason.LATE_INSTANCE]
    (outcome,) = decide(project, project.quarantine.held()[0].id)
    assert outcome.decision == "released"
    assert [image.extent("z") for image in project.images.list()] == [5, 1]


def test_a_released_file_comes_again_as_a_duplicate_and_a_held_one_is_held_once(
    project: Project, volume: np.ndarray, tmp_path: Path
):
    take(project, tmp_path / "in")
    take(project, tmp_path / "in")
    assert len(project.quarantine.held()) == 4
    decide(project, shown(project), find=True)
    assert take(project, tmp_path / "in").duplicates == 4
    assert project.quarantine.held() == []


def test_an_unknown_file_is_refused_before_anything_is_opened(project: Project):
    with pytest.raises(NotFoundError):
        decide(project, 999_999)


def test_the_command_tells_each_outcome_and_the_journal_names_the_decision(
    project: Project, volume: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    take(project, tmp_path / "in")
    key = shown(project)
    here = ["phantoms", str(key), "--workspace", str(tmp_path / "W"), "--json"]
    for bad in ("4,4,32", "4,4,32,230@", "4,4,32,230@x", "4,4,32,-230", "4,4,32,0", "4, 4,32,230", "٤,4,32,230"):
        assert main(["quarantine", "redact", *here, "--box", bad]) == 2
    assert main(["quarantine", "redact", *here, "--no-find"]) == 2
    assert main(["quarantine", "redact", *here, "--box", "250,4,32,230"]) == 2
    capsys.readouterr()
    assert main(["quarantine", "redact", *here, "--box", "4,4,32,230@0"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["decision"] for row in rows] == ["released"] * 4
    assert [(row["id"], len(row["painted"])) for row in rows if row["painted"]] == [(key, 1)]
    noted = [(event.action, event.detail) for event in project.journal.list() if event.kind == "file"]
    assert [detail["boxes"] for action, detail in noted if action == "redact"] == [1]
    # Nobody asked to paint over the slices that came along.
    assert [set(detail) for action, detail in noted if action == "release"] == [{"upload", "image"}] * 3


REGION = (30, 40, 199, 219)
ECHOES = np.s_[..., 40:220, 30:200]


def take_ultrasound(project: Project, folder: Path, *, colour: bool) -> np.ndarray:
    """Hold a file of two frames with one region of echoes; returns what it shows, (c, frame, y, x)."""
    # Smooth, as echoes are: in white noise PP-OCRv4 finds text.
    pixels = (np.indices((2, SIDE, SIDE, 3)).T @ (20, 0.3, 0.2, 9)).T.astype(np.uint8)
    pixels = pixels if colour else pixels[..., 0]
    folder.mkdir()
    make_ultrasound(pixels, REGION).save_as(folder / "us.dcm")
    (held,) = take(project, folder).quarantined
    assert held.reason is Reason.BURNED_IN_RISK
    return np.moveaxis(pixels, -1, 0) if colour else pixels[np.newaxis]


def take_twins(project: Project, folder: Path) -> tuple[int, ...]:
    """Hold two ultrasound files of one SOP instance UID and other pixels; gives their ids."""
    pixels = (np.indices((2, SIDE, SIDE)).T @ (20, 0.3, 0.2)).T.astype(np.uint8)
    folder.mkdir()
    header = make_ultrasound(pixels, REGION)
    for name, content in (("one.dcm", pixels), ("two.dcm", pixels // 2)):
        header.PixelData = content.tobytes()
        header.save_as(folder / name)
    take(project, folder)
    return tuple(item.id for item in project.quarantine.held())


@pytest.mark.parametrize("find", [False, True], ids=["accepted", "painted"])
def test_of_two_files_of_one_uid_neither_is_believed_until_one_is_let_pass_alone(
    project: Project, tmp_path: Path, find: bool
) -> None:
    first, second = take_twins(project, tmp_path / "in")
    told = "another file has the same UID and other content; accept one of them alone"
    for _ in range(2):
        assert {(made.decision, made.detail) for made in decide(project, first, second, find=find)} == {("held", told)}
        # That it may show a name is said still: whoever lets one pass has to look.
        assert {(item.reason, item.detail) for item in project.quarantine.held()} == {
            (Reason.BURNED_IN_RISK, f"devices of this kind write text into the picture; {told}")
        }
    by_id = {made.id: made for made in decide(project, second)}
    assert (by_id[second].decision, by_id[first].decision) == ("released", "held")
    for _ in range(2):
        (made,) = decide(project, first)
        assert (made.decision, made.reason) == ("held", Reason.UID_CONFLICT)
        (item,) = project.quarantine.held()
        assert item.detail.split("; ") == [
            "devices of this kind write text into the picture",
            "an instance with this UID and other pixels is published",
        ]
    assert len(project.images.list()) == 1


def test_a_file_beside_two_of_one_uid_is_released_all_the_same(project: Project, tmp_path: Path, call: Call) -> None:
    twins = take_twins(project, tmp_path / "in")
    assert call("quarantine", "accept", "phantoms", *twins)[0] == 2
    make_ultrasound(np.zeros((1, 40, 40), np.uint8), REGION).save_as(tmp_path / "third.dcm")
    take(project, tmp_path / "third.dcm")
    third = max(item.id for item in project.quarantine.held())
    code, out, _ = call("quarantine", "accept", "phantoms", *twins, third)
    assert (code, out.count("accept one of them alone")) == (0, 2)
    assert {item.id for item in project.quarantine.held()} == {*twins}


def released(project: Project) -> np.ndarray:
    """Give what an image of two frames holds, (c, frame, y, x)."""
    (image,) = project.images.list()
    pyramid = Pyramid.open(project.images.path(image.id))
    extent = {axis: image.extent(axis) for axis in "tczyx"}
    region = (0, extent["z"], 0, extent["y"], 0, extent["x"])
    channels = [
        np.concatenate([pyramid.region(region, t=t, c=c) for t in range(extent["t"])]) for c in range(extent["c"])
    ]
    return np.stack(channels)


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize("boxes", [(), (PaintedBox(top=100, left=100, rows=8, columns=8, frame=1),)], ids=["", "box"])
def test_all_but_the_echoes_of_an_ultrasound_is_painted_on_every_frame(
    project: Project, tmp_path: Path, boxes: tuple[PaintedBox, ...], colour: bool
):
    shown = take_ultrasound(project, tmp_path / "in", colour=colour)

    (outcome,) = decide(project, project.quarantine.held()[0].id, boxes=boxes, find=True)
    assert outcome.decision == "released", outcome

    stored, painted = released(project), np.ones(shown.shape, bool)
    painted[ECHOES] = False
    for box in boxes:
        painted[:, box.frame, box.top : box.top + box.rows, box.left : box.left + box.columns] = True
    np.testing.assert_array_equal(stored[~painted], shown[~painted])
    for frame in stored.reshape(-1, SIDE, SIDE):
        assert all(len(np.unique(part)) == 1 for part in (frame[:40], frame[220:], frame[40:220, :30]))


def test_boxes_alone_leave_what_is_outside_the_echoes(project: Project, tmp_path: Path):
    shown = take_ultrasound(project, tmp_path / "in", colour=False)
    box = PaintedBox(top=0, left=0, rows=20, columns=SIDE)

    decide(project, project.quarantine.held()[0].id, boxes=(box,))

    np.testing.assert_array_equal(released(project)[..., 20:, :], shown[..., 20:, :])


def test_redact_tells_how_many_boxes_were_painted_even_if_none(
    call: Call, project: Project, template: pydicom.Dataset, volume: np.ndarray, tmp_path: Path
):
    take(project, tmp_path / "in")
    header = copy.deepcopy(template)
    header.SeriesInstanceUID, header.SOPInstanceUID = generate_uid(), generate_uid()
    header.BurnedInAnnotation, header.Rows, header.Columns = "YES", SIDE, SIDE
    header.PixelData = body().tobytes()
    header.save_as(tmp_path / "clean.dcm")
    take(project, tmp_path / "clean.dcm")
    *_, clean = (item.id for item in project.quarantine.held())
    assert call("quarantine", "redact", "phantoms", clean)[1] == (
        f"{clean:>6}  part of image {project.images.list()[0].id}, 0 boxes painted over: no text was found\n"
    )
    key = shown(project)
    code, out, _ = call("quarantine", "redact", "phantoms", key, "--box", "4,4,32,230")
    image = project.images.list()[1].id
    assert (code, out.splitlines()) == (
        0,
        [f"{key:>6}  part of image {image}, 1 box painted over", f"     3 more of the series: part of image {image}"],
    )


def test_accept_tells_of_no_boxes(call: Call, project: Project, volume: np.ndarray, tmp_path: Path):
    take(project, tmp_path / "in")
    code, out, _ = call("quarantine", "accept", "phantoms", shown(project))
    assert (code, len(out.splitlines()), "box" in out) == (0, 2, False)
