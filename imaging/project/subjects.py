"""The subjects of a project: who they are, who objects, and their erasure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cached_property

from pydantic import JsonValue

from imaging.access import INGEST, Action
from imaging.dicom.own import join_words
from imaging.domain.base import ImageKey
from imaging.domain.subject import Erasure, Identity
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.gate import Gate
from imaging.project.images import Images
from imaging.project.models import Learners
from imaging.project.outcomes import Outcomes
from imaging.project.quarantine import Quarantine
from imaging.pyramid.publish import empty_removed, staging_area
from imaging.store import images as image_rows
from imaging.store import uploads as upload_rows
from imaging.store.mapping import SealedMapping

_LONGEST_REASON = 500
_PSEUDONYM = re.compile(r"[A-Z2-7]{16}")


class Subjects:
    """Subjects of one project by their pseudonyms."""

    def __init__(self, gate: Gate, images: Images, quarantine: Quarantine, outcomes: Outcomes) -> None:
        self._gate = gate
        self._outcomes = outcomes
        self._images = images
        self._quarantine = quarantine

    def remember(self, subject: str, identity: Identity) -> None:
        """Seal who a subject is, for whoever may ask one day.

        Raises
        ------
        StateError
            Another person has the same pseudonym.
        """
        self._gate.require(*INGEST)
        if self._mapping.find(subject) == identity:
            return
        with self._gate.change(*INGEST) as change:
            if self._mapping.add(subject, identity, at=change.at, by=self._gate.user):
                change.note("add", "subject", None, {"subject": subject})
            else:
                change.leave()

    def known(self) -> frozenset[str]:
        """Pseudonyms of all of whom something is here: an image, a held file or the way back."""
        with self._gate.read(*INGEST) as transaction:
            here = image_rows.subjects_of(transaction, self._gate.project)
            here |= upload_rows.held_subjects(transaction, self._gate.project)
        return self._mapping.subjects() | here

    def is_known(self, subject: str) -> bool:
        """Whether something is here of a subject that says so itself: an image, a held file or the way back."""
        with self._gate.read(Action.ERASE) as transaction:
            here = image_rows.subjects_of(transaction, self._gate.project)
            here |= upload_rows.held_subjects(transaction, self._gate.project)
        return subject in here or subject in self._mapping.subjects()

    def ask(self, subject: str) -> tuple[str, str] | None:
        """Give issuer and patient ID for choosing a key, to who edits the project; they are told to nobody."""
        self._gate.require(Action.EDIT_PROJECT)
        identity = self._mapping.find(subject)
        return None if identity is None else (identity.issuer, identity.patient_id)

    def reidentify(self, subject: str, reason: str) -> Identity:
        """Give back who a subject is; asked for by a controller, with a reason, and noted.

        Raises
        ------
        NotFoundError
            Nobody remembers this subject.
        VerificationError
            The mapping does not open with the project's key.
        """
        if not 0 < len(reason.strip()) <= _LONGEST_REASON:
            raise InvalidInputError(f"a reason has 1 to {_LONGEST_REASON} characters")
        self._gate.require(Action.REIDENTIFY)
        identity = self._mapping.find(subject)
        if self._names_somebody(reason, subject, identity):
            raise InvalidInputError("the reason must not name the person: it stands in the journal")
        with self._gate.change(Action.REIDENTIFY) as change:
            # Who types a patient's ID by mistake must not find it in the journal.
            told = subject if identity is not None or _PSEUDONYM.fullmatch(subject) else None
            detail: JsonValue = {"subject": told, "found": identity is not None, "reason": reason.strip()}
            change.note("reidentify", "subject", None, detail)
        if identity is None:
            raise NotFoundError("subject")
        return identity

    def _names_somebody(self, reason: str, typed: str, identity: Identity | None) -> bool:
        """Whether a reason holds the ID of whoever is asked for, however it is separated."""
        told = join_words(reason)
        if identity is not None:
            return join_words(identity.patient_id) in told
        # Whoever asks by the patient's own ID, which finds nobody, may well write it into the reason too.
        return not _PSEUDONYM.fullmatch(typed) and bool(join_words(typed)) and join_words(typed) in told

    def oppose(self, persons: Collection[frozenset[str]]) -> int:
        """Refuse what comes of these persons from now on; gives how many objections are new.

        Parameters
        ----------
        persons
            The pseudonyms of each under all keys of the project.
        """
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            new = self._mapping.oppose(persons, at=change.at, by=self._gate.user)
            change.note("oppose", "subject", None, {"listed": len(persons), "new": new})
        return new

    def named(self, patient_ids: Collection[str]) -> set[str]:
        """Pseudonyms of the persons here who have one of these IDs, of whatever issuer."""
        self._gate.require(Action.DECIDE_QUARANTINE)
        return self._mapping.named(patient_ids)

    def withdraw(self, persons: Collection[frozenset[str]]) -> int:
        """Take what comes of these persons again; gives how many objections were withdrawn."""
        with self._gate.change(Action.DECIDE_QUARANTINE) as change:
            withdrawn = self._mapping.withdraw(persons)
            change.note("withdraw", "subject", None, {"withdrawn": withdrawn})
        return withdrawn

    def opposed(self) -> frozenset[str]:
        """Pseudonyms of the persons who object."""
        self._gate.require(Action.UPLOAD, Action.DECIDE_QUARANTINE)
        return self._mapping.opposed()

    def images_of(self, subjects: Iterable[str]) -> dict[str, list[ImageKey]]:
        """Images that are here of some subjects."""
        wanted, found = set(subjects), dict[str, list[ImageKey]]()
        for image in self._images.catalogue():
            if image.subject in wanted:
                found.setdefault(image.subject, []).append(image.id)
        return found

    def erase(self, subject: str, held: Iterable[int], learned: Learners) -> Erasure:
        """Remove images with all that was drawn on them, held files and the way back to the person.

        Parameters
        ----------
        held
            Quarantined files of this subject.
        learned
            Models that learned from it; they are noted, and stay.

        Raises
        ------
        UnavailableError
            An object store does not remove voxels of the subject, or what may be of it: to be done again.
        """
        self._gate.require(Action.ERASE)
        # What was removed earlier may be of this subject, and nobody can tell; so may what was given up by whoever was
        # killed, which is found unless somebody else is writing now: then it goes with the next who writes alone.
        with staging_area(self._gate.folder / "images"):
            empty_removed(self._gate.folder / "images")
        images = self.images_of([subject]).get(subject, [])
        files = sorted(set(held))
        with self._gate.change(Action.ERASE) as change:
            forgotten = self._mapping.forget(subject)
            if not (images or files or forgotten):
                raise NotFoundError("subject")
            detail: JsonValue = {
                "subject": subject,
                "images": [*images],
                "held": [*files],
                "mapping": forgotten,
                "models": [*learned.known],
                "unknown_models": [*learned.unknown],
            }
            change.note("erase", "subject", None, detail)
        # While there is something to erase, whoever was cut off here finds it and does this again.
        self._outcomes.forget()
        # Held files first: of a directory that only points to the person, the images tell whose it is.
        for file in files:
            self._quarantine.refuse(file)
        for image in images:
            self._images.delete(image)
        # Of a segmentation that was being written meanwhile.
        empty_removed(self._gate.folder / "images")
        return Erasure(
            subject=subject,
            images=tuple(images),
            held=tuple(files),
            mapping=forgotten,
            models=learned.known,
            unknown_models=learned.unknown,
        )

    @cached_property
    def _mapping(self) -> SealedMapping:
        return SealedMapping(self._gate.settings.secrets, self._gate.project, self._gate.key("mapping"))
