"""Errors to HTTP answers: the only home of status codes.

Routes in Cytomine's shape (`/api/...json`) answer `{"errors": "..."}`, all others `application/problem+json`
(RFC 9457). No answer holds a value that the caller did not send, nor any detail of an unexpected failure.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imaging.errors import (
    ForbiddenError,
    ImagingError,
    InvalidInputError,
    NotFoundError,
    NotSignedInError,
    RefusedFileError,
    StaleRevisionError,
    StateError,
    TakenError,
    TooLargeError,
    UnavailableError,
)

log = logging.getLogger(__name__)


RESUMABLE = "1.0.0"
"""The version of tus that is spoken here; every answer to a request of this protocol names it, refusals too."""


class ForeignPageError(ImagingError):
    """A write with the session cookie that does not show that our own page sent it."""

    def __init__(self) -> None:
        super().__init__("a change with the session cookie needs the header X-Requested-With")


class ProtocolVersionError(ImagingError):
    """A request of a protocol's version that is not spoken here."""

    def __init__(self, spoken: str) -> None:
        super().__init__(f"the version spoken here is {spoken}")
        self.spoken = spoken


class MediaTypeError(ImagingError):
    """A body of another kind than its route takes."""

    def __init__(self, taken: str) -> None:
        super().__init__(f"the body must be {taken}")


_STATUS: tuple[tuple[type[ImagingError], HTTPStatus], ...] = (
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InvalidInputError, HTTPStatus.BAD_REQUEST),
    (RefusedFileError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (ForeignPageError, HTTPStatus.FORBIDDEN),
    (NotSignedInError, HTTPStatus.UNAUTHORIZED),
    (TakenError, HTTPStatus.LOCKED),
    (StateError, HTTPStatus.CONFLICT),
    (ProtocolVersionError, HTTPStatus.PRECONDITION_FAILED),
    (MediaTypeError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def find_status(error: ImagingError) -> HTTPStatus:
    """Give the status of an error; 500 for those that no caller can mend."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def speaks_cytomine(path: str) -> bool:
    """Tell whether a path answers in Cytomine's error shape."""
    return path.startswith(("/api/", "/session/")) and path.endswith(".json") and "/zarr/" not in path


def answer_problem(
    path: str, status: int, detail: str, *, headers: Mapping[str, str] | None = None, revision: int | None = None
) -> JSONResponse:
    """Phrase an error in the shape that its path speaks."""
    extra = {} if revision is None else {"revision": revision}
    if speaks_cytomine(path):
        return JSONResponse({"errors": detail, **extra}, status, headers)
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def describe_violations(violations: Sequence[Mapping[str, object]]) -> str:
    """Name what is wrong with a request, field by field, without quoting what was sent."""
    lines = []
    for violation in violations[:5]:
        place = violation.get("loc", ())
        assert isinstance(place, tuple)
        name = ".".join(str(part) for part in place[1:]) or "body"
        unknown = violation.get("type") == "extra_forbidden"
        lines.append(f"{name}: {'is not served here' if unknown else violation.get('msg', 'is not valid')}")
    return "; ".join(lines)


async def _answer_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ImagingError)
    status = find_status(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s at %s", type(error).__name__, _place_of(error))
        return answer_problem(request.url.path, status, "something went wrong here")
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if "tus-resumable" in request.headers:
        headers["Tus-Resumable"] = RESUMABLE
    if isinstance(error, ProtocolVersionError):
        headers["Tus-Version"] = error.spoken
    revision = error.current if isinstance(error, StaleRevisionError) else None
    return answer_problem(request.url.path, status, str(error), headers=headers, revision=revision)


async def _answer_violation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    violations = error.errors()
    # An id or an axis that cannot be is a thing that is not there.
    in_path = any(violation["loc"][:1] == ("path",) for violation in violations)
    status = HTTPStatus.NOT_FOUND if in_path else HTTPStatus.BAD_REQUEST
    return answer_problem(request.url.path, status, "not found" if in_path else describe_violations(violations))


async def _answer_protocol(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = HTTPStatus(error.status_code).phrase.lower()
    return answer_problem(request.url.path, error.status_code, detail, headers=error.headers)


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown place"


def answer_errors(app: FastAPI) -> None:
    """Give the app its answers for everything that is refused on purpose."""
    app.add_exception_handler(ImagingError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_violation)
    app.add_exception_handler(HTTPException, _answer_protocol)


class LastResort:
    """ASGI middleware: an unexpected failure becomes a 500 without details, and a log line without values.

    Starlette's own last resort raises again after it answered, and the server would log the message, which
    may quote what was sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 500 where the application failed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:
            log.error("unexpected %s at %s", type(error).__name__, _place_of(error))
            if started:
                raise ConnectionAbortedError from None
            answer = answer_problem(scope["path"], HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here")
            await answer(scope, receive, send)
