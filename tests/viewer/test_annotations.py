"""Annotations over the API, in Cytomine's shape."""

from __future__ import annotations

import pytest
import shapely

from imaging.project import annotations
from viewer.api import annotation_listing

URL = "/api/annotation.json"


def _draw(client, **sent):
    answer = client.post(URL, json=sent)
    assert answer.status_code == 200, answer.text
    return answer.json()["annotation"]


def _same(one, other):
    return shapely.equals(shapely.from_wkt(one), shapely.from_wkt(other))


@pytest.fixture
def annotator(as_user):
    return as_user("annotator")


def test_a_new_annotation_answers_in_cytomines_envelope(annotator, ours, world):
    sent = {
        "location": "POLYGON ((1 1, 3 1, 3 4, 1 4, 1 1))",
        "image": ours.ct.id,
        "project": ours.project.record.id,
        "term": [ours.terms[0].id],
        "filename": None,
        "class_": "be.cytomine.domain.ontology.UserAnnotation",
    }
    answer = annotator.post(URL, json=sent)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"message", "callback", "printMessage", "command", "annotation"}
    drawn = body["annotation"]
    assert drawn["class"] == "be.cytomine.domain.ontology.UserAnnotation"
    assert drawn["created"].isdigit()
    assert len(drawn["created"]) == 13
    assert drawn["user"] == world.users["annotator"].id
    assert drawn["term"] == [ours.terms[0].id]
    assert drawn["cropURL"].endswith(f"/api/userannotation/{drawn['id']}/crop.png")
    reference = annotator.get(f"/api/imageinstance/{ours.ct.id}/sliceinstance/reference.json").json()
    assert (reference["zStack"], reference["time"], reference["channel"]) == (2, 0, 0)
    assert drawn["slice"] == reference["id"]
    assert (drawn["axis"], drawn["index"], drawn["version"]) == ("z", 2, 0)
    assert (drawn["area"], drawn["areaUnit"]) == (pytest.approx(2 * 0.5 * 3 * 1.0 * 1e6), "micron²")
    assert drawn["areaMm2"] == pytest.approx(3.0)
    assert (drawn["perimeter"], drawn["perimeterUnit"]) == (pytest.approx(2 * 1.0 + 2 * 3.0), "mm")
    assert drawn["centroid"] == {"x": 2.0, "y": 2.5}


@pytest.mark.parametrize(("axis", "rows"), [("z", 6), ("y", 5), ("x", 5)])
def test_wkt_is_lower_left_outside_and_top_left_inside_on_every_plane(annotator, ours, axis, rows):
    drawn = _draw(annotator, image=ours.ct.id, axis=axis, index=1, location="POLYGON ((1 1, 3 1, 3 2.5, 1 2.5, 1 1))")
    inside = ours.project.annotations.get(drawn["id"])
    top = rows - 2.5
    assert _same(inside.wkt, f"POLYGON ((1 {top}, 3 {top}, 3 {rows - 1}, 1 {rows - 1}, 1 {top}))")
    assert (inside.axis.value, inside.index) == (axis, 1)
    shown = annotator.get(f"/api/annotation/{drawn['id']}.json").json()
    assert _same(shown["location"], "POLYGON ((1 1, 3 1, 3 2.5, 1 2.5, 1 1))")
    assert (shown["slice"] is None) == (axis != "z")


def test_a_slice_names_image_and_plane(annotator, ours):
    drawn = _draw(annotator, slice=ours.ct.slice_base + 3, location="POINT (2 2)")
    assert (drawn["image"], drawn["index"], drawn["slice"]) == (ours.ct.id, 3, ours.ct.slice_base + 3)
    assert drawn["areaUnit"] == "micron²"


def test_an_uncalibrated_plane_measures_in_pixels(annotator, ours):
    drawn = _draw(annotator, image=ours.film.id, location="LINESTRING (0 0, 3 4)")
    assert (drawn["perimeter"], drawn["perimeterUnit"], drawn["areaUnit"]) == (5.0, "pixels", "pixels²")
    assert drawn["lengthMm"] is None
    assert drawn["areaMm2"] is None


