"""Members and roles: one row of the access table for every door."""

from __future__ import annotations

import io
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from imaging.access import INGEST, Action, allowed
from imaging.dicom.profile import Profile
from imaging.domain.activity import ActivityFilter, ActivityKind, Look
from imaging.domain.annotation import AnnotationDraft, AnnotationFilter
from imaging.domain.attachment import AttachmentKind
from imaging.domain.base import UserKey
from imaging.domain.command import Thing
from imaging.domain.counts import Evolution
from imaging.domain.epoch import RotationPolicy
from imaging.domain.image import Image, ImageDraft
from imaging.domain.job import Task, TrainWork
from imaging.domain.model import ModelDraft
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.domain.remark import Target, TargetKind
from imaging.domain.subject import Identity
from imaging.domain.upload import Announcement, Decision, FileToHold
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.models import Learners
from imaging.project.project import Project
from imaging.project.segmentations import SegmentationDraft
from imaging.workspace import Workspace

FILE = Announcement("x", 0, "", None)
PERSON = Identity(issuer="", patient_id="PHA-0001")
LOOK = Look(wkt="POLYGON ((0 0, 4 0, 4 2, 0 2, 0 0))", zoom=2, rotation=0.0)
DRAFT = SegmentationDraft("s", (), lambda key: None)
MODEL = ModelDraft(name="m", task=Task.SEGMENTATION, terms=(), sha256="0" * 64)


