"""Bodies of requests, read piece by piece by work that runs in a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from anyio import move_on_after
from anyio.from_thread import run as run_on_loop
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect

from viewer.multipart import Fetch

T = TypeVar("T")


async def read_body(request: Request, work: Callable[[str, Fetch], T], *, silence: float | None = None) -> T:
    """Have work done with the content type of a request and what gives the next bytes of its body.

    Parameters
    ----------
    silence
        Seconds after which a body of which nothing comes is taken for ended; waited for without end where None.
    """
    chunks = request.stream()

    async def fetch() -> bytes:
        try:
            with move_on_after(silence):
                return await anext(chunks, b"")
            return b""
        except ClientDisconnect:
            # Who reads knows what an end means that comes too early.
            return b""

    content_type = request.headers.get("content-type", "")
    return await run_sync(partial(work, content_type, lambda: run_on_loop(fetch)))
