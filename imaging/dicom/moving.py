"""Moves the dates and, where the profile asks for it, the times of day of one subject (PS3.15 E.3.6)."""

from __future__ import annotations

import re
from datetime import timedelta

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from imaging.dicom.converting import is_time, keep_time, values_of
from imaging.dicom.own import OwnWords, to_date
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms

_MOMENT = re.compile(r"(\d{8})(\d{0,6}(?:\.\d{1,6})?)(?:[+-]\d{4})?")
_DAY = 86_400
_UNITS = {2: 3600, 4: 60, 6: 1}
"""Seconds that the last two digits of a time of day count, by how many digits it has."""


class Moves:
    """How far one subject's moments move: by whole days, and by seconds where times of day move too.

    A time of day that moves past midnight takes its day along: the day of a DT, and of a DA that stands beside the TM
    of the same name in one data set. Intervals between such moments are exact; a TM that has no DA of its name is exact
    to whole days.

    Parameters
    ----------
    days_done
        For values that were moved by whole days before.
    """

    def __init__(
        self, profile: Profile, pseudonyms: Pseudonyms, subject: str, own: OwnWords, *, days_done: bool = False
    ) -> None:
        self._days = timedelta(days=0 if days_done else pseudonyms.days(subject))
        self._seconds = pseudonyms.seconds(subject) if profile.times == "moved" else 0
        self._own = own

    @property
    def times_move(self) -> bool:
        """Whether a date depends on the time beside it."""
        return self._seconds > 0

    def move_time(self, value: object) -> str | None:
        """Give the moved time of day; None for what is none."""
        kept = keep_time(value)
        if kept is None or self._own.has_number(kept):
            return None
        return self._turn(kept)[0]

    def move_moment(self, value: object) -> str | None:
        """Give the moved DA or DT; an offset from UTC goes. None for what is neither, or names the person."""
        return self._move(value, None)

    def move_date(self, element: DataElement, source: Dataset) -> object | None:
        """Give the moved values of a DA or DT; one that does not pass takes the whole element with it.

        Parameters
        ----------
        source
            The data set that holds the element, and perhaps the times that belong to its dates.
        """
        days = values_of(element)
        times = self._find_times(element, source) if self.times_move else []
        beside = times if len(times) == len(days) else [None] * len(days)
        moved = [self._move(day, time) for day, time in zip(days, beside, strict=True)]
        if any(value is None for value in moved):
            return None
        return moved[0] if len(moved) == 1 else moved

    def _move(self, value: object, beside: str | None) -> str | None:
        found = _MOMENT.fullmatch(str(value).strip().replace("-", "").replace("/", "") if value else "")
        day = to_date(found[1]) if found else None
        if found is None or day is None:
            return None
        if (found[2] and not is_time(found[2])) or self._own.has_number(found[2]):
            return None
        time, carried = self._turn(found[2])
        if not found[2] and beside is not None:
            carried = self._turn(beside)[1]
        try:
            return (day + self._days + timedelta(days=carried)).strftime("%Y%m%d") + time
        except (OverflowError, ValueError):
            return None

    def _turn(self, time: str) -> tuple[str, int]:
        """Move a valid time of day back, to its own precision; also by how many days it passes midnight, 0 or -1."""
        if not time or not self._seconds:
            return time, 0
        whole, point, fraction = time.partition(".")
        parts = [int(whole[start : start + 2]) for start in range(0, len(whole), 2)]
        unit = _UNITS[len(whole)]
        total = sum(part * size for part, size in zip(parts, (3600, 60, 1), strict=False)) - self._seconds
        days, rest = divmod(total // unit * unit, _DAY)
        hours, minutes, seconds = rest // 3600, rest // 60 % 60, rest % 60
        return f"{hours:02d}{minutes:02d}{seconds:02d}"[: len(whole)] + point + fraction, days

    @staticmethod
    def _find_times(element: DataElement, source: Dataset) -> list[str | None]:
        partner = element.keyword.replace("Date", "Time")
        if element.VR != "DA" or partner == element.keyword or partner not in source:
            return []
        try:
            return [keep_time(value) for value in values_of(source[partner])]
        # A time that pydicom cannot convert goes as a whole, and takes no date along.
        except Exception:
            return []