def doors(project: Project, image: Image, draft: ImageDraft) -> dict[str, tuple[set[Action], Callable[[], object]]]:
    """Every way into a project's managers, and the actions of which each asks for one."""
    see, draw = Action.SEE_ANNOTATIONS, {Action.ANNOTATE}
    writers = {Action.ANNOTATE, Action.REVIEW, Action.IMPORT_ANNOTATIONS, Action.TRAIN}
    lung = project.ontology.find("lung").id if project.may(Action.SEE_PROJECT) else 0
    absent, of_image = 999_999, Target(kind=TargetKind.IMAGE, id=image.id)
    sayers, lookers = {*writers, Action.EDIT_IMAGES}, {Action.SEE_IMAGES, Action.SEE_JOURNAL}
    me = project.member.user.id
    return {
        "images.list": ({Action.SEE_IMAGES}, project.images.list),
        "images.catalogue": ({*INGEST, Action.SEE_IMAGES}, project.images.catalogue),
        "images.get": ({Action.SEE_IMAGES}, lambda: project.images.get(image.id)),
        "images.find": ({Action.SEE_IMAGES}, lambda: project.images.find("phantom")),
        "images.by_slice": ({Action.SEE_IMAGES}, lambda: project.images.by_slice(image.slice_base)),
        "images.path": ({Action.SEE_IMAGES, *INGEST}, lambda: project.images.path(image.id)),
        "images.register": (set(INGEST), lambda: project.images.register(draft, lambda key: None)),
        "images.rename": ({Action.EDIT_IMAGES}, lambda: project.images.rename(image.id, "phantom")),
        "images.restate": (
            {Action.EDIT_PROJECT},
            lambda: project.images.restate(image.id, image.attributes, "", {}),
        ),
        "images.restated_by_job": ({Action.EDIT_PROJECT}, project.images.restated_by_job),
        "images.delete": ({Action.EDIT_IMAGES, Action.ERASE}, lambda: project.images.delete(absent)),
        "images.known_digests": (set(INGEST), lambda: project.images.known_digests(["a"])),
        "images.made_by_job": (set(INGEST), project.images.made_by_job),
        "images.terms": ({see}, project.images.terms),
        "properties.of_images": ({Action.SEE_IMAGES}, project.properties.of_images),
        "properties.list": ({Action.SEE_IMAGES}, lambda: project.properties.list(of_image)),
        "properties.find": ({Action.SEE_IMAGES}, lambda: project.properties.find(of_image, "x")),
        "properties.get": ({Action.SEE_IMAGES}, lambda: project.properties.get(of_image, absent)),
        "properties.add": (sayers, lambda: project.properties.add(of_image, [("a", "b")])),
        "properties.edit": (sayers, lambda: project.properties.edit(of_image, absent, value="c")),
        "properties.delete": (sayers, lambda: project.properties.delete(of_image, absent)),
        "descriptions.get": ({Action.SEE_IMAGES}, lambda: project.descriptions.get(of_image)),
        "descriptions.add": (sayers, lambda: project.descriptions.add(of_image, "text")),
        "descriptions.edit": (sayers, lambda: project.descriptions.edit(of_image, "text")),
        "descriptions.delete": (sayers, lambda: project.descriptions.delete(of_image)),
        "tracks.list": ({see}, project.tracks.list),
        "tracks.get": ({see}, lambda: project.tracks.get(absent)),
        "tracks.create": (writers, lambda: project.tracks.create(absent, "t")),
        "tracks.edit": (writers, lambda: project.tracks.edit(absent, name="t")),
        "tracks.delete": (writers, lambda: project.tracks.delete(absent)),
        "tracks.tracked": ({see}, lambda: project.tracks.tracked(absent, absent)),
        "tracks.of_annotation": ({see}, lambda: project.tracks.of_annotation(absent)),
        "tracks.of_annotations": ({see}, lambda: project.tracks.of_annotations([absent])),
        "tracks.follow": (writers, lambda: project.tracks.follow(absent, absent)),
        "tracks.unfollow": (writers, lambda: project.tracks.unfollow(absent, absent)),
        "image_groups.list": ({Action.SEE_IMAGES}, project.image_groups.list),
        "image_groups.get": ({Action.SEE_IMAGES}, lambda: project.image_groups.get(absent)),
        "image_groups.create": ({Action.EDIT_IMAGES}, lambda: project.image_groups.create("g")),
        "image_groups.rename": ({Action.EDIT_IMAGES}, lambda: project.image_groups.rename(absent, "g")),
        "image_groups.delete": ({Action.EDIT_IMAGES}, lambda: project.image_groups.delete(absent)),
        "image_groups.images": ({Action.SEE_IMAGES}, project.image_groups.images),
        "image_groups.find": ({Action.SEE_IMAGES}, lambda: project.image_groups.find(absent, image.id)),
        "image_groups.put": ({Action.EDIT_IMAGES}, lambda: project.image_groups.put(absent, image.id)),
        "image_groups.take_out": ({Action.EDIT_IMAGES}, lambda: project.image_groups.take_out(absent, image.id)),
        "annotation_groups.list": ({see}, project.annotation_groups.list),
        "annotation_groups.get": ({see}, lambda: project.annotation_groups.get(absent)),
        "annotation_groups.create": (writers, project.annotation_groups.create),
        "annotation_groups.delete": (writers, lambda: project.annotation_groups.delete(absent)),
        "annotation_groups.merge": (writers, lambda: project.annotation_groups.merge(absent, image.id)),
        "annotation_groups.links": ({see}, lambda: project.annotation_groups.links(group=absent)),
        "annotation_groups.find": ({see}, lambda: project.annotation_groups.find(absent, absent)),
        "annotation_groups.link": (writers, lambda: project.annotation_groups.link(absent, absent)),
        "annotation_groups.unlink": (writers, lambda: project.annotation_groups.unlink(absent, absent)),
        "tags.list": ({Action.SEE_IMAGES}, lambda: project.tags.list(of_image)),
        "tags.get": ({see, Action.SEE_IMAGES}, lambda: project.tags.get(absent)),
        "tags.add": (sayers, lambda: project.tags.add(of_image, absent)),
        "tags.delete": ({*sayers, Action.EDIT_PROJECT}, lambda: project.tags.delete(absent)),
        "reviews.start": ({Action.REVIEW}, lambda: project.reviews.start(image.id)),
        "reviews.validate": ({Action.REVIEW}, lambda: project.reviews.validate(image.id)),
        "reviews.cancel": ({Action.REVIEW}, lambda: project.reviews.cancel(image.id)),
        "reviews.accept": ({Action.REVIEW}, lambda: project.reviews.accept(absent)),
        "reviews.reject": ({Action.REVIEW}, lambda: project.reviews.reject(absent)),
        "reviews.accept_all": ({Action.REVIEW}, lambda: project.reviews.accept_all(image.id)),
        "reviews.reject_all": ({Action.REVIEW}, lambda: project.reviews.reject_all(image.id)),
        "layers.review": ({Action.REVIEW}, project.layers.review),
        "attached_files.list": ({Action.SEE_IMAGES}, lambda: project.attached_files.list(of_image)),
        "attached_files.get": ({see, Action.SEE_IMAGES}, lambda: project.attached_files.get(absent)),
        "attached_files.read": ({see, Action.SEE_IMAGES}, lambda: project.attached_files.read(absent)),
        "attached_files.add": (sayers, lambda: project.attached_files.add(of_image, "a", BytesIO(b"a"))),
        "attached_files.delete": ({*sayers, Action.EDIT_PROJECT}, lambda: project.attached_files.delete(absent)),
        "attached_files.damaged": ({Action.SEE_PROJECT}, project.attached_files.damaged),
        "comments.list": ({see}, lambda: project.comments.list(absent)),
        "comments.get": ({see}, lambda: project.comments.get(absent, absent)),
        "comments.add": (writers, lambda: project.comments.add(absent, "text")),
        "comments.delete": (writers, lambda: project.comments.delete(absent, absent)),
        "images.add_term": (draw, lambda: project.images.add_term(image.id, lung)),
        "images.remove_term": (draw, lambda: project.images.remove_term(image.id, lung)),
        "ontology.record": ({Action.SEE_PROJECT}, project.ontology.record),
        "ontology.terms": ({Action.SEE_PROJECT}, project.ontology.terms),
        "ontology.rename": ({Action.EDIT_ONTOLOGY}, lambda: project.ontology.rename("o")),
        "ontology.add": ({Action.EDIT_ONTOLOGY}, lambda: project.ontology.add("lung")),
        "ontology.edit": ({Action.EDIT_ONTOLOGY}, lambda: project.ontology.edit(lung, comment="x")),
        "ontology.delete": ({Action.EDIT_ONTOLOGY}, lambda: project.ontology.delete(absent)),
        "layers.list": ({see}, project.layers.list),
        "layers.counts": ({see}, project.layers.counts),
        "layers.get": ({see}, lambda: project.layers.get(absent)),
        "layers.mine": (draw, project.layers.mine),
        "layers.source": ({Action.IMPORT_ANNOTATIONS, *INGEST}, project.layers.source),
        "layers.named": ({Action.IMPORT_ANNOTATIONS}, lambda: project.layers.named("x")),
        "layers.of_model": ({Action.TRAIN}, lambda: project.layers.of_model(absent)),
        "attachments.add": (
            set(INGEST),
            lambda: project.attachments.add(absent, AttachmentKind.STRUCTURE_SET, "b"),
        ),
        "attachments.add_table": (
            set(INGEST),
            lambda: project.attachments.add_table(absent, "b", terms={}, properties={}, unmatched=0),
        ),
        "attachments.made_by_job": (set(INGEST), project.attachments.made_by_job),
        "quarantine.restate": (
            {Action.DECIDE_QUARANTINE},
            lambda: project.quarantine.restate(absent, Reason.NOT_DICOM, ""),
        ),
        "quarantine.settle": ({Action.UPLOAD}, lambda: project.quarantine.settle({"t.csv"}, ())),
        "quarantine.forget_withdrawn": (set(INGEST), lambda: project.quarantine.forget_withdrawn(["a"])),
        "annotations.list": ({see}, project.annotations.list),
        "annotations.each": ({see}, lambda: list(project.annotations.each(AnnotationFilter()))),
        "commands.list": ({see}, lambda: project.commands.list(user=project.member.user.id)),
        "commands.sees_all": ({Action.SEE_ANNOTATIONS}, project.commands.sees_all),
        "commands.latest": ({see}, lambda: project.commands.latest(Thing.ANNOTATION, absent)),
        "commands.undo": ({*sayers, Action.EDIT_PROJECT}, lambda: project.commands.undo(absent)),
        "commands.redo": ({*sayers, Action.EDIT_PROJECT}, lambda: project.commands.redo(absent)),
        "annotations.get": ({see}, lambda: project.annotations.get(absent)),
        "annotations.create": (
            draw,
            lambda: project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)")),
        ),
        "annotations.import_many": (writers, lambda: project.annotations.import_many(absent, [])),
        "annotations.edit": (writers, lambda: project.annotations.edit(absent)),
        "annotations.delete": (writers, lambda: project.annotations.delete(absent)),
        "annotations.add_term": (writers, lambda: project.annotations.add_term(absent, lung)),
        "annotations.remove_term": (writers, lambda: project.annotations.remove_term(absent, lung)),
        "segmentations.list": ({see}, project.segmentations.list),
        "segmentations.get": ({see}, lambda: project.segmentations.get(absent)),
        "segmentations.create": (
            writers,
            lambda: project.segmentations.create(image.id, absent, "s", [], lambda key: None),
        ),
        "segmentations.create_together": (
            writers,
            lambda: project.segmentations.create_together(image.id, absent, [DRAFT]),
        ),
        "segmentations.replace": (writers, lambda: project.segmentations.replace(absent, [], lambda key: None)),
        "segmentations.delete": (writers, lambda: project.segmentations.delete(absent)),
        "segmentations.path": ({see}, lambda: project.segmentations.path(absent)),
        "jobs.list": ({Action.SEE_JOBS}, project.jobs.list),
        "jobs.get": ({Action.SEE_JOBS}, lambda: project.jobs.get(absent)),
        "jobs.cancel": ({Action.SEE_JOBS}, lambda: project.jobs.cancel(absent)),
        "jobs.submit": ({Action.TRAIN}, lambda: project.jobs.submit(TrainWork(task=Task.SEGMENTATION))),
        "jobs.begin": (
            {Action.TRAIN},
            lambda: project.jobs.begin(TrainWork(task=Task.SEGMENTATION), "test", 60),
        ),
        "models.list": ({Action.SEE_JOBS}, project.models.list),
        "models.get": ({Action.SEE_JOBS}, lambda: project.models.get(absent)),
        "models.find": ({Action.SEE_JOBS}, lambda: project.models.find("absent")),
        "models.folder": ({Action.SEE_JOBS}, lambda: project.models.folder(absent)),
        "models.learned_from": ({Action.ERASE}, lambda: project.models.learned_from("absent")),
        "models.made_by_job": ({Action.SEE_JOBS}, project.models.made_by_job),
        "models.register": ({Action.TRAIN}, lambda: project.models.register(MODEL, lambda key: None)),
        "members.list": ({Action.SEE_PROJECT}, project.members.list),
        "members.add": ({Action.MANAGE_MEMBERS}, lambda: project.members.add(absent, [Role.READER])),
        "members.set_roles": ({Action.MANAGE_MEMBERS}, lambda: project.members.set_roles(absent, [Role.READER])),
        "members.remove": ({Action.MANAGE_MEMBERS}, lambda: project.members.remove(absent)),
        "profile.get": ({Action.SEE_PROJECT}, project.profile.get),
        "profile.set": ({Action.EDIT_PROJECT}, lambda: project.profile.set(Profile.built_in("basic"))),
        "profile.record": (set(INGEST), lambda: project.profile.record(Profile())),
        "profile.recorded": ({Action.SEE_PROJECT}, project.profile.recorded),
        "profile.note_applied": ({Action.EDIT_PROJECT}, lambda: project.profile.note_applied(Profile(), 0, {})),
        "uploads.create": ({Action.UPLOAD}, lambda: project.uploads.create("page")),
        "uploads.add": ({Action.UPLOAD}, lambda: project.uploads.add(absent, "x", io.BytesIO())),
        "quarantine.names": ({Action.UPLOAD}, lambda: project.quarantine.names(absent)),
        "uploads.outcome_noted": ({Action.UPLOAD}, lambda: project.uploads.outcome_noted(absent)),
        "quarantine.held": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, project.quarantine.held),
        "quarantine.open": ({Action.DECIDE_QUARANTINE}, lambda: project.quarantine.open(absent, Path())),
        "quarantine.hold_all": ({Action.UPLOAD}, lambda: project.quarantine.hold_all(absent, [])),
        "quarantine.find": (
            {Action.UPLOAD},
            lambda: project.quarantine.find([FileToHold("x", None, Reason.NOT_DICOM)]),
        ),
        "quarantine.release": (
            {Action.DECIDE_QUARANTINE},
            lambda: project.quarantine.release(absent, "accept", {}),
        ),
        "received.list": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, project.received.list),
        "received.get": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, lambda: project.received.get(absent)),
        "received.names": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, lambda: project.received.names(absent)),
        # Whoever says something of images and uploads them is who edits them.
        "received.say": ({Action.EDIT_IMAGES}, lambda: project.received.say(absent, [("a", "b")])),
        "received.said": ({Action.UPLOAD}, lambda: project.received.said(absent)),
        "uploads.arriving": ({Action.UPLOAD}, lambda: project.uploads.arriving(absent)),
        "uploads.stopped": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, project.uploads.stopped),
        "uploads.discard": ({Action.DECIDE_QUARANTINE}, lambda: project.uploads.discard(absent)),
        "quarantine.expire": ({Action.DECIDE_QUARANTINE}, lambda: project.quarantine.expire(absent, 30)),
        "quarantine.deciding": ({Action.DECIDE_QUARANTINE}, project.quarantine.deciding),
        "quarantine.remember": ({Action.DECIDE_QUARANTINE}, lambda: project.quarantine.remember(absent, Decision())),
        "quarantine.refuse": ({Action.DECIDE_QUARANTINE}, lambda: project.quarantine.refuse(absent)),
        "quarantine.refuse_together": (
            {Action.DECIDE_QUARANTINE},
            lambda: project.quarantine.refuse_together([absent]),
        ),
        "uploads.finish": ({Action.UPLOAD}, lambda: project.uploads.finish(absent)),
        "uploads.abandon": ({Action.UPLOAD}, lambda: project.uploads.abandon(absent)),
        "jobs.taking": ({Action.SEE_JOBS}, lambda: project.jobs.taking(absent)),
        "images.of_digests": (set(INGEST), lambda: project.images.of_digests(["a"])),
        "resumable.open": ({Action.UPLOAD}, lambda: project.resumable.open("page")),
        "resumable.mine": ({Action.UPLOAD}, project.resumable.mine),
        "resumable.get": ({Action.UPLOAD}, lambda: project.resumable.get(absent)),
        "resumable.require_open": ({Action.UPLOAD}, lambda: project.resumable.require_open(absent)),
        "resumable.is_alone": ({Action.UPLOAD}, lambda: project.resumable.is_alone(absent)),
        "resumable.files": ({Action.UPLOAD}, lambda: project.resumable.files(absent)),
        "resumable.file": ({Action.UPLOAD}, lambda: project.resumable.file(absent, 1)),
        "resumable.announce": ({Action.UPLOAD}, lambda: project.resumable.announce(absent, FILE)),
        "resumable.take": ({Action.UPLOAD}, lambda: project.resumable.take(absent, FILE, io.BytesIO())),
        "resumable.receive": ({Action.UPLOAD}, lambda: project.resumable.receive(absent, 1, 0, io.BytesIO())),
        "resumable.remove": ({Action.UPLOAD}, lambda: project.resumable.remove(absent, 1)),
        "resumable.close": ({Action.UPLOAD}, lambda: project.resumable.close(absent)),
        "outcomes.write": ({Action.UPLOAD}, lambda: project.outcomes.write(absent, [])),
        "outcomes.read": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, lambda: project.outcomes.read(absent)),
        "outcomes.forget": ({Action.ERASE}, project.outcomes.forget),
        "secrets.epochs": ({Action.UPLOAD, Action.DECIDE_QUARANTINE, Action.ERASE}, project.secrets.epochs),
        "secrets.rotate": ({Action.ROTATE_KEY}, lambda: project.secrets.rotate(RotationPolicy.LINK)),
        "subjects.known": (set(INGEST), project.subjects.known),
        "subjects.is_known": ({Action.ERASE}, lambda: project.subjects.is_known("absent")),
        "subjects.remember": (set(INGEST), lambda: project.subjects.remember("S", PERSON)),
        "subjects.reidentify": ({Action.REIDENTIFY}, lambda: project.subjects.reidentify("absent", "to see")),
        "subjects.ask": ({Action.EDIT_PROJECT}, lambda: project.subjects.ask("absent")),
        "subjects.named": ({Action.DECIDE_QUARANTINE}, lambda: project.subjects.named(["absent"])),
        "subjects.oppose": ({Action.DECIDE_QUARANTINE}, lambda: project.subjects.oppose(set())),
        "subjects.withdraw": ({Action.DECIDE_QUARANTINE}, lambda: project.subjects.withdraw(set())),
        "subjects.opposed": ({Action.UPLOAD, Action.DECIDE_QUARANTINE}, project.subjects.opposed),
        "subjects.images_of": ({Action.UPLOAD, Action.SEE_IMAGES}, lambda: project.subjects.images_of(["absent"])),
        "subjects.erase": ({Action.ERASE}, lambda: project.subjects.erase("absent", [], Learners())),
        "journal.note_taking_out": ({Action.TAKE_OUT}, lambda: project.journal.note_taking_out("image", {})),
        "journal.list": ({Action.SEE_JOURNAL}, project.journal.list),
        "journal.verify": ({Action.SEE_JOURNAL}, project.journal.verify),
        "positions.add": ({Action.SEE_IMAGES}, lambda: project.positions.add(image.id, LOOK)),
        "positions.image": (lookers, lambda: project.positions.image(image.id)),
        "positions.image_of_slice": (lookers, lambda: project.positions.image_of_slice(image.slice_base)),
        "positions.page": (lookers, lambda: project.positions.page(image.id, ActivityFilter())),
        "positions.frequencies": (lookers, lambda: project.positions.frequencies(image.id, ActivityFilter())),
        "positions.last": (lookers, lambda: project.positions.last(image.id, me, ActivityFilter())),
        "positions.present": (lookers, project.positions.present),
        "activity.connect": ({Action.SEE_PROJECT}, project.activity.connect),
        "activity.consult": ({Action.SEE_IMAGES}, lambda: project.activity.consult(image.id)),
        "activity.act": ({see}, lambda: project.activity.act(absent, "select")),
        "activity.actions": ({see, Action.SEE_JOURNAL}, lambda: project.activity.actions(image.id, ActivityFilter())),
        "activity.connections": ({Action.SEE_PROJECT}, lambda: project.activity.connections(me, ActivityFilter())),
        "activity.consultations": (lookers, lambda: project.activity.consultations(me, ActivityFilter())),
        "activity.count": (
            {Action.SEE_PROJECT},
            lambda: project.activity.count(ActivityKind.ACTION, ActivityFilter()),
        ),
        "activity.last": ({Action.SEE_PROJECT}, project.activity.last),
        "counts.by_term": ({see}, lambda: project.counts.by_term(AnnotationFilter())),
        "counts.by_user": ({see}, lambda: project.counts.by_user(AnnotationFilter())),
        "counts.by_user_and_term": ({see}, lambda: project.counts.by_user_and_term(AnnotationFilter())),
        "counts.by_term_and_image": ({see}, lambda: project.counts.by_term_and_image(AnnotationFilter())),
        "counts.growth": ({see}, lambda: project.counts.growth(AnnotationFilter(), Evolution())),
        "counts.activity": (
            {Action.SEE_PROJECT},
            lambda: project.counts.activity(ActivityKind.ACTION, ActivityFilter(), Evolution()),
        ),
        "facts": ({Action.SEE_PROJECT}, project.facts),
        "edit": ({Action.EDIT_PROJECT}, lambda: project.edit(name="phantoms")),
    }


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_every_door_opens_to_the_roles_of_the_table_and_no_others(
    role: Role, project: Project, image: Image, draft: ImageDraft, as_role: Callable[[Role], Project]
) -> None:
    theirs = as_role(role)
    for name, (actions, knock) in doors(theirs, image, draft).items():
        refused = False
        try:
            knock()
        except ForbiddenError:
            refused = True
        except (NotFoundError, StateError):
            pass
        assert refused != any(allowed([role], action) for action in actions), name


