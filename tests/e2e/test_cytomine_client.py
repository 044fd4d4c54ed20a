"""Scripts written for Cytomine run here with its unmodified official client."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from PIL import Image as Picture

from imaging.domain.image import ImageAttributes, ImageDraft
from imaging.pyramid.write import write_pyramid
from pipelines.worker import work
from tests.e2e.browser import SAMPLE
from tests.waiting import wait_for
from viewer.app import create_app


@pytest.fixture
def image(project):
    stored = np.arange(3 * 8 * 10, dtype=np.int16).reshape(3, 8, 10)
    attributes = ImageAttributes(
        axes="zyx",
        affine_lps=((0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0), (2.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
        spacing_mm=(2.0, 1.0, 1.0),
        modality="CT",
    )
    draft = ImageDraft(
        name="CT", subject="PHA-0001", shape=stored.shape, dtype="int16", attributes=attributes, sources=3
    )
    return project.images.register(
        draft, lambda key: write_pyramid(project.images.path(key), stored, attributes) and None
    )


@pytest.fixture
def host(workspace) -> Iterator[str]:
    """The application behind a real server on a free port."""
    server = uvicorn.Server(uvicorn.Config(create_app(workspace), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def keys(workspace):
    return workspace.accounts.key(workspace.accounts.acting(None).id)


def run_script(client_python: Path, name: str, *arguments: str) -> dict[str, object]:
    """Run a script by the client's own Python and give what it saw."""
    script = Path(__file__).with_name(name)
    run = subprocess.run(
        [str(client_python), "-W", "ignore", str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def test_the_official_client_lists_draws_edits_and_deletes(client_python, host, keys, project, image, tmp_path):
    arguments = [host, keys.public_key, keys.private_key, str(project.record.id), str(tmp_path)]
    seen = run_script(client_python, "cytomine_script.py", *arguments)
    assert seen == {
        "connected_quickly": True,
        "me": "admin",
        "projects": [project.record.id],
        "ontology_name": "phantoms",
        "members": ["admin"],
        "size": [10, 8, 3],
        "slices": [[0, 0], [1, 1], [2, 2]],
        "reference": True,
        "ontologies": True,
        "terms": ["lung", "nodule", "simple cyst"],
        "own_ontology": "my own",
        "own_ontology_deleted": True,
        "drawn": "POLYGON ((1 1, 4 1, 4 3, 1 3, 1 1))",
        "drawn_on": True,
        "edited": "POLYGON ((1 1, 5 1, 5 3, 1 3, 1 1))",
        "edited_after_term": True,
        "pair": True,
        "pair_deleted": True,
        "bulk": True,
        "listed": [True] * 7,
        "boxed": 3,
        "termed": True,
        "without": 6,
        "dumped": True,
        "deleted": True,
        "gone": False,
        "term_deleted": True,
        "foreign": False,
        "wrong_key": False,
    }
    assert list(tmp_path.glob("*.png"))


def test_the_official_client_says_things_and_groups_them(client_python, host, keys, project, image):
    arguments = [host, keys.public_key, keys.private_key, str(project.record.id)]
    said = {
        "value": "III",
        "several": [True, 4],
        "by_key": "III",
        "text": "another text",
        "marked": [True],
        "tag": True,
        "deleted": [True] * 4,
        "gone": False,
    }
    attached = [[True], "protocol.txt", True, "what was agreed on", True]
    assert run_script(client_python, "cytomine_remarks_script.py", *arguments) == {
        "project": said,
        "image": said,
        "annotation": said,
        **{f"file of {name}": attached for name in ("project", "image", "annotation")},
        "filtered": [[[True, True]], [True], 2, True],
        "track": [True, [True], True, True, True],
        "review": [True, True, [True], True, True],
        "groups": [True, [1], [True], True, True, True],
        "ungrouped": [True] * 4,
    }


def test_the_official_client_reads_activity_and_statistics(client_python, host, keys, project, image):
    arguments = [host, keys.public_key, keys.private_key, str(project.record.id)]
    assert run_script(client_python, "cytomine_activity_script.py", *arguments) == {
        "positions": ["POLYGON ((1 6, 5 6, 5 2, 1 2, 1 6))"] * 2,
        "middle": [3, 4, 3, True],
        "narrowed": 2,
        "of slice": 1,
        "alike": [1, 1],
        "online": [True],
        "connections": [[True, 1, "Firefox"]],
        "consultations": [[True, "CT", "view"]],
        "first page": 1,
        "nobody": False,
        "actions": [["select", True], ["update", True]],
        "earlier": 0,
        "terms": [True] * 2,
        "users": [True],
        "growth": True,
        "others": [1, 2, 1, 1, 1],
        "activity": [1, 1, 2],
        "last": [1, 1],
        "all": True,
    }


def test_the_official_client_fetches_pictures(client_python, host, keys, project, image, tmp_path):
    arguments = [host, keys.public_key, keys.private_key, str(project.record.id), str(tmp_path)]
    assert run_script(client_python, "cytomine_pixels_script.py", *arguments) == {
        "thumbs": [True] * 2,
        "windows": [True] * 9,
        "refused": [False] * 4,
        "crops": [True] * 6,
    }
    plane = np.arange(3 * 8 * 10).reshape(3, 8, 10)[1]

    def read(name):
        with Picture.open(tmp_path / name) as picture:
            return np.asarray(picture)

    whole = read("whole.png")
    assert (np.diff(whole.ravel().astype(int)) >= 0).all()
    for name in ("thumb.png", "plane.tif", "image.png"):
        np.testing.assert_array_equal(read(name), whole)
    np.testing.assert_array_equal(read("part.png"), whole[1:5, 2:7])
    np.testing.assert_array_equal(read("deep.png"), plane[1:5, 2:7] + 32_768)
    # Drawn from the lower left, y 2 to 5: rows 3 to 5 from the top.
    inside = np.zeros((8, 10), bool)
    inside[3:6, 3:6] = True
    np.testing.assert_array_equal(read("mask.png") == 255, inside[1:5, 2:7])
    np.testing.assert_array_equal(read("masked.png")[..., 1] == 255, inside[1:5, 2:7])
    np.testing.assert_array_equal(read("crop.png"), whole[3:6, 3:6])
    np.testing.assert_array_equal(read("wide.png"), whole[1:8, 1:8])
    np.testing.assert_array_equal(read("crop_deep.png"), plane[3:6, 3:6] + 32_768)
    assert (read("crop_mask.png") == 255).all()
    assert (read("crop_alpha.jpg")[..., 1] == 255).all()
    sizes = {name: read(name).shape for name in ("small.png", "half.jpg", "thumb.jpg", "crop_other.jpg")}
    assert sizes == {"small.png": (4, 5), "half.jpg": (4, 5), "thumb.jpg": (3, 4), "crop_other.jpg": (3, 3)}


@pytest.fixture
def worker(workspace) -> Iterator[None]:
    """A worker beside the application."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(workspace, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def test_the_official_client_manages_people_and_sends_files(client_python, host, keys, project, worker, tmp_path):
    file = min((SAMPLE / "images" / "ct-chest-01").iterdir())
    arguments = [host, keys.public_key, keys.private_key, str(project.record.id), str(file), str(tmp_path)]
    assert run_script(client_python, "cytomine_uploads_script.py", *arguments) == {
        "users": ["Changed", True, 4],
        "online": ["admin"],
        "of_ontology": ["admin"],
        "roles": ["ROLE_USER", "ROLE_ADMIN"],
        "given": [True, ["ROLE_USER", "ROLE_ADMIN"], "ROLE_ADMIN"],
        "taken": [True, False],
        "keys": [True, None],
        "signature": ["date", "publicKey", "signature"],
        "switched": [True, True],
        "members": [[True, True], ["admin", "scripted"], [True, True]],
        "closed": True,
        "projects": [[True], [True]],
        "project_deleted": False,
        "storage": [True, True],
        "sent": [True, 0, False],
        "said": [["stage", "II"]],
        "file": [100, True, True],
        "files": True,
        "abstract": [True, 96, 96, True],
        "listed": True,
        "slices": [[0], [0]],
        "renamed": "renamed",
        "refused": [False] * 7,
        "kept": [True, True],
    }
    assert not list(tmp_path.glob("*.dcm"))


def test_the_signature_of_client_2_4_1_is_accepted_once(host, keys, project):
    """That client signs the path and query too; it no longer installs beside current libraries, so this is by hand."""
    path = f"/api/project/{project.record.id}/imageinstance.json?max=0&offset=0"
    date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    token = f"GET\n\n\n{date}\n{path}"
    signature = base64.b64encode(hmac.new(keys.private_key.encode(), token.encode(), hashlib.sha1).digest()).decode()
    headers = {
        "accept": "application/json, */*",
        "date": date,
        "X-Requested-With": "XMLHTTPRequest",
        "authorization": f"CYTOMINE {keys.public_key}:{signature}",
    }
    with urllib.request.urlopen(urllib.request.Request(host + path, headers=headers)) as answer:
        assert json.load(answer)["size"] == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(host + path, headers=headers))
    with refused.value:
        assert refused.value.code == 401
