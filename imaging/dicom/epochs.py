"""The keys of a project over its rotations, and which of them a person's files are treated with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

from imaging.dicom.pseudonyms import Pseudonyms, canonical
from imaging.domain.epoch import KeyEpoch, RotationPolicy

_NONE = "(no issuer)"
_MARK = "~"


def marks_in(remembered: Iterable[str]) -> frozenset[str]:
    """Give the marks for files without issuer among what objections are remembered by."""
    return frozenset(one.partition(_MARK)[0] for one in remembered if _MARK in one)


def subjects_in(remembered: Iterable[str]) -> list[str]:
    """Give the pseudonyms among what objections are remembered by, in order."""
    return sorted(one for one in remembered if _MARK not in one)


class Epochs:
    """Chooses keys; makes up its mind about a person once and keeps to it.

    Epochs from the last break on are linked: who is known under one of them stays with it.

    Parameters
    ----------
    epochs
        Oldest first.
    known
        Gives the pseudonyms of all who are known; asked once at most, and only where a person may have an older key.
    """

    def __init__(self, epochs: Sequence[KeyEpoch], known: Callable[[], Collection[str]] = frozenset) -> None:
        self._all = tuple(Pseudonyms(epoch.secret) for epoch in epochs)
        breaks = [place for place, epoch in enumerate(epochs) if epoch.policy is RotationPolicy.BREAK]
        self._linked = self._all[breaks[-1] :]
        self._ask = known
        self._chosen: dict[tuple[str, str], Pseudonyms] = {}

    @property
    def newest(self) -> Pseudonyms:
        """The key of whoever is new, and of what is nobody's."""
        return self._all[-1]

    def of(self, issuer: str, patient_id: str) -> Pseudonyms:
        """Give the one key that all files of a person are treated with."""
        person = (canonical(issuer), canonical(patient_id))
        if person not in self._chosen:
            older = (key for key in self._linked[:-1] if key.subject(*person) in self._known)
            self._chosen[person] = next(older, self.newest)
        return self._chosen[person]

    def that_made(self, subject: str, person: Callable[[], tuple[str, str] | None]) -> Pseudonyms | None:
        """Give the key that a pseudonym was made with; None where nobody remembers whose it is.

        Parameters
        ----------
        person
            Gives issuer and patient ID; asked for only where there are several keys.
        """
        if len(self._all) == 1:
            return self.newest
        remembered = person()
        if remembered is None:
            return None
        return next((key for key in self._all if key.subject(*remembered) == subject), None)

    def subjects(self, issuer: str, patient_id: str) -> frozenset[str]:
        """Give the pseudonyms of a person under all keys, over breaks too: an objection holds under every one."""
        return frozenset(key.subject(issuer, patient_id) for key in self._all)

    def objection(self, issuer: str, patient_id: str) -> frozenset[str]:
        """Give what an objection is remembered by: pseudonyms, and marks that files without issuer meet."""
        subjects = self.subjects(issuer, patient_id)
        if not canonical(issuer):
            return subjects
        # Told with its issuer, so that who withdraws takes back no mark of another person of the same ID.
        return subjects | {
            f"{key.subject(_NONE, patient_id)}{_MARK}{key.subject(issuer, patient_id)}" for key in self._all
        }

    def without_issuer(self, patient_id: str) -> frozenset[str]:
        """Give the marks that an ID meets where no issuer is told; `marks_in` finds them in what is remembered."""
        return self.subjects(_NONE, patient_id)

    def uids(self, uid: str) -> frozenset[str]:
        """Give what a UID may have become, under any key."""
        return frozenset(key.uid(uid) for key in self._all)

    def linked_uids(self, uid: str) -> frozenset[str]:
        """As `uids`, under the keys that are linked only: what may be brought together with what comes now."""
        return frozenset(key.uid(uid) for key in self._linked)

    def digests(self, fingerprint: bytes) -> tuple[str, ...]:
        """Give the keyed digests by which a file may be known already, the newest last."""
        return tuple(key.keyed(fingerprint) for key in self._linked)

    @cached_property
    def _known(self) -> Collection[str]:
        return self._ask()
