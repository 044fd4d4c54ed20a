"""Cytomine's platform roles: what an account is outside of projects."""

from __future__ import annotations

from enum import Enum

from pydantic import Field

from imaging.domain.people import User
from viewer.api.shapes.envelope import Changed, Sent, SentId, Shape, Thing, to_millis


class Authority(Enum):
    """A platform role, by Cytomine's name for it."""

    USER = "ROLE_USER"
    ADMIN = "ROLE_ADMIN"

    @property
    def key(self) -> int:
        """Its id: there are no rows of roles."""
        return list(Authority).index(self) + 1

    def is_held(self, user: User) -> bool:
        """Whether an account has it: everybody is a user, operators administrate."""
        return user.active and (self is Authority.USER or user.operator)


class RoleShape(Thing):
    """A platform role."""

    class_: str = Field(default="be.cytomine.domain.security.SecRole", alias="class")
    authority: Authority
    name: str

    @classmethod
    def of(cls, authority: Authority) -> RoleShape:
        """Show a role."""
        return cls(id=authority.key, created=None, updated=None, authority=authority, name=authority.value)


class UserRoleShape(Thing):
    """That an account has a platform role; the id is the role's."""

    class_: str = Field(default="be.cytomine.domain.security.SecUserSecRole", alias="class")
    user: int
    role: int
    authority: Authority

    @classmethod
    def of(cls, user: User, authority: Authority) -> UserRoleShape:
        """Show a role that somebody has."""
        since = to_millis(user.created)
        return cls(
            id=authority.key, created=since, updated=since, user=user.id, role=authority.key, authority=authority
        )


class UserRoleSent(Sent):
    """Which role an account is to get."""

    role: SentId


class UserRoleChanged(Changed):
    """A role that was given or taken."""

    secusersecrole: UserRoleShape


class SignatureShape(Shape):
    """A signature over a request that holds no path, for a date of now."""

    signature: str
    public_key: str
    date: str