def test_a_client_that_sends_all_fields_back_changes_only_the_location(annotator, ours):
    drawn = _draw(annotator, image=ours.ct.id, location="POINT (2 2)", term=[ours.terms[0].id])
    echo = {key: value for key, value in drawn.items() if value is not None and key != "class"}
    echo |= {"class_": drawn["class"], "location": "POINT (3 3)", "filename": "x.jpg", "filenames": ["x.jpg"]}
    edited = annotator.put(f"/api/annotation/{drawn['id']}.json", json=echo).json()["annotation"]
    assert _same(edited["location"], "POINT (3 3)")
    assert edited["term"] == [ours.terms[0].id]
    assert edited["version"] == 1


def test_a_term_given_beside_a_client_survives_its_next_edit(annotator, ours):
    drawn = _draw(annotator, image=ours.ct.id, location="POINT (2 2)")
    term = ours.terms[1].id
    pair = annotator.post(
        f"/api/annotation/{drawn['id']}/term/{term}.json", json={"userannotation": drawn["id"], "term": term}
    )
    assert pair.json()["annotationterm"]["term"] == term
    echo = {key: value for key, value in drawn.items() if value is not None and key != "class"}
    echo |= {"class_": drawn["class"], "location": "POINT (3 3)"}
    answer = annotator.put(f"/api/annotation/{drawn['id']}.json", json=echo)
    assert answer.status_code == 200
    assert answer.json()["annotation"]["term"] == [term]


def test_a_stale_version_answers_409_with_the_current_one(annotator, ours):
    drawn = _draw(annotator, image=ours.ct.id, location="POINT (2 2)")
    url = f"/api/annotation/{drawn['id']}.json"
    assert annotator.put(url, json={"location": "POINT (3 3)", "version": 0}).status_code == 200
    answer = annotator.put(url, json={"location": "POINT (4 4)", "version": 0})
    assert answer.status_code == 409
    assert answer.json()["revision"] == 1
    assert set(answer.json()) == {"errors", "revision"}
    assert _same(annotator.get(url).json()["location"], "POINT (3 3)")
    assert annotator.delete(url, params={"version": 0}).status_code == 409


def test_an_annotation_that_is_sent_again_by_its_token_is_not_made_twice(annotator, ours, world):
    def listed():
        query = {"image": ours.ct.id, "user": world.users["annotator"].id}
        return {row["id"] for row in annotator.get(URL, params=query).json()["collection"]}

    sent = {"location": "POINT (2 2)", "image": ours.ct.id, "axis": "z", "index": 1, "token": "page-1-drawing-1"}
    first = _draw(annotator, **sent)
    before = listed()
    assert _draw(annotator, **sent)["version"] == first["version"]
    moved = _draw(annotator, **sent | {"location": "POINT (3 2)", "term": [ours.terms[0].id]})
    assert (moved["id"], moved["version"], moved["term"]) == (first["id"], 1, [ours.terms[0].id])
    assert _same(moved["location"], "POINT (3 2)")
    assert listed() == before
    assert annotator.post(URL, json=sent | {"index": 2}).status_code == 409
    annotator.delete(f"/api/annotation/{first['id']}.json")
    assert _draw(annotator, **sent)["id"] != first["id"]


def test_an_edit_that_is_sent_again_is_no_conflict(annotator, ours):
    drawn = _draw(annotator, location="POINT (2 2)", image=ours.ct.id)
    url = f"/api/annotation/{drawn['id']}.json"
    sent = {"location": "POINT (3 2)", "term": [ours.terms[0].id], "version": drawn["version"]}
    assert [annotator.put(url, json=sent).json()["annotation"]["version"] for _ in range(2)] == [1, 1]
    assert annotator.put(url, json=sent | {"location": "POINT (4 2)"}).status_code == 409


def test_a_token_is_ones_own(annotator, manager, ours):
    sent = {"location": "POINT (2 2)", "image": ours.ct.id, "token": "page-2-drawing-1"}
    assert _draw(annotator, **sent)["id"] != _draw(manager, **sent)["id"]


