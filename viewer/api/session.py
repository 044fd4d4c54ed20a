"""Signing in and out of the page."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from imaging.errors import NotSignedInError
from viewer.api.shapes.people import Credentials, CurrentUser, Done, SessionShape
from viewer.deps import Entry, Space
from viewer.session import COOKIE, drop_cookie, set_cookie

router = APIRouter(prefix="/api", tags=["session"])


@router.get("/session.json")
def show_session(door: Entry) -> SessionShape:
    """Tell who is signed in."""
    return SessionShape(user=CurrentUser.of_self(door.user, None))


@router.post("/session.json")
def start_session(credentials: Credentials, request: Request, response: Response, workspace: Space) -> SessionShape:
    """Sign in; the session travels in a cookie that no script can read."""
    token = workspace.accounts.sign_in(credentials.username, credentials.password)
    user = workspace.accounts.user_of_session(token)
    if user is None:
        raise NotSignedInError
    secure = request.url.scheme == "https"
    set_cookie(response, token, seconds=workspace.settings.session_seconds, secure=secure)
    return SessionShape(user=CurrentUser.of_self(user, None))


@router.delete("/session.json")
def end_session(door: Entry, request: Request, response: Response) -> Done:
    """Sign out."""
    token = request.cookies.get(COOKIE)
    if token:
        door.workspace.accounts.end_session(token)
    drop_cookie(response, secure=request.url.scheme == "https")
    return Done(message="signed out")
