"""Who asks: cookie, bearer token, signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

PASSWORD = "a long enough password"


def _date(shift=0):
    return (datetime.now(UTC) + timedelta(seconds=shift)).strftime("%a, %d %b %Y %H:%M:%S +0000")


def _signed(keys, method, path=None, *, date=None, content_type="", private=None):
    date = date or _date()
    token = f"{method}\n\n{content_type}\n{date}" + ("" if path is None else f"\n{path}")
    digest = hmac.new((private or keys.private_key).encode(), token.encode(), hashlib.sha1).digest()
    headers = {"Authorization": f"CYTOMINE {keys.public_key}:{base64.b64encode(digest).decode()}", "Date": date}
    return headers | ({"Content-Type": content_type} if content_type else {})


@pytest.fixture
def keys(world):
    return world.workspace.accounts.key(world.users["annotator"].id)


@pytest.fixture
def signed_in(world):
    client = world.anonymous()
    answer = client.post("/api/session.json", json={"username": "annotator", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "annotator"
    return client


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(world):
    answer = world.anonymous().post("/api/session.json", json={"username": "annotator", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert PASSWORD not in answer.text


def test_over_tls_the_cookie_is_secure(world):
    client = world.anonymous()
    client.base_url = "https://testserver"
    answer = client.post("/api/session.json", json={"username": "annotator", "password": PASSWORD})
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(("username", "password"), [("annotator", "wrong password"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_is_refused_alike(world, username, password):
    answer = world.anonymous().post("/api/session.json", json={"username": username, "password": password})
    assert answer.status_code == 401
    assert answer.json() == {"errors": "user name or password is wrong"}
    assert "set-cookie" not in answer.headers


def test_a_session_reads_with_the_cookie_alone(signed_in):
    assert signed_in.get("/api/session.json").json()["user"]["username"] == "annotator"
    assert signed_in.get("/api/user/current.json").json()["username"] == "annotator"


def test_a_change_by_cookie_needs_the_header_of_our_own_page(signed_in, ours):
    url, sent = "/api/annotation.json", {"image": ours.ct.id, "location": "POINT (1 1)"}
    assert signed_in.post(url, json=sent).status_code == 403
    assert signed_in.post(url, json=sent, headers={"X-Requested-With": "XMLHttpRequest"}).status_code == 200


def test_signing_out_ends_the_session_everywhere(signed_in, world):
    cookie = signed_in.cookies["imaging_session"]
    answer = signed_in.delete("/api/session.json", headers={"X-Requested-With": "XMLHttpRequest"})
    assert answer.status_code == 200
    assert "clear-site-data" in answer.headers
    stolen = world.anonymous()
    stolen.cookies.set("imaging_session", cookie)
    assert stolen.get("/api/session.json").status_code == 401


def test_a_bearer_token_needs_no_page_header(as_user, ours):
    sent = {"image": ours.ct.id, "location": "POINT (1 1)"}
    assert as_user("annotator").post("/api/annotation.json", json=sent).status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Basic YTpi", "CYTOMINE a:b", "CYTOMINE", "nonsense", "CYTOMINE é:é"]
)
def test_a_wrong_authorization_never_falls_back_to_the_cookie(signed_in, header):
    answer = signed_in.get("/api/session.json", headers={"Authorization": header.encode()})
    assert answer.status_code == 401


def test_clients_from_4_0_sign_without_the_path(world, keys):
    answer = world.anonymous().get("/api/user/current.json", headers=_signed(keys, "GET"))
    assert answer.json()["username"] == "annotator"
    assert answer.json()["publicKey"] == keys.public_key


def test_clients_up_to_3_1_sign_path_and_query_as_sent(world, keys, ours):
    path = f"/api/annotation.json?max=0&offset=0&project={ours.project.record.id}&users=1%2C2"
    assert world.anonymous().get(path, headers=_signed(keys, "GET", path)).status_code == 200


def test_a_long_signature_works_once_and_only_for_its_own_path(world, keys):
    headers = _signed(keys, "GET", "/api/project.json")
    client = world.anonymous()
    assert client.get("/api/term.json", headers=headers).status_code == 401
    assert client.get("/api/project.json", headers=headers).status_code == 200
    assert client.get("/api/project.json", headers=headers).status_code == 401


@pytest.mark.parametrize("shift", [-301, 301, -86_400])
@pytest.mark.parametrize("path", [None, "/api/project.json"])
def test_an_old_signature_is_refused(world, keys, path, shift):
    headers = _signed(keys, "GET", path, date=_date(shift))
    assert world.anonymous().get("/api/project.json", headers=headers).status_code == 401


def test_a_signature_by_another_key_is_refused(world, keys):
    headers = _signed(keys, "GET", private="not the private key")
    assert world.anonymous().get("/api/project.json", headers=headers).status_code == 401


def test_the_private_key_is_in_no_answer(world, keys):
    client = world.anonymous()
    for path in (
        "/api/user/current.json",
        f"/api/user/{world.users['annotator'].id}/keys.json",
        f"/api/userkey/{keys.public_key}/keys.json",
    ):
        answer = client.get(path, headers=_signed(keys, "GET"))
        assert answer.status_code == 200
        assert answer.json()["publicKey"] == keys.public_key
        assert answer.json()["privateKey"] is None
        assert keys.private_key not in answer.text


def test_anothers_keys_are_not_found(as_user, world, keys):
    assert as_user("manager").get(f"/api/userkey/{keys.public_key}/keys.json").status_code == 404
    assert as_user("manager").get(f"/api/user/{world.users['annotator'].id}/keys.json").status_code == 404


def test_a_closed_account_is_signed_out(world):
    user, _ = world.workspace.accounts.add("leaver", password=PASSWORD)
    token, pair = world.workspace.accounts.token(user.id), world.workspace.accounts.key(user.id)
    client = world.anonymous()
    assert client.get("/api/project.json", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert world.as_user("admin").delete(f"/api/user/{user.id}.json").status_code == 200
    assert client.get("/api/project.json", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.get("/api/project.json", headers=_signed(pair, "GET")).status_code == 401


def test_a_page_of_another_member_is_told_that_its_session_has_ended(world, signed_in):
    annotator, manager = world.users["annotator"].id, world.users["manager"].id
    assert signed_in.get("/api/session.json", headers={"X-Imaging-Member": str(annotator)}).status_code == 200
    assert signed_in.get("/api/session.json", headers={"X-Imaging-Member": str(manager)}).status_code == 401
