"""The web application: routers, errors, headers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imaging.workspace import Workspace
from viewer.api import (
    abstract,
    activity,
    annotation,
    annotation_listing,
    attached_file,
    command,
    counts,
    dicomweb,
    grouping,
    histogram,
    image,
    job,
    layer,
    ontology,
    page,
    picture,
    plane,
    position,
    project,
    quarantine,
    remark,
    review,
    role,
    server,
    session,
    statistics,
    storage,
    upload,
    user,
    zarr,
)
from viewer.api.shapes.envelope import Errors, Problem
from viewer.problem import LastResort, answer_errors
from viewer.signature import ReplayGuard

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
        "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_LARGEST_BODY = 64 << 20
_ROUTERS = (
    server,
    session,
    user,
    role,
    project,
    ontology,
    image,
    histogram,
    annotation_listing,
    attached_file,
    abstract,
    annotation,
    command,
    remark,
    review,
    statistics,
    grouping,
    layer,
    job,
    upload,
    storage,
    quarantine,
    position,
    activity,
    counts,
)
_PIXEL_ROUTERS = (plane, picture, zarr, dicomweb)
_REFUSALS = {400: "not usable", 401: "not signed in", 403: "not allowed", 404: "absent or not yours", 409: "conflict"}


class SecureHeaders:
    """ASGI middleware: what a browser must be told with every answer; none is kept unless its route says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers as the answer starts."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, add)


def create_app(workspace: Workspace) -> FastAPI:
    """Build the application for one workspace."""
    app = FastAPI(
        title="Imaging Workspace",
        version=version("imaging-workspace"),
        description="For research use only, not for diagnosis.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=_LARGEST_BODY,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.workspace = workspace
    app.state.replay_guard = ReplayGuard()
    answer_errors(app)
    for module in _ROUTERS:
        app.include_router(module.router, responses=_refusals(Errors))
    for module in _PIXEL_ROUTERS:
        app.include_router(module.router, responses=_refusals(Problem))
    app.include_router(page.router)
    # The last one added is the outermost.
    app.add_middleware(LastResort)
    app.add_middleware(SecureHeaders)
    return app


def _refusals(shape: type[Errors] | type[Problem]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": shape, "description": description} for status, description in _REFUSALS.items()}
