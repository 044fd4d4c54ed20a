"""A project as a capability: whoever holds one may do in it what the member's roles allow, and nothing else."""

from __future__ import annotations

from pathlib import Path

from imaging.access import Action
from imaging.domain.base import JobKey, ProjectKey
from imaging.domain.object_store import ObjectStore
from imaging.domain.people import Member
from imaging.domain.project import EditingMode, IrregularPolicy, PixelAccess, ProjectRecord
from imaging.errors import NotFoundError
from imaging.project.activity import Activity
from imaging.project.annotations import Annotations
from imaging.project.attached_files import AttachedFiles
from imaging.project.attachments import Attachments
from imaging.project.commands import Commands
from imaging.project.comments import Comments
from imaging.project.counts import Counts
from imaging.project.gate import Gate
from imaging.project.groupings import AnnotationGroups, ImageGroups, Tracks
from imaging.project.images import Images
from imaging.project.jobs import Jobs
from imaging.project.journal import ProjectJournal
from imaging.project.keys import ProjectSecrets
from imaging.project.layers import Layers
from imaging.project.members import Members
from imaging.project.models import Models
from imaging.project.ontology import OntologyManager
from imaging.project.outcomes import Outcomes
from imaging.project.positions import Positions
from imaging.project.profile import ProjectProfile
from imaging.project.quarantine import Quarantine
from imaging.project.received import Received
from imaging.project.remarks import Descriptions, Properties, TagUses
from imaging.project.resumable import ResumableUploads
from imaging.project.review import Reviews
from imaging.project.segmentations import Segmentations
from imaging.project.subjects import Subjects
from imaging.project.uploads import Uploads
from imaging.pyramid.objects import require_answer
from imaging.store import projects
from imaging.taxonomy import check_name


class Project:
    """One project in the hands of one member; made only by `Workspace.open` and `Workspace.locate`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.record: ProjectRecord = gate.record
        self.member: Member = gate.member
        self.job: JobKey | None = gate.job
        self.folder: Path = gate.folder
        self.layers = Layers(gate)
        self.images = Images(gate, self.layers)
        self.ontology = OntologyManager(gate)
        self.annotations = Annotations(gate, self.layers)
        self.reviews = Reviews(gate, self.layers)
        self.commands = Commands(gate)
        self.properties = Properties(gate)
        self.descriptions = Descriptions(gate)
        self.tags = TagUses(gate)
        self.attached_files = AttachedFiles(gate)
        self.comments = Comments(gate)
        self.tracks = Tracks(gate)
        self.image_groups = ImageGroups(gate)
        self.annotation_groups = AnnotationGroups(gate)
        self.segmentations = Segmentations(gate, self.images)
        self.attachments = Attachments(gate, self.images, self.layers)
        self.jobs = Jobs(gate)
        self.models = Models(gate)
        self.members = Members(gate)
        self.profile = ProjectProfile(gate)
        self.uploads = Uploads(gate)
        self.received = Received(gate)
        self.resumable = ResumableUploads(gate)
        self.outcomes = Outcomes(gate)
        self.quarantine = Quarantine(gate)
        self.subjects = Subjects(gate, self.images, self.quarantine, self.outcomes)
        self.secrets = ProjectSecrets(gate)
        self.journal = ProjectJournal(gate)
        self.positions, self.activity = Positions(gate), Activity(gate)
        self.counts = Counts(gate)

    @property
    def id(self) -> ProjectKey:
        """The project's id."""
        return self.record.id

    @property
    def object_store(self) -> ObjectStore | None:
        """Where the shards of the project's new images and segmentations go; None for its folders."""
        store = self._gate.settings.object_store
        return None if store is None else store.below(str(self.id))

    def require_object_store(self) -> None:
        """Raise UnavailableError, before long work, where shards go to an object store and that does not answer."""
        if self.object_store is not None:
            require_answer(self.object_store)

    def facts(self) -> ProjectRecord:
        """The project's facts as they are now, with the counts of what it holds; `record` has no counts."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            record = projects.read_project(transaction, self.record.id)
        if record is None:
            raise NotFoundError("project", self.record.id)
        return record

    def require(self, action: Action) -> None:
        """Raise ForbiddenError unless the member's roles allow the action."""
        self._gate.require(action)

    def may(self, action: Action) -> bool:
        """Whether the member's roles allow the action."""
        return self._gate.may(action)

    def edit(
        self,
        *,
        name: str | None = None,
        pixel_access: PixelAccess | None = None,
        irregular: IrregularPolicy | None = None,
        editing: EditingMode | None = None,
    ) -> ProjectRecord:
        """Change name, pixel access, policy or editing mode; this handle keeps the facts it was opened with."""
        values: dict[str, object] = {}
        if name is not None:
            values["name"] = check_name("project", name)
        if pixel_access is not None:
            values["pixel_access"] = pixel_access.value
        if irregular is not None:
            values["irregular"] = irregular.value
        if editing is not None:
            values["editing"] = editing.value
        with self._gate.change(Action.EDIT_PROJECT) as change:
            fields = sorted(values)
            projects.update_project(change.transaction, self.record.id, values | {"updated": change.at})
            change.note("edit", "project", self.record.id, {"fields": [*fields]})
            record = projects.read_project(change.transaction, self.record.id)
        if record is None:
            raise NotFoundError("project", self.record.id)
        return record
