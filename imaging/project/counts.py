"""How much a project holds, by term, member, image and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from imaging.access import Action
from imaging.domain.activity import ActivityFilter, ActivityKind
from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import UserKey
from imaging.domain.counts import Evolution, Period, PlacedTerm, TermCount, UserCount, UserTerms
from imaging.domain.ontology import Term
from imaging.errors import InvalidInputError
from imaging.project.gate import Gate
from imaging.project.observers import find_observed
from imaging.project.ontology import require_terms
from imaging.store import counts as rows
from imaging.store import ontologies, projects
from imaging.store.database import Transaction, now

_MOST_PERIODS = 5_000


class Counts:
    """Counts in one project; each of annotations is what the listing of them counts under the same filter."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def by_term(self, wanted: AnnotationFilter, *, images: bool = False, leaves: bool = False) -> Sequence[TermCount]:
        """How many annotations, or `images` with them, carry each term; `leaves` leaves out terms above others."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            terms = ontologies.list_terms(transaction, self._gate.record.ontology)
            counts = rows.count_by_term(transaction, self._gate.project, wanted, images=images)
        above = {term.parent for term in terms} if leaves else set()
        return [_count(term, counts.get(term.id, 0)) for term in terms if term.id not in above]

    def by_user(self, wanted: AnnotationFilter, *, images: bool = False) -> Sequence[UserCount]:
        """How many annotations each member drew, or on how many `images`; who left the project is there with theirs."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            counts = rows.count_by_user(transaction, self._gate.project, wanted, images=images)
            names = self._names(transaction, set(counts))
        return [UserCount(user=user, username=name, count=counts.get(user, 0)) for user, name in names.items()]

    def by_user_and_term(self, wanted: AnnotationFilter) -> Sequence[UserTerms]:
        """How many annotations of each member carry each term."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            terms = ontologies.list_terms(transaction, self._gate.record.ontology)
            counts = rows.count_by_user_and_term(transaction, self._gate.project, wanted)
            names = self._names(transaction, {user for user, _ in counts})
        return [
            UserTerms(user=user, username=name, terms=[_count(one, counts.get((user, one.id), 0)) for one in terms])
            for user, name in names.items()
        ]

    def by_term_and_image(self, wanted: AnnotationFilter) -> tuple[Sequence[PlacedTerm], int]:
        """One page of how many annotations of each image carry each term, with the count of such pairs."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return rows.list_placed_terms(transaction, self._gate.project, wanted)

    def growth(self, wanted: AnnotationFilter, evolution: Evolution) -> Sequence[Period]:
        """How many annotations were made, period by period."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            require_terms(transaction, self._gate, wanted.terms)
            start, end, step = self._span(evolution)
            counts = rows.count_annotations_by_period(transaction, self._gate.project, wanted, start=start, step=step)
        return _tell(counts, start, end, evolution)

    def activity(self, kind: ActivityKind, wanted: ActivityFilter, evolution: Evolution) -> Sequence[Period]:
        """How often something was done, period by period: by everybody for who sees the journal, else by the member."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            asked = wanted.model_copy(update={"user": find_observed(transaction, self._gate, wanted.user)})
            start, end, step = self._span(evolution)
            counts = rows.count_activity_by_period(transaction, self._gate.project, kind, asked, start=start, step=step)
        return _tell(counts, start, end, evolution)

    def _names(self, transaction: Transaction, others: set[int]) -> Mapping[UserKey, str]:
        members = projects.list_members(transaction, self._gate.project)
        names = {member.user.id: member.user.username for member in members}
        left = rows.usernames(transaction, others - set(names))
        return names | {UserKey(key): name for key, name in sorted(left.items())}

    def _span(self, evolution: Evolution) -> tuple[datetime, datetime, timedelta]:
        start, end = evolution.start or self._gate.record.created, evolution.end or now()
        step = timedelta(days=evolution.days)
        if end < start:
            raise InvalidInputError("the end lies before the start")
        if (end - start) // step >= _MOST_PERIODS:
            raise InvalidInputError(f"that is more than {_MOST_PERIODS} periods")
        return start, end, step


def _tell(counts: Mapping[int, int], start: datetime, end: datetime, evolution: Evolution) -> Sequence[Period]:
    step, told, total = timedelta(days=evolution.days), list[Period](), 0
    for number in range((end - start) // step + 1):
        count = counts.get(number, 0)
        total = total + count if evolution.accumulate else count
        begun = start + number * step
        told.append(Period(start=begun, end=min(begun + step, end), count=total))
    return told


def _count(term: Term, count: int) -> TermCount:
    return TermCount(term=term.id, name=term.name, color=term.color, count=count)
