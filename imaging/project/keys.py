"""The secrets of a project, for those few who need them, and their rotation."""

from __future__ import annotations

from imaging.access import Action
from imaging.domain.epoch import KeyEpoch, RotationPolicy
from imaging.errors import StateError
from imaging.project.gate import Gate
from imaging.store import jobs, projects
from imaging.store.epochs import add_epoch, open_epochs

_PSEUDONYMISING = ("ingest", "review", "repseudonymise")


class ProjectSecrets:
    """Secrets of one project."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def epochs(self) -> tuple[KeyEpoch, ...]:
        """The secrets from which pseudonyms are made, oldest first, as they are now.

        Raises
        ------
        VerificationError
            They do not open with the master key.
        """
        with self._gate.read(Action.UPLOAD, Action.DECIDE_QUARANTINE, Action.ERASE) as transaction:
            sealed = projects.read_sealed(transaction, self._gate.project)
        return open_epochs(sealed, self._gate.wrapper, self._gate.project)

    def rotate(self, policy: RotationPolicy) -> int:
        """Make a new secret for the pseudonyms to come, and give the number of its epoch; the earlier ones stay.

        Raises
        ------
        StateError
            A job that makes pseudonyms waits or runs: none may begin under one key and end under another.
        VerificationError
            The secrets that are there do not open with the master key.
        """
        project = self._gate.project
        # Secret and event are written together: whoever holds a pseudonym of an epoch finds it in the journal.
        with self._gate.change(Action.ROTATE_KEY) as change:
            if jobs.any_unfinished(change.transaction, project, _PSEUDONYMISING):
                raise StateError(
                    "project",
                    "files are being ingested; wait for its jobs to end, or cancel them; after a kill: worker --once",
                )
            sealed = projects.read_sealed(change.transaction, project)
            grown, number = add_epoch(sealed, self._gate.wrapper, project, policy)
            projects.update_project(change.transaction, project, {"secret": grown, "updated": change.at})
            change.note("rotate", "key", None, {"epoch": number, "policy": policy.value})
        return number
