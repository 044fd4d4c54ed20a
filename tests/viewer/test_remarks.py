"""Properties, descriptions and tags by Cytomine's routes."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import Space, World

DOMAINS = {
    "be.cytomine.domain.project.Project": lambda space: space.project.record.id,
    "be.cytomine.domain.image.ImageInstance": lambda space: space.ct.id,
    "be.cytomine.domain.image.AbstractImage": lambda space: space.ct.id,
    "be.cytomine.domain.ontology.UserAnnotation": lambda space: space.annotation.id,
}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_thing_is_described_by_properties_a_text_and_tags(manager: TestClient, ours: Space, domain: str) -> None:
    key = DOMAINS[domain](ours)
    url = f"/api/domain/{domain}/{key}"
    sent = {"domainClassName": domain, "domainIdent": key, "key": "stage", "value": "II", "id": None, "class_": None}
    made = manager.post(f"{url}/property.json", json=sent).json()
    one = made["property"]
    assert (one["key"], one["value"], one["domainIdent"], made["callback"]["propertyID"]) == (
        "stage",
        "II",
        key,
        one["id"],
    )
    item = f"{url}/property/{one['id']}.json"
    assert manager.put(item, json=one | {"value": "III"}).json()["property"]["value"] == "III"
    assert manager.get(item).json()["value"] == "III"
    assert manager.get(f"{url}/key/stage/property.json").json()["id"] == one["id"]
    assert one["id"] in [each["id"] for each in manager.get(f"{url}/property.json").json()["collection"]]
    assert manager.delete(item).status_code == 200
    assert manager.get(item).status_code == 404

    assert manager.get(f"{url}/description.json").status_code == 404
    assert manager.post(f"{url}/description.json", json={"data": "<p>a text</p>"}).status_code == 200
    assert manager.post(f"{url}/description.json", json={"data": "another"}).status_code == 409
    assert manager.put(f"{url}/description.json", json={"data": "b"}).json()["description"]["data"] == "b"
    assert manager.delete(f"{url}/description.json").status_code == 200

    tag = manager.post("/api/tag.json", json={"name": f"of {domain}"}).json()["tag"]
    use = manager.post(f"{url}/tag_domain_association.json", json={"tag": tag["id"]}).json()["tag_domain_association"]
    assert (use["tag"], use["tagName"], use["domainIdent"]) == (tag["id"], tag["name"], key)
    assert manager.get(f"/api/tag_domain_association/{use['id']}.json").json()["tag"] == tag["id"]
    assert [each["id"] for each in manager.get(f"{url}/tag_domain_association.json").json()["collection"]] == [
        use["id"]
    ]
    assert manager.delete(f"/api/tag_domain_association/{use['id']}.json").status_code == 200
    assert manager.delete(f"/api/tag/{tag['id']}.json").status_code == 200


def test_several_properties_come_in_one_array(manager: TestClient, ours: Space) -> None:
    url = f"/api/domain/be.cytomine.domain.ontology.UserAnnotation/{ours.annotation.id}/property.json"
    sent = [{"key": f"k{number}", "value": "v"} for number in range(3)]
    assert manager.post(url, json=sent).json()["size"] == 3
    listed = manager.get(f"/api/annotation/{ours.annotation.id}/property.json").json()
    assert [one["key"] for one in listed["collection"]] == ["k0", "k1", "k2"]


def test_what_cannot_be_is_refused(manager: TestClient, world: World, ours: Space) -> None:
    url = f"/api/domain/be.cytomine.domain.image.ImageInstance/{ours.ct.id}"
    assert manager.post("/api/tag.json", json={}).status_code == 400
    assert manager.post(f"{url}/property.json", json={"key": "", "value": "v"}).status_code == 400
    assert manager.post(f"{url}/tag_domain_association.json", json={"tag": 999_999}).status_code == 404
    assert manager.get(f"/api/domain/be.cytomine.domain.Nothing/{ours.ct.id}/property.json").status_code == 404
    assert manager.get(f"/api/domain/be.cytomine.domain.project.Project/{ours.ct.id}/property.json").status_code == 404
    assert world.as_user("reader").post(f"{url}/description.json", json={"data": "x"}).status_code == 403


def test_what_one_annotator_said_of_an_image_another_does_not_change(world: World, ours: Space) -> None:
    url = f"/api/domain/be.cytomine.domain.image.ImageInstance/{ours.ct.id}"
    manager, annotator = world.as_user("manager"), world.as_user("annotator")
    said = manager.post(f"{url}/property.json", json={"key": "a", "value": "b"}).json()
    item = f"{url}/property/{said['property']['id']}.json"
    assert annotator.delete(item).status_code == 403
    assert annotator.get(f"/api/command/{said['command']}/undo.json").status_code == 403
    own = annotator.post(f"{url}/property.json", json={"key": "c", "value": "d"}).json()["property"]
    assert annotator.delete(f"{url}/property/{own['id']}.json").status_code == 200
    assert manager.delete(item).status_code == 200
