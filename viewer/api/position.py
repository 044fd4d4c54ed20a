"""Where members are on images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from imaging.access import Action
from imaging.domain.activity import ActivityFilter
from imaging.domain.base import ImageKey, UserKey
from imaging.domain.image import Image
from imaging.project.project import Project
from viewer.api.shapes.envelope import Collection, SentId
from viewer.api.shapes.position import (
    FrequencyShape,
    Nothing,
    OnlineShape,
    OnlineUserShape,
    PositionQuery,
    PositionSent,
    PositionShape,
    StayShape,
    place_of,
)
from viewer.deps import Entry, Id, Page, Paging

router = APIRouter(prefix="/api", tags=["activity"])

Broadcast = Annotated[bool, Query(description="Those alone that let others follow.")]
SliceOf = Annotated[SentId | None, Query(alias="slice")]
Positions = Collection[PositionShape] | Collection[FrequencyShape]


@router.post("/imageinstance/{image}/position.json")
def add_position(image: Id, sent: PositionSent, door: Entry) -> PositionShape:
    """Tell where one is on an image."""
    project = door.locate("image", image)
    shown = project.images.get(ImageKey(image))
    return PositionShape.of(project.positions.add(shown.id, sent.look(shown), broadcast=sent.broadcast), shown)


@router.post("/sliceinstance/{slice}/position.json")
def add_slice_position(slice: Id, sent: PositionSent, door: Entry) -> PositionShape:
    """Tell where one is on a slice."""
    project = door.locate("slice", slice)
    shown, _ = project.images.by_slice(slice)
    look = sent.look(shown, slice)
    return PositionShape.of(project.positions.add(shown.id, look, broadcast=sent.broadcast), shown)


@router.get("/imageinstance/{image}/positions.json")
def list_positions(image: Id, query: Annotated[PositionQuery, Query()], door: Entry, page: Page) -> Positions:
    """List where members were on an image, newest first: oneself, or all for who sees the journal."""
    project = door.locate("image", image)
    return _list(project, project.positions.image(ImageKey(image)), query, page)


@router.get("/imageinstance/{image}/position.json")
def list_positions_too(image: Id, query: Annotated[PositionQuery, Query()], door: Entry, page: Page) -> Positions:
    """List the same under Cytomine's other name."""
    return list_positions(image, query, door, page)


@router.get("/sliceinstance/{slice}/positions.json")
def list_slice_positions(slice: Id, query: Annotated[PositionQuery, Query()], door: Entry, page: Page) -> Positions:
    """List where members were on a slice."""
    project = door.locate("slice", slice)
    return _list(project, project.positions.image_of_slice(slice), query.model_copy(update={"slice": slice}), page)


@router.get("/imageinstance/{image}/position/{user}.json")
def show_last_position(
    image: Id, user: Id, door: Entry, broadcast: Broadcast = False, slice: SliceOf = None
) -> PositionShape | Nothing:
    """Show where a member is, to follow them; an empty object where nothing may be followed."""
    project = door.locate("image", image)
    shown = project.positions.image(ImageKey(image))
    wanted = ActivityFilter(place=None if slice is None else place_of(shown, slice))
    found = project.positions.last(shown.id, UserKey(user), wanted, broadcast=broadcast)
    return Nothing() if found is None else PositionShape.of(found, shown)


@router.get("/imageinstance/{image}/online.json")
def list_online(image: Id, door: Entry, broadcast: Broadcast = False) -> OnlineShape:
    """List who is on an image: oneself and who broadcasts, or all for who sees the journal."""
    stays = door.locate("image", image).positions.present(ImageKey(image), broadcast=broadcast)
    return OnlineShape(users=[stay.user for stay in stays])


@router.get("/project/{project}/online/user.json")
def list_online_users(project: Id, door: Entry, page: Page) -> Collection[OnlineUserShape]:
    """List who is on which images of a project."""
    opened = door.project(project)
    named = opened.may(Action.SEE_IMAGES)
    there: dict[int, list[StayShape]] = {}
    for stay in opened.positions.present():
        there.setdefault(stay.user, []).append(StayShape.of(stay, named=named))
    shapes = [OnlineUserShape(id=user, position=places) for user, places in there.items()]
    return Collection[OnlineUserShape].cut(shapes, page)


def _list(project: Project, image: Image, query: PositionQuery, page: Paging) -> Positions:
    wanted = query.filter(page)
    if query.slice is not None:
        wanted = wanted.model_copy(update={"place": place_of(image, query.slice)})
    if query.show_details:
        found, total = project.positions.page(image.id, wanted)
        return Collection[PositionShape].page([PositionShape.of(one, image) for one in found], total, page)
    alike, total = project.positions.frequencies(image.id, wanted)
    return Collection[FrequencyShape].page([FrequencyShape.of(one, image) for one in alike], total, page)
