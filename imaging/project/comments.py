"""What members say to each other about annotations."""

from __future__ import annotations

from collections.abc import Collection

from imaging.access import Action
from imaging.domain.base import AnnotationKey, UserKey
from imaging.domain.command import Thing
from imaging.domain.remark import Comment
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.commands import Touched, record, touch
from imaging.project.gate import Gate
from imaging.project.layers import WRITERS
from imaging.project.targets import require_annotation, require_commenter
from imaging.store import comments as rows
from imaging.store import projects
from imaging.store.database import Transaction
from imaging.taxonomy import check_text

_LONGEST = 65_536


class Comments:
    """Comments on annotations of one project; whoever draws may comment on the drawings of all."""

    def list(self, annotation: AnnotationKey) -> list[Comment]:
        """The comments on an annotation, oldest first."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            require_annotation(transaction, self._gate, annotation, writing=False)
            return rows.list_comments(transaction, self._gate.project, annotation)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, annotation: AnnotationKey, key: int) -> Comment:
        """Find by id, on the annotation that it speaks of."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return self._held(transaction, annotation, key)

    def add(self, annotation: AnnotationKey, text: str, receivers: Collection[UserKey] = ()) -> Comment:
        """Say something to members of the project; nothing is sent to them anywhere else."""
        checked = check_text(text, _LONGEST)
        with self._gate.change(*WRITERS) as change:
            drawn = require_annotation(change.transaction, self._gate, annotation, writing=False)
            members = {member.user.id for member in projects.list_members(change.transaction, self._gate.project)}
            if not members.issuperset(receivers):
                raise InvalidInputError("a comment is for members of the project")
            made = Comment(
                id=change.reserve(),
                annotation=annotation,
                user=self._gate.user,
                text=checked,
                receivers=tuple(dict.fromkeys(receivers)),
                created=change.at,
            )
            rows.insert_comment(change.transaction, made)
            change.note("add", "comment", made.id, {"annotation": annotation})
            record(change, self._gate, Thing.COMMENT, [Touched(made.id, drawn.image)])
        return made

    def delete(self, annotation: AnnotationKey, key: int) -> Comment:
        """Take a comment back, and give what it was: its author, or who reviews."""
        with self._gate.change(*WRITERS) as change:
            drawn = require_annotation(change.transaction, self._gate, annotation, writing=False)
            before = self._held(change.transaction, annotation, key)
            require_commenter(self._gate, before.user)
            touched = touch(change, Thing.COMMENT, key, drawn.image)
            rows.delete_comment(change.transaction, key)
            change.note("delete", "comment", key, {"annotation": annotation})
            record(change, self._gate, Thing.COMMENT, [touched])
        return before

    def _held(self, transaction: Transaction, annotation: AnnotationKey, key: int) -> Comment:
        found = rows.get_comment(transaction, self._gate.project, key)
        if found is None or found.annotation != annotation:
            raise NotFoundError("comment", key)
        return found
