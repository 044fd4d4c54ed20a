"""Counts of what a project, or a workspace, holds."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import ImageKey, Record, TermKey, UserKey


class TermCount(Record):
    """A term and how many annotations, or images, carry it."""

    term: TermKey
    name: str
    color: str
    count: int


class UserCount(Record):
    """Somebody who draws, and how many annotations they drew, or on how many images."""

    user: UserKey
    username: str
    count: int


class UserTerms(Record):
    """Somebody who draws, and how many of their annotations carry each term."""

    user: UserKey
    username: str
    terms: tuple[TermCount, ...]


class PlacedTerm(Record):
    """How many annotations of an image carry a term."""

    image: ImageKey
    term: TermKey
    count: int


class Period(Record):
    """How much was made in a time: from `start` on, before `end`."""

    start: datetime
    end: datetime
    count: int


class Evolution(Record):
    """How growth is told: in periods of `days`, each for itself or on top of those before.

    `start` is the project's own without one, `end` is now.
    """

    start: datetime | None = None
    end: datetime | None = None
    days: int = 1
    accumulate: bool = True


class Totals(Record):
    """How much a workspace holds."""

    users: int
    projects: int
    images: int
    annotations: int
    reviewed: int
    terms: int
    ontologies: int
