"""Activity by Cytomine's routes."""

from __future__ import annotations

import pytest

from tests.viewer.conftest import Space, World

SOCIAL = "be.cytomine.domain.social."


def corners(left: float, bottom: float, right: float, top: float) -> dict[str, object]:
    """What Cytomine's page sends of a screen that is not turned."""
    sides = {"topLeft": (left, top), "topRight": (right, top), "bottomRight": (right, bottom)}
    sides["bottomLeft"] = (left, bottom)
    return {f"{name}{axis}": part for name, point in sides.items() for axis, part in zip("XY", point, strict=True)}


SENT = corners(1, 2, 5, 6) | {"zoom": 3, "rotation": 0.5}


def test_a_position_is_told_as_its_page_sent_it(world: World, ours: Space) -> None:
    client, url = world.as_user("manager"), f"/api/imageinstance/{ours.ct.id}"
    made = client.post(f"{url}/position.json", json=SENT | {"broadcast": True}).json()
    assert made["class"] == f"{SOCIAL}PersistentUserPosition"
    assert made["location"] == "POLYGON ((1 6, 5 6, 5 2, 1 2, 1 6))"
    assert (made["x"], made["y"], made["zoom"], made["rotation"], made["broadcast"]) == (3, 4, 3, 0.5, True)
    assert (made["axis"], made["index"], made["slice"]) == ("z", 2, ours.ct.slice_base + 2)
    assert made["created"].isdigit()
    on_slice = f"/api/sliceinstance/{ours.ct.slice_base + 4}"
    other = client.post(f"{on_slice}/position.json", json=SENT).json()
    side = client.post(f"{url}/position.json", json=SENT | {"axis": "x", "index": 1}).json()
    assert (other["index"], side["axis"], side["slice"]) == (4, "x", None)
    listed = client.get(f"{url}/positions.json", params={"showDetails": "True"}).json()
    assert [one["id"] for one in listed["collection"]] == [side["id"], other["id"], made["id"]]
    assert listed["collection"][2] == made
    assert client.get(f"{url}/position.json?showDetails=true&max=1&offset=1").json()["collection"] == [other]
    times = {"showDetails": "True", "afterThan": made["created"], "beforeThan": made["created"]}
    inside = client.get(f"{url}/positions.json", params=times).json()["collection"]
    assert made in inside
    listed = client.get(f"{on_slice}/positions.json", params={"showDetails": "True"}).json()
    assert listed["collection"] == [other]
    user = world.users["manager"].id
    assert client.get(f"{url}/position/{user}.json").json() == side
    assert client.get(f"{url}/position/{user}.json?broadcast=True").json() == made
    assert client.get(f"{url}/position/{user}.json?slice={other['slice']}").json() == other
    alike = client.get(f"{url}/positions.json").json()
    assert [one["frequency"] for one in alike["collection"]] == [1, 1, 1]
    assert alike["collection"][0]["location"] == made["location"]


def test_who_is_online_is_told_to_who_may_know(world: World, ours: Space) -> None:
    manager, reader, key = world.as_user("manager"), world.as_user("reader"), world.users["reader"].id
    url, where = f"/api/imageinstance/{ours.film.id}", f"/api/project/{ours.project.id}/online/user.json"
    reader.post(f"{url}/position.json", json=SENT)
    assert manager.get(f"{url}/online.json").json() == {"users": [key]}
    assert manager.get(f"{url}/online.json?broadcast=True").json() == {"users": []}
    assert world.as_user("annotator").get(f"{url}/online.json").json() == {"users": []}
    assert world.as_user("annotator").get(f"{url}/position/{key}.json").json() == {}
    told = {one["id"]: one["position"] for one in manager.get(where).json()["collection"]}
    assert [place["filename"] for place in told[key]] == ["film"]
    hidden = {one["id"]: one["position"] for one in world.as_user("auditor").get(where).json()["collection"]}
    assert [place["filename"] for place in hidden[key]] == [None]
    assert world.as_user("uploader").get(where).status_code == 403


