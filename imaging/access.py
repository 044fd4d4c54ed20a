"""Role x action: who may do what in a project. One table, pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from imaging.domain.people import Role


class Action(Enum):
    """Everything that a member can ask a project to do."""

    SEE_PROJECT = "see the project"
    SEE_IMAGES = "see images"
    SEE_ANNOTATIONS = "see annotations"
    ANNOTATE = "annotate"
    REVIEW = "review"
    EDIT_ONTOLOGY = "edit the ontology"
    UPLOAD = "upload"
    DECIDE_QUARANTINE = "decide on quarantined files"
    EDIT_IMAGES = "edit images"
    IMPORT_ANNOTATIONS = "import annotations"
    TRAIN = "train and predict"
    SEE_JOBS = "see jobs"
    MANAGE_MEMBERS = "manage members"
    EDIT_PROJECT = "edit the project"
    TAKE_OUT = "take data out"
    REIDENTIFY = "re-identify subjects"
    ERASE = "erase subjects"
    ROTATE_KEY = "rotate the key"
    SEE_JOURNAL = "see the journal"


INGEST = (Action.UPLOAD, Action.DECIDE_QUARANTINE)
"""Whoever may do one of these makes images: of an upload, or of what was held from one."""

ANNOTATING = frozenset(
    {
        Action.ANNOTATE,
        Action.REVIEW,
        Action.IMPORT_ANNOTATIONS,
        Action.TRAIN,
        Action.EDIT_IMAGES,
        Action.EDIT_ONTOLOGY,
    }
)
"""What only managers do in a project that is read-only; what comes in by ingestion still comes."""

_SEE = frozenset({Action.SEE_PROJECT, Action.SEE_JOBS})
_LOOK = _SEE | {Action.SEE_IMAGES, Action.SEE_ANNOTATIONS}

_TABLE: dict[Role, frozenset[Action]] = {
    Role.MANAGER: _LOOK
    | {
        Action.ANNOTATE,
        Action.REVIEW,
        Action.EDIT_ONTOLOGY,
        Action.UPLOAD,
        Action.DECIDE_QUARANTINE,
        Action.EDIT_IMAGES,
        Action.IMPORT_ANNOTATIONS,
        Action.TRAIN,
        Action.MANAGE_MEMBERS,
        Action.EDIT_PROJECT,
        Action.ROTATE_KEY,
        Action.SEE_JOURNAL,
    },
    Role.ANNOTATOR: _LOOK | {Action.ANNOTATE},
    Role.REVIEWER: _LOOK | {Action.ANNOTATE, Action.REVIEW},
    Role.READER: _LOOK,
    Role.UPLOADER: _SEE | {Action.UPLOAD},
    Role.DATA_SCIENTIST: _LOOK | {Action.TRAIN, Action.IMPORT_ANNOTATIONS},
    Role.OUTPUT_CHECKER: _SEE,
    Role.CONTROLLER: _LOOK
    | {
        Action.TAKE_OUT,
        Action.DECIDE_QUARANTINE,
        Action.SEE_JOURNAL,
        Action.REIDENTIFY,
        Action.ERASE,
        Action.ROTATE_KEY,
    },
    Role.AUDITOR: frozenset({Action.SEE_PROJECT, Action.SEE_JOURNAL}),
}


def allowed(roles: Iterable[Role], action: Action) -> bool:
    """Tell whether any of the roles grants the action."""
    return any(action in _TABLE[role] for role in roles)
