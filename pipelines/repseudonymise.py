"""Brings the images of a project under its profile: a stricter one over headers that are pseudonymised already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imaging.access import Action
from imaging.cli import Report
from imaging.dicom.epochs import Epochs
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.repseudonymise import read_profile_of, repseudonymise_packed
from imaging.domain.base import Record
from imaging.domain.image import Image
from imaging.errors import NotFoundError, StateError, VerificationError
from imaging.locks import exclusive
from imaging.project.project import Project
from imaging.pyramid.beside import find_beside, read_headers, remove_beside, remove_superseded, replace_headers
from pipelines.sweeping import publishing

_WORKING = "rewriting headers"


class RepseudonymiseResult(Record):
    """What a second pseudonymisation did.

    Attributes
    ----------
    profile, hash
        Name and hash of the profile that the images are under now.
    images
        How many were brought under it.
    unchanged
        How many were under it before; pictures, which have no header, do not count.
    actions
        How often each action was taken.
    """

    profile: str
    hash: str
    images: int
    unchanged: int
    actions: dict[str, int]


def repseudonymise_project(project: Project, report: Report) -> RepseudonymiseResult:
    """Apply the project's profile to the stored headers of every image that is under another one.

    Image by image: each is whole under its old or its new profile at any time, and what is done is not done again.

    Raises
    ------
    StateError
        The profile keeps what some image no longer has. Nothing is changed then.
    """
    project.require(Action.EDIT_PROJECT)
    work = _Work(project, project.profile.get(), Epochs(project.secrets.epochs()))
    pictured = [image for image in project.images.catalogue() if image.attributes.profile_hash]
    waiting = [image for image in pictured if image.attributes.profile_hash != work.profile.hash]
    work.refuse_looser(waiting)
    if waiting:
        project.profile.record(work.profile)
    made = project.images.restated_by_job()
    with publishing(project):
        for number, image in enumerate(waiting):
            actions = work.settle(image, _share(report, number, len(waiting), image.sources))
            if actions is not None:
                made[image.id] = dict(actions)
    work.tidy(pictured)
    total: Counter[str] = Counter()
    for counts in made.values():
        total.update(counts)
    if made:
        project.profile.note_applied(work.profile, len(made), total)
    return RepseudonymiseResult(
        profile=work.profile.name,
        hash=work.profile.hash,
        images=len(made),
        unchanged=len(pictured) - len(made),
        actions=dict(total),
    )


@dataclass(frozen=True)
class _Work:
    """One second pseudonymisation on its way."""

    project: Project
    profile: Profile
    epochs: Epochs

    def refuse_looser(self, images: Sequence[Image]) -> None:
        """Refuse before anything is changed what nobody can bring back."""
        recorded = self.project.profile.recorded()
        lost: dict[str, int] = Counter()
        short = 0
        for image in images:
            before = self._profile_of(image, recorded)
            if before.faces != self.profile.faces == "removed":
                raise StateError("profile", "faces are removed on the way in; delete the images and ingest them again")
            more = self.profile.exceeds(before)
            lost.update(dict.fromkeys(more, 1))
            short += bool(more)
        if short:
            options = ", ".join(sorted(lost))
            kept = f"it keeps more than is left of {short} image{'s' * (short > 1)} ({options})"
            raise StateError("profile", f"{kept}; delete them and ingest their files again")

    def settle(self, image: Image, looked: Callable[[], None]) -> Mapping[str, int] | None:
        """Bring one image under the profile; None where that is not needed any more."""
        path = self.project.images.path(image.id)
        try:
            with exclusive(self.project.folder / "headers"):
                return self._settle(self.project.images.get(image.id), looked)
        except (NotFoundError, VerificationError, OSError):
            # Deleted meanwhile: then nothing of it may be left, least of all what was written just now.
            if any(other.id == image.id for other in self.project.images.catalogue()):
                raise
            remove_beside(path)
            return None

    def tidy(self, images: Sequence[Image]) -> None:
        """Remove what a killed process left of earlier profiles."""
        with exclusive(self.project.folder / "headers"):
            for image in images:
                remove_superseded(self.project.images.path(image.id))

    def _settle(self, image: Image, looked: Callable[[], None]) -> Mapping[str, int] | None:
        if image.attributes.profile_hash == self.profile.hash:
            return None
        path = self.project.images.path(image.id)
        # What the row names is the truth: files that are ahead of it are made once more, byte for byte.
        stands = find_beside(path, image.attributes.profile_hash)
        packed = stands.headers.read_bytes()
        before = self.project.profile.recorded().get(image.attributes.profile_hash) or read_profile_of(packed)
        pseudonyms = self._key_of(image, before)
        made = repseudonymise_packed(packed, self.profile, pseudonyms, before=before, looked=looked)
        attributes = image.attributes.model_copy(
            update={"profile_hash": self.profile.hash, "frame_of_reference": made.frame_of_reference}
        )
        replace_headers(path, made.headers, attributes, before=stands)
        self.project.images.restate(image.id, attributes, made.description, made.actions)
        remove_superseded(path)
        return made.actions

    def _key_of(self, image: Image, before: Profile) -> Pseudonyms:
        """Give the key that the image was made with; where nothing is keyed anew, any of them does."""
        if not self.profile.keys_anew(before):
            return self.epochs.newest
        key = self.epochs.that_made(image.subject, lambda: self.project.subjects.ask(image.subject))
        if key is None:
            raise StateError("subject", "nobody remembers with which key an image was made; ingest its files again")
        return key

    def _profile_of(self, image: Image, recorded: Mapping[str, Profile]) -> Profile:
        known = recorded.get(image.attributes.profile_hash)
        return known or read_profile_of(read_headers(self.project.images.path(image.id)))


def _share(report: Report, number: int, count: int, sources: int) -> Callable[[], None]:
    """Give what is called after each header of one image."""
    done = 0

    def looked() -> None:
        nonlocal done
        done += 1
        report(int(100 * (number + min(1.0, done / sources)) / count), _WORKING)

    return looked
