"""Reviews by Cytomine's routes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import Space, World

URL = "/api/annotation.json"


@pytest.fixture
def manager(world: World, ours: Space) -> Iterator[TestClient]:
    """Reviews an image, and leaves it as it was."""
    client = world.as_user("manager")
    review = f"/api/imageinstance/{ours.ct.id}/review.json"
    assert client.post(review).status_code == 200
    yield client
    client.delete(review, params={"cancel": "True"})
    client.request("DELETE", f"/api/imageinstance/{ours.ct.id}/annotation/review.json")
    client.delete(review, params={"cancel": "True"})
    assert client.get(f"/api/imageinstance/{ours.ct.id}.json").json()["reviewUser"] is None


def test_an_image_is_started_validated_and_taken_back(manager: TestClient, world: World, ours: Space) -> None:
    review, image = f"/api/imageinstance/{ours.ct.id}/review.json", f"/api/imageinstance/{ours.ct.id}.json"
    shown = manager.get(image).json()
    assert (shown["inReview"], shown["reviewed"]) == (True, False)
    assert shown["reviewUser"] == world.users["manager"].id
    assert shown["reviewStart"].isdigit()
    done = manager.delete(review).json()["imageinstance"]
    assert (done["inReview"], done["reviewed"]) == (False, True)
    assert manager.delete(review).status_code == 409
    again = manager.delete(review, params={"cancel": "True"}).json()["imageinstance"]
    assert (again["inReview"], again["reviewed"], again["reviewStop"]) == (True, False, None)
    assert world.as_user("annotator").post(review).status_code == 403


@pytest.mark.parametrize("form", ["json", "form", "none"])
def test_an_annotation_is_accepted_as_the_official_client_asks(
    manager: TestClient, world: World, ours: Space, form: str
) -> None:
    key, term = ours.annotation.id, ours.terms[1].id
    content = {"json": f'{{"terms": [{term}]}}', "form": f"id={key}&terms={term}", "none": ""}[form]
    headers = {"Content-Type": "application/json"}
    made = manager.post(f"/api/annotation/{key}/review.json", content=content, headers=headers)
    assert made.status_code == 200, made.text
    copy = made.json()["reviewedannotation"]
    assert copy["class"] == "be.cytomine.domain.ontology.ReviewedAnnotation"
    assert (copy["parentIdent"], copy["reviewUser"]) == (key, world.users["manager"].id)
    assert copy["parentClassName"] == "be.cytomine.domain.ontology.UserAnnotation"
    assert copy["term"] == ([ours.terms[0].id] if form == "none" else [term])
    assert copy["cropURL"].endswith(f"/api/reviewedannotation/{copy['id']}/crop.png")
    assert manager.get(f"/api/annotation/{key}.json").json()["reviewed"] is True
    listed = manager.get(URL, params={"image": ours.ct.id, "reviewed": "True"}).json()["collection"]
    assert [one["id"] for one in listed] == [copy["id"]]
    waiting = manager.get(URL, params={"image": ours.ct.id, "notReviewedOnly": "True"}).json()["collection"]
    assert not {copy["id"], key} & {one["id"] for one in waiting}
    by = manager.get(URL, params={"image": ours.ct.id, "reviewUsers": world.users["manager"].id})
    assert by.json()["size"] == 1
    assert manager.post(f"/api/annotation/{key}/review.json").status_code == 409
    image = manager.get(f"/api/imageinstance/{ours.ct.id}.json").json()
    assert image["numberOfReviewedAnnotations"] == 1
    gone = manager.delete(f"/api/annotation/{key}/review.json").json()
    assert gone["reviewedannotation"]["id"] == copy["id"]
    assert manager.get(f"/api/annotation/{copy['id']}.json").status_code == 404


@pytest.mark.parametrize("content", ["terms=x", '{"terms": "1 OR 1=1"}', "{", b"\xff", '{"terms": [-1]}'])
def test_terms_that_are_no_ids_are_refused(manager: TestClient, ours: Space, content: str | bytes) -> None:
    answer = manager.post(f"/api/annotation/{ours.annotation.id}/review.json", content=content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]
    assert manager.get(URL, params={"image": ours.ct.id, "reviewed": "True"}).json()["size"] == 0


def test_a_layer_is_accepted_and_rejected(manager: TestClient, world: World, ours: Space) -> None:
    url = f"/api/imageinstance/{ours.ct.id}/annotation/review.json"
    owner = ours.annotation.user
    assert manager.post(url, params={"users": "999999"}).json()["size"] == 0
    assert manager.post(url, params={"users": f"{owner},999999"}).json()["size"] >= 1
    assert manager.post(url, params={"users": owner}).json()["size"] == 0
    assert manager.request("DELETE", url, params={"users": "999999"}).json()["size"] == 0
    assert manager.request("DELETE", url, params={"users": owner}).json()["size"] >= 1
    assert manager.post(url, params={"users": "1'"}).status_code == 400
    assert world.as_user("reader").post(url).status_code == 403
    assert world.as_user("stranger").post(url).status_code == 404
