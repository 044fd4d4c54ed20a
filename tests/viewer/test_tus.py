"""Resumable uploads over HTTP: tus 1.0.0 as its clients speak it, and the routes that gather files into one upload."""

from __future__ import annotations

import base64
import io

import pytest

from imaging.locks import exclusive

TUS = {"Tus-Resumable": "1.0.0"}
OFFSET = TUS | {"Content-Type": "application/offset+octet-stream"}
NAME = "PHANTOM^ALPHA/IM0001.dcm"
CONTENT = bytes(range(256)) * 1000
LENGTH = len(CONTENT)


@pytest.fixture
def uploader(as_user):
    return as_user("uploader")


@pytest.fixture
def url(ours):
    return f"/api/project/{ours.project.record.id}/upload"


def told(**said) -> dict[str, str]:
    values = {"filename": NAME} | {key: str(value) for key, value in said.items()}
    pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()]
    return {"Upload-Metadata": ",".join(pairs)}


def create(client, url, length=LENGTH, content=None, **said):
    headers = (TUS if content is None else OFFSET) | {"Upload-Length": str(length)} | told(**said)
    return client.post(url, headers=headers, content=content)


def send(client, location, offset, content=CONTENT):
    return client.patch(location, headers=OFFSET | {"Upload-Offset": str(offset)}, content=content)


def head(client, location):
    answer = client.head(location, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"]), int(answer.headers["upload-length"])


@pytest.fixture
def opened(uploader, url):
    answer = uploader.post(f"{url}.json")
    assert answer.status_code == 200
    upload = answer.json()["id"]
    yield upload
    uploader.delete(f"{url}/{upload}.json")


def test_what_is_spoken_is_told(uploader, url):
    answer = uploader.options(url)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,termination"
    assert int(answer.headers["tus-max-size"]) > 1 << 40


def test_a_file_of_its_own_becomes_one_upload_with_its_job(uploader, url, ours):
    made = create(uploader, url)
    assert made.status_code == 201
    assert made.headers["tus-resumable"] == "1.0.0"
    location = made.headers["location"]
    assert "IM0001" not in location
    assert head(uploader, location) == (0, LENGTH)
    for start, stop in ((0, 1000), (1000, 90_000), (90_000, LENGTH)):
        answer = send(uploader, location, start, CONTENT[start:stop])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(stop))
        assert ("x-imaging-job" in answer.headers) == (stop == LENGTH)
    assert head(uploader, location) == (LENGTH, LENGTH)
    job = uploader.get(f"/api/job/{answer.headers['x-imaging-job']}.json").json()
    assert (job["kind"], job["state"]) == ("ingest", "queued")
    assert job["upload"] == int(answer.headers["x-imaging-upload"])
    assert "IM0001" not in str(job)
    # Whoever missed the answer and asks again makes no second job.
    again = uploader.head(location, headers=TUS)
    assert again.headers["x-imaging-job"] == answer.headers["x-imaging-job"]
    assert again.headers["upload-metadata"] == told()["Upload-Metadata"]


def test_files_are_gathered_and_submitted_once(uploader, url, opened, ours):
    small = create(uploader, url, 5, b"12345", upload=opened, token="one")
    assert (small.status_code, small.headers["upload-offset"]) == (201, "5")
    again = create(uploader, url, 5, b"12345", upload=opened, token="one")
    assert again.headers["location"] == small.headers["location"]
    large = create(uploader, url, upload=opened, token="two").headers["location"]
    send(uploader, large, 0, CONTENT[:1000])
    refused = uploader.post(f"{url}/{opened}/submit.json")
    assert (refused.status_code, "whole" in refused.json()["errors"]) == (409, True)
    (mine,) = uploader.get(f"{url}.json").json()["collection"]
    assert (mine["id"], mine["files"], mine["announced"], mine["size"]) == (opened, 1, 2, 1005)
    listed = uploader.get(f"{url}/{opened}.json").json()["collection"]
    assert [(one["name"], one["offset"], one["whole"]) for one in listed] == [(NAME, 5, True), (NAME, 1000, False)]
    send(uploader, large, 1000, CONTENT[1000:])
    done = uploader.post(f"{url}/{opened}/submit.json").json()
    assert done == uploader.post(f"{url}/{opened}/submit.json").json()
    assert (done["upload"], done["files"]) == (opened, 2)
    assert uploader.get(f"{url}.json").json()["size"] == 0
    assert create(uploader, url, upload=opened).status_code == 409
    with ours.project.uploads.scratch() as scratch:
        files = ours.project.uploads.open_files(opened, scratch)
        assert sorted(path.read_bytes() for path in files) == sorted([b"12345", CONTENT])


