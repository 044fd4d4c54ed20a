"""Held files over HTTP: who decides sees them and what they show; a decision becomes a job."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from imaging.domain.job import ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.upload import Decision, FileToHold, PaintedBox
from tests.imaging.dicom.burned_in import NAME, SIDE, written
from tests.imaging.dicom.ultrasound import make_ultrasound


@pytest.fixture(scope="module")
def held(world, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """A picture with a name on it and a file that is none, held in our project."""
    folder: Path = tmp_path_factory.mktemp("held")
    Picture.fromarray((written(NAME, 20, 3000) // 16).astype(np.uint8)).save(folder / "shot.png")
    (folder / "notes.txt").write_text("no image")
    quarantine = world.ours.project.quarantine
    place = world.ours.project.uploads.create("page")
    return {
        "shot": quarantine.hold(place, FileToHold("shot.png", folder / "shot.png", Reason.BURNED_IN_RISK, "text")),
        "notes": quarantine.hold(place, FileToHold("notes.txt", folder / "notes.txt", Reason.NOT_DICOM)),
        "lost": quarantine.hold(place, FileToHold("lost.dcm", None, Reason.UNREADABLE)),
    }


@pytest.fixture
def url(ours) -> str:
    return f"/api/project/{ours.project.record.id}/quarantine"


def test_who_decides_sees_what_is_held_and_others_do_not(manager, as_user, held, url):
    rows = {row["name"]: row for row in manager.get(f"{url}.json").json()["collection"]}
    assert {name: row["reason"] for name, row in rows.items()} == {
        "shot.png": "burned_in_risk",
        "notes.txt": "not_dicom",
        "lost.dcm": "unreadable",
    }
    assert as_user("uploader").get(f"{url}.json").json()["collection"] == []
    assert as_user("reader").get(f"{url}.json").status_code == 403
    assert as_user("stranger").get(f"{url}.json").status_code == 404


def test_a_row_tells_why_a_file_is_held_and_which_files_are_of_its_series(manager, world, url, tmp_path: Path):
    (tmp_path / "slice.dcm").write_bytes(b"slice")
    told = ("slice.dcm", tmp_path / "slice.dcm", Reason.BURNED_IN_RISK, "text was found in the picture")
    ours = world.ours.project
    key = ours.quarantine.hold(ours.uploads.create("page"), FileToHold(*told, series="2.25.7"))
    (row,) = (row for row in manager.get(f"{url}.json").json()["collection"] if row["id"] == key)
    assert (row["detail"], row["series"]) == ("text was found in the picture", "2.25.7")
    assert row["decision"] is None
    box = PaintedBox(top=1, left=2, rows=3, columns=4, frame=5)
    ours.quarantine.remember(key, Decision(boxes=(box,)))
    (row,) = (row for row in manager.get(f"{url}.json").json()["collection"] if row["id"] == key)
    assert row["decision"] == {"boxes": [box.model_dump()], "find": False}


@pytest.mark.parametrize("look", ["range", "contrast"])
def test_a_held_picture_is_shown_whole(manager, held, url, look: str):
    assert manager.get(f"{url}/{held['shot']}/preview.json").json() == {
        "frames": 1,
        "rows": SIDE,
        "columns": SIDE,
        "finds": True,
        "outside": [],
    }
    answer = manager.get(f"{url}/{held['shot']}/frame.png", params={"look": look})
    assert answer.headers["cache-control"] == "no-store"
    shown = np.asarray(Picture.open(io.BytesIO(answer.content)))
    plain = written(NAME, 20, 3000)
    assert shown.shape == plain.shape
    assert shown[plain > 2500].mean() > 200


def test_faint_text_in_colour_comes_out_though_it_is_as_bright_as_its_ground(manager, world, url, tmp_path: Path):
    ground = np.full((*written(NAME, 20, 3000).shape, 3), (90, 90, 90), np.uint8)
    text = written(NAME, 20, 3000) > 2500
    ground[text] = (96, 87, 90)
    Picture.fromarray(ground).save(tmp_path / "colour.png")
    ours = world.ours.project
    told = FileToHold("colour.png", tmp_path / "colour.png", Reason.BURNED_IN_RISK)
    held = ours.quarantine.hold(ours.uploads.create("page"), told)
    seen = {}
    for look in ("range", "contrast"):
        answer = manager.get(f"{url}/{held}/frame.png", params={"look": look})
        shown = np.asarray(Picture.open(io.BytesIO(answer.content))).astype(int)
        seen[look] = np.abs(shown[text].mean(axis=0) - shown[~text].mean(axis=0)).max()
    assert seen["range"] < 10
    assert seen["contrast"] > 60


def test_what_is_painted_outside_the_echoes_is_told_before(manager, world, url, tmp_path: Path):
    make_ultrasound(np.zeros((2, 40, 60), np.uint8), (0, 10, 59, 39)).save_as(tmp_path / "us.dcm")
    ours = world.ours.project
    held = ours.quarantine.hold(
        ours.uploads.create("page"), FileToHold("us.dcm", tmp_path / "us.dcm", Reason.BURNED_IN_RISK)
    )
    answer = manager.get(f"{url}/{held}/preview.json").json()
    assert answer["frames"] == 2
    assert answer["outside"] == [{"top": 0, "left": 0, "rows": 10, "columns": 60, "frame": None}]


@pytest.mark.parametrize(("item", "status"), [("notes", 400), ("lost", 404)])
def test_what_shows_nothing_says_so(manager, held, url, item: str, status: int):
    nothing = {"frames": 0, "rows": 0, "columns": 0, "finds": False, "outside": []}
    assert manager.get(f"{url}/{held[item]}/preview.json").json() == nothing
    assert manager.get(f"{url}/{held[item]}/frame.png").status_code == status
    assert manager.get(f"{url}/1/preview.json").status_code == 404


def test_only_who_decides_sees_a_held_picture(manager, as_user, held, url):
    assert manager.get(f"{url}/{held['shot']}/frame.png", params={"frame": 1}).status_code == 404
    for name, status in (("uploader", 403), ("reader", 403), ("stranger", 404)):
        assert as_user(name).get(f"{url}/{held['shot']}/frame.png").status_code == status


def test_a_decision_becomes_a_job_of_the_one_who_decided(manager, held, url, ours):
    box = {"top": 4, "left": 4, "rows": 32, "columns": 230, "frame": 0}
    answer = manager.post(f"{url}/review.json", json={"items": [held["shot"]], "boxes": [box]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["kind"] == "review"
    work = ours.project.jobs.get(answer.json()["id"]).work
    assert work == ReviewWork(items=(held["shot"],), boxes=(PaintedBox(**box),))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"accept": True, "find": True},
        {"boxes": [{"top": -1, "left": 0, "rows": 1, "columns": 1}]},
        {"boxes": [{"top": 0, "left": 0, "rows": 0, "columns": 1}]},
    ],
)
def test_an_unclear_decision_is_refused(manager, held, url, sent):
    assert manager.post(f"{url}/review.json", json={"items": [held["shot"]], **sent}).status_code == 400


def test_a_decision_needs_the_right_and_a_file_that_is_held(manager, as_user, held, url):
    sent = {"items": [held["shot"]], "accept": True}
    assert as_user("uploader").post(f"{url}/review.json", json=sent).status_code == 403
    assert manager.post(f"{url}/review.json", json={"items": [1], "accept": True}).status_code == 404
    assert as_user("uploader").post(f"{url}/{held['lost']}/refuse.json").status_code == 403
    assert manager.post(f"{url}/{held['lost']}/refuse.json").json() == {"id": held["lost"], "decision": "refused"}
    assert manager.post(f"{url}/{held['lost']}/refuse.json").status_code == 404


def test_several_held_files_are_deleted_in_one_act_or_none(manager, as_user, world, url, tmp_path: Path):
    ours = world.ours.project
    (tmp_path / "slice.dcm").write_bytes(b"slice")
    place = ours.uploads.create("page")
    told = [FileToHold(f"{z}.dcm", tmp_path / "slice.dcm", Reason.IRREGULAR_GEOMETRY) for z in range(3)]
    keys = [ours.quarantine.hold(place, file) for file in told]
    assert as_user("uploader").post(f"{url}/refuse.json", json={"items": keys}).status_code == 403
    assert manager.post(f"{url}/refuse.json", json={"items": []}).status_code == 400
    assert manager.post(f"{url}/refuse.json", json={"items": [*keys, 1]}).status_code == 404
    for key in keys:
        assert ours.quarantine.open(key, tmp_path) is not None
    answer = manager.post(f"{url}/refuse.json", json={"items": [*keys[:2], keys[0]]})
    assert answer.json() == {"items": keys[:2], "decision": "refused"}
    left = {row["id"] for row in manager.get(f"{url}.json").json()["collection"]}
    assert left & set(keys) == {keys[2]}
    noted = [event.key for event in ours.journal.list() if (event.action, event.kind) == ("refuse", "file")]
    assert noted.count(keys[0]) == noted.count(keys[1]) == 1
    ours.quarantine.refuse(keys[2])


@pytest.fixture
def stopped(world) -> dict[str, int]:
    """An upload of the manager's and one of the uploader's, each of two files that no job takes up."""
    uploads = {}
    for name in ("manager", "uploader"):
        opened = world.workspace.open(world.ours.project.record.id, world.users[name].id)
        uploads[name] = opened.uploads.create("page")
        for content in (b"12345", b"1234567"):
            opened.uploads.add(uploads[name], "PHANTOM^ALPHA.dcm", io.BytesIO(content))
    yield uploads
    for row in world.ours.project.uploads.stopped():
        world.ours.project.uploads.discard(row.id)


def listed(client, url: str) -> dict[int, dict[str, object]]:
    answer = client.get(f"{url}/uploads.json")
    assert answer.status_code == 200, answer.text
    assert "PHANTOM" not in answer.text
    return {row["id"]: row for row in answer.json()["collection"]}


def test_stopped_uploads_are_listed_to_who_decides_and_to_who_sent_them(manager, as_user, stopped, url, world):
    rows = listed(manager, url)
    assert set(rows) == set(stopped.values())
    row = rows[stopped["uploader"]]
    assert (row["user"], row["username"]) == (world.users["uploader"].id, "uploader")
    assert (row["source"], row["files"], row["size"], row["state"], row["reason"]) == ("page", 2, 12, "none", "")
    assert set(listed(as_user("uploader"), url)) == {stopped["uploader"]}
    assert as_user("reader").get(f"{url}/uploads.json").status_code == 403
    assert as_user("stranger").get(f"{url}/uploads.json").status_code == 404


def test_resuming_becomes_a_job_and_the_upload_leaves_the_list(manager, as_user, stopped, url, ours, world):
    for name, status in (("reader", 403), ("stranger", 404), ("uploader", 404)):
        assert as_user(name).post(f"{url}/uploads/{stopped['manager']}/resume.json").status_code == status
    answer = as_user("uploader").post(f"{url}/uploads/{stopped['uploader']}/resume.json")
    assert (answer.status_code, answer.json()["kind"], answer.json()["state"]) == (200, "ingest", "queued")
    assert answer.json()["user"] == world.users["uploader"].id
    assert set(listed(manager, url)) == {stopped["manager"]}
    for decision in ("resume", "discard"):
        assert manager.post(f"{url}/uploads/{stopped['uploader']}/{decision}.json").status_code == 409
    manager.post(f"/api/job/{answer.json()['id']}/cancel.json")
    assert listed(manager, url)[stopped["uploader"]]["state"] == "cancelled"
    again = manager.post(f"{url}/uploads/{stopped['uploader']}/resume.json").json()
    assert again["user"] == world.users["manager"].id
    manager.post(f"/api/job/{again['id']}/cancel.json")


def test_discarding_deletes_the_files_and_needs_the_role(manager, as_user, stopped, url, world):
    place = world.workspace.settings.quarantine / str(world.ours.project.record.id) / str(stopped["uploader"])
    for name, status in (("uploader", 403), ("reader", 403), ("stranger", 404)):
        assert as_user(name).post(f"{url}/uploads/{stopped['uploader']}/discard.json").status_code == status
    assert len(list(place.iterdir())) == 2
    answer = manager.post(f"{url}/uploads/{stopped['uploader']}/discard.json")
    assert answer.json() == {"id": stopped["uploader"], "decision": "discarded"}
    assert not place.exists()
    assert manager.post(f"{url}/uploads/{stopped['uploader']}/discard.json").status_code == 404


def test_an_upload_on_its_way_is_not_listed(manager, stopped, url, ours, monkeypatch):
    seen: list[set[int]] = []
    add = type(ours.project.uploads).add

    def look(uploads, key, name, stream):
        size = add(uploads, key, name, stream)
        seen.append(set(listed(manager, url)))
        return size

    monkeypatch.setattr(type(ours.project.uploads), "add", look)
    answer = manager.post(f"/api/project/{ours.project.record.id}/upload", files=[("files[]", ("a.dcm", b"1"))])
    assert answer.status_code == 200
    assert seen == [set(stopped.values())]
    ours.project.jobs.cancel(answer.json()["job"])
