"""One wheel: the four packages and the built page, nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_holds_exactly_the_four_packages(names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"imaging", "pipelines", "viewer", "plugins"}


def test_wheel_holds_migrations_and_no_source_of_the_page(names: list[str]) -> None:
    assert any(name.startswith("imaging/store/migrations/versions/") for name in names)
    assert not [name for name in names if name.startswith("viewer/web/") or "node_modules" in name]


def test_wheel_holds_the_built_page(names: list[str]) -> None:
    if not (ROOT / "viewer" / "static" / "index.html").is_file():
        pytest.skip("the page is not built (python -m viewer.build)")
    assert "viewer/static/index.html" in names
    assert [name for name in names if name.startswith("viewer/static/assets/") and name.endswith(".js")]
