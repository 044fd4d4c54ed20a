"""Users, members, keys."""

from __future__ import annotations

from pydantic import Field

from imaging.domain.people import Member, Role, User
from viewer.api.shapes.envelope import Changed, Sent, Shape, Thing, to_millis


class UserShape(Thing):
    """An account as its project fellows see it."""

    class_: str = Field(default="be.cytomine.domain.security.User", alias="class")
    username: str
    name: str
    fullname: str
    firstname: str
    lastname: str
    email: str | None = None
    language: str
    is_developer: bool = False
    origin: str = "BOOTSTRAP"
    enabled: bool = Field(default=True, description="False where the account is closed.")
    roles: list[str] = Field(default=[], description="Roles in the project that was asked about.")

    @classmethod
    def of(cls, user: User, roles: tuple[str, ...] = ()) -> UserShape:
        """Show a user without contact data."""
        full = f"{user.firstname} {user.lastname}".strip() or user.username
        return cls(
            id=user.id,
            created=to_millis(user.created),
            updated=to_millis(user.created),
            username=user.username,
            name=full,
            fullname=full,
            firstname=user.firstname,
            lastname=user.lastname,
            language=user.language.upper(),
            enabled=user.active,
            roles=list(roles),
        )

    @classmethod
    def of_member(cls, member: Member) -> UserShape:
        """Show a member with the roles held in the project."""
        return cls.of(member.user, tuple(sorted(role.value for role in member.roles)))


class CurrentUser(UserShape):
    """The caller's own account."""

    guest: bool = False
    user: bool = True
    admin: bool
    guest_by_now: bool = False
    user_by_now: bool = True
    admin_by_now: bool
    is_switched: bool = False
    public_key: str | None = None
    private_key: str | None = Field(default=None, description="Never shown: a private key is printed once, when made.")

    @classmethod
    def of_self(cls, user: User, public_key: str | None) -> CurrentUser:
        """Show the caller to itself."""
        seen = UserShape.of(user).model_dump() | {"email": user.email or None}
        return cls(**seen, admin=user.operator, admin_by_now=user.operator, public_key=public_key)


class UserChanged(Changed):
    """A changed account."""

    user: UserShape


class UsersAdded(Shape):
    """What several accounts that are sent at once answer."""

    message: str
    collection: list[UserShape]
    size: int


class UserSent(Sent):
    """What an account is made or edited from."""

    username: str | None = Field(default=None, min_length=1, max_length=200)
    firstname: str | None = Field(default=None, max_length=200)
    lastname: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=200)
    password: str | None = Field(default=None, min_length=8, max_length=1000)
    language: str | None = Field(default=None, max_length=10)


class MembershipSent(Sent):
    """Which roles a member gets; Cytomine's clients send nothing, which means annotator."""

    roles: frozenset[Role] = Field(default=frozenset({Role.ANNOTATOR}), min_length=1)


class Keys(Shape):
    """An API key pair; the private half is never shown again."""

    public_key: str | None
    private_key: str | None = None


class SessionShape(Shape):
    """Who is signed in."""

    user: CurrentUser


class Credentials(Sent):
    """What signing in needs; `code` is kept for a second factor."""

    username: str = Field(max_length=200)
    password: str = Field(max_length=1000)
    code: str | None = Field(default=None, max_length=20)


class Done(Shape):
    """A change whose result has no shape of its own."""

    message: str
    print_message: bool = True