def small(number, content, length=None):
    said = {"length": len(content) if length is None else length, "token": f"t{number}"}
    name = ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in said.items())
    return (name, (f"PHANTOM^ALPHA/{number}.dcm", io.BytesIO(content)))


def test_small_files_come_several_at_a_time_and_each_once(uploader, url, opened):
    form = [small(number, bytes([number]) * number) for number in range(4)]
    for _ in range(2):
        answer = uploader.post(f"{url}/{opened}/file.json", files=form)
        assert (answer.status_code, answer.json()) == (200, {"upload": opened, "files": 4})
    listed = uploader.get(f"{url}/{opened}.json").json()["collection"]
    assert [(one["name"], one["length"], one["whole"]) for one in listed] == [
        (f"PHANTOM^ALPHA/{number}.dcm", number, True) for number in range(4)
    ]
    assert all(one["metadata"].startswith("length ") for one in listed)


def test_of_a_form_that_breaks_off_whole_files_stay(uploader, url, opened):
    boundary = "multipart/form-data; boundary=b"
    parts = [small(number, b"1" * 10) for number in range(2)]
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode() + content.read()
        for name, (file, content) in parts[:1]
    )
    second = f'\r\n--b\r\nContent-Disposition: form-data; name="{parts[1][0]}"; filename="2"\r\n\r\n111'.encode()
    answer = uploader.post(f"{url}/{opened}/file.json", content=body + second, headers={"Content-Type": boundary})
    assert answer.status_code == 400
    assert [one["whole"] for one in uploader.get(f"{url}/{opened}.json").json()["collection"]] == [True]
    for wrong in (small(3, b"12345", 4), small(3, b"12345", 6)):
        assert uploader.post(f"{url}/{opened}/file.json", files=[wrong]).status_code == 400
    assert uploader.post(f"{url}/{opened}/file.json", files=[("x", ("x", io.BytesIO(b"1")))]).status_code == 400
    assert len(uploader.get(f"{url}/{opened}.json").json()["collection"]) == 1


def test_a_whole_file_of_its_own_needs_one_request(uploader, url):
    made = create(uploader, url, content=CONTENT)
    assert (made.status_code, made.headers["upload-offset"]) == (201, str(LENGTH))
    assert "x-imaging-job" in made.headers
    part = create(uploader, url, content=CONTENT[:10])
    assert (part.status_code, part.headers["upload-offset"]) == (201, "10")
    assert uploader.delete(part.headers["location"], headers=TUS).status_code == 204


