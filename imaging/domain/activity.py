"""What members look at and do: where they are on an image, what they open, what they do with annotations."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from imaging.domain.base import AnnotationKey, ImageKey, ProjectKey, Record, UserKey
from imaging.domain.image import Axis


class Look(Record):
    """What a member sees of an image: a polygon on one plane, top-left, y down; `rotation` in radians."""

    axis: Axis = Axis.Z
    index: int = 0
    t: int = 0
    c: int = 0
    wkt: str
    zoom: int
    rotation: float


class Position(Look):
    """Where a member was; `broadcast` where they let others follow."""

    id: int
    project: ProjectKey
    user: UserKey
    image: ImageKey
    broadcast: bool
    created: datetime


class Frequency(Record):
    """How often members looked at the same."""

    image: ImageKey
    look: Look
    count: int


class Stay(Record):
    """The last position of a member on an image during the last seconds."""

    user: UserKey
    image: ImageKey
    image_name: str
    axis: Axis
    index: int
    t: int
    c: int
    at: datetime


class ActivityKind(Enum):
    """What of a member is remembered beside their positions."""

    ACTION = "action"
    CONSULTATION = "consultation"
    CONNECTION = "connection"


class AnnotationAction(Record):
    """That a member did something with an annotation, which may be gone; `creator` drew it."""

    id: int
    project: ProjectKey
    user: UserKey
    image: ImageKey
    annotation: AnnotationKey
    action: str
    slice: int | None
    creator: UserKey | None
    copied: bool
    created: datetime


class Consultation(Record):
    """That a member opened an image, and what followed until they opened it again.

    Attributes
    ----------
    connection
        In which connection to the project it was.
    milliseconds
        How long they looked at the image.
    annotations
        How many of those that are there they drew on it.
    """

    id: int
    project: ProjectKey
    user: UserKey
    image: ImageKey
    image_name: str
    mode: str
    connection: int | None
    created: datetime
    milliseconds: int = 0
    annotations: int = 0


class Connection(Record):
    """That a member opened a project, and what followed until they opened it again; counts as of `Consultation`."""

    id: int
    project: ProjectKey
    user: UserKey
    system: str = ""
    browser: str = ""
    browser_version: str = ""
    created: datetime
    milliseconds: int = 0
    images: int = 0
    annotations: int = 0


class LastActivity(Record):
    """What a member did last: connections with their count, and the image that they opened last."""

    user: UserKey
    connections: int = 0
    connected: datetime | None = None
    image: ImageKey | None = None
    image_name: str | None = None
    consulted: datetime | None = None


class ActivityFilter(Record):
    """Which activity is asked for; all filters are ANDed.

    Attributes
    ----------
    user
        None for everybody.
    place, slice
        Of positions t, z and c of a slice; of actions its id.
    after, before
        The first moment that counts, and the first that does not any more.
    """

    user: UserKey | None = None
    image: ImageKey | None = None
    place: tuple[int, int, int] | None = None
    slice: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    action: str | None = None
    broadcast: bool | None = None
    offset: int = 0
    limit: int | None = None
