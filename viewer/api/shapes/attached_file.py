"""Files that lie with projects, images and annotations, and comments."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from imaging.domain.base import UserKey
from imaging.domain.remark import AttachedFile, Comment
from viewer.api.shapes.envelope import Changed, Sent, SentId, Thing, to_millis
from viewer.api.shapes.remark import SaidShape, show_target

_ANNOTATION = "be.cytomine.domain.ontology.UserAnnotation"


class AttachedFileShape(SaidShape):
    """A file that lies with a thing."""

    class_: str = Field(default="be.cytomine.domain.meta.AttachedFile", alias="class")
    filename: str
    name: str
    size: int = Field(description="Bytes.")
    user: int
    url: str
    key: str | None = None

    @classmethod
    def of(cls, file: AttachedFile) -> Self:
        """Show a file."""
        facts = {"id": file.id, "created": to_millis(file.created), "filename": file.name, "name": file.name}
        url = f"/api/attachedfile/{file.id}/download"
        return cls(**facts, updated=None, size=file.size, user=file.user, url=url, **show_target(file.target))


class AttachedFileChanged(Changed):
    """A file that is gone."""

    attachedfile: AttachedFileShape


class CommentShape(Thing):
    """What a member says to others about an annotation."""

    class_: str = Field(default="be.cytomine.domain.ontology.SharedAnnotation", alias="class")
    comment: str
    sender: int
    receivers: list[int]
    annotation_class_name: str = _ANNOTATION
    annotation_ident: int
    userannotation: int

    @classmethod
    def of(cls, said: Comment) -> Self:
        """Show a comment."""
        facts = {"id": said.id, "created": to_millis(said.created), "comment": said.text, "sender": said.user}
        receivers, annotation = list(said.receivers), said.annotation
        return cls(**facts, updated=None, receivers=receivers, annotation_ident=annotation, userannotation=annotation)


class CommentChanged(Changed):
    """A comment that was made or taken back."""

    sharedannotation: CommentShape


class CommentSent(Sent):
    """What a comment says, and whom it is for; nobody is written to elsewhere."""

    comment: str = Field(min_length=1, max_length=65_536)
    receivers: tuple[SentId, ...] = Field(default=(), max_length=1_000)

    @property
    def users(self) -> tuple[UserKey, ...]:
        """The members that it is for."""
        return tuple(UserKey(key) for key in self.receivers)
