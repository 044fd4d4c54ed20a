"""Cytomine's two switches of a project: restricted and read-only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import Space, World


@pytest.fixture
def url(world: World, ours: Space) -> Iterator[str]:
    url = f"/api/project/{ours.project.record.id}.json"
    yield url
    world.as_user("manager").put(url, json={"isReadOnly": False, "isRestricted": True})


def test_the_switches_come_back_as_they_were_set(manager: TestClient, url: str) -> None:
    def switches() -> tuple[bool, bool]:
        shown = manager.get(url).json()
        return shown["isReadOnly"], shown["isRestricted"]

    assert switches() == (False, True)
    for sent, expected in (
        ({"isRestricted": False}, (False, False)),
        ({"name": "ours"}, (False, False)),
        ({"isReadOnly": True}, (True, True)),
        ({"isReadOnly": False, "isRestricted": True}, (False, True)),
    ):
        assert manager.put(url, json=sent).status_code == 200
        assert switches() == expected
    whole = manager.get(url).json()
    assert manager.put(url, json=whole).status_code == 200
    assert switches() == (False, True)


def test_a_read_only_project_takes_annotations_of_managers_alone(world: World, ours: Space, url: str) -> None:
    manager, annotator = world.as_user("manager"), world.as_user("annotator")
    sent = {"image": ours.ct.id, "location": "POINT (1 1)"}
    manager.put(url, json={"isReadOnly": True})
    refused = annotator.post("/api/annotation.json", json=sent)
    assert refused.status_code == 403
    assert "read-only" in refused.json()["errors"]
    assert manager.post("/api/annotation.json", json=sent).status_code == 200
    assert annotator.put(url, json={"isReadOnly": False}).status_code == 403


def test_in_a_classic_project_annotators_correct_each_other(world: World, ours: Space, url: str) -> None:
    manager, annotator = world.as_user("manager"), world.as_user("annotator")
    drawn = manager.post("/api/annotation.json", json={"image": ours.ct.id, "location": "POINT (1 1)"}).json()
    item = f"/api/annotation/{drawn['annotation']['id']}.json"
    assert annotator.put(item, json={"location": "POINT (2 2)"}).status_code == 403
    manager.put(url, json={"isRestricted": False})
    assert annotator.put(item, json={"location": "POINT (2 2)"}).status_code == 200