def test_actions_on_annotations_are_listed_oldest_first(world: World, ours: Space) -> None:
    client, url = world.as_user("annotator"), f"/api/imageinstance/{ours.ct.id}/annotation_action.json"
    sent = {"annotationIdent": ours.annotation.id, "action": "select"}
    made = client.post("/api/annotation_action.json", json=sent).json()
    assert made["class"] == f"{SOCIAL}AnnotationAction"
    assert made["annotationClassName"] == "be.cytomine.domain.ontology.UserAnnotation"
    assert made["annotationCreator"] == world.users["manager"].id
    assert (made["slice"], made["project"]) == (ours.ct.slice_base + 2, ours.project.id)
    again = client.post("/api/annotation_action.json", json=sent | {"action": "update"}).json()
    assert client.get(url).json()["collection"] == [made, again]
    assert client.get(url, params={"max": 1}).json() | {"collection": []} == {
        "collection": [],
        "offset": 0,
        "perPage": 1,
        "size": 2,
        "totalPages": 2,
    }
    assert client.get(f"/api/sliceinstance/{made['slice']}/annotation_action.json").json()["size"] == 2
    assert client.get(f"/api/sliceinstance/{made['slice'] - 1}/annotation_action.json").json()["size"] == 0
    manager = world.as_user("manager")
    assert manager.get(url, params={"user": made["user"]}).json()["size"] == 2
    count = f"/api/project/{ours.project.id}/annotation_action/count.json"
    assert client.get(count).json() == {"total": 2}
    assert client.get(count, params={"endDate": int(made["created"]) - 1}).json() == {"total": 0}
    growth = f"/api/project/{ours.project.id}/stats/annotationactionsevolution.json"
    assert client.get(growth, params={"type": "select"}).json()["collection"][-1]["size"] == 1


def test_consultations_and_connections_are_told_of_the_member(world: World, ours: Space) -> None:
    client, key = world.as_user("reader"), world.users["reader"].id
    project = f"/api/project/{ours.project.id}"
    sent = {"os": "Linux", "browser": "Firefox", "browserVersion": "140.0"}
    opened = client.post(f"{project}/userconnection.json", json=sent).json()
    looked = client.post(f"/api/imageinstance/{ours.ct.id}/consultation.json", json={"mode": "view"}).json()
    assert opened["class"] == f"{SOCIAL}PersistentProjectConnection"
    assert (looked["projectConnection"], looked["imageName"], looked["mode"]) == (opened["id"], "CT", "view")
    # Cytomine's page sends what it knows, some scripts nothing at all.
    empty = {"content": "", "headers": {"Content-Type": "application/json"}}
    bare = client.post(f"{project}/userconnection.json", **empty).json()
    client.post(f"/api/imageinstance/{ours.ct.id}/consultation.json", **empty)
    listed = client.get(f"{project}/userconnection/{key}.json").json()["collection"]
    assert listed == [bare | {"countViewedImages": 1}, opened | {"countViewedImages": 1}]
    looks = client.get(f"{project}/user/{key}/imageconsultation.json").json()["collection"]
    assert [one["id"] for one in looks][1] == looked["id"]
    assert looks[1]["imageThumb"].endswith(f"/api/imageinstance/{ours.ct.id}/thumb.png?maxSize=512")
    distinct = client.get(f"{project}/user/{key}/imageconsultation.json?distinctImages=True").json()
    assert [one["id"] for one in distinct["collection"]] == [looks[0]["id"]]
    (me,) = client.get(f"{project}/usersActivity.json").json()["collection"]
    assert (me["id"], me["frequency"], me["lastImageName"]) == (key, 2, "CT")
    assert me["lastConnection"] == int(bare["created"])
    (image,) = client.get(f"{project}/lastImages.json").json()["collection"]
    assert (image["user"], image["image"], image["created"]) == (key, ours.ct.id, int(looks[0]["created"]))
    last = client.get(f"{project}/lastConnection.json").json()["collection"]
    assert last == [{"user": key, "created": int(bare["created"])}]
    for name, count in (("connections", 2), ("imageconsultations", 2)):
        told = client.get(f"{project}/stats/{name}evolution.json?accumulate=False").json()["collection"]
        assert sum(one["size"] for one in told) == count
    assert client.get(f"{project}/userconnection/count.json").json() == {"total": 2}
    assert client.get(f"{project}/imageconsultation/count.json").json() == {"total": 2}


