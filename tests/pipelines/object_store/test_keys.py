"""Where the object store is, how it is reached and with which key, and what is said when it is not."""

from __future__ import annotations

import json
import os
import pickle
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.image import Image
from imaging.project.project import Project
from imaging.pyramid.layout import plan_layout
from imaging.pyramid.write import PyramidWriter
from imaging.settings import Settings
from tests.certificates import make_certificate
from tests.object_store import KEYS, Bucket, Door, Server
from tests.pipelines.conftest import Call, MakeSeries


def test_what_crosses_to_another_process_is_small_and_holds_neither_address_nor_key(
    project: Project, taken: Image, tmp_path: Path, bucket: Bucket
) -> None:
    layout = plan_layout("zyx", (300, 512, 512), "int16", (1.0, 1.0, 1.0))
    staging = project.folder / "images" / ".staging" / "made"
    writer = PyramidWriter.create(staging, layout, taken.attributes, store=project.object_store)
    sent = pickle.dumps(writer.for_others())
    assert len(sent) < 4096
    assert not [word for word in (*KEYS.values(), bucket.name, "s3://", "127.0.0.1") if word.encode() in sent]
    pickle.loads(sent).write_slab(0, np.ones((64, 512, 512), np.int16))
    assert len([key for key in bucket.names() if key.endswith("/0/c/0/0/0")]) == 2


def test_a_bucket_that_is_not_there_and_a_key_that_is_refused_are_told_in_one_line(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(tmp_path / "in")
    monkeypatch.setenv("IMAGING_OBJECT_STORE", "s3://no-such-bucket")
    code, out, err = call("ingest", "phantoms", tmp_path / "in")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "it has no such bucket" in err
    strict = Server.start(INITIAL_NO_AUTH_ACTION_COUNT="2")
    try:
        for name, value in strict.make_bucket().environment().items():
            monkeypatch.setenv(name, value)
        code, out, err = call("ingest", "phantoms", tmp_path / "in")
    finally:
        strict.stop()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "refuses the key" in err
    assert not [value for value in KEYS.values() if value in err]
    assert project.images.list() == []


@pytest.mark.parametrize(("profile", "code"), [("", 0), ("other", 0), ("nobody", 1)])
def test_the_key_is_found_in_the_usual_files(
    settings: Settings, project: Project, taken: Image, tmp_path: Path, profile: str, code: int
) -> None:
    file = tmp_path / "credentials"
    key = "aws_access_key_id = synthetic\naws_secret_access_key = synthetic-word\n"
    file.write_text(f"[default]\n{key}[other]\n{key}")
    without = {name: value for name, value in os.environ.items() if name not in KEYS}
    told = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_CONFIG_FILE": "", "AWS_PROFILE": profile}
    words = ["verify", "phantoms", "--workspace", str(settings.workspace)]
    done = subprocess.run(
        [sys.executable, "-m", "imaging", *words],
        env=without | told | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "synthetic-word" not in done.stderr
    assert (done.stderr == "") == (code == 0), "the library writes about nothing that is in order"


def test_doctor_tells_a_key_that_is_nowhere_in_its_own_line_alone(
    settings: Settings, project: Project, tmp_path: Path
) -> None:
    without = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "imaging", "doctor", "--workspace", str(settings.workspace)],
        env=without | {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    (told,) = (line for line in done.stdout.splitlines() if "object store" in line)
    assert (done.returncode, done.stderr, told[:3]) == (0, "", "bad")
    assert "no key to it is found" in told


def test_a_store_is_reached_by_tls_and_only_with_a_certificate_that_is_known(
    project: Project, bucket: Bucket, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make_certificate(key, certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    door = Door(bucket.port, tls)

    def diagnose(**told: str) -> str:
        told["IMAGING_OBJECT_STORE_ENDPOINT"] = f"https://127.0.0.1:{door.port}"
        words = [sys.executable, "-m", "imaging", "doctor", "--json"]
        done = subprocess.run(words, env=os.environ | told, capture_output=True, text=True, check=True)
        (found,) = [one for one in json.loads(done.stdout) if one["name"] == "object store"]
        return str(found["health"])

    assert diagnose(TENSORSTORE_CA_BUNDLE=str(certificate)) == "ok"
    assert diagnose() == "bad"
    door.close()


def test_a_store_that_takes_requests_and_never_answers_is_given_up(
    settings: Settings, project: Project, monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"nothing")
    with socket.create_server(("127.0.0.1", 0)) as silent_one:
        told = {
            "IMAGING_OBJECT_STORE_ENDPOINT": f"http://127.0.0.1:{silent_one.getsockname()[1]}",
            # Ours are some seconds longer.
            "TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS": "1",
        }
        words = ["ingest", "phantoms", str(tmp_path / "a"), "--workspace", str(settings.workspace)]
        done = subprocess.run(
            [sys.executable, "-m", "imaging", *words],
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "it does not answer" in done.stderr


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("bucket", ""),
        ("gs://bucket", ""),
        ("s3://", ""),
        ("s3://Bucket", ""),
        ("s3://bucket/../other", ""),
        ("s3://bucket/a//b", ""),
        ("s3://synthetic-user:synthetic-word@bucket", ""),
        ("s3://bucket", "http://store.example"),
        ("s3://bucket", "ftp://127.0.0.1"),
        ("s3://bucket", "https://user:synthetic-word@store.example"),
        ("s3://bucket", "https://store.example/path"),
        ("s3://bucket", "https://store.example:port"),
        ("s3://bucket", "127.0.0.1:9000"),
    ],
)
def test_a_bad_setting_is_one_clear_line(call: Call, monkeypatch: pytest.MonkeyPatch, url: str, endpoint: str) -> None:
    monkeypatch.setenv("IMAGING_OBJECT_STORE", url)
    monkeypatch.setenv("IMAGING_OBJECT_STORE_ENDPOINT", endpoint)
    code, out, err = call("images", "phantoms")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "IMAGING_OBJECT_STORE" in err
    assert "synthetic-word" not in err


def test_doctor_tries_the_store_out_and_leaves_nothing_there(
    call: Call, project: Project, bucket: Bucket, door: Door
) -> None:
    def row() -> dict[str, str]:
        (found,) = [one for one in json.loads(call("doctor", "--json")[1]) if one["name"] == "object store"]
        return dict(found)

    assert row()["health"] == "ok"
    assert bucket.names() == []
    door.close()
    assert row()["health"] == "bad"
    assert "does not answer" in row()["value"]
