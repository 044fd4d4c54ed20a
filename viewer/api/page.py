"""The built page."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, PlainTextResponse, Response

from imaging.errors import NotFoundError

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).resolve().parent.parent / "static"

_NOT_BUILT = (
    "The page was not built: run `make demo`, or `python -m viewer.build`, and start again.\n"
    "The API answers all the same.\n\nFor research use only, not for diagnosis.\n"
)


@router.get("/")
@router.head("/")
def show_page() -> Response:
    """Send the page, or say how to build it."""
    index = STATIC / "index.html"
    if not index.is_file():
        return PlainTextResponse(_NOT_BUILT, 503)
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


@router.get("/assets/{path:path}")
@router.head("/assets/{path:path}")
def show_asset(path: str) -> Response:
    """Send a built file; its name holds a digest, so it may be kept."""
    return _send("assets/" + path, "public, max-age=31536000, immutable")


@router.get("/{name}")
@router.head("/{name}")
def show_file(name: str) -> Response:
    """Send a file that lies beside the page, such as its icon."""
    return _send(name, "no-cache")


def _send(path: str, caching: str) -> Response:
    # The names that exist are listed and the asked one is looked up, so no path can lead elsewhere.
    plain = (file for file in STATIC.rglob("*") if file.is_file() and not file.is_symlink())
    files = {file.relative_to(STATIC).as_posix(): file for file in plain}
    if path not in files:
        raise NotFoundError("page")
    return FileResponse(files[path], headers={"Cache-Control": caching})
