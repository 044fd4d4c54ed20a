"""What every answer has in common: names in camel case, epoch milliseconds, collections and change envelopes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from imaging.taxonomy import LONGEST_NAME
from viewer.deps import LARGEST_ID, Paging

ItemT = TypeVar("ItemT")

SentId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
"""An id inside a request body."""

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
"""A name inside a request body; what else it must be, the thing that takes it says."""


class Shape(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Sent(BaseModel):
    """A request body; Cytomine's clients send everything that they know back, so unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def to_millis(moment: datetime) -> str:
    """Write a time as Cytomine does: milliseconds since 1970, as a string."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return str(int(aware.timestamp() * 1000))


class Thing(Shape):
    """Anything with an id; `class` is Cytomine's Java name, which its clients put into URLs."""

    class_: str = Field(alias="class")
    id: int
    created: str | None
    updated: str | None
    deleted: str | None = None


class Collection(Shape, Generic[ItemT]):
    """One page of a list; `size` counts all that match."""

    collection: list[ItemT]
    offset: int
    per_page: int
    size: int
    total_pages: int

    @classmethod
    def page(cls, items: Sequence[ItemT], total: int, paging: Paging) -> Self:
        """Wrap a page that was cut already."""
        limit = paging.limit or max(total, 1)
        return cls(
            collection=list(items),
            offset=paging.offset,
            per_page=len(items) if paging.limit is None else paging.limit,
            size=total,
            total_pages=-(-total // limit),
        )

    @classmethod
    def cut(cls, items: Sequence[ItemT], paging: Paging) -> Self:
        """Cut the page that is asked for out of the whole list."""
        stop = None if paging.limit is None else paging.offset + paging.limit
        return cls.page(items[paging.offset : stop], len(items), paging)


class Changed(Shape):
    """What a successful change answers; the changed thing follows under its own name."""

    message: str
    callback: dict[str, JsonValue]
    print_message: bool = True
    command: int | None = Field(default=None, description="By which it is undone; null where it cannot be.")


class Errors(Shape):
    """What a refused request to a `.json` route answers."""

    errors: str
    revision: int | None = Field(default=None, description="The current revision, where the one sent was stale.")


class Problem(Shape):
    """What a refused request to any other route answers (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def call_back(change: str, noun: str, key: int) -> dict[str, JsonValue]:
    """Say what changed as Cytomine's page expects it: `change` is Add, Edit or Delete."""
    return {"method": f"be.cytomine.{change}{noun}Command", f"{noun[0].lower()}{noun[1:]}ID": key}
