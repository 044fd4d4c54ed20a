"""What of a process may be reached over a network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_safe_scheduler(address: str) -> bool:
    """Tell whether a Dask scheduler is reached over TLS, or by TCP on this machine only."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme == "tls" or (parts.scheme == "tcp" and is_loopback(parts.hostname or ""))
