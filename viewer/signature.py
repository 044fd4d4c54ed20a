"""Cytomine's request signatures (HMAC-SHA1 of a few headers), in both forms, and the guard against replay."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

SCHEME = "CYTOMINE"
TOLERANCE = timedelta(minutes=5)
"""How far the signed date may lie from our clock, either way."""


class Form(Enum):
    """What a signature covers."""

    SHORT = "method, content type and date (clients from 4.0)"
    LONG = "the same and the path with its query (clients up to 3.1)"


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature speaks about.

    Attributes
    ----------
    target
        Path and query as they were sent, still percent-encoded.
    public_key, signature
        From `Authorization: CYTOMINE <public key>:<base64 signature>`.
    """

    method: str
    target: str
    content_type: str
    date: str
    public_key: str
    signature: str


def split_authorization(value: str) -> tuple[str, str] | None:
    """Take public key and signature from an Authorization header; None when it is no Cytomine one."""
    scheme, _, rest = value.partition(" ")
    public_key, colon, signature = rest.strip().rpartition(":")
    if scheme.upper() != SCHEME or not colon or not public_key or not signature:
        return None
    return public_key, signature


def is_fresh(date: str, now: datetime) -> bool:
    """Tell whether the signed date is within the tolerance of `now`."""
    try:
        sent = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    # "-0000" parses to a naive time; RFC 5322 says that such a date is UTC.
    sent = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
    return abs(now - sent) <= TOLERANCE


def sign(private_key: str, *, method: str, content_type: str, date: str) -> str:
    """Sign a request in the short form."""
    token = f"{method}\n\n{content_type}\n{date}"
    return base64.b64encode(hmac.new(private_key.encode(), token.encode(), hashlib.sha1).digest()).decode()


def match_form(request: SignedRequest, private_key: str) -> Form | None:
    """Find the form under which the signature is right; None when it is wrong under both."""
    try:
        sent = base64.b64decode(request.signature, validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.b64encode(sent).decode() != request.signature:
        return None  # a second spelling of the same bytes would slip past the replay guard
    found: Form | None = None
    # Every form is computed always, so that the time taken does not tell which one was near.
    for form, token in _tokens(request):
        digest = hmac.new(private_key.encode(), token.encode(), hashlib.sha1).digest()
        if hmac.compare_digest(digest, sent):
            found = form
    return found


def _tokens(request: SignedRequest) -> Iterator[tuple[Form, str]]:
    # Cytomine's Java client signs an empty content type whatever it sends.
    for content_type in dict.fromkeys((request.content_type, "")):
        short = f"{request.method}\n\n{content_type}\n{request.date}"
        yield Form.SHORT, short
        yield Form.LONG, f"{short}\n{request.target}"


class ReplayGuard:
    """Remembers the signatures of the long form while their date is fresh; thread-safe.

    The short form cannot be guarded: two honest requests of one second share their signature.
    """

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def admit(self, signature: str, now: datetime) -> bool:
        """Note a signature; False when it was used before."""
        with self._lock:
            for old in [known for known, at in self._seen.items() if now - at > 2 * TOLERANCE]:
                del self._seen[old]
            if signature in self._seen:
                return False
            self._seen[signature] = now
            return True