def test_every_public_method_is_among_the_doors(project: Project, image: Image, draft: ImageDraft) -> None:
    known = set(doors(project, image, draft))
    passed_through = {
        "annotations",
        "images",
        "ontology",
        "layers",
        "segmentations",
        "jobs",
        "models",
        "members",
        "attachments",
        "commands",
        "properties",
        "descriptions",
        "tags",
        "tracks",
        "image_groups",
        "annotation_groups",
        "positions",
        "activity",
        "counts",
    }
    passed_through |= {"uploads", "quarantine", "secrets", "journal", "subjects", "profile", "resumable", "outcomes"}
    passed_through |= {"received"}
    methods = {
        f"{manager}.{name}"
        for manager in passed_through
        for name in dir(type(getattr(project, manager)))
        if not name.startswith("_")
    }
    through_others = {"ontology.term", "ontology.find", "uploads.scratch", "uploads.open_files", "quarantine.hold"}
    assert methods - known == through_others


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
class TestRoles:
    def test_roles_add_up(self, workspace: Workspace, project: Project) -> None:
        user, _ = workspace.accounts.add("someone")
        project.members.add(user.id, [Role.READER])
        both = project.members.add(user.id, [Role.UPLOADER])
        assert both.roles == {Role.READER, Role.UPLOADER}
        assert both in project.members.list()
        assert workspace.open(project.record.id, user.id).may(Action.UPLOAD)

    def test_taken_roles_are_gone_at_the_next_opening(self, workspace: Workspace, project: Project) -> None:
        user, _ = workspace.accounts.add("someone")
        project.members.add(user.id, [Role.ANNOTATOR, Role.UPLOADER])
        project.members.set_roles(user.id, [Role.ANNOTATOR])
        assert not workspace.open(project.record.id, user.id).may(Action.UPLOAD)

    def test_a_project_keeps_a_manager(self, workspace: Workspace, project: Project) -> None:
        me = project.member.user.id
        for change in (lambda: project.members.remove(me), lambda: project.members.set_roles(me, [Role.READER])):
            with pytest.raises(StateError):
                change()
        other, _ = workspace.accounts.add("other")
        project.members.add(other.id, [Role.MANAGER])
        project.members.remove(me)
        with pytest.raises(NotFoundError):
            workspace.open(project.record.id, me)

    def test_unknown_people_and_no_roles_are_refused(self, workspace: Workspace, project: Project) -> None:
        with pytest.raises(NotFoundError):
            project.members.add(UserKey(999_999), [Role.READER])
        user, _ = workspace.accounts.add("someone")
        with pytest.raises(InvalidInputError):
            project.members.add(user.id, [])
        with pytest.raises(NotFoundError):
            project.members.set_roles(user.id, [Role.READER])
        with pytest.raises(NotFoundError):
            project.members.remove(user.id)