def test_terms_are_set_listed_shown_and_taken(annotator, ours):
    drawn = _draw(annotator, image=ours.ct.id, location="POINT (2 2)")
    pair = f"/api/annotation/{drawn['id']}/term/{ours.terms[0].id}.json"
    assert annotator.get(pair).status_code == 404
    assert annotator.post(pair).status_code == 200
    assert annotator.get(pair).json()["userannotation"] == drawn["id"]
    listed = annotator.get(f"/api/annotation/{drawn['id']}/term.json").json()
    assert [term["name"] for term in listed["collection"]] == ["lung"]
    assert annotator.delete(pair).status_code == 200
    assert annotator.delete(pair).status_code == 404
    edited = annotator.put(f"/api/annotation/{drawn['id']}.json", json={"term": [term.id for term in ours.terms]})
    assert edited.json()["annotation"]["term"] == [term.id for term in ours.terms]


def test_an_array_is_added_whole_or_not_at_all(annotator, ours):
    before = annotator.get(URL, params={"project": ours.project.record.id, "max": 1}).json()["size"]
    many = [{"image": ours.ct.id, "location": f"POINT ({x} 1)"} for x in range(1, 6)]
    answer = annotator.post(URL, json=many)
    assert answer.status_code == 200
    assert answer.json()["size"] == 5
    assert "message" in answer.json()
    bad = annotator.post(URL, json=[*many, {"image": ours.ct.id, "location": "POINT (oops)"}])
    assert bad.status_code == 400
    assert annotator.get(URL, params={"project": ours.project.record.id, "max": 1}).json()["size"] == before + 5


