"""Uploads, storages and abstract images as scripts written for Cytomine ask for them."""

from __future__ import annotations

import pytest

from imaging.domain.outcome import Became, FileOutcome, Reason
from imaging.domain.upload import Announcement, FileToHold
from viewer.api import storage

NAME = "PHANTOM^ALPHA.dcm"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE", 0.0)


@pytest.fixture
def send(as_user, world, ours):
    def act(name="manager", files=((NAME, b"bytes"),), **query):
        key = world.users[name].id
        query = {"idStorage": key, "storage": key, "idProject": ours.project.record.id, "sync": False} | query
        query = {key: str(value) for key, value in query.items() if value is not None}
        return as_user(name).post("/upload", params=query, files=[("files[]", file) for file in files])

    return act


def run(world, ours, answer, name="manager", outcome=Became.IMAGE, reason=None, named=NAME):
    """Do as a worker does that made an image, or held the file."""
    sent = answer.json()[0]["uploadedFile"]
    opened = world.workspace.open(ours.project.record.id, world.users[name].id)
    job = world.workspace.queue.claim("test", 60, ["ingest"])
    assert job.id == sent["job"]
    image = ours.ct.id if outcome is Became.IMAGE else None
    result = {
        "files": 1,
        "images": [] if image is None else [{"id": image, "modality": "CT"}],
        "documents": [],
        "quarantined": [] if reason is None else [{"reason": reason.value, "detail": ""}],
        "duplicates": 0,
    }
    if reason is not None:
        opened.quarantine.hold(sent["id"], FileToHold(named, None, reason))
    opened.outcomes.write(sent["id"], [FileOutcome(name=named, became=outcome, image=image, reason=reason)])
    opened.uploads.finish(sent["id"])
    world.workspace.queue.finish(job.id, "test", type(job.state).SUCCEEDED, result=result)
    return f"/api/uploadedfile/{sent['id']}.json"


@pytest.fixture(autouse=True)
def no_other_ingests(world):
    yield
    while (job := world.workspace.queue.claim("test", 60, ["ingest"])) is not None:
        world.workspace.queue.finish(job.id, "test", type(job.state).FAILED, reason="cut off")


def test_everybody_has_one_storage_and_sees_no_other(as_user, world):
    mine = as_user("reader").get("/api/storage.json").json()["collection"]
    assert [(one["user"], one["userId"]) for one in mine] == [(world.users["reader"].id,) * 2]
    assert mine[0]["class"] == "be.cytomine.domain.image.server.Storage"
    assert as_user("reader").get(f"/api/storage/{mine[0]['id']}.json").json() == mine[0]
    assert as_user("manager").get(f"/api/storage/{mine[0]['id']}.json").status_code == 404
    assert as_user("manager").post("/api/storage.json", json={"name": "more"}).status_code == 409


def test_a_sent_file_waits_in_quarantine_with_its_job(send, as_user, world, ours):
    answer = send()
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    assert (told["status"], told["name"], told["size"], told["images"]) == (200, NAME, 5, [])
    file = told["uploadedFile"]
    assert (file["status"], file["statusText"], file["filename"], file["ext"]) == (0, "UPLOADED", NAME, "dcm")
    assert (file["projects"], file["size"], file["user"]) == ([ours.project.record.id], 5, world.users["manager"].id)
    assert as_user("manager").get(f"/api/uploadedfile/{file['id']}.json").json() == file
    assert as_user("manager").get(f"/api/job/{file['job']}.json").json()["upload"] == file["id"]
    for path in world.workspace.settings.workspace.rglob("*"):
        assert not path.is_file() or b"PHANTOM" not in path.read_bytes(), path


def test_waiting_for_the_images_ends_where_no_worker_runs(send):
    (told,) = send(sync=True).json()
    assert (told["uploadedFile"]["status"], told["images"]) == (0, [])


