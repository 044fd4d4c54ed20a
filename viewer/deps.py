"""What routers ask for: the caller's door to projects, ids, paging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from imaging.domain.base import ProjectKey
from imaging.domain.people import User
from imaging.domain.project import Kind
from imaging.project.project import Project
from imaging.workspace import Workspace
from viewer.session import find_user

LARGEST_ID = 2**53 - 1
"""Ids are exact in JavaScript numbers."""

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]


def find_workspace(request: Request) -> Workspace:
    """Give the workspace that this app serves."""
    workspace = request.app.state.workspace
    assert isinstance(workspace, Workspace)
    return workspace


Space = Annotated[Workspace, Depends(find_workspace)]


def find_caller(request: Request, workspace: Space) -> User:
    """Give the signed-in user or refuse."""
    return find_user(request, workspace, request.app.state.replay_guard)


Caller = Annotated[User, Depends(find_caller)]


def find_writer(request: Request, workspace: Space) -> User:
    """Give the signed-in user of a request that changes something, whatever its method says, or refuse."""
    return find_user(request, workspace, request.app.state.replay_guard, writes=True)


Writer = Annotated[User, Depends(find_writer)]


@dataclass(frozen=True)
class Door:
    """The caller's way in: every project comes through here, with the caller's rights and no others."""

    workspace: Workspace
    user: User

    def project(self, key: int) -> Project:
        """Open a project of the caller's."""
        return self.workspace.open(ProjectKey(key), self.user.id)

    def locate(self, kind: Kind, key: int) -> Project:
        """Open the project that a bare id belongs to."""
        return self.workspace.locate(self.user.id, kind, key)


def find_door(workspace: Space, user: Caller) -> Door:
    """Pair the workspace with its caller."""
    return Door(workspace, user)


Entry = Annotated[Door, Depends(find_door)]


def find_writing_door(workspace: Space, user: Writer) -> Door:
    """Pair the workspace with a caller who changes something by GET, as Cytomine's undo does."""
    return Door(workspace, user)


WritingEntry = Annotated[Door, Depends(find_writing_door)]


@dataclass(frozen=True)
class Paging:
    """Which part of a collection is asked for; `limit` None means all."""

    offset: int
    limit: int | None


def find_paging(
    offset: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    max: Annotated[int, Query(ge=0, le=LARGEST_ID, description="0 means all")] = 0,
) -> Paging:
    """Read Cytomine's paging parameters."""
    return Paging(offset, max or None)


Page = Annotated[Paging, Depends(find_paging)]


def find_site(request: Request) -> str:
    """Give scheme and host as the client sees them, for Cytomine's absolute URLs."""
    return str(request.base_url).rstrip("/")


Site = Annotated[str, Depends(find_site)]
