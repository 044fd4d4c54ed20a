"""Statistics by Cytomine's routes: each count is the size of the listing."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.viewer.conftest import Space, World


@pytest.fixture(scope="module")
def client(world: World) -> TestClient:
    """Reads a project in which two members drew."""
    drawn = world.as_user("annotator")
    ours = world.ours
    for image, terms in ((ours.ct, [ours.terms[1].id]), (ours.film, [one.id for one in ours.terms]), (ours.ct, [])):
        body = {"location": "POINT (1 1)", "image": image.id, "term": terms}
        assert drawn.post("/api/annotation.json", json=body).status_code == 200
    return world.as_user("reader")


def listed(client: TestClient, ours: Space, **filters: object) -> int:
    answer = client.get("/api/annotation.json", params={"project": ours.project.id, **filters})
    return answer.json()["size"]


def told(client: TestClient, ours: Space, name: str, **query: object) -> list[dict[str, object]]:
    answer = client.get(f"/api/project/{ours.project.id}/stats/{name}.json", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["size"] == len(answer.json()["collection"])
    return answer.json()["collection"]


def test_counts_are_sizes_of_listings(client: TestClient, world: World, ours: Space) -> None:
    by_term = told(client, ours, "term")
    assert [(one["username"], one["color"]) for one in by_term] == [("lung", "#3cb44b"), ("nodule", "#e6194b")]
    assert [one["value"] for one in by_term] == [listed(client, ours, term=one.id) for one in ours.terms]
    assert {one["id"]: one["value"] for one in told(client, ours, "termslide")} == {
        ours.terms[0].id: 2,
        ours.terms[1].id: 2,
    }
    for one in told(client, ours, "termimage"):
        assert one["countAnnotations"] == listed(client, ours, image=one["image"], term=one["term"]) > 0
    by_user = told(client, ours, "user")
    assert {one["username"] for one in by_user} >= {"manager", "annotator", "reader"}
    for one in by_user:
        assert one["value"] == listed(client, ours, user=one["id"])
    assert {one["username"]: one["value"] for one in told(client, ours, "userslide")}["annotator"] == 2
    for one in told(client, ours, "userannotations"):
        for term in one["terms"]:
            assert term["value"] == listed(client, ours, user=one["id"], term=term["id"])


def test_counts_keep_to_a_time_and_to_what_is_reviewed(client: TestClient, ours: Space) -> None:
    drawn = client.get("/api/annotation.json", params={"project": ours.project.id}).json()["collection"]
    middle = int(drawn[1]["created"])
    for query, filters in (
        ({"startDate": middle}, {"afterThan": middle}),
        ({"endDate": middle}, {"beforeThan": middle}),
        ({"reviewed": "True"}, {"reviewed": "True"}),
    ):
        values = [one["value"] for one in told(client, ours, "user", **query)]
        assert sum(values) == listed(client, ours, **filters)


def test_growth_ends_with_the_size_of_the_listing(client: TestClient, ours: Space) -> None:
    newest, *_ = told(client, ours, "annotationevolution")
    assert newest["size"] == listed(client, ours)
    assert set(newest) == {"date", "endDate", "size"}
    assert isinstance(newest["date"], int)
    oldest = told(client, ours, "annotationevolution", startDate=newest["date"] - 3 * 86_400_000, reverseOrder="False")
    assert [one["size"] for one in oldest] == [0, 0, 0, newest["size"]]
    assert oldest[1]["date"] == oldest[0]["endDate"] == oldest[0]["date"] + 86_400_000
    term = ours.terms[0].id
    assert told(client, ours, "annotationevolution", term=term)[0]["size"] == listed(client, ours, term=term)
    assert told(client, ours, "reviewedannotationevolution")[0]["size"] == listed(client, ours, reviewed="True")


@pytest.mark.parametrize(
    "query", ["startDate=monday", "endDate=-5", "daysRange=0", "daysRange=x", "startDate=2&endDate=1", "startDate=0"]
)
def test_wrong_spans_are_refused(client: TestClient, ours: Space, query: str) -> None:
    answer = client.get(f"/api/project/{ours.project.id}/stats/annotationevolution.json?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_totals_are_for_operators(world: World, ours: Space) -> None:
    totals = world.as_user("admin").get("/api/stats/all.json").json()
    assert totals["users"] == 7
    assert totals["projects"] >= 2
    assert totals["images"] == totals["abstractImages"] == 6
    assert all(isinstance(value, int) for value in totals.values())
    assert world.as_user("manager").get("/api/stats/all.json").status_code == 403