def test_an_auditor_sees_what_was_done_and_no_image(world: World, ours: Space) -> None:
    reader, key = world.as_user("reader"), world.users["reader"].id
    reader.post(f"/api/imageinstance/{ours.ct.id}/consultation.json", json={})
    auditor, project = world.as_user("auditor"), f"/api/project/{ours.project.id}"
    looks = auditor.get(f"{project}/user/{key}/imageconsultation.json").json()["collection"]
    assert (looks[0]["image"], looks[0]["imageName"], looks[0]["imageThumb"]) == (ours.ct.id, None, None)
    told = {one["id"]: one for one in auditor.get(f"{project}/usersActivity.json").json()["collection"]}
    assert (told[key]["lastImageId"], told[key]["lastImageName"]) == (ours.ct.id, None)
    assert auditor.get(f"/api/imageinstance/{ours.ct.id}/positions.json").status_code == 200
    assert auditor.get(f"{project}/stats/term.json").status_code == 403


def test_others_activity_is_refused(world: World, ours: Space) -> None:
    reader, key = world.as_user("reader"), world.users["manager"].id
    project, image = f"/api/project/{ours.project.id}", f"/api/imageinstance/{ours.ct.id}"
    for url in (
        f"{project}/userconnection/{key}.json",
        f"{project}/user/{key}/imageconsultation.json",
        f"{image}/positions.json?user={key}",
        f"{image}/annotation_action.json?user={key}",
    ):
        refused = reader.get(url)
        assert refused.status_code == 403, url
        assert list(refused.json()) == ["errors"]
        absent = world.as_user("manager").get(url.replace(str(key), str(world.users["stranger"].id)))
        assert absent.status_code == 404, url


@pytest.mark.parametrize(
    "wrong",
    [
        {"topLeftX": "left"},
        {"topLeftX": None},
        {"topLeftX": 1e300},
        {"topLeftX": "NaN"},
        {"zoom": "near"},
        {"rotation": []},
        {"broadcast": "perhaps"},
        {"axis": "w"},
        {"index": 5},
        {"index": 2**60},
        {"t": 1},
    ],
)
def test_a_position_that_cannot_be_is_refused(world: World, ours: Space, wrong: dict[str, object]) -> None:
    client, url = world.as_user("annotator"), f"/api/imageinstance/{ours.picture.id}/position.json"
    assert client.post(url, json=SENT | wrong).status_code == 400
    assert client.get(url, params={"showDetails": "True"}).json()["size"] == 0


def test_what_belongs_elsewhere_is_absent(world: World, ours: Space) -> None:
    client, theirs = world.as_user("manager"), world.theirs
    image = f"/api/imageinstance/{ours.ct.id}"
    for key in (theirs.ct.slice_base, ours.film.slice_base):
        assert client.post(f"{image}/position.json", json=SENT | {"slice": key}).status_code == 404
        assert client.get(f"{image}/positions.json", params={"slice": key}).status_code == 404
        assert client.get(f"{image}/position/{world.users['manager'].id}.json?slice={key}").status_code == 404
    sent = {"annotationIdent": theirs.annotation.id, "action": "select"}
    assert client.post("/api/annotation_action.json", json=sent).status_code == 404
    stats = f"/api/project/{ours.project.id}/stats/annotationevolution.json"
    other = world.workspace.create_project(theirs.project.member.user.id, "elsewhere").ontology.add("other")
    assert client.get(stats, params={"term": other.id}).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"action": "select"}, {"annotationIdent": "one", "action": "a"}, {"annotationIdent": 1, "action": ""}]
)
def test_an_action_names_what_was_done_with_what(world: World, body: dict[str, object]) -> None:
    assert world.as_user("manager").post("/api/annotation_action.json", json=body).status_code == 400


@pytest.mark.parametrize("word", ["<b>", "a\nb", "x" * 65, "a\0"])
def test_words_are_short_and_plain(world: World, ours: Space, word: str) -> None:
    client = world.as_user("manager")
    sent = {"annotationIdent": ours.annotation.id, "action": word}
    assert client.post("/api/annotation_action.json", json=sent).status_code == 400
    url = f"/api/project/{ours.project.id}/userconnection.json"
    assert client.post(url, json={"browser": word}).status_code == 400
    url = f"/api/imageinstance/{ours.ct.id}/consultation.json"
    assert client.post(url, json={"mode": word}).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "afterThan=yesterday",
        "beforeThan=-1",
        "afterThan=99999999999999999",
        "user=me",
        "user=0",
        "max=-1",
        "offset=x",
    ],
)
def test_wrong_filters_are_refused(world: World, ours: Space, query: str) -> None:
    client = world.as_user("manager")
    for name in ("positions", "annotation_action"):
        refused = client.get(f"/api/imageinstance/{ours.ct.id}/{name}.json?{query}")
        assert refused.status_code == 400
        assert list(refused.json()) == ["errors"]
