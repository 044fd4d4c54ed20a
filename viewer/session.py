"""Who asks: session cookie, bearer token or Cytomine signature to a user."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

from imaging.domain.people import User
from imaging.errors import NotSignedInError
from imaging.workspace import Workspace
from viewer.problem import ForeignPageError
from viewer.signature import Form, ReplayGuard, SignedRequest, is_fresh, match_form, split_authorization

COOKIE = "imaging_session"
REQUESTED_WITH = "X-Requested-With"
MEMBER = "X-Imaging-Member"
"""For whom the page asks, by id: one browser has one session, its windows may be of several members."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def find_user(request: Request, workspace: Workspace, guard: ReplayGuard, *, writes: bool = False) -> User:
    """Tell who sent a request.

    An Authorization header, where there is one, decides alone: a wrong key never falls back to a cookie.

    Parameters
    ----------
    writes
        Whether it changes something though its method says that it does not.

    Raises
    ------
    NotSignedInError
        No valid session, key or token came along.
    ForeignPageError
        A write with the cookie, but without the header that only our own page can add.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        user = _user_of_cookie(request, workspace, writes=writes or request.method not in _SAFE_METHODS)
    elif authorization[:7].lower() == "bearer ":
        user = workspace.accounts.user_of_token(authorization[7:].strip())
    else:
        user = _user_of_signature(request, authorization, workspace, guard)
    if user is None or not user.active:
        raise NotSignedInError
    return user


def _user_of_cookie(request: Request, workspace: Workspace, *, writes: bool) -> User | None:
    token = request.cookies.get(COOKIE)
    user = workspace.accounts.user_of_session(token) if token else None
    if user is not None and writes and REQUESTED_WITH not in request.headers:
        raise ForeignPageError
    return user if user is None or request.headers.get(MEMBER, str(user.id)) == str(user.id) else None


def _user_of_signature(request: Request, authorization: str, workspace: Workspace, guard: ReplayGuard) -> User | None:
    parts = split_authorization(authorization)
    now = datetime.now(UTC)
    date = request.headers.get("date", "")
    if parts is None or not is_fresh(date, now):
        return None
    signed = SignedRequest(
        method=request.method,
        target=_target_of(request),
        content_type=request.headers.get("content-type", ""),
        date=date,
        public_key=parts[0],
        signature=parts[1],
    )
    forms: list[Form] = []

    def check(private_key: str) -> bool:
        form = match_form(signed, private_key)
        if form is not None:
            forms.append(form)
        return form is not None

    user = workspace.accounts.verify_signature(signed.public_key, check)
    if user is not None and Form.LONG in forms and not guard.admit(signed.signature, now):
        return None
    return user


def _target_of(request: Request) -> str:
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    return (path + b"?" + query if query else path).decode("latin-1")


def set_cookie(response: Response, token: str, *, seconds: int, secure: bool) -> None:
    """Hand the session to the browser where no script can read it."""
    response.set_cookie(COOKIE, token, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")


def drop_cookie(response: Response, *, secure: bool) -> None:
    """Take the session and everything that the browser kept back."""
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="strict")
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
