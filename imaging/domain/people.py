"""Users of the workspace and members of a project."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from imaging.domain.base import ProjectKey, Record, UserKey


class Role(Enum):
    """What a member is in a project; a member may hold several."""

    MANAGER = "manager"
    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    READER = "reader"
    UPLOADER = "uploader"
    DATA_SCIENTIST = "data_scientist"
    OUTPUT_CHECKER = "output_checker"
    CONTROLLER = "controller"
    AUDITOR = "auditor"


class User(Record):
    """An account of the workspace; operators run the system and see no content by that alone."""

    id: UserKey
    username: str
    firstname: str = ""
    lastname: str = ""
    email: str = ""
    language: str = "en"
    operator: bool = False
    active: bool = True
    created: datetime


class Member(Record):
    """A user in one project with the roles held there."""

    project: ProjectKey
    user: User
    roles: frozenset[Role]


class ApiKey(Record):
    """A key pair for signed requests; the private half is shown once."""

    public_key: str
    private_key: str
