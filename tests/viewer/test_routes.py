"""Rules that hold on every route, walked over the whole route table."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time

import pytest

ANONYMOUS = {
    ("get", "/health"),
    ("get", "/server/ping"),
    ("post", "/api/session.json"),
}
CORNERS = {f"{corner}{axis}": 1 for corner in ("topLeft", "topRight", "bottomRight", "bottomLeft") for axis in "XY"}
BODIES = {
    "add_annotation": {"location": "POINT (1 1)", "image": "{image}"},
    "edit_annotation": {"location": "POINT (1 1)"},
    "add_term": {"name": "cyst", "ontology": "{ontology}"},
    "edit_term": {"name": "cyst"},
    "rename_ontology": {"name": "mine"},
    "add_project": {"name": "new", "ontology": "{ontology}"},
    "edit_project": {"name": "mine"},
    "rename_image": {"instanceFilename": "mine"},
    "set_member_roles": {"roles": ["reader"]},
    "add_relation": {"term1": "{term1}", "term2": "{term2}"},
    "train": {"task": "segmentation"},
    "rename_abstract_image": {"originalFilename": "mine"},
    "add_image_instance": {"baseImage": "{image}", "project": "{project}"},
    "predict": {"model": "{model}", "images": ["{image}"]},
    "resample": {"acrossGaps": True},
    "edit_user": {"firstname": "Q"},
    "add_user_role": {"role": "{role}"},
    "review": {"items": ["{item}"], "accept": True},
    "refuse_together": {"items": ["{item}"]},
    "add_property": {"key": "a", "value": "b"},
    "add_annotation_property": {"key": "a", "value": "b"},
    "edit_property": {"value": "c"},
    "add_description": {"data": "text"},
    "edit_description": {"data": "text"},
    "rename_tag": {"name": "other"},
    "add_tag_use": {"tag": "{tag}"},
    "add_track": {"name": "a", "image": "{image}"},
    "edit_track": {"name": "b"},
    "follow": {"annotationIdent": "{annotation}", "track": "{track}"},
    "add_image_group": {"name": "a", "project": "{project}"},
    "rename_image_group": {"name": "b"},
    "add_annotation_group": {"project": "{project}"},
    "add_comment": {"comment": "look here"},
    "add_position": CORNERS,
    "add_slice_position": CORNERS,
    "add_annotation_action": {"annotationIdent": "{annotation}", "action": "select"},
    "link_annotation": {"annotationIdent": "{annotation}", "group": "{group}"},
}
OWN = {
    "start_session",
    "end_session",
    "show_session",
    "add_user",
    "add_ontology",
    "list_annotations",
    "list_included",
    "show_role",
    "add_tag",
}
PLACES = {"index": 0, "left": 0, "top": 0, "columns": 2, "rows": 2, "zoom": 0, "tx": 0, "ty": 0}
"""Numbers in URLs that are no ids."""


def _ids(space, world):
    return {
        "project": space.project.record.id,
        "image": space.ct.id,
        "slice": space.ct.slice_base,
        "annotation": space.annotation.id,
        "segmentation": space.segmentation.id,
        "ontology": space.project.record.ontology,
        "term": space.terms[0].id,
        "term1": space.terms[0].id,
        "term2": space.terms[1].id,
        "job": space.job.id,
        "model": space.model.id,
        "user": world.users["stranger"].id,
        "role": 2,
        "public_key": world.workspace.accounts.key(world.users["stranger"].id).public_key,
        "command": space.project.commands.list(limit=1)[0][0].id,
        "tag": world.workspace.tags.add(space.project.member.user.id, f"tag {time.monotonic_ns()}").id,
        "use": space.job.id,
        "track": space.job.id,
        "group": space.job.id,
        "other": space.job.id + 1,
        "class": "be.cytomine.domain.image.ImageInstance",
        "ident": space.ct.id,
        "key": "a",
        "plane": "z",
        "item": space.job.id,
        "upload": space.project.uploads.create("page"),
        "storage": world.users["stranger"].id,
        "file": space.job.id,
        "comment": space.job.id,
        "encoding": "png",
        **PLACES,
        "path": "zarr.json",
        "study": "1.2.826.0.1.99999.2",
    }


def _operations(app):
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _fill(template, ids):
    if isinstance(template, dict):
        return {key: _fill(value, ids) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, ids) for value in template]
    match = re.fullmatch(r"\{(\w+)\}", str(template))
    return ids[match[1]] if match else template


def _url(path, ids):
    return re.sub(r"\{(\w+)\}", lambda match: str(ids[match[1]]), path)


def _describe(answer):
    return f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:200]}"


def test_every_route_but_the_documented_ones_asks_to_sign_in(world):
    client, ids, walked = world.anonymous(), _ids(world.ours, world), 0
    for method, path, operation in _operations(world.app):
        answer = client.request(
            method, _url(path, ids), json=_fill(BODIES.get(operation["operationId"]), ids) if method != "get" else None
        )
        if (method, path) in ANONYMOUS:
            assert answer.status_code != 401 or path == "/api/session.json", _describe(answer)
        else:
            walked += 1
            assert answer.status_code == 401, _describe(answer)
            if path.endswith(".json"):
                assert answer.json() == {"errors": "sign in first"}
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                assert method == "head" or answer.json()["status"] == 401
    assert walked > 60


@pytest.mark.parametrize("name", ["manager", "admin"])
def test_what_is_anothers_is_not_there(world, name):
    client, ids, walked = world.as_user(name), _ids(world.theirs, world), 0
    absent = ids | {key: 999_999_999 for key in ids if isinstance(ids[key], int) and key not in PLACES}
    absent["public_key"] = "0" * 32
    for method, path, operation in _operations(world.app):
        body = BODIES.get(operation["operationId"])
        named = set(re.findall(r"\{(\w+)\}", path + str(body or "")))
        if operation["operationId"] in OWN or not named:
            continue
        if name == "admin" and named <= {"user", "role"}:
            continue  # an operator manages accounts
        walked += 1
        foreign = client.request(method, _url(path, ids), json=_fill(body, ids))
        assert foreign.status_code == 404, _describe(foreign)
        gone = client.request(method, _url(path, absent), json=_fill(body, absent))
        assert gone.status_code == 404, _describe(gone)
        shape = [sorted(answer.json()) if method != "head" else [] for answer in (foreign, gone)]
        assert shape[0] == shape[1]
    assert walked > 50


def test_an_operator_sees_no_content_by_that_alone(world):
    admin = world.as_user("admin")
    assert admin.get("/api/project.json").json()["size"] == 0
    assert admin.get("/api/ontology.json").json()["size"] == 0
    assert admin.get(f"/api/imageinstance/{world.ours.ct.id}.json").status_code == 404


def test_every_answer_carries_the_security_headers(world):
    client, ids = world.as_user("reader"), _ids(world.ours, world)
    paths = [_url(path, ids) for method, path, _ in _operations(world.app) if method == "get"]
    for path in [*paths, "/", "/openapi.json", "/nowhere", "/api/nowhere.json", "/assets/nothing.js"]:
        answer = client.get(path)
        headers = answer.headers
        assert headers["content-security-policy"].startswith(
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
            "worker-src 'self' blob:; connect-src 'self'"
        ), path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path
        assert headers["cross-origin-embedder-policy"] == "require-corp", path
        assert "server" not in headers
        assert answer.status_code < 500 or path == "/", _describe(answer)
        if path.startswith("/api/"):
            assert "no-store" in headers["cache-control"], path


def test_a_bad_id_is_not_found_in_the_shape_of_its_route(manager):
    for path in ("/api/project/abc.json", "/api/project/0.json", "/api/project/-5.json", f"/api/term/{2**70}.json"):
        answer = manager.get(path)
        assert answer.status_code == 404
        assert list(answer.json()) == ["errors"]
    assert manager.get("/api/imageinstance/abc/thumb.png").json()["status"] == 404


def test_an_unknown_path_or_method_is_refused_in_shape(manager):
    assert manager.get("/api/nowhere.json").json() == {"errors": "not found"}
    assert manager.post("/api/nowhere.json").status_code == 404
    assert manager.patch("/api/project.json").status_code == 405
    assert manager.get("/api/project.json/").status_code == 404


def test_a_failure_shows_and_logs_no_value(world, caplog, monkeypatch):
    def fail(*_):
        raise RuntimeError("PHANTOM^ALPHA")

    monkeypatch.setattr(type(world.workspace), "projects_of", fail)
    with caplog.at_level(logging.DEBUG):
        answer = world.as_user("manager").get("/api/project.json?name=PHANTOM^ALPHA")
    assert answer.status_code == 500
    assert answer.json() == {"errors": "something went wrong here"}
    assert "content-security-policy" in answer.headers
    ours = [record for record in caplog.records if record.name.startswith("viewer")]
    assert [record.getMessage().split(" at ")[0] for record in ours] == ["unexpected RuntimeError"]
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert not any("PHANTOM" in message for message in said)


def test_a_large_body_is_refused(manager):
    answer = manager.post("/api/ontology.json", content=b" " * (65 << 20), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_the_schema_names_every_answer(world):
    schema = world.app.openapi()
    operations = [operation for _, _, operation in _operations(world.app)]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        told = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        content = told.get("content", {})
        json_schema = content.get("application/json", {}).get("schema")
        assert json_schema != {}, operation["operationId"]
    assert "research use only" in schema["info"]["description"]


def test_the_web_process_loads_no_heavy_library(tmp_path):
    program = f"""
import sys
from pathlib import Path
from starlette.testclient import TestClient
from imaging.settings import Settings
from imaging.workspace import Workspace
from viewer.app import create_app
workspace, _, _ = Workspace.create(Settings.read(Path({str(tmp_path / "W")!r}), {{}}))
token = workspace.accounts.token(workspace.accounts.acting(None).id)
app = create_app(workspace)
client = TestClient(app, headers={{"Authorization": "Bearer " + token}})
asked = set()
for path, methods in app.openapi()["paths"].items():
    url = path.replace("{{plane}}", "z").replace("{{encoding}}", "png")
    while "{{" in url:
        url = url[:url.index("{{")] + "1" + url[url.index("}}") + 1:]
    for method in methods:
        assert client.request(method, url).status_code < 500, url
        asked.add(url)
assert len(asked) > 40
heavy = {{"torch", "dask", "napari", "monai"}} & set(sys.modules)
assert not heavy, heavy
workspace.close()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
