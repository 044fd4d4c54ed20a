"""Undo and redo by Cytomine's routes, and what they may not do."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import PASSWORD, Space, World


@pytest.fixture
def drawn(manager: TestClient, ours: Space) -> dict[str, object]:
    sent = {"location": "POINT (1.5 1.5)", "image": ours.ct.id, "term": [ours.terms[0].id]}
    return manager.post("/api/annotation.json", json=sent).json()


def test_an_answer_names_the_command_that_takes_it_back(manager: TestClient, drawn: dict[str, object]) -> None:
    key = drawn["annotation"]["id"]
    deleted = manager.delete(f"/api/annotation/{key}.json").json()
    assert manager.get(f"/api/annotation/{key}.json").status_code == 404
    turned = manager.get(f"/api/command/{deleted['command']}/undo.json").json()
    assert turned["size"] == 1
    (one,) = turned["collection"]
    assert one["command"] == deleted["command"]
    assert one["callback"] == {
        "method": "be.cytomine.AddUserAnnotationCommand",
        "userAnnotationID": key,
        "annotationID": key,
        "imageID": drawn["annotation"]["image"],
    }
    back = manager.get(f"/api/annotation/{key}.json").json()
    assert back["term"] == drawn["annotation"]["term"]
    manager.post(f"/api/command/{deleted['command']}/redo.json")
    assert manager.get(f"/api/annotation/{key}.json").status_code == 404


def test_the_last_change_is_undone_and_redone_without_an_id(manager: TestClient, drawn: dict[str, object]) -> None:
    url = f"/api/annotation/{drawn['annotation']['id']}.json"
    assert manager.get("/api/command/undo.json").status_code == 200
    assert manager.get(url).status_code == 404
    assert manager.post("/api/command/redo.json").status_code == 200
    assert manager.get(url).status_code == 200
    assert manager.get("/api/command/redo.json").status_code == 404


def test_what_was_changed_since_is_a_conflict(manager: TestClient, drawn: dict[str, object]) -> None:
    key = drawn["annotation"]["id"]
    edited = manager.put(f"/api/annotation/{key}.json", json={"location": "POINT (2.5 1.5)"}).json()
    manager.put(f"/api/annotation/{key}.json", json={"location": "POINT (3.5 1.5)"})
    answer = manager.get(f"/api/command/{edited['command']}/undo.json")
    assert (answer.status_code, [*answer.json()]) == (409, ["errors"])
    assert manager.get(f"/api/annotation/{key}.json").json()["location"] == "POINT (3.5 1.5)"


def test_the_history_is_of_all_for_a_manager_and_of_oneself_for_an_annotator(
    world: World, ours: Space, drawn: dict[str, object]
) -> None:
    url = f"/api/project/{ours.project.record.id}/commandhistory.json?max=1"
    (newest,) = world.as_user("manager").get(url).json()["collection"]
    assert newest["class"] == "be.cytomine.domain.command.AddCommand"
    assert (newest["domainIdent"], newest["undone"]) == (drawn["annotation"]["id"], None)
    assert world.as_user("annotator").get(url).json()["size"] == 0
    assert world.as_user("auditor").get(url).status_code == 403


def test_another_page_cannot_undo_by_a_link(world: World, ours: Space, drawn: dict[str, object]) -> None:
    client = world.anonymous()
    assert client.post("/api/session.json", json={"username": "manager", "password": PASSWORD}).status_code == 200
    url = f"/api/command/{drawn['command']}/undo.json"
    assert client.get(url).status_code == 403
    assert client.get("/api/command/undo.json").status_code == 403
    assert client.get(url, headers={"X-Requested-With": "XMLHttpRequest"}).status_code == 200
