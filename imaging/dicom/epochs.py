"""The keys of a project over its rotations, and which of them a person's files are treated with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from imaging.dicom.pseudonyms import Pseudonyms, canonical
from imaging.domain.epoch import KeyEpoch, RotationPolicy


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

    def uids(self, uid: str) -> frozenset[str]:
        """Give what a UID may have become, under any key."""
        return frozenset(key.uid(uid) for key in self._all)

    def digests(self, fingerprint: bytes) -> tuple[str, ...]:
        """Give the keyed digests by which a file may be known already, the newest last."""
        return tuple(key.keyed(fingerprint) for key in self._linked)

    @cached_property
    def _known(self) -> Collection[str]:
        return self._ask()
