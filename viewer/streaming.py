"""Bodies of requests, read piece by piece by work that runs in a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio.from_thread import run as run_on_loop
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect

from viewer.multipart import Fetch

T = TypeVar("T")


async def read_body(request: Request, work: Callable[[str, Fetch], T]) -> T:
    """Have work done with the content type of a request and what gives the next bytes of its body."""
    chunks = request.stream()

    async def fetch() -> bytes:
        try:
            return await anext(chunks, b"")
        except ClientDisconnect:
            # Who reads knows what an end means that comes too early.
            return b""

    content_type = request.headers.get("content-type", "")
    return await run_sync(partial(work, content_type, lambda: run_on_loop(fetch)))