def test_an_upload_that_became_an_image_leads_to_it(send, as_user, world, ours):
    manager, answer = as_user("manager"), send()
    url = run(world, ours, answer)
    file = manager.get(url).json()
    assert (file["status"], file["images"], file["filename"]) == (100, [ours.ct.id], NAME)
    abstract = manager.get(f"/api/abstractimage/{ours.ct.id}.json").json()
    assert abstract["uploadedFile"] == file["id"]
    slices = manager.get(url.replace(".json", "/abstractslice.json")).json()
    assert [one["zStack"] for one in slices["collection"]] == [0, 1, 2, 3, 4]
    assert {one["uploadedFile"] for one in slices["collection"]} == {file["id"]}
    assert manager.get(f"/api/abstractslice/{slices['collection'][1]['id']}.json").json() == slices["collection"][1]
    assert manager.delete(url).status_code == 409


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.NOT_DICOM, 11),
        (Reason.DECODE_FAILED, 31),
        (Reason.ARCHIVE_REFUSED, 51),
        (Reason.TRUNCATED, 61),
    ],
)
def test_what_is_held_has_a_number_and_a_reason(send, as_user, world, ours, reason, status):
    url = run(world, ours, send(), outcome=Became.HELD, reason=reason)
    file = as_user("manager").get(url).json()
    assert (file["status"], file["refused"], file["images"]) == (status, [reason.value], [])


def test_a_job_that_fails_is_an_error_that_says_why(send, as_user, world):
    key = send().json()[0]["uploadedFile"]["id"]
    job = world.workspace.queue.claim("test", 60, ["ingest"])
    url = f"/api/uploadedfile/{key}.json"
    assert as_user("manager").get(url).json()["status"] == 10
    world.workspace.queue.heartbeat(job.id, "test", 50, "writing images")
    assert as_user("manager").get(url).json()["status"] == 30
    world.workspace.queue.finish(job.id, "test", type(job.state).FAILED, reason="the disk is full")
    failed = as_user("manager").get(url).json()
    assert (failed["status"], failed["reason"]) == (41, "the disk is full")
    assert as_user("manager").delete(url).json()["uploadedfile"]["id"] == key
    assert as_user("manager").get(url).status_code == 404


def test_names_are_told_to_the_sender_alone(send, as_user, world, ours):
    name = "PHANTOM^BETA.dcm"
    answer = send("uploader", files=[(name, b"bytes")])
    url = f"/api/uploadedfile/{answer.json()[0]['uploadedFile']['id']}.json"
    for _ in range(2):
        assert as_user("uploader").get(url).json()["filename"] == name
        assert "BETA" in as_user("uploader").get("/api/uploadedfile.json").text
        seen = as_user("manager").get(url)
        assert (seen.status_code, seen.json()["filename"], seen.json()["originalFilename"]) == (200, None, None)
        assert "BETA" not in as_user("manager").get("/api/uploadedfile.json").text
        for other in ("reader", "stranger", "admin"):
            assert as_user(other).get(url).status_code in (403, 404)
            listed = as_user(other).get("/api/uploadedfile.json").json()["collection"]
            assert answer.json()[0]["uploadedFile"]["id"] not in [file["id"] for file in listed]
        if not as_user("uploader").get(url).json()["images"]:
            run(world, ours, answer, "uploader", named=name)


def test_one_uploader_does_not_see_anothers(send, as_user, world, ours):
    world.workspace.open(ours.project.record.id, world.users["manager"].id)
    key = send().json()[0]["uploadedFile"]["id"]
    assert as_user("uploader").get(f"/api/uploadedfile/{key}.json").status_code == 404
    assert key not in [one["id"] for one in as_user("uploader").get("/api/uploadedfile.json").json()["collection"]]


def test_an_upload_has_no_children(send, as_user):
    key = send().json()[0]["uploadedFile"]["id"]
    assert as_user("manager").get(f"/api/uploadedfile.json?parent={key}").json()["size"] == 0


def test_an_open_upload_is_given_up_by_its_sender(as_user, world, ours):
    opened = world.workspace.open(ours.project.record.id, world.users["uploader"].id)
    key = opened.resumable.open("page")
    opened.resumable.announce(key, Announcement(NAME, 10))
    url = f"/api/uploadedfile/{key}.json"
    assert as_user("uploader").get(url).json()["status"] == 0
    assert as_user("uploader").delete(url).status_code == 200
    assert as_user("uploader").get(url).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"idProject": None},
        {"idProject": None, "projects": "1,2"},
        {"projects": "999999"},
        {"projects": "1;DROP"},
        {"idProject": 0},
        {"keys": "a,b", "values": "c"},
        {"keys": "a\nb", "values": "c"},
        {"sync": "perhaps"},
    ],
)
def test_what_cannot_be_meant_takes_no_file(send, ours, query):
    before = len(ours.project.received.list())
    answer = send(**query)
    assert answer.status_code in (400, 404), answer.text
    assert len(ours.project.received.list()) == before


