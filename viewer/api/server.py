"""Whether the server lives, and Cytomine's admin switch."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field

from viewer.api.shapes.envelope import Shape
from viewer.api.shapes.people import CurrentUser
from viewer.deps import Entry, Site

router = APIRouter(tags=["server"])


class Health(Shape):
    """That the web process answers."""

    status: str = "ok"


class Ping(Shape):
    """Cytomine's sign of life; its clients wait two minutes for it, so it needs no sign-in."""

    alive: bool = True
    authenticated: bool = False
    version: str
    server_url: str = Field(alias="serverURL")
    server_id: str = Field(default="imaging-workspace", alias="serverID")


@router.get("/health")
def show_health() -> Health:
    """Answer that the web process lives."""
    return Health()


@router.get("/server/ping")
@router.get("/server/ping.json", include_in_schema=False)
def ping(request: Request, site: Site) -> Ping:
    """Answer Cytomine's ping."""
    return Ping(version=request.app.version, server_url=site)


@router.get("/session/admin/open.json")
@router.get("/session/admin/close.json", include_in_schema=False)
def switch_admin(door: Entry) -> CurrentUser:
    """Answer as Cytomine does; operators need no switch here and see no content by it."""
    return CurrentUser.of_self(door.user, None)
