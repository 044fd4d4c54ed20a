"""Attached files and comments by Cytomine's routes."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import Space, World

IMAGE = "be.cytomine.domain.image.ImageInstance"
URL = "/api/attachedfile.json"


def _attach(client: TestClient, key: int, content: bytes = b"some text", **query: str):
    params = {"domainClassName": IMAGE, "domainIdent": str(key)} | query
    return client.post(URL, params=params, files={"files[]": ("note.txt", content)})


def test_a_file_is_attached_shown_listed_read_and_taken_away(manager: TestClient, ours: Space) -> None:
    made = _attach(manager, ours.ct.id).json()
    assert (made["class"], made["filename"], made["size"]) == ("be.cytomine.domain.meta.AttachedFile", "note.txt", 9)
    assert (made["domainClassName"], made["domainIdent"]) == (IMAGE, ours.ct.id)
    assert manager.get(f"/api/attachedfile/{made['id']}.json").json() == made
    listed = manager.get(f"/api/domain/{IMAGE}/{ours.ct.id}/attachedfile.json").json()["collection"]
    assert listed == [made]
    sent = manager.get(made["url"])
    assert (sent.content, sent.headers["content-type"]) == (b"some text", "application/octet-stream")
    assert sent.headers["content-disposition"] == "attachment"
    gone = manager.delete(f"/api/attachedfile/{made['id']}.json").json()
    assert gone["attachedfile"]["id"] == made["id"]
    assert manager.get(made["url"]).status_code == 404
    assert manager.get(f"/api/command/{gone['command']}/undo.json").status_code == 200
    assert manager.get(made["url"]).content == b"some text"
    assert _attach(manager, ours.ct.id, filename="named.txt").json()["filename"] == "named.txt"


@pytest.mark.parametrize("content", [b"", b"\0" * 128 + b"DICM" + b"\0" * 64])
def test_what_may_not_be_attached_is_refused(manager: TestClient, ours: Space, content: bytes) -> None:
    answer = _attach(manager, ours.ct.id, content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_a_request_without_exactly_one_file_is_refused(manager: TestClient, ours: Space) -> None:
    query = {"domainClassName": IMAGE, "domainIdent": str(ours.film.id)}
    two = [("files[]", ("a", b"a")), ("files[]", ("b", b"b"))]
    assert manager.post(URL, params=query, files=two).status_code == 400
    assert manager.post(URL, params=query, data={"a": "b"}).status_code == 400
    assert manager.post(URL, params=query).status_code == 400
    assert manager.post(URL, files=two).status_code == 400
    assert manager.get(f"/api/domain/{IMAGE}/{ours.film.id}/attachedfile.json").json()["size"] == 0


def test_nobody_attaches_to_anothers_things_nor_reads_what_is_there(world: World, ours: Space) -> None:
    made = _attach(world.as_user("manager"), ours.ct.id).json()
    stranger = world.as_user("stranger")
    assert _attach(stranger, ours.ct.id).status_code == 404
    assert stranger.get(made["url"]).status_code == 404
    assert stranger.get(f"/api/domain/{IMAGE}/{ours.ct.id}/attachedfile.json").status_code == 404
    reader = world.as_user("reader")
    assert reader.get(made["url"]).content == b"some text"
    assert _attach(reader, ours.ct.id).status_code == 403
    assert world.anonymous().get(made["url"]).status_code == 401


def test_comments_are_told_and_counted(world: World, ours: Space) -> None:
    annotator, receiver = world.as_user("annotator"), world.users["manager"].id
    url = f"/api/userannotation/{ours.annotation.id}/comment"
    sent = {"comment": "a vessel?", "receivers": [receiver], "subject": "x", "emails": []}
    made = annotator.post(f"{url}.json", json=sent).json()["sharedannotation"]
    assert (made["comment"], made["sender"]) == ("a vessel?", world.users["annotator"].id)
    assert (made["receivers"], made["annotationIdent"]) == ([receiver], ours.annotation.id)
    assert annotator.get(f"{url}.json").json()["collection"] == [made]
    assert annotator.get(f"{url}/{made['id']}.json").json() == made
    assert annotator.get(f"/api/annotation/{ours.annotation.id}.json").json()["nbComments"] == 1
    assert annotator.post(f"{url}.json", json={"comment": "x", "receivers": [999_999]}).status_code == 400
    assert annotator.post(f"{url}.json", json={"comment": ""}).status_code == 400
    assert annotator.delete(f"{url}/{made['id']}.json").status_code == 200
    assert annotator.get(f"{url}/{made['id']}.json").status_code == 404
