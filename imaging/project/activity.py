"""What members of a project do: connect to it, open its images, act on its annotations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from imaging.access import Action
from imaging.domain.activity import (
    ActivityFilter,
    ActivityKind,
    AnnotationAction,
    Connection,
    Consultation,
    LastActivity,
)
from imaging.domain.base import AnnotationKey, ImageKey, UserKey
from imaging.domain.image import Axis
from imaging.domain.people import Member
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.observers import find_observed, observes
from imaging.project.positions import LOOKERS
from imaging.project.targets import require_annotation
from imaging.store import activity as rows
from imaging.store import ids, projects
from imaging.store.database import Transaction, now

KEPT = timedelta(days=730)
"""So long connections, consultations and actions are kept."""


class Activity:
    """What members did in one project; no change of it, so that neither journal nor commands tell of it.

    Members see their own, whoever sees the journal all.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connect(self, *, system: str = "", browser: str = "", browser_version: str = "") -> Connection:
        """Tell that the member opened the project."""
        with self._gate.write(Action.SEE_PROJECT) as transaction:
            made = Connection(
                **self._facts(transaction), system=system, browser=browser, browser_version=browser_version
            )
            rows.insert_connection(transaction, made)
        return made

    def consult(self, image: ImageKey, mode: str = "") -> Consultation:
        """Tell that the member opened an image."""
        with self._gate.write(Action.SEE_IMAGES) as transaction:
            shown = require_image(transaction, self._gate, image)
            within = rows.find_last(transaction, self._gate.project, ActivityKind.CONNECTION, self._gate.user)
            made = Consultation(
                **self._facts(transaction),
                image=image,
                image_name=shown.name,
                mode=mode,
                connection=None if within is None else within[0],
            )
            rows.insert_consultation(transaction, made)
        return made

    def act(self, annotation: AnnotationKey, action: str) -> AnnotationAction:
        """Tell that the member did something with an annotation, such as selecting it."""
        with self._gate.write(Action.SEE_ANNOTATIONS) as transaction:
            drawn = require_annotation(transaction, self._gate, annotation, writing=False)
            image = require_image(transaction, self._gate, drawn.image)
            rank = image.slice_order.rank(t=drawn.t, z=drawn.index, c=drawn.c)
            made = AnnotationAction(
                **self._facts(transaction),
                image=drawn.image,
                annotation=drawn.id,
                action=action,
                slice=image.slice_base + rank if drawn.axis is Axis.Z else None,
                creator=drawn.user,
                copied=drawn.parent is not None,
            )
            rows.insert_action(transaction, made)
        return made

    def actions(self, image: ImageKey, wanted: ActivityFilter) -> tuple[Sequence[AnnotationAction], int]:
        """One page of what was done with annotations of an image, oldest first, with the count of all."""
        with self._gate.read(Action.SEE_ANNOTATIONS, Action.SEE_JOURNAL) as transaction:
            require_image(transaction, self._gate, image)
            user = find_observed(transaction, self._gate, wanted.user)
            asked = wanted.model_copy(update={"user": user, "image": image})
            found = rows.list_actions(transaction, self._gate.project, asked)
            return found, rows.count_activity(transaction, self._gate.project, ActivityKind.ACTION, asked)

    def connections(self, user: UserKey, wanted: ActivityFilter) -> tuple[Sequence[Connection], int]:
        """One page of a member's connections, newest first, with the count of all."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            asked = wanted.model_copy(update={"user": find_observed(transaction, self._gate, user)})
            found = rows.list_connections(transaction, self._gate.project, asked)
            return found, rows.count_activity(transaction, self._gate.project, ActivityKind.CONNECTION, asked)

    def consultations(
        self, user: UserKey, wanted: ActivityFilter, *, last: bool = False
    ) -> tuple[Sequence[Consultation], int]:
        """One page of the images that a member opened, newest first, with the count of all; of each the `last` time."""
        with self._gate.read(*LOOKERS) as transaction:
            project = self._gate.project
            asked = wanted.model_copy(update={"user": find_observed(transaction, self._gate, user)})
            found = rows.list_consultations(transaction, project, asked, last=last)
            if last:
                return found, rows.count_consulted(transaction, project, asked)
            return found, rows.count_activity(transaction, project, ActivityKind.CONSULTATION, asked)

    def count(self, kind: ActivityKind, wanted: ActivityFilter) -> int:
        """How often something was done: by everybody for who sees the journal, else by the member."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            asked = wanted.model_copy(update={"user": find_observed(transaction, self._gate, wanted.user)})
            return rows.count_activity(transaction, self._gate.project, kind, asked)

    def last(self) -> Sequence[tuple[Member, LastActivity]]:
        """What each member did last, by age of the account; of others for who sees the journal."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            user = find_observed(transaction, self._gate, None)
            found = {one.user: one for one in rows.list_last(transaction, self._gate.project, user)}
            members = projects.list_members(transaction, self._gate.project)
        shown = [member for member in members if observes(self._gate) or member.user.id == self._gate.user]
        return [(one, found.get(one.user.id, LastActivity(user=one.user.id))) for one in shown]

    def _facts(self, transaction: Transaction) -> dict[str, object]:
        """What every record holds; forgets what is too old on the way."""
        at = now()
        rows.delete_activity(transaction, before=at - KEPT)
        return {"id": ids.reserve(transaction), "project": self._gate.project, "user": self._gate.user, "created": at}
