"""What waits in quarantine."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import Record, UploadKey
from imaging.domain.outcome import Reason


class HeldFile(Record):
    """One file that stays in quarantine until somebody decides; `name` is stored only encrypted, never logged."""

    id: int
    upload: UploadKey
    name: str
    reason: Reason
    detail: str
    size: int
    created: datetime
