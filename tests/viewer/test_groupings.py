"""Tracks and groups by Cytomine's routes."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.viewer.conftest import Space


def draw(manager: TestClient, image: int) -> int:
    sent = {"location": "POINT (1.5 1.5)", "image": image}
    return int(manager.post("/api/annotation.json", json=sent).json()["annotation"]["id"])


def test_a_track_goes_its_way(manager: TestClient, ours: Space) -> None:
    sent = {"name": "nodule", "image": ours.ct.id, "color": "#112233", "id": None}
    track = manager.post("/api/track.json", json=sent).json()["track"]
    assert (track["name"], track["color"], track["project"]) == ("nodule", "#112233", ours.project.record.id)
    for url in (f"/api/imageinstance/{ours.ct.id}/track.json", f"/api/project/{ours.project.record.id}/track.json"):
        assert track["id"] in [one["id"] for one in manager.get(url).json()["collection"]]
    assert (
        manager.put(f"/api/track/{track['id']}.json", json=track | {"name": "cyst"}).json()["track"]["name"] == "cyst"
    )
    drawn = draw(manager, ours.ct.id)
    pair = f"/api/annotationtrack/{drawn}/{track['id']}.json"
    assert (
        manager.post(pair, json={"annotationIdent": drawn, "track": track["id"]}).json()["annotationtrack"]["track"]
        == track["id"]
    )
    assert manager.get(pair).json()["annotationIdent"] == drawn
    assert manager.get(f"/api/annotation/{drawn}/annotationtrack.json").json()["size"] == 1
    deleted = manager.delete(pair).json()
    assert manager.get(pair).status_code == 404
    manager.get(f"/api/command/{deleted['command']}/undo.json")
    assert manager.get(pair).status_code == 200
    assert (
        manager.post("/api/annotationtrack.json", json={"annotationIdent": drawn, "track": track["id"]}).status_code
        == 200
    )
    assert manager.delete(f"/api/track/{track['id']}.json").status_code == 200


def test_image_and_annotation_groups_go_their_way(manager: TestClient, ours: Space) -> None:
    project = ours.project.record.id
    group = manager.post("/api/imagegroup.json", json={"name": "dates", "project": project}).json()["imagegroup"]
    pair = f"/api/imagegroup/{group['id']}/imageinstance/{ours.ct.id}.json"
    # Cytomine's client sends no body here.
    assert (
        manager.post(pair, headers={"Content-Type": "application/json"}).json()["imagegroupimageinstance"]["image"]
        == ours.ct.id
    )
    assert manager.get(pair).json()["group"] == group["id"]
    assert manager.get(f"/api/imagegroup/{group['id']}/imageinstance.json").json()["collection"][0]["id"] == ours.ct.id
    assert manager.get(f"/api/imageinstance/{ours.ct.id}/imagegroupimageinstance.json").json()["size"] == 1
    assert manager.get(f"/api/project/{project}/imagegroup.json").json()["collection"][-1]["numberOfImages"] == 1

    groups = [
        manager.post("/api/annotationgroup.json", json={"project": project, "imageGroup": group["id"]}).json()[
            "annotationgroup"
        ]
        for _ in range(2)
    ]
    drawn = draw(manager, ours.ct.id)
    sent = {
        "annotationClassName": "be.cytomine.domain.ontology.UserAnnotation",
        "annotationIdent": drawn,
        "group": groups[1]["id"],
    }
    assert manager.post("/api/annotationlink.json", json=sent).json()["annotationlink"]["group"] == groups[1]["id"]
    merged = manager.post(f"/api/annotationgroup/{groups[0]['id']}/annotationgroup/{groups[1]['id']}/merge.json")
    assert merged.json()["annotationgroup"]["id"] == groups[0]["id"]
    link = f"/api/annotationgroup/{groups[0]['id']}/annotation/{drawn}.json"
    assert manager.get(link).json()["annotationIdent"] == drawn
    assert manager.get(f"/api/annotationgroup/{groups[0]['id']}/annotationlink.json").json()["size"] == 1
    assert manager.get(f"/api/imagegroup/{group['id']}/annotationgroup.json").json()["size"] == 1
    assert manager.delete(f"/api/imagegroup/{group['id']}.json").status_code == 409
    assert manager.delete(link).status_code == 200
    assert manager.delete(f"/api/annotationgroup/{groups[0]['id']}.json").status_code == 200
    assert manager.delete(pair).status_code == 200
    assert manager.delete(f"/api/imagegroup/{group['id']}.json").status_code == 200