def test_files_go_to_ones_own_storage_and_to_ones_own_project_alone(send, world):
    assert send(storage=world.users["reader"].id).status_code == 404
    assert send(idProject=world.theirs.project.record.id).status_code == 404
    assert send("reader").status_code == 403
    assert send("auditor").status_code == 403
    assert send(files=()).status_code == 400


def test_properties_come_with_files_from_who_may_say_something(send, world, ours):
    assert send("uploader", keys="stage", values="II").status_code == 403
    key = send(keys="stage,site", values="II,left").json()[0]["uploadedFile"]["id"]
    opened = world.workspace.open(ours.project.record.id, world.users["manager"].id)
    assert opened.received.said(key) == [("stage", "II"), ("site", "left")]


def test_several_files_are_one_upload(send, as_user):
    first, second = send(files=(("a.dcm", b"1"), ("b.dcm", b"22"))).json()
    assert (first["name"], first["size"], second["name"], second["size"]) == ("a.dcm", 1, "b.dcm", 2)
    assert first["uploadedFile"] == second["uploadedFile"]
    assert (first["uploadedFile"]["filename"], first["uploadedFile"]["files"]) == (None, 2)
    together = send(files=(("study/a.dcm", b"1"), ("study/b.dcm", b"22"))).json()
    assert [one["name"] for one in together] == ["study/a.dcm", "study/b.dcm"]
    assert together[0]["uploadedFile"]["filename"] == "study"


def test_abstract_images_are_the_images_of_ones_projects(as_user, ours, world):
    listed = as_user("reader").get("/api/abstractimage.json").json()
    assert {one["id"] for one in listed["collection"]} == {ours.ct.id, ours.film.id, ours.picture.id}
    assert {one["uploadedFile"] for one in listed["collection"]} == {None}
    assert as_user("uploader").get("/api/abstractimage.json").json()["size"] == 0
    assert as_user("admin").get("/api/abstractimage.json").json()["size"] == 0
    shown = as_user("reader").get(f"/api/abstractimage/{ours.ct.id}.json").json()
    assert (shown["width"], shown["height"], shown["depth"], shown["dimensions"]) == (7, 6, 5, "XYZ")
    assert shown["class"] == "be.cytomine.domain.image.AbstractImage"
    paged = as_user("reader").get(f"/api/abstractimage/{ours.ct.id}/abstractslice.json?max=2&offset=3").json()
    assert [one["rank"] for one in paged["collection"]] == [3, 4]
    assert paged["size"] == 5


def test_an_abstract_image_is_renamed_with_its_image(manager, as_user, ours):
    url = f"/api/abstractimage/{ours.film.id}.json"
    before = manager.get(url).json()
    renamed = manager.put(url, json=before | {"originalFilename": "another film", "width": 1}).json()
    assert renamed["abstractimage"]["originalFilename"] == "another film"
    assert renamed["abstractimage"]["width"] == before["width"]
    assert as_user("reader").put(url, json={"originalFilename": "x"}).status_code == 403
    assert manager.put(url, json=before).json()["abstractimage"] == before


def test_nothing_is_made_without_its_pixels(manager):
    for path in ("abstractimage", "abstractslice", "uploadedfile"):
        answer = manager.post(f"/api/{path}.json", json={"originalFilename": "x", "width": 5})
        assert answer.status_code == 400
        assert "/upload" in answer.json()["errors"]


def test_an_image_stays_in_its_project(manager, ours, world):
    def put(image, project):
        return manager.post("/api/imageinstance.json", json={"baseImage": image, "project": project})

    assert put(ours.ct.id, ours.project.record.id).status_code == 409
    other = manager.post("/api/project.json", json={"name": "other"}).json()["project"]["id"]
    assert put(ours.ct.id, other).status_code == 409
    assert put(ours.ct.id, world.theirs.project.record.id).status_code == 404
    assert put(world.theirs.ct.id, ours.project.record.id).status_code == 404
    assert manager.get(f"/api/project/{other}/imageinstance.json").json()["size"] == 0
    assert manager.delete(f"/api/abstractimage/{ours.ct.id}.json").status_code == 409


def test_no_file_leaves_a_project_as_a_download(send, manager, as_user, ours):
    file = send().json()[0]["uploadedFile"]["id"]
    for path in (f"abstractimage/{ours.ct.id}", f"imageinstance/{ours.ct.id}", f"uploadedfile/{file}"):
        refused = manager.get(f"/api/{path}/download")
        assert refused.status_code == 403
        assert "release" in refused.json()["detail"]
        assert as_user("stranger").get(f"/api/{path}/download").status_code == 404
