"""ETags: what was sent before and did not change is not sent again, though nobody keeps it unasked.

An answer is computed for whoever asks, after their rights were checked; nothing rendered is kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.metadata import version

from fastapi import Request, Response

_VERSION = version("imaging-workspace")


def make_tag(*facts: object) -> str:
    """Name an answer by all that it is made of; another release may make another answer of it."""
    digest = hashlib.sha256(_VERSION.encode())
    for fact in facts:
        part = fact if isinstance(fact, bytes) else repr(fact).encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return f'"{digest.hexdigest()[:32]}"'


def answer_tagged(
    request: Request,
    tag: str,
    make: Callable[[], bytes],
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer 304 where the caller has what the tag names, else what `make` gives."""
    told = {**(headers or {}), "ETag": tag}
    if _names(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    return Response(make(), headers=told, media_type=media_type)


def _names(sent: str, tag: str) -> bool:
    """Whether a list of tags names this one; If-None-Match compares weakly (RFC 9110 13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in sent.split(",")}
    return tag in known or "*" in known
