"""The profile of a project: how what arrives in it is pseudonymised."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from imaging.access import INGEST, Action
from imaging.dicom.profile import BUILT_IN, Profile
from imaging.project.gate import Gate
from imaging.store import profiles as rows


class ProjectProfile:
    """The profile that one project has, and those that its images were made under."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self) -> Profile:
        """The profile that the project has now."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            return rows.read_profile(transaction, self._gate.project)

    def set(self, profile: Profile) -> None:
        """Give the project another profile; images that are there stay under theirs."""
        with self._gate.change(Action.EDIT_PROJECT) as change:
            before = rows.read_profile(change.transaction, self._gate.project)
            if before == profile:
                change.leave()
                return
            rows.write_profile(change.transaction, self._gate.project, profile, change.at)
            detail = {"old": before.hash, "new": profile.hash, "name": profile.name}
            change.note("set", "profile", None, {**detail})

    def record(self, profile: Profile) -> None:
        """Keep what the hash of a profile stands for, before an image is made under it."""
        with self._gate.change(*INGEST) as change:
            if rows.record_profile(change.transaction, self._gate.project, profile):
                change.note("use", "profile", None, {"hash": profile.hash, "name": profile.name})
            else:
                change.leave()

    def note_applied(self, profile: Profile, images: int, actions: Mapping[str, int]) -> None:
        """Sum up in the journal, once for each job, that the images of the project were brought under a profile."""
        self._gate.require(Action.EDIT_PROJECT)
        if self._gate.done_by_job("repseudonymise", "project"):
            return
        with self._gate.change(Action.EDIT_PROJECT) as change:
            detail: JsonValue = {"profile": profile.hash, "images": images, "actions": {**actions}}
            change.note("repseudonymise", "project", self._gate.project, detail)

    def recorded(self) -> dict[str, Profile]:
        """What the hashes of profiles stand for that images here were made under; the built-in ones are known."""
        known = {profile.hash: profile for profile in map(Profile.built_in, BUILT_IN)}
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            return known | rows.recorded_profiles(transaction, self._gate.project)