@pytest.mark.parametrize(
    "sent",
    [
        {"location": "POINT (1 1)"},
        {"location": "POLYGON ((1 1", "image": "ct"},
        {"location": "", "image": "ct"},
        {"image": "ct"},
        {"location": "POINT (1 1)", "image": "ct", "axis": "q"},
        {"location": "POINT (1 1)", "image": "ct", "index": 99},
        {"location": "POINT (1 1)", "image": "ct", "index": -1},
        {"location": "POINT (1 1)", "image": "ct", "t": 1},
        {"location": "POINT (100 100)", "image": "ct"},
        {"location": "POINT (NaN 1)", "image": "ct"},
        {"location": "POINT (1 1)", "image": "ct", "term": ["x"]},
        [],
        "text",
        5,
    ],
)
def test_what_cannot_be_drawn_is_refused_and_changes_nothing(annotator, ours, sent):
    if isinstance(sent, dict) and sent.get("image") == "ct":
        sent = sent | {"image": ours.ct.id}
    before = ours.project.annotations.list().total
    answer = annotator.post(URL, json=sent)
    assert ours.project.annotations.list().total == before
    if sent == []:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400, answer.text
        assert list(answer.json()) == ["errors"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null"])
def test_a_body_that_is_no_json_is_refused(annotator, body):
    answer = annotator.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_anothers_image_slice_or_term_is_not_found(annotator, ours, world):
    theirs = world.theirs
    for sent in (
        {"image": theirs.ct.id, "location": "POINT (1 1)"},
        {"slice": theirs.ct.slice_base, "location": "POINT (1 1)"},
        {"image": ours.ct.id, "term": [theirs.terms[0].id], "location": "POINT (1 1)"},
        [{"image": ours.ct.id, "location": "POINT (1 1)"}, {"image": theirs.ct.id, "location": "POINT (1 1)"}],
    ):
        assert annotator.post(URL, json=sent).status_code == 404
    mixed = {"image": ours.film.id, "slice": ours.ct.slice_base, "location": "POINT (1 1)"}
    assert annotator.post(URL, json=mixed).status_code == 400


def test_a_reader_may_look_but_not_draw(as_user, ours):
    reader = as_user("reader")
    assert reader.get(f"/api/annotation/{ours.annotation.id}.json").status_code == 200
    assert reader.post(URL, json={"image": ours.ct.id, "location": "POINT (1 1)"}).status_code == 403
    assert reader.put(f"/api/annotation/{ours.annotation.id}.json", json={"term": []}).status_code == 403
    assert reader.delete(f"/api/annotation/{ours.annotation.id}.json").status_code == 403


def test_an_annotator_may_not_change_anothers_layer(annotator, ours):
    answer = annotator.put(f"/api/annotation/{ours.annotation.id}.json", json={"location": "POINT (1 1)"})
    assert answer.status_code == 403


def test_a_deleted_annotation_is_shown_once_more_and_gone(annotator, ours):
    drawn = _draw(annotator, image=ours.ct.id, location="POINT (2 2)")
    url = f"/api/annotation/{drawn['id']}.json"
    answer = annotator.delete(url)
    assert answer.status_code == 200
    assert answer.json()["annotation"]["id"] == drawn["id"]
    assert annotator.get(url).status_code == 404


@pytest.fixture(scope="module")
def drawn(world):
    client, ours = world.as_user("annotator"), world.ours
    sent = [
        {"image": ours.ct.id, "location": "POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))", "term": [ours.terms[0].id]},
        {"image": ours.ct.id, "index": 4, "location": "POINT (5.5 4.5)"},
        {"image": ours.ct.id, "axis": "x", "index": 1, "location": "POINT (1 1)"},
        {"image": ours.film.id, "location": "LINESTRING (10 10, 20 20)", "term": [ours.terms[1].id]},
    ]
    mine = {"project": ours.project.record.id, "user": world.users["annotator"].id}
    for old in client.get(URL, params=mine).json()["collection"]:
        client.delete(f"/api/annotation/{old['id']}.json")
    return [_draw(client, **one)["id"] for one in sent]


class TestListing:
    def _ids(self, client, query):
        answer = client.get(URL, params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["collection"]]

    def test_filters_are_anded(self, world, annotator, drawn):
        ours, me = world.ours, world.users["annotator"].id
        square, point, sagittal, line = drawn
        mine = {"project": ours.project.record.id, "user": me}
        assert self._ids(annotator, mine) == drawn
        assert self._ids(annotator, mine | {"image": ours.ct.id}) == [square, point, sagittal]
        assert self._ids(annotator, mine | {"images": f"{ours.ct.id},{ours.film.id}"}) == drawn
        assert self._ids(annotator, mine | {"term": ours.terms[0].id}) == [square]
        assert self._ids(annotator, mine | {"terms": f"{ours.terms[0].id},{ours.terms[1].id}"}) == [square, line]
        assert self._ids(annotator, mine | {"noTerm": "True"}) == [point, sagittal]
        assert self._ids(annotator, {"slice": ours.ct.slice_base + 4}) == [point]
        assert self._ids(annotator, {"image": ours.ct.id, "axis": "x"}) == [sagittal]
        assert self._ids(annotator, {"image": ours.ct.id, "index": 4}) == [point]
        assert self._ids(annotator, {"project": ours.project.record.id, "users": "99999"}) == []
        assert self._ids(annotator, mine | {"reviewed": "True"}) == []
        assert self._ids(annotator, mine | {"reviewed": "False", "image": ours.film.id}) == [line]
        assert self._ids(annotator, mine | {"afterThan": 4_000_000_000_000}) == []
        assert self._ids(annotator, mine | {"beforeThan": 4_000_000_000_000}) == drawn

    def test_a_box_is_lower_left_and_meets_exactly(self, world, annotator, drawn):
        square, point, _, line = drawn
        query = {"image": world.ours.ct.id, "user": world.users["annotator"].id}
        low = "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))"
        assert self._ids(annotator, query | {"bbox": low}) == [square]
        assert self._ids(annotator, query | {"bbox": "POLYGON ((5 4, 6 4, 6 5, 5 5, 5 4))"}) == [point]
        film = {"image": world.ours.film.id}
        assert self._ids(annotator, film | {"bbox": "POLYGON ((10 10, 11 10, 11 11, 10 11, 10 10))"}) == [line]
        assert self._ids(annotator, film | {"bbox": "POLYGON ((18 10, 20 10, 20 12, 18 12, 18 10))"}) == []
        project = {"project": world.ours.project.record.id, "bbox": low}
        assert annotator.get(URL, params=project).status_code == 400

    def test_tracks_tags_groups_and_several_terms_are_filters(self, world, annotator, drawn):
        ours = world.ours
        square, point, sagittal, line = drawn
        mine = {"project": ours.project.record.id, "user": world.users["annotator"].id}
        tracks = [
            annotator.post("/api/track.json", json={"name": f"filter {number}", "image": ours.ct.id}).json()["track"][
                "id"
            ]
            for number in (1, 2)
        ]
        followed = [(square, tracks[0]), (square, tracks[1]), (point, tracks[1])]
        for annotation, track in followed:
            sent = {"annotationIdent": annotation, "track": track}
            assert annotator.post("/api/annotationtrack.json", json=sent).status_code == 200
        assert self._ids(annotator, mine | {"track": tracks[1]}) == [square, point]
        assert self._ids(annotator, mine | {"tracks": f"{tracks[0]},{tracks[1]}"}) == [square, point]
        assert self._ids(annotator, mine | {"multipleTrack": "True"}) == [square]
        assert self._ids(annotator, mine | {"noTrack": "True"}) == [sagittal, line]
        shown = annotator.get(URL, params=mine | {"showTrack": "True"}).json()["collection"]
        assert [one["track"] for one in shown] == [tracks, [tracks[1]], [], []]
        assert shown[1]["annotationTrack"][0]["annotation"] == point
        assert annotator.get(URL, params=mine).json()["collection"][0]["track"] is None

        tag = annotator.post("/api/tag.json", json={"name": "filtered"}).json()["tag"]["id"]
        marks = f"/api/domain/be.cytomine.domain.ontology.UserAnnotation/{line}/tag_domain_association.json"
        assert annotator.post(marks, json={"tag": tag}).status_code == 200
        assert self._ids(annotator, mine | {"tag": tag}) == [line]
        assert self._ids(annotator, mine | {"tags": f"{tag},999999"}) == [line]
        assert self._ids(annotator, mine | {"noTag": "True"}) == [square, point, sagittal]

        group = annotator.post("/api/annotationgroup.json", json={"project": ours.project.record.id})
        key = group.json()["annotationgroup"]["id"]
        sent = {"annotationIdent": point, "group": key}
        assert annotator.post("/api/annotationlink.json", json=sent).status_code == 200
        assert self._ids(annotator, mine | {"group": key}) == [point]
        assert self._ids(annotator, mine | {"groups": key, "track": tracks[0]}) == []

        assert self._ids(annotator, mine | {"multipleTerm": "True"}) == []
        second = f"/api/annotation/{square}/term/{ours.terms[1].id}.json"
        assert annotator.post(second).status_code == 200
        (both,) = annotator.get(URL, params=mine | {"multipleTerm": "True"}).json()["collection"]
        assert both["id"] == square
        assert [(one["term"], one["user"]) for one in both["userByTerm"]] == [
            (term.id, [world.users["annotator"].id]) for term in ours.terms
        ]
        annotator.delete(second)
        assert self._ids(annotator, mine | {"excludedAnnotation": square}) == [point, sagittal, line]

    def test_what_is_said_is_searched(self, world, annotator, drawn):
        square, point, sagittal, _ = drawn
        mine = {"project": world.ours.project.record.id, "user": world.users["annotator"].id}
        domain = f"/api/domain/be.cytomine.domain.ontology.UserAnnotation/{square}"
        assert annotator.post(f"{domain}/property.json", json={"key": "stage", "value": "III_b 5%"}).status_code == 200
        assert annotator.post(f"/api/annotation/{point}/property.json", json={"key": "stage", "value": "II"}).is_success
        assert annotator.post(f"{domain}/description.json", json={"data": "spiculated Margin"}).status_code == 200
        assert annotator.post(f"/api/userannotation/{sagittal}/comment.json", json={"comment": "margin?"}).is_success
        assert self._ids(annotator, mine | {"propertyKey": "stage"}) == [square, point]
        assert self._ids(annotator, mine | {"propertyKey": "stage", "propertyValue": "II"}) == [point]
        assert self._ids(annotator, mine | {"propertyKey": "sta"}) == []
        assert self._ids(annotator, mine | {"text": "margin"}) == [square, sagittal]
        assert self._ids(annotator, mine | {"text": "margin", "propertyKey": "stage"}) == [square]
        assert self._ids(annotator, mine | {"text": "b 5%"}) == [square]
        assert self._ids(annotator, mine | {"text": "%"}) == [square]
        assert self._ids(annotator, mine | {"text": "_b"}) == [square]
        assert self._ids(annotator, mine | {"text": "' OR 1=1 --"}) == []
        assert annotator.get(URL, params=mine | {"propertyValue": "II"}).status_code == 400

    def test_what_meets_an_annotation_or_lies_near_it(self, world, annotator, drawn):
        square, point, sagittal, _ = drawn
        query = {"image": world.ours.ct.id, "user": world.users["annotator"].id}
        assert self._ids(annotator, query | {"bboxAnnotation": square}) == [square]
        assert self._ids(annotator, query | {"bboxAnnotation": sagittal}) == [sagittal]
        near = query | {"baseAnnotation": square}
        apart = shapely.distance(shapely.box(0, 0, 2, 2), shapely.Point(5.5, 4.5))
        assert self._ids(annotator, near | {"maxDistanceBaseAnnotation": apart + 1e-9}) == [square, point]
        assert self._ids(annotator, near | {"maxDistanceBaseAnnotation": apart - 1e-6}) == [square]
        place = query | {"baseAnnotation": "POINT (5.5 5.5)", "maxDistanceBaseAnnotation": 1}
        assert self._ids(annotator, place) == [point]
        assert self._ids(annotator, place | {"bbox": "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))"}) == []

    def test_what_is_included_leaves_the_asking_annotation_out(self, world, annotator, drawn):
        square = drawn[0]
        ours, me = world.ours, world.users["annotator"].id
        inner = _draw(annotator, image=ours.ct.id, location="POINT (1 1)", term=[ours.terms[1].id])["id"]
        asked = {"annotation": square, "user": me, "max": 0, "offset": 0}
        of_image = f"/api/imageinstance/{ours.ct.id}/annotation/included.json"
        for url, query in ((of_image, asked), ("/api/annotation/included.json", asked | {"image": ours.ct.id})):
            found = annotator.get(url, params=query)
            assert [one["id"] for one in found.json()["collection"]] == [inner], found.text
        assert annotator.get(of_image, params=asked | {"terms": ours.terms[0].id}).json()["size"] == 0
        region = {"geometry": "POLYGON ((0 0, 3 0, 3 3, 0 3, 0 0))", "user": me}
        assert annotator.get(of_image, params=region).json()["size"] == 2
        annotator.delete(f"/api/annotation/{inner}.json")
        for refused in ({}, asked | region, {"geometry": "no WKT"}):
            assert annotator.get(of_image, params=refused).status_code == 400
        assert annotator.get(of_image, params={"annotation": world.theirs.annotation.id}).status_code == 404
        assert world.as_user("stranger").get(of_image, params=asked).status_code == 404

    def test_pages_count_all(self, world, annotator, drawn):
        query = {"project": world.ours.project.record.id, "user": world.users["annotator"].id, "max": 3}
        first = annotator.get(URL, params=query).json()
        assert (first["size"], first["offset"], first["perPage"], first["totalPages"]) == (4, 0, 3, 2)
        assert [one["id"] for one in first["collection"]] == drawn[:3]
        second = annotator.get(URL, params=query | {"offset": 3}).json()
        assert [one["id"] for one in second["collection"]] == drawn[3:]
        everything = annotator.get(URL, params=query | {"max": 0}).json()
        assert len(everything["collection"]) == everything["size"] == 4

    def test_many_are_streamed_as_the_same_collection(self, world, annotator, drawn, monkeypatch):
        query = {"project": world.ours.project.record.id, "user": world.users["annotator"].id, "showTrack": "True"}
        asked = [{}, {"offset": 1}, {"max": 3}, {"max": 3, "offset": 1}, {"max": 9}, {"image": world.ours.ct.id}]
        asked += [{"image": world.ours.ct.id, "bbox": "POLYGON ((0 0, 7 0, 7 6, 0 6, 0 0))"}, {"offset": 9}]
        whole = [annotator.get(URL, params=query | one).json() for one in asked]
        monkeypatch.setattr(annotation_listing, "_MANY", 1)
        monkeypatch.setattr(annotations, "_SOME", 2)
        assert [annotator.get(URL, params=query | one).json() for one in asked] == whole
        assert len(whole[0]["collection"]) == 4

    def test_the_location_comes_when_asked_for(self, world, annotator, drawn):
        query = {"project": world.ours.project.record.id}
        shows = {"showBasic": "True", "showMeta": "True"}
        assert annotator.get(URL, params=query | shows).json()["collection"][0]["location"] is None
        with_wkt = annotator.get(URL, params=query | shows | {"showWKT": "True"}).json()["collection"]
        assert all(one["location"] for one in with_wkt)
        assert all(one["location"] for one in annotator.get(URL, params=query).json()["collection"])

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"user": 1},
            {"project": "1; DROP TABLE annotation"},
            {"images": "1,2'--"},
            {"bbox": "POLYGON (('x"},
            {"users": "1 OR 1=1"},
            {"max": -1},
            {"offset": "x"},
            {"baseAnnotation": "1'"},
            {"baseAnnotation": "1'", "maxDistanceBaseAnnotation": 5},
            {"baseAnnotation": "1) OR 1=1 --", "maxDistanceBaseAnnotation": 5},
            {"maxDistanceBaseAnnotation": 5},
            {"bboxAnnotation": "1'"},
            {"track": "5'"},
            {"tags": "x"},
            {"suggestedTerm": 5},
            {"kmeans": "True"},
            {"noTerm": "perhaps"},
            {"project": 2**60},
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, world, annotator, query):
        if query and not {"project", "images", "user"} & set(query):
            query = query | {"image": world.ours.ct.id}
        answer = annotator.get(URL, params=query)
        assert answer.status_code == 400
        assert list(answer.json()) == ["errors"]

    def test_another_project_lists_nothing(self, world, annotator):
        assert annotator.get(URL, params={"project": world.theirs.project.record.id}).status_code == 404
        assert annotator.get(URL, params={"image": world.theirs.ct.id}).status_code == 404
        assert annotator.get(URL, params={"slice": world.theirs.ct.slice_base}).status_code == 404
        mixed = {"project": world.ours.project.record.id, "image": world.theirs.ct.id}
        assert self._ids(annotator, mixed) == []


def test_properties_of_an_image_are_listed_as_cytomine_lists_them(world, annotator, ours):
    said = {ours.ct.id: {"stage": "IIIb"}}
    ours.project.attachments.add_table(ours.ct.id, "d" * 64, terms={}, properties=said, unmatched=0)
    route = f"/api/domain/be.cytomine.domain.image.ImageInstance/{ours.ct.id}/property.json"
    (found,) = annotator.get(route).json()["collection"]
    assert (found["key"], found["value"], found["domainIdent"]) == ("stage", "IIIb", ours.ct.id)
    assert found["class"] == "be.cytomine.domain.meta.Property"
    assert annotator.get(route.replace(str(ours.ct.id), str(ours.film.id))).json()["collection"] == []
    assert world.as_user("stranger").get(route).status_code == 404
    taken_back = route.replace(".json", f"/{found['id']}.json")
    assert annotator.delete(taken_back).status_code == 403
    assert world.as_user("manager").delete(taken_back.replace(str(ours.ct.id), str(ours.film.id))).status_code == 404
    assert world.as_user("manager").delete(taken_back).status_code == 200
    assert annotator.get(route).json()["collection"] == []
