"""Accounts, platform roles, and who is where, as scripts written for Cytomine ask for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

PASSWORD = "a long enough password"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def admin(as_user):
    return as_user("admin")


def names(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["size"] == len(answer.json()["collection"])
    return {user["username"] for user in answer.json()["collection"]}


def test_everybody_is_a_user_and_operators_are_admins(admin, world):
    listed = admin.get("/api/role.json").json()["collection"]
    assert [role["authority"] for role in listed] == ["ROLE_USER", "ROLE_ADMIN"]
    for role in listed:
        assert admin.get(f"/api/role/{role['id']}.json").json() == role
    assert admin.get("/api/role/3.json").status_code == 404
    for name, held in (("admin", ["ROLE_USER", "ROLE_ADMIN"]), ("reader", ["ROLE_USER"])):
        found = admin.get(f"/api/user/{world.users[name].id}/role.json").json()["collection"]
        assert [role["authority"] for role in found] == held


def test_an_operator_makes_another_and_takes_it_back(admin, world):
    user, _ = world.workspace.accounts.add("second", password=PASSWORD)
    url, role = f"/api/user/{user.id}/role.json", f"/api/user/{user.id}/role/2.json"
    assert admin.get(role).status_code == 404
    given = admin.post(url, json={"user": user.id, "role": 2}).json()["secusersecrole"]
    assert (given["user"], given["role"], given["authority"]) == (user.id, 2, "ROLE_ADMIN")
    assert admin.get(role).json() == given
    assert world.workspace.accounts.get(user.id).operator
    assert admin.delete(role).status_code == 200
    assert admin.delete(role).status_code == 404
    assert not world.workspace.accounts.get(user.id).operator


def test_nobody_else_gives_roles_and_nobody_loses_the_last(admin, as_user, world):
    reader = world.users["reader"].id
    for role in (1, 2):
        assert as_user("manager").post(f"/api/user/{reader}/role.json", json={"role": role}).status_code == 403
    assert as_user("reader").post(f"/api/user/{reader}/role.json", json={"role": 2}).status_code == 403
    assert not world.workspace.accounts.get(reader).operator
    assert admin.delete(f"/api/user/{reader}/role/1.json").status_code == 409
    assert admin.delete(f"/api/user/{world.users['admin'].id}/role/2.json").status_code == 409
    assert admin.post(f"/api/user/{reader}/role.json", json={"role": 7}).status_code == 404
    assert as_user("manager").get(f"/api/user/{world.users['stranger'].id}/role.json").status_code == 404


def test_several_accounts_are_made_together_or_none(admin):
    sent = [{"username": name, "password": PASSWORD} for name in ("one", "two", "one")]
    assert admin.post("/api/user.json", json=sent).status_code == 409
    assert not {"one", "two"} & names(admin.get("/api/user.json"))
    made = admin.post("/api/user.json", json=sent[:2])
    assert names(made) == {"one", "two"}
    assert PASSWORD not in made.text
    assert names(admin.post("/api/user.json", json=[])) == set()
    assert admin.post("/api/user.json", json=[{"username": "three"}]).status_code == 400


def test_an_account_keeps_its_name_and_a_closed_one_says_so(admin, world):
    user, _ = world.workspace.accounts.add("named", password=PASSWORD)
    url = f"/api/user/{user.id}.json"
    seen = admin.get(url).json()
    assert admin.put(url, json=seen | {"lastname": "Q"}).json()["user"]["lastname"] == "Q"
    assert admin.put(url, json=seen | {"username": "renamed"}).status_code == 400
    assert seen["enabled"] is True
    assert admin.delete(url).json()["user"]["enabled"] is False
    assert admin.get(f"/api/user/{user.id}/role.json").json()["size"] == 0


def test_who_is_online_and_whose_key_it_is_can_be_asked(as_user, world):
    reader, key = as_user("reader"), world.workspace.accounts.key(world.users["reader"].id).public_key
    world.workspace.accounts.token(world.users["annotator"].id)
    online = names(reader.get("/api/user.json?online=True"))
    assert {"reader", "annotator"} <= online
    assert "stranger" not in online
    assert names(reader.get(f"/api/user.json?publicKey={key}")) == {"reader"}
    assert names(as_user("manager").get(f"/api/user.json?publicKey={key}")) == set()


def test_who_works_with_an_ontology_is_told_to_those_alone(as_user, ours):
    url = f"/api/ontology/{ours.project.record.ontology}/user.json"
    assert names(as_user("reader").get(url)) >= {"manager", "annotator", "reader"}
    assert "stranger" not in names(as_user("reader").get(url))
    assert as_user("stranger").get(url).status_code == 404
    own = as_user("reader").post("/api/ontology.json", json={"name": "alone"}).json()["ontology"]["id"]
    assert names(as_user("reader").get(f"/api/ontology/{own}/user.json")) == {"reader"}


def test_of_somebodys_projects_those_are_listed_that_one_shares(as_user, world, ours):
    def projects(name, of):
        answer = as_user(name).get(f"/api/user/{world.users[of].id}/project.json")
        assert answer.status_code == 200, answer.text
        return [project["id"] for project in answer.json()["collection"]]

    assert projects("reader", "manager") == [ours.project.record.id]
    assert projects("reader", "reader") == [ours.project.record.id]
    assert projects("admin", "manager") == []
    assert as_user("reader").get(f"/api/user/{world.users['stranger'].id}/project.json").status_code == 404


def test_members_come_and_go_by_requests_without_a_body(manager, world, ours):
    user, _ = world.workspace.accounts.add("bodiless")
    url = f"/api/project/{ours.project.record.id}/user/{user.id}"
    for path, roles in ((f"{url}.json", ["annotator"]), (f"{url}/admin.json", ["annotator", "manager"])):
        answer = manager.post(path, content=b"", headers=JSON)
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["roles"] == roles
    assert "bodiless" in names(manager.get(f"/api/project/{ours.project.record.id}/admin.json?admin=True"))
    for path in (f"{url}/admin.json", f"{url}.json"):
        assert manager.delete(path, headers=JSON).status_code == 200


def test_a_project_is_not_deleted_over_the_api(manager, as_user, ours):
    url = f"/api/project/{ours.project.record.id}.json"
    refused = manager.delete(url)
    assert refused.status_code == 409
    assert "imaging erase" in refused.json()["errors"]
    assert as_user("stranger").delete(url).status_code == 404
    assert manager.get(url).status_code == 200


@pytest.mark.parametrize("path", ["open", "close"])
def test_the_admin_switch_answers_and_changes_nothing(admin, as_user, path):
    assert admin.get(f"/session/admin/{path}.json").json()["admin"] is True
    assert as_user("reader").get(f"/session/admin/{path}.json").json()["admin"] is False


def test_a_signature_is_made_with_the_own_key_and_signs_in(as_user, world):
    pair = world.workspace.accounts.key(world.users["reader"].id)
    answer = as_user("reader").get("/api/signature.json")
    made = answer.json()
    digest = hmac.new(pair.private_key.encode(), f"GET\n\n\n{made['date']}".encode(), hashlib.sha1).digest()
    assert made["signature"] == base64.b64encode(digest).decode()
    assert made["publicKey"] == pair.public_key
    assert pair.private_key not in answer.text
    headers = {"Authorization": f"CYTOMINE {made['publicKey']}:{made['signature']}", "Date": made["date"]}
    assert world.anonymous().get("/api/user/current.json", headers=headers).json()["username"] == "reader"


def test_no_signature_is_made_for_later_or_without_a_key(as_user):
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    assert as_user("reader").get("/api/signature.json", params={"date": later}).status_code == 400
    assert as_user("reader").get("/api/signature.json", params={"method": "GET\n\n\nx"}).status_code == 400
    assert as_user("uploader").get("/api/signature.json").status_code == 404
