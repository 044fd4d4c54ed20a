"""Applies a stricter profile to a header that is pseudonymised already: what is keyed stays, what must go goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from pydicom.dataset import Dataset

from imaging.dicom.decisions import Action, Decisions, decisions_of
from imaging.dicom.headers_store import repack_headers, unpack_headers
from imaging.dicom.markers import mark, read_cleaned, read_profile, rebuild_meta
from imaging.dicom.moving import Moves
from imaging.dicom.own import OwnWords, to_date
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import Person, Rewriter, Tally, is_old
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.values import read_text
from imaging.errors import StateError

_NOBODY = OwnWords(frozenset(), frozenset(), frozenset())
"""The words that named the person are gone; those of a pseudonym would take what they meet by chance."""

_DONE_ONCE = frozenset({Action.DATE, Action.TIME, Action.UID, Action.SUBJECT, Action.IDENTIFIER})
"""Actions that move or key a value, and would give another one when done a second time."""


@dataclass(frozen=True)
class Repacked:
    """The headers of one image after a second pseudonymisation, with what is known of the image by them.

    Attributes
    ----------
    actions
        How often each action was taken.
    """

    headers: bytes
    description: str
    frame_of_reference: str
    actions: Mapping[str, int]


def repseudonymise_packed(
    packed: bytes, profile: Profile, pseudonyms: Pseudonyms, *, before: Profile, looked: Callable[[], None]
) -> Repacked:
    """Apply a stricter profile to the packed headers of an image.

    Parameters
    ----------
    looked
        Called after each header; what it raises stops the work.
    """
    tally: Tally = Counter()

    def rewrite(header: Dataset) -> Dataset:
        made = repseudonymise(header, profile, pseudonyms, before=before, tally=tally)
        looked()
        return made

    headers = repack_headers(packed, rewrite)
    first = next(unpack_headers(headers))
    actions: Counter[str] = Counter()
    for (_, action), count in tally.items():
        actions[action.value] += count
    return Repacked(
        headers, str(first.get("SeriesDescription", "")), str(first.get("FrameOfReferenceUID", "")), dict(actions)
    )


def read_profile_of(packed: bytes) -> Profile:
    """Give the options that packed headers say they were made under."""
    return read_profile(next(unpack_headers(packed)))


def repseudonymise(
    header: Dataset, profile: Profile, pseudonyms: Pseudonyms, *, before: Profile, tally: Tally | None = None
) -> Dataset:
    """Give the header that a stricter profile leaves of a pseudonymised one; the input is left as it is.

    UIDs, identifiers, the subject and dates that were made under `before` stay as they are. What `before` kept to the
    letter and `profile` changes is changed now, with the same keys.

    Parameters
    ----------
    before
        The profile that the header was pseudonymised under.
    tally
        Takes the count of what was done.

    Raises
    ------
    StateError
        The header cannot be rewritten, or the profile keeps what `before` did not leave.

    References
    ----------
    PS3.15 E.1.1, E.3.6
    """
    if profile.exceeds(before):
        raise StateError("profile", "keeps what an earlier one did not leave")
    try:
        subject = read_text(header, "PatientID")
        shift = timedelta(days=pseudonyms.days(subject))
        moves = Moves(profile, pseudonyms, subject, _NOBODY)
        moves_again = Moves(profile, pseudonyms, subject, _NOBODY, days_done=True)
        person = Person(subject, _NOBODY, moves, moves_again)
        decisions = _second_decisions(before, profile, read_text(header, "SOPClassUID"))
        result = Rewriter(header, decisions, person, pseudonyms, Counter() if tally is None else tally).rewrite(
            header, 0
        )
        if _shows_old_age(header, profile, before, shift):
            result.PatientBirthDate = ""
        mark(result, profile, cleaned=read_cleaned(header))
        result.file_meta = rebuild_meta(header, result)
    # pydicom quotes the value that it stumbles over: the cause is dropped.
    except Exception:
        raise StateError("header", "is damaged and cannot be rewritten") from None
    return result


class _SecondDecisions(Decisions):
    """The actions of a profile where another one went before: what is done once is not done twice."""

    def __init__(self, before: Profile, profile: Profile, sop_class: str) -> None:
        super().__init__(profile, sop_class)
        self._before = decisions_of(before, sop_class)

    def of_private(self, representation: str) -> Action:
        action = super().of_private(representation)
        return self._done(action) if action in _DONE_ONCE else action

    def decide(self, tag: int, *, nested: bool) -> Action:
        action = super().decide(tag, nested=nested)
        done = action in _DONE_ONCE and self._before.of(tag, nested=nested) is action
        return self._done(action) if done else action

    def _done(self, action: Action) -> Action:
        """Give what is left to do where an action was taken before: dates moved by days, times of day perhaps not."""
        turning = self.profile.times == "moved" and self._before.profile.times == "kept"
        return Action.TURN if turning and action in (Action.DATE, Action.TIME) else Action.KEEP


@lru_cache(maxsize=64)
def _second_decisions(before: Profile, profile: Profile, sop_class: str) -> _SecondDecisions:
    return _SecondDecisions(before, profile, sop_class)


def _shows_old_age(header: Dataset, profile: Profile, before: Profile, shift: timedelta) -> bool:
    """Whether a lower age cap takes the birth date, judged by what is left of it."""
    if profile.age_cap_years >= before.age_cap_years:
        return False
    born = to_date(read_text(header, "PatientBirthDate"))
    if born is not None and before.birth_date == "year":
        # Of the year that is left, its first day is the one that leaves no older person in.
        born = born.replace(month=1, day=1)
    moved = shift if before.dates == "full" else timedelta()
    return is_old(header, born, profile.age_cap_years, moved=moved)
