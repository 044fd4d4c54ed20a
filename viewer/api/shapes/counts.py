"""Statistics as Cytomine tells them: a count is `value`, a name of whatever kind mostly `username`."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from imaging.domain.activity import ActivityFilter
from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import TermKey
from imaging.domain.counts import Evolution, Period, PlacedTerm, TermCount, Totals, UserCount, UserTerms
from viewer.api.shapes.activity import Word, moment_of
from viewer.api.shapes.annotation_query import Millis
from viewer.api.shapes.envelope import Sent, SentId, Shape, to_millis

_LONGEST_STEP = 36_600


class StatisticsQuery(Sent):
    """Which annotations are counted, as `afterThan`, `beforeThan` and `reviewed` of their listing."""

    start_date: Millis | None = None
    end_date: Millis | None = None
    reviewed: bool | None = Field(default=None, description="What was accepted alone, or all but that.")

    def filter(self) -> AnnotationFilter:
        """Say the same inside."""
        start, end = moment_of(self.start_date), moment_of(self.end_date)
        return AnnotationFilter(after=start, before=end, reviewed=self.reviewed)


class TermsQuery(StatisticsQuery):
    """Also whether terms above others are left out."""

    leaf_only: bool = True


class _Periods(Sent):
    start_date: Millis | None = None
    end_date: Millis | None = None
    days_range: int = Field(default=1, ge=1, le=_LONGEST_STEP)
    accumulate: bool = True

    @property
    def evolution(self) -> Evolution:
        """In which periods it is told."""
        start, end = moment_of(self.start_date), moment_of(self.end_date)
        return Evolution(start=start, end=end, days=self.days_range, accumulate=self.accumulate)


class GrowthQuery(_Periods):
    """Which annotations, in which periods; the newest comes first unless `reverseOrder` is no."""

    term: SentId | None = None
    reviewed: bool | None = None
    reverse_order: bool = True

    def filter(self, *, reviewed: bool | None) -> AnnotationFilter:
        """Say the same inside."""
        return AnnotationFilter(
            terms=() if self.term is None else (TermKey(self.term),),
            after=moment_of(self.start_date),
            before=moment_of(self.end_date),
            reviewed=reviewed,
        )


class ActivityGrowthQuery(_Periods):
    """In which periods activity is counted, the oldest first."""

    def filter(self) -> ActivityFilter:
        """Say the same inside."""
        end = None if self.end_date is None else moment_of(self.end_date + 1)
        return ActivityFilter(after=moment_of(self.start_date), before=end)


class ActionGrowthQuery(ActivityGrowthQuery):
    """Also of which action."""

    type: Word | None = None


class TermCountShape(Shape):
    """A term, and how many annotations or images carry it."""

    id: int
    username: str = Field(description="The name of the term.")
    name: str
    color: str
    value: int

    @classmethod
    def of(cls, counted: TermCount) -> Self:
        """Show it."""
        return cls(id=counted.term, username=counted.name, name=counted.name, color=counted.color, value=counted.count)


class UserCountShape(Shape):
    """Somebody who draws, and how many annotations they drew or on how many images."""

    id: int
    key: str
    username: str
    value: int

    @classmethod
    def of(cls, counted: UserCount) -> Self:
        """Show it."""
        return cls(id=counted.user, key=counted.username, username=counted.username, value=counted.count)


class UserTermsShape(Shape):
    """Somebody who draws, and how many of their annotations carry each term."""

    id: int
    key: str
    terms: list[TermCountShape]

    @classmethod
    def of(cls, counted: UserTerms) -> Self:
        """Show it."""
        return cls(id=counted.user, key=counted.username, terms=[TermCountShape.of(one) for one in counted.terms])


class PlacedTermShape(Shape):
    """How many annotations of an image carry a term."""

    image: int
    term: int
    count_annotations: int

    @classmethod
    def of(cls, counted: PlacedTerm) -> Self:
        """Show it."""
        return cls(image=counted.image, term=counted.term, count_annotations=counted.count)


class PeriodShape(Shape):
    """How much was made in a time, or until its end; milliseconds since 1970, as numbers."""

    date: int
    end_date: int
    size: int

    @classmethod
    def of(cls, told: Period) -> Self:
        """Show it."""
        return cls(date=int(to_millis(told.start)), end_date=int(to_millis(told.end)), size=told.count)


class TotalsShape(Shape):
    """How much there is; every image is its own abstract image, and jobs draw into layers of models."""

    users: int
    projects: int
    images: int
    abstract_images: int
    user_annotations: int
    reviewed_annotations: int
    job_annotations: int = 0
    terms: int
    ontologies: int

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """Show it."""
        return cls(
            users=totals.users,
            projects=totals.projects,
            images=totals.images,
            abstract_images=totals.images,
            user_annotations=totals.annotations,
            reviewed_annotations=totals.reviewed,
            terms=totals.terms,
            ontologies=totals.ontologies,
        )
