"""What members did: actions on annotations, images opened, connections to projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from imaging.access import Action
from imaging.domain.activity import ActivityFilter, ActivityKind
from imaging.domain.base import AnnotationKey, ImageKey, UserKey
from imaging.project.project import Project
from viewer.api.shapes.activity import (
    ActionSent,
    ActionShape,
    ActiveUserShape,
    ActivityQuery,
    ConnectionSent,
    ConnectionShape,
    ConsultationSent,
    ConsultationShape,
    DatesQuery,
    LastConnectionShape,
    LastImageShape,
    Total,
)
from viewer.api.shapes.envelope import Collection, to_millis
from viewer.deps import Entry, Id, Page, Paging, Site

router = APIRouter(prefix="/api", tags=["activity"])

Activity = Annotated[ActivityQuery, Query()]
Distinct = Annotated[bool, Query(alias="distinctImages", description="Of each image the last time alone.")]
Dates = Annotated[DatesQuery, Query()]


@router.post("/annotation_action.json")
def add_annotation_action(sent: ActionSent, door: Entry) -> ActionShape:
    """Tell what one did with an annotation."""
    project = door.locate("annotation", sent.annotation_ident)
    return ActionShape.of(project.activity.act(AnnotationKey(sent.annotation_ident), sent.action))


@router.get("/imageinstance/{image}/annotation_action.json")
def list_annotation_actions(image: Id, query: Activity, door: Entry, page: Page) -> Collection[ActionShape]:
    """List what was done with annotations of an image, oldest first: by oneself, or by all for who sees the journal."""
    return _actions(door.locate("image", image), ImageKey(image), query.filter(page), page)


@router.get("/sliceinstance/{slice}/annotation_action.json")
def list_slice_actions(slice: Id, query: Activity, door: Entry, page: Page) -> Collection[ActionShape]:
    """List what was done with annotations of a slice."""
    project = door.locate("slice", slice)
    image = project.positions.image_of_slice(slice)
    wanted = query.filter(page).model_copy(update={"slice": slice})
    return _actions(project, image.id, wanted, page)


@router.post("/imageinstance/{image}/consultation.json")
def add_consultation(
    image: Id, door: Entry, site: Site, sent: Annotated[ConsultationSent | None, Body()] = None
) -> ConsultationShape:
    """Tell that one opened an image."""
    mode = (sent or ConsultationSent()).mode
    opened = door.locate("image", image).activity.consult(ImageKey(image), mode)
    return ConsultationShape.of(opened, site=site, named=True)


@router.get("/project/{project}/user/{user}/imageconsultation.json")
def list_consultations(
    project: Id, user: Id, door: Entry, page: Page, site: Site, distinct_images: Distinct = False
) -> Collection[ConsultationShape]:
    """List the images that a member opened, newest first."""
    opened = door.project(project)
    wanted = ActivityFilter(offset=page.offset, limit=page.limit)
    found, total = opened.activity.consultations(UserKey(user), wanted, last=distinct_images)
    named = opened.may(Action.SEE_IMAGES)
    shapes = [ConsultationShape.of(one, site=site, named=named) for one in found]
    return Collection[ConsultationShape].page(shapes, total, page)


@router.post("/project/{project}/userconnection.json")
def add_connection(project: Id, door: Entry, sent: Annotated[ConnectionSent | None, Body()] = None) -> ConnectionShape:
    """Tell that one opened a project."""
    told = sent or ConnectionSent()
    facts = {"system": told.os, "browser": told.browser, "browser_version": told.browser_version}
    return ConnectionShape.of(door.project(project).activity.connect(**facts))


@router.get("/project/{project}/userconnection/count.json")
def count_connections(project: Id, dates: Dates, door: Entry) -> Total:
    """Count connections to a project."""
    return Total(total=door.project(project).activity.count(ActivityKind.CONNECTION, dates.filter()))


@router.get("/project/{project}/imageconsultation/count.json")
def count_consultations(project: Id, dates: Dates, door: Entry) -> Total:
    """Count how often images of a project were opened."""
    return Total(total=door.project(project).activity.count(ActivityKind.CONSULTATION, dates.filter()))


@router.get("/project/{project}/annotation_action/count.json")
def count_annotation_actions(project: Id, dates: Dates, door: Entry) -> Total:
    """Count what was done with annotations of a project."""
    return Total(total=door.project(project).activity.count(ActivityKind.ACTION, dates.filter()))


@router.get("/project/{project}/userconnection/{user}.json")
def list_connections(project: Id, user: Id, door: Entry, page: Page) -> Collection[ConnectionShape]:
    """List a member's connections to a project, newest first."""
    wanted = ActivityFilter(offset=page.offset, limit=page.limit)
    found, total = door.project(project).activity.connections(UserKey(user), wanted)
    return Collection[ConnectionShape].page([ConnectionShape.of(one) for one in found], total, page)


@router.get("/project/{project}/usersActivity.json")
def list_users_activity(project: Id, door: Entry, page: Page) -> Collection[ActiveUserShape]:
    """List what the members did last: oneself, or all for who sees the journal."""
    opened = door.project(project)
    named = opened.may(Action.SEE_IMAGES)
    shapes = [ActiveUserShape.of_last(member, last, named=named) for member, last in opened.activity.last()]
    return Collection[ActiveUserShape].cut(shapes, page)


@router.get("/project/{project}/lastImages.json")
def list_last_images(project: Id, door: Entry, page: Page) -> Collection[LastImageShape]:
    """List the image that each member opened last, newest first."""
    opened = door.project(project)
    named = opened.may(Action.SEE_IMAGES)
    shapes = [
        LastImageShape(
            user=one.user,
            created=int(to_millis(one.consulted)),
            image=one.image,
            image_name=one.image_name if named else None,
        )
        for _, one in opened.activity.last()
        if one.image is not None and one.consulted is not None
    ]
    return Collection[LastImageShape].cut(sorted(shapes, key=lambda shape: -shape.created), page)


@router.get("/project/{project}/lastConnection.json")
def list_last_connections(project: Id, door: Entry, page: Page) -> Collection[LastConnectionShape]:
    """List when each member opened the project last, newest first."""
    shapes = [
        LastConnectionShape(user=one.user, created=int(to_millis(one.connected)))
        for _, one in door.project(project).activity.last()
        if one.connected is not None
    ]
    return Collection[LastConnectionShape].cut(sorted(shapes, key=lambda shape: -shape.created), page)


def _actions(project: Project, image: ImageKey, wanted: ActivityFilter, page: Paging) -> Collection[ActionShape]:
    found, total = project.activity.actions(image, wanted)
    return Collection[ActionShape].page([ActionShape.of(one) for one in found], total, page)
