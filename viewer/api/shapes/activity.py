"""Positions, actions, consultations and connections as Cytomine tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field

from imaging.domain.activity import (
    ActivityFilter,
    AnnotationAction,
    Connection,
    Consultation,
    LastActivity,
)
from imaging.domain.base import UserKey
from imaging.domain.people import Member
from viewer.api.shapes.annotation_query import Millis
from viewer.api.shapes.envelope import Sent, SentId, Shape, Thing, to_millis
from viewer.api.shapes.people import UserShape
from viewer.deps import Paging

_SOCIAL = "be.cytomine.domain.social."
_ANNOTATION = "be.cytomine.domain.ontology."

Word = Annotated[str, Field(max_length=64, pattern=r"^[\w .:/()+-]*$")]
"""What a page says of itself or of what was done: a few letters."""


class ActionSent(Sent):
    """What was done with an annotation."""

    annotation_ident: SentId
    action: Annotated[Word, Field(min_length=1)]


class ConsultationSent(Sent):
    """How an image was opened."""

    mode: Word = ""


class ConnectionSent(Sent):
    """What a project was opened with."""

    os: Word = ""
    browser: Word = ""
    browser_version: Word = ""


class ActivityQuery(Sent):
    """Whose activity, and when: both moments count."""

    user: SentId | None = None
    after_than: Millis | None = None
    before_than: Millis | None = None

    def filter(self, page: Paging) -> ActivityFilter:
        """Say the same inside."""
        return ActivityFilter(
            user=None if self.user is None else UserKey(self.user),
            after=moment_of(self.after_than),
            before=None if self.before_than is None else moment_of(self.before_than + 1),
            offset=page.offset,
            limit=page.limit,
        )


class DatesQuery(Sent):
    """A time; both moments count."""

    start_date: Millis | None = None
    end_date: Millis | None = None

    def filter(self) -> ActivityFilter:
        """Say the same inside."""
        end = None if self.end_date is None else moment_of(self.end_date + 1)
        return ActivityFilter(after=moment_of(self.start_date), before=end)


def moment_of(millis: int | None) -> datetime | None:
    """Read milliseconds since 1970."""
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)


class ActionShape(Thing):
    """What a member did with an annotation."""

    class_: str = Field(default=f"{_SOCIAL}AnnotationAction", alias="class")
    user: int
    image: int
    slice: int | None
    project: int
    action: str
    annotation_ident: int
    annotation_class_name: str
    annotation_creator: int | None

    @classmethod
    def of(cls, done: AnnotationAction) -> Self:
        """Show it."""
        return cls(
            id=done.id,
            created=to_millis(done.created),
            updated=to_millis(done.created),
            user=done.user,
            image=done.image,
            slice=done.slice,
            project=done.project,
            action=done.action,
            annotation_ident=done.annotation,
            annotation_class_name=f"{_ANNOTATION}{'ReviewedAnnotation' if done.copied else 'UserAnnotation'}",
            annotation_creator=done.creator,
        )


class ConsultationShape(Thing):
    """That a member opened an image; `time` are milliseconds."""

    class_: str = Field(default=f"{_SOCIAL}PersistentImageConsultation", alias="class")
    user: int
    image: int
    image_name: str | None
    image_thumb: str | None
    mode: str
    project: int
    project_connection: int | None
    time: int
    count_created_annotations: int

    @classmethod
    def of(cls, opened: Consultation, *, site: str, named: bool) -> Self:
        """Show it; what tells of the image for who sees images."""
        return cls(
            id=opened.id,
            created=to_millis(opened.created),
            updated=to_millis(opened.created),
            user=opened.user,
            image=opened.image,
            image_name=opened.image_name if named else None,
            image_thumb=f"{site}/api/imageinstance/{opened.image}/thumb.png?maxSize=512" if named else None,
            mode=opened.mode,
            project=opened.project,
            project_connection=opened.connection,
            time=opened.milliseconds,
            count_created_annotations=opened.annotations,
        )


class ConnectionShape(Thing):
    """That a member opened a project; `time` are milliseconds."""

    class_: str = Field(default=f"{_SOCIAL}PersistentProjectConnection", alias="class")
    user: int
    project: int
    time: int
    os: str
    browser: str
    browser_version: str
    count_viewed_images: int
    count_created_annotations: int

    @classmethod
    def of(cls, opened: Connection) -> Self:
        """Show it."""
        return cls(
            id=opened.id,
            created=to_millis(opened.created),
            updated=to_millis(opened.created),
            user=opened.user,
            project=opened.project,
            time=opened.milliseconds,
            os=opened.system,
            browser=opened.browser,
            browser_version=opened.browser_version,
            count_viewed_images=opened.images,
            count_created_annotations=opened.annotations,
        )


class ActiveUserShape(UserShape):
    """A member with what they did last; moments are milliseconds, as numbers."""

    last_image_id: int | None
    last_image_name: str | None
    last_connection: int | None
    frequency: int

    @classmethod
    def of_last(cls, member: Member, last: LastActivity, *, named: bool) -> Self:
        """Show it; the name of the image for who sees images."""
        seen = UserShape.of_member(member).model_dump()
        return cls(
            **seen,
            last_image_id=last.image,
            last_image_name=last.image_name if named else None,
            last_connection=None if last.connected is None else int(to_millis(last.connected)),
            frequency=last.connections,
        )


class LastImageShape(Shape):
    """The image that a member opened last."""

    user: int
    created: int
    image: int
    image_name: str | None


class LastConnectionShape(Shape):
    """When a member opened the project last."""

    user: int
    created: int


class Total(Shape):
    """A count."""

    total: int
