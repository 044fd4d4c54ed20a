"""Projects."""

from __future__ import annotations

from pydantic import Field

from imaging.domain.project import EditingMode, PixelAccess, ProjectRecord
from viewer.api.shapes.envelope import Changed, Name, Sent, SentId, Thing, to_millis


class ProjectShape(Thing):
    """A project as its members see it."""

    class_: str = Field(default="be.cytomine.domain.project.Project", alias="class")
    name: str
    ontology: int
    ontology_name: str | None = None
    blind_mode: bool = False
    are_images_downloadable: bool = False
    number_of_slides: int = 0
    number_of_images: int
    number_of_annotations: int
    number_of_job_annotations: int = 0
    number_of_reviewed_annotations: int = 0
    is_closed: bool = False
    is_read_only: bool
    is_restricted: bool = Field(description="If not, annotators change each other's drawings too.")
    hide_users_layers: bool = False
    hide_admins_layers: bool = False
    pixel_access: PixelAccess
    roles: list[str] = Field(default=[], description="The caller's roles, where one project was asked for.")

    @classmethod
    def of(
        cls, record: ProjectRecord, *, ontology_name: str | None = None, roles: tuple[str, ...] = ()
    ) -> ProjectShape:
        """Show a project."""
        return cls(
            id=record.id,
            created=to_millis(record.created),
            updated=to_millis(record.updated),
            name=record.name,
            ontology=record.ontology,
            ontology_name=ontology_name,
            number_of_images=record.images,
            number_of_annotations=record.annotations,
            is_read_only=record.editing is EditingMode.READ_ONLY,
            is_restricted=record.editing is not EditingMode.CLASSIC,
            pixel_access=record.pixel_access,
            roles=list(roles),
        )


class ProjectChanged(Changed):
    """A changed project."""

    project: ProjectShape


class ProjectSent(Sent):
    """What a project is made from; without an ontology it gets one of its own."""

    name: Name
    ontology: SentId | None = None


class ProjectEdited(Sent):
    """What a project is edited from; what is absent stays."""

    name: Name | None = None
    pixel_access: PixelAccess | None = None
    is_read_only: bool | None = None
    is_restricted: bool | None = None

    def editing(self, now: EditingMode) -> EditingMode | None:
        """Read Cytomine's two switches as one mode; None where it stays."""
        read_only = now is EditingMode.READ_ONLY if self.is_read_only is None else self.is_read_only
        restricted = now is not EditingMode.CLASSIC if self.is_restricted is None else self.is_restricted
        wanted = EditingMode.RESTRICTED if restricted else EditingMode.CLASSIC
        wanted = EditingMode.READ_ONLY if read_only else wanted
        return None if wanted is now else wanted
