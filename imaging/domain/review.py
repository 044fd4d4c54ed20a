"""The review of an image: who looks through what was drawn on it, and accepts, corrects or rejects it."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import ImageKey, Record, UserKey


class ImageReview(Record):
    """That an image is reviewed by a member; `stopped` says since when it counts as reviewed, None before."""

    image: ImageKey
    reviewer: UserKey
    started: datetime
    stopped: datetime | None = None
