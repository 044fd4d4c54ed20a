"""Byte ranges as a client may ask for them (RFC 9110 14.1.2), and the part that each means."""

from __future__ import annotations


def satisfiable(size: int) -> list[tuple[str, int, int]]:
    """Headers, each with where its part of `size` bytes begins and ends, the end exclusive."""
    return [
        ("bytes=0-9", 0, 10),
        ("bytes=5-", 5, size),
        (f"bytes=5-{size + 100}", 5, size),
        ("bytes=-16", size - 16, size),
        (f"bytes=-{size + 1}", 0, size),
    ]