@pytest.mark.parametrize(
    ("offset", "content", "status"),
    [(9, b"1", 409), (11, b"1", 409), (10, CONTENT, 413), (0, b"1", 409)],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(uploader, url, opened, offset, content, status):
    location = create(uploader, url, upload=opened).headers["location"]
    send(uploader, location, 0, CONTENT[:10])
    answer = send(uploader, location, offset, content)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (status, "1.0.0")
    assert head(uploader, location)[0] == 10


def test_more_than_announced_is_refused_where_its_size_is_not_told(uploader, url, opened):
    location = create(uploader, url, 100, upload=opened).headers["location"]
    assert send(uploader, location, 0, iter([CONTENT[:60], CONTENT[:60]])).status_code == 413
    assert head(uploader, location) == (0, 100)


def test_the_protocol_is_kept(uploader, url, opened):
    location = create(uploader, url, upload=opened).headers["location"]
    for version in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = uploader.patch(location, headers=OFFSET | {"Upload-Offset": "0"} | {"Tus-Resumable": "x"} | version)
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    assert uploader.head(location).status_code == 412
    assert uploader.patch(location, headers=TUS | {"Upload-Offset": "0"}, content=b"1").status_code == 415
    for wrong in ("-1", "1.5", "x", "1" * 30):
        assert uploader.patch(location, headers=OFFSET | {"Upload-Offset": wrong}).status_code == 400
        assert uploader.post(url, headers=TUS | {"Upload-Length": wrong}).status_code == 400
    assert uploader.post(url, headers=TUS | {"Upload-Defer-Length": "1"}).status_code == 400
    assert uploader.post(url, headers=TUS | {"Upload-Length": str((1 << 46) + 1)}).status_code == 413
    assert create(uploader, url, 1, b"12", upload=opened).status_code == 413
    bad = {"Upload-Length": "1", "Upload-Metadata": "filename ~~~"}
    assert uploader.post(url, headers=TUS | bad).status_code == 400
    for upload in ("0", "x", "9" * 30):
        assert create(uploader, url, upload=upload).status_code == 400
    assert create(uploader, url, upload=999_999).status_code == 404
    assert create(uploader, url, upload=opened, token="t" * 65).status_code == 400
    assert len(uploader.get(f"{url}/{opened}.json").json()["collection"]) == 1
    assert [one["id"] for one in uploader.get(f"{url}.json").json()["collection"]] == [opened]


def test_two_requests_at_one_file_are_told_apart_from_a_wrong_offset(uploader, url, opened, ours, world):
    location = create(uploader, url, upload=opened).headers["location"]
    folder = world.workspace.settings.quarantine / str(ours.project.id) / str(opened) / location.rpartition("/")[2]
    with exclusive(folder):
        assert send(uploader, location, 0).status_code == 423
    assert send(uploader, location, 0).status_code == 204


def test_a_method_may_be_named_in_a_header(uploader, url, opened):
    location = create(uploader, url, upload=opened).headers["location"]
    patch = OFFSET | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert uploader.post(location, headers=patch, content=CONTENT[:10]).headers["upload-offset"] == "10"
    shown = uploader.post(location, headers=TUS | {"X-HTTP-Method-Override": "HEAD"})
    assert shown.headers["upload-offset"] == "10"
    assert uploader.post(location, headers=TUS | {"X-HTTP-Method-Override": "GET"}).status_code == 400
    assert uploader.post(location, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert uploader.head(location, headers=TUS).status_code == 404


def test_what_is_given_up_is_gone(uploader, url, opened, world):
    location = create(uploader, url, 5, b"12345", upload=opened).headers["location"]
    assert uploader.delete(location, headers=TUS).status_code == 204
    assert uploader.get(f"{url}/{opened}.json").json()["size"] == 0
    create(uploader, url, 5, b"12345", upload=opened)
    assert uploader.delete(f"{url}/{opened}.json").json() == {"id": opened, "decision": "abandoned"}
    assert uploader.get(f"{url}/{opened}.json").status_code in (404, 409)
    assert uploader.delete(f"{url}/{opened}.json").status_code == 404


def test_nobody_else_sees_or_sends(uploader, as_user, url, opened):
    location = create(uploader, url, upload=opened).headers["location"]
    for name, status in (("manager", 404), ("reader", 403), ("annotator", 403), ("auditor", 403), ("stranger", 404)):
        other = as_user(name)
        assert other.head(location, headers=TUS).status_code == status
        assert send(other, location, 0).status_code == status
        assert other.delete(location, headers=TUS).status_code == status
        assert other.get(f"{url}/{opened}.json").status_code == status
        assert other.delete(f"{url}/{opened}.json").status_code == status
        assert other.post(f"{url}/{opened}/submit.json").status_code == status
        assert create(other, url, upload=opened).status_code == status
        assert other.post(f"{url}/{opened}/file.json", files=[small(1, b"1")]).status_code == status
    assert as_user("manager").get(f"{url}.json").json()["size"] == 0
    for name in ("reader", "annotator", "auditor"):
        assert as_user(name).post(f"{url}.json").status_code == 403
        assert create(as_user(name), url).status_code == 403
        assert as_user(name).get(f"{url}.json").status_code == 403
    assert head(uploader, location)[0] == 0


def test_a_broken_creation_leaves_nothing(uploader, url, ours):
    before = len(ours.project.uploads.stopped(young=True))
    too_much = create(uploader, url, 5, iter([b"123456"]))
    assert too_much.status_code == 413
    assert len(ours.project.uploads.stopped(young=True)) == before
    assert uploader.get(f"{url}.json").json()["size"] == 0


def test_a_form_is_still_a_form(uploader, url):
    answer = uploader.post(url, files=[("files[]", (NAME, io.BytesIO(b"12345")))])
    assert answer.status_code == 200
    assert sorted(answer.json()) == ["files", "job", "upload"]


def test_the_cookie_alone_does_not_send(world, url):
    client = world.anonymous()
    sign_in = {"username": "uploader", "password": "a long enough password"}
    assert client.post("/api/session.json", json=sign_in).status_code == 200
    assert create(client, url).status_code == 403
    client.headers["X-Requested-With"] = "XMLHttpRequest"
    made = create(client, url, content=CONTENT[:10])
    assert made.status_code == 201
    del client.headers["X-Requested-With"]
    assert send(client, made.headers["location"], 10).status_code == 403
    client.headers["X-Requested-With"] = "XMLHttpRequest"
    assert client.delete(made.headers["location"], headers=TUS).status_code == 204
