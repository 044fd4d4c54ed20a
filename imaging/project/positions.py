"""Where members are on the images of a project, and who may follow them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from imaging.access import Action
from imaging.domain.activity import ActivityFilter, ActivityKind, Frequency, Look, Position, Stay
from imaging.domain.base import ImageKey, UserKey
from imaging.domain.image import Image
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.observers import find_observed, observes, require_known
from imaging.store import activity, ids
from imaging.store import images as image_rows
from imaging.store import positions as rows
from imaging.store.database import Transaction, now

KEPT = timedelta(days=90)
"""So long positions are kept."""

PRESENT = timedelta(seconds=30)
"""Whoever sent a position since then is on the image."""

LOOKERS = (Action.SEE_IMAGES, Action.SEE_JOURNAL)
"""Whoever may do one of these may ask who looked at images: at their own looks, at least."""


class Positions:
    """Positions of members in one project; no change of it, so that neither journal nor commands tell of them.

    Members see their own. Whoever sees the journal sees all. A position that is broadcast is for all who see images,
    while its member is there.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def add(self, image: ImageKey, look: Look, *, broadcast: bool = False) -> Position:
        """Tell where the member is on an image."""
        with self._gate.write(Action.SEE_IMAGES) as transaction:
            _require_plane(require_image(transaction, self._gate, image), look)
            at, project, user = now(), self._gate.project, self._gate.user
            before = rows.find_last_position(transaction, project, ActivityFilter(user=user, image=image))
            opened = activity.find_last(transaction, project, ActivityKind.CONSULTATION, user, image)
            seen = [moment for moment in (before and before.created, opened and opened[1]) if moment]
            made = Position(
                **look.model_dump(),
                id=ids.reserve(transaction),
                project=project,
                user=user,
                image=image,
                broadcast=broadcast,
                created=at,
            )
            rows.insert_position(transaction, made, since=max(seen, default=None))
            rows.delete_positions(transaction, before=at - KEPT)
        return made

    def image(self, key: ImageKey) -> Image:
        """The image that positions lie on, for who may ask for them."""
        with self._gate.read(*LOOKERS) as transaction:
            return require_image(transaction, self._gate, key)

    def image_of_slice(self, key: int) -> Image:
        """The image of a slice that positions lie on."""
        with self._gate.read(*LOOKERS) as transaction:
            found = image_rows.get_image_of_slice(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("slice", key)
        return found

    def page(self, image: ImageKey, wanted: ActivityFilter) -> tuple[Sequence[Position], int]:
        """One page of the positions on an image, newest first, with the count of all."""
        with self._gate.read(*LOOKERS) as transaction:
            asked = self._ask(transaction, image, wanted)
            found = rows.list_positions(transaction, self._gate.project, asked)
            return found, rows.count_positions(transaction, self._gate.project, asked)

    def frequencies(self, image: ImageKey, wanted: ActivityFilter) -> tuple[Sequence[Frequency], int]:
        """One page of what was looked at alike on an image, most often first, with the count of all."""
        with self._gate.read(*LOOKERS) as transaction:
            asked = self._ask(transaction, image, wanted)
            return rows.list_frequencies(transaction, self._gate.project, asked)

    def last(
        self, image: ImageKey, user: UserKey, wanted: ActivityFilter, *, broadcast: bool = False
    ) -> Position | None:
        """The last position of a member on an image, to follow them; None where there is none that may be followed.

        Another member's is one that they broadcast now, but for who sees the journal.
        """
        with self._gate.read(*LOOKERS) as transaction:
            require_image(transaction, self._gate, image)
            require_known(transaction, self._gate, user)
            asked = wanted.model_copy(update={"user": user, "image": image, "broadcast": broadcast or None})
            if user != self._gate.user and not observes(self._gate):
                asked = asked.model_copy(update={"broadcast": True, "after": now() - PRESENT})
            return rows.find_last_position(transaction, self._gate.project, asked)

    def present(self, image: ImageKey | None = None, *, broadcast: bool = False) -> Sequence[Stay]:
        """Where members are now, the newest first: oneself and who broadcasts, or all for who sees the journal."""
        with self._gate.read(*LOOKERS) as transaction:
            if image is not None:
                require_image(transaction, self._gate, image)
            found = rows.list_stays(transaction, self._gate.project, after=now() - PRESENT, image_key=image)
        everybody = observes(self._gate) and not broadcast
        return [
            stay for stay, shared in found if everybody or shared or (stay.user == self._gate.user and not broadcast)
        ]

    def _ask(self, transaction: Transaction, image: ImageKey, wanted: ActivityFilter) -> ActivityFilter:
        require_image(transaction, self._gate, image)
        user = find_observed(transaction, self._gate, wanted.user)
        return wanted.model_copy(update={"user": user, "image": image})


def _require_plane(image: Image, look: Look) -> None:
    places = ((look.axis.value, look.index), ("t", look.t), ("c", look.c))
    if any(not 0 <= place < image.extent(axis) for axis, place in places):
        raise InvalidInputError("the image has no such plane")
