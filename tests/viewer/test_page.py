"""How the built page is served."""

from __future__ import annotations

import pytest

from viewer.api import page


@pytest.fixture
def static(tmp_path, monkeypatch):
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Imaging Workspace</title>")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "assets" / "main-1a2b.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(page, "STATIC", folder)
    return folder


def test_the_page_is_checked_anew_and_its_assets_kept(world, static):
    client = world.anonymous()
    index = client.get("/")
    assert index.text.startswith("<!doctype html>")
    assert index.headers["cache-control"] == "no-cache"
    script = client.get("/assets/main-1a2b.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/icon.svg").headers["content-type"].startswith("image/svg+xml")


def test_a_page_that_was_not_built_says_how_to(world, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "STATIC", tmp_path / "nothing")
    answer = world.anonymous().get("/")
    assert answer.status_code == 503
    assert "make demo" in answer.text
    assert "research use only" in answer.text
    assert world.anonymous().get("/assets/main.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets", "/assets/"],
)
def test_nothing_beside_the_page_is_served(world, static, path):
    assert world.anonymous().get(path).status_code == 404


def test_a_link_out_of_the_page_is_not_followed(world, static, tmp_path):
    (static / "assets" / "out.txt").symlink_to(tmp_path / "secret.txt")
    assert world.anonymous().get("/assets/out.txt").status_code == 404
