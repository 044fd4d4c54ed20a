"""Statistics of projects, and of the workspace for its operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from imaging.domain.activity import ActivityFilter, ActivityKind
from imaging.domain.counts import Period
from imaging.project.project import Project
from viewer.api.shapes.counts import (
    ActionGrowthQuery,
    ActivityGrowthQuery,
    GrowthQuery,
    PeriodShape,
    PlacedTermShape,
    StatisticsQuery,
    TermCountShape,
    TermsQuery,
    TotalsShape,
    UserCountShape,
    UserTermsShape,
)
from viewer.api.shapes.envelope import Collection
from viewer.deps import Entry, Id, Page, Paging

router = APIRouter(prefix="/api", tags=["statistics"])

_STATS = "/project/{project}/stats"
Wanted = Annotated[StatisticsQuery, Query()]
ActivityGrowth = Annotated[ActivityGrowthQuery, Query()]


@router.get("/stats/all.json")
def show_totals(door: Entry) -> TotalsShape:
    """Count what the workspace holds; operators only."""
    return TotalsShape.of(door.workspace.counts.totals(by=door.user.id))


@router.get(f"{_STATS}/term.json")
def count_by_term(
    project: Id, query: Annotated[TermsQuery, Query()], door: Entry, page: Page
) -> Collection[TermCountShape]:
    """Count the annotations of each term."""
    counted = door.project(project).counts.by_term(query.filter(), leaves=query.leaf_only)
    return Collection[TermCountShape].cut([TermCountShape.of(one) for one in counted], page)


@router.get(f"{_STATS}/termslide.json")
def count_images_by_term(project: Id, query: Wanted, door: Entry, page: Page) -> Collection[TermCountShape]:
    """Count the images with annotations of each term."""
    counted = door.project(project).counts.by_term(query.filter(), images=True)
    return Collection[TermCountShape].cut([TermCountShape.of(one) for one in counted], page)


@router.get(f"{_STATS}/termimage.json")
def count_by_term_and_image(project: Id, query: Wanted, door: Entry, page: Page) -> Collection[PlacedTermShape]:
    """Count the annotations of each term on each image."""
    wanted = query.filter().model_copy(update={"offset": page.offset, "limit": page.limit})
    counted, total = door.project(project).counts.by_term_and_image(wanted)
    return Collection[PlacedTermShape].page([PlacedTermShape.of(one) for one in counted], total, page)


@router.get(f"{_STATS}/user.json")
def count_by_user(project: Id, query: Wanted, door: Entry, page: Page) -> Collection[UserCountShape]:
    """Count the annotations of each member."""
    counted = door.project(project).counts.by_user(query.filter())
    return Collection[UserCountShape].cut([UserCountShape.of(one) for one in counted], page)


@router.get(f"{_STATS}/userslide.json")
def count_images_by_user(project: Id, query: Wanted, door: Entry, page: Page) -> Collection[UserCountShape]:
    """Count the images that each member drew on."""
    counted = door.project(project).counts.by_user(query.filter(), images=True)
    return Collection[UserCountShape].cut([UserCountShape.of(one) for one in counted], page)


@router.get(f"{_STATS}/userannotations.json")
def count_by_user_and_term(project: Id, query: Wanted, door: Entry, page: Page) -> Collection[UserTermsShape]:
    """Count the annotations of each term of each member."""
    counted = door.project(project).counts.by_user_and_term(query.filter())
    return Collection[UserTermsShape].cut([UserTermsShape.of(one) for one in counted], page)


@router.get(f"{_STATS}/annotationevolution.json")
def tell_annotations(
    project: Id, query: Annotated[GrowthQuery, Query()], door: Entry, page: Page
) -> Collection[PeriodShape]:
    """Count annotations period by period."""
    return _growth(door.project(project), query, page, reviewed=query.reviewed)


@router.get(f"{_STATS}/reviewedannotationevolution.json")
def tell_reviewed_annotations(
    project: Id, query: Annotated[GrowthQuery, Query()], door: Entry, page: Page
) -> Collection[PeriodShape]:
    """Count reviewed annotations period by period."""
    return _growth(door.project(project), query, page, reviewed=True)


@router.get(f"{_STATS}/connectionsevolution.json")
def tell_connections(project: Id, query: ActivityGrowth, door: Entry, page: Page) -> Collection[PeriodShape]:
    """Count connections period by period: one's own, or everybody's for who sees the journal."""
    return _activity(door.project(project), ActivityKind.CONNECTION, query, query.filter(), page)


@router.get(f"{_STATS}/imageconsultationsevolution.json")
def tell_consultations(project: Id, query: ActivityGrowth, door: Entry, page: Page) -> Collection[PeriodShape]:
    """Count consultations of images period by period."""
    return _activity(door.project(project), ActivityKind.CONSULTATION, query, query.filter(), page)


@router.get(f"{_STATS}/annotationactionsevolution.json")
def tell_annotation_actions(
    project: Id, query: Annotated[ActionGrowthQuery, Query()], door: Entry, page: Page
) -> Collection[PeriodShape]:
    """Count what was done with annotations period by period."""
    wanted = query.filter().model_copy(update={"action": query.type})
    return _activity(door.project(project), ActivityKind.ACTION, query, wanted, page)


def _growth(project: Project, query: GrowthQuery, page: Paging, *, reviewed: bool | None) -> Collection[PeriodShape]:
    told = project.counts.growth(query.filter(reviewed=reviewed), query.evolution)
    return _collect(told[::-1] if query.reverse_order else told, page)


def _activity(
    project: Project, kind: ActivityKind, query: ActivityGrowthQuery, wanted: ActivityFilter, page: Paging
) -> Collection[PeriodShape]:
    return _collect(project.counts.activity(kind, wanted, query.evolution), page)


def _collect(told: Sequence[Period], page: Paging) -> Collection[PeriodShape]:
    return Collection[PeriodShape].cut([PeriodShape.of(one) for one in told], page)
