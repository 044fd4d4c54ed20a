"""What something can be said of in a project, and who may."""

from __future__ import annotations

from imaging.access import Action
from imaging.domain.annotation import Annotation
from imaging.domain.base import AnnotationKey, ImageKey, UserKey
from imaging.domain.remark import Target, TargetKind
from imaging.errors import NotFoundError
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.layers import WRITERS, require_drawing
from imaging.store import annotations as annotation_rows
from imaging.store.database import Transaction

SEERS = (Action.SEE_ANNOTATIONS, Action.SEE_IMAGES)
"""Whoever may do one of these may ask what is said of something."""

SAYERS = (*WRITERS, Action.EDIT_IMAGES, Action.EDIT_PROJECT)
"""Whoever may do one of these may say something; `require_target` says of what."""


def require_author(gate: Gate, target: Target, author: UserKey) -> None:
    """Refuse to change what others said of an image to who may not edit images; `require_target` comes first."""
    if target.kind is TargetKind.IMAGE and author != gate.user:
        gate.require(Action.EDIT_IMAGES, Action.REVIEW)


def require_commenter(gate: Gate, author: UserKey) -> None:
    """Refuse to take back what others said to each other to who does not review."""
    gate.require(*(WRITERS if author == gate.user else (Action.REVIEW,)))


def require_annotation(transaction: Transaction, gate: Gate, key: AnnotationKey, *, writing: bool) -> Annotation:
    """Load an annotation of this project, that the member may change where they want to."""
    found = annotation_rows.get_annotation(transaction, gate.project, key)
    if found is None:
        raise NotFoundError("annotation", key)
    if writing:
        require_drawing(transaction, gate, found.layer, found.image)
    return found


def require_target(transaction: Transaction, gate: Gate, target: Target, *, writing: bool) -> ImageKey | None:
    """Make sure that a thing is there, and that the member may say something of it where they want to.

    Of an annotation that is who may change it, of an image whoever draws or edits images, of a project its managers.

    Returns
    -------
    ImageKey or None
        The image that it lies on, or is.
    """
    match target.kind:
        case TargetKind.PROJECT:
            if target.id != gate.project:
                raise NotFoundError("project", target.id)
            gate.require(Action.EDIT_PROJECT if writing else Action.SEE_PROJECT)
            return None
        case TargetKind.IMAGE:
            gate.require(*((Action.EDIT_IMAGES, *WRITERS) if writing else (Action.SEE_IMAGES,)))
            return require_image(transaction, gate, ImageKey(target.id)).id
        case TargetKind.ANNOTATION:
            gate.require(*(WRITERS if writing else (Action.SEE_ANNOTATIONS,)))
            return require_annotation(transaction, gate, AnnotationKey(target.id), writing=writing).image
