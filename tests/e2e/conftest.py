"""What several end-to-end tests need: a running site, Chromium, and the unmodified Cytomine client."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.browser import CHROMIUM, FLAGS, SAMPLE, WAIT, Site, ask_api, imaging, serving
from tests.e2e.foreign import install_client
from viewer.build import STATIC

CLIENT = "cytomine-python-client==4.3.0"


@pytest.fixture(scope="session")
def client_python() -> Path:
    """A Python of its own for the client: its exact pins would replace ours."""
    return install_client(CLIENT, "cytomine-client")


@pytest.fixture(scope="session")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A workspace with one chest CT that nobody serves: it is made once, and each module works on a copy."""
    workspace = tmp_path_factory.mktemp("chests") / "W"
    admin = imaging(workspace, "init")["admin"]
    project = imaging(workspace, "project", "create", "Chests")["id"]
    study = json.loads((SAMPLE / "manifest.json").read_text())["studies"][0]
    image = imaging(workspace, "ingest", "Chests", str(SAMPLE / study["images"]))["images"][0]["id"]
    options = ["--format", "dicom-series", "--term", "1=nodule", "--layer", "reference", "--reviewed"]
    imaging(
        workspace, "annotations", "import", "Chests", "--image", str(image), str(SAMPLE / study["labels"]), *options
    )
    token = imaging(workspace, "user", "token", "admin")["token"]
    pair = imaging(workspace, "user", "key", "admin")
    largest = max(study["nodules"], key=lambda nodule: nodule["radius_mm"])
    return Site(
        url="",
        workspace=workspace,
        username=admin["username"],
        password=admin["password"],
        token=token,
        keys=(pair["publicKey"], pair["privateKey"]),
        project=project,
        image=image,
        term=0,
        layer=0,
        nodule=tuple(round(part) for part in largest["centre_voxel"]),
    )


@pytest.fixture(scope="module")
def site(chests: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built (python -m viewer.build)")
    workspace = tmp_path_factory.mktemp("page") / "W"
    shutil.copytree(chests.workspace, workspace)
    with serving(workspace) as url:
        ask = ask_api(url, chests.token)
        terms, segmentations = f"/api/project/{chests.project}/term.json", f"/api/imageinstance/{chests.image}"
        yield replace(
            chests,
            url=url,
            workspace=workspace,
            term=ask(terms)["collection"][0]["id"],
            layer=ask(f"{segmentations}/segmentation.json")["collection"][0]["layer"],
        )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = next((path for path in CHROMIUM if Path(path).exists()), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in English at the smallest size that is promised; any error in its console fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    yield opened
    context.close()
    assert errors == []
