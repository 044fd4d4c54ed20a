"""The front door: opening a workspace, and a project in it as one of its members."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from imaging.accounts import Accounts
from imaging.change import changing
from imaging.dicom.profile import DEFAULT, Profile
from imaging.domain.base import JobKey, OntologyKey, ProjectKey, UserKey
from imaging.domain.command import Command
from imaging.domain.ontology import TermDraft
from imaging.domain.people import Role, User
from imaging.domain.project import Kind, ProjectRecord
from imaging.errors import InvalidInputError, NotFoundError, StateError, VerificationError
from imaging.ontologies import Ontologies, create_ontology
from imaging.project.gate import Gate
from imaging.project.project import Project
from imaging.queue import Queue
from imaging.settings import Settings
from imaging.store import birth, events, ids, migrate, projects
from imaging.store import commands as command_rows
from imaging.store import ontologies as ontology_rows
from imaging.store.backup import BackupReport, back_up
from imaging.store.database import Database
from imaging.store.epochs import seal_first_epoch
from imaging.store.keys import Wrapper, create_master_key, make_private_folder, read_master_key
from imaging.tags import Tags
from imaging.taxonomy import add_drafts, check_name
from imaging.totals import WorkspaceCounts

FIRST_OPERATOR = "admin"
_CREATOR = frozenset({Role.MANAGER, Role.CONTROLLER})
_PROJECT_FOLDERS = ("images", "headers", "manifests", "models")


class WorkspaceJournal:
    """Verification of every chain in the workspace; content is read through a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verify(self, project: ProjectKey | None = None) -> int:
        """Walk one chain (the workspace's own for None) and count its events.

        Raises
        ------
        VerificationError
            Names the first event that is not as it was written.
        """
        with self._database.read() as transaction:
            return events.verify_chain(transaction, project)

    def verify_all(self) -> int:
        """Walk every chain and count all events."""
        with self._database.read() as transaction:
            scopes = events.scopes(transaction)
            known = projects.all_keys(transaction)
        if None not in scopes or known - set(scopes):
            raise VerificationError("journal", "a chain is missing")
        return sum(self.verify(scope) for scope in scopes)


class Workspace:
    """One installation: its accounts, projects, queue and journal."""

    def __init__(self, settings: Settings, database: Database, wrapper: Wrapper) -> None:
        self.settings = settings
        self._database = database
        self._wrapper = wrapper
        self.accounts = Accounts(database, wrapper, settings)
        self.ontologies = Ontologies(database)
        self.tags = Tags(database)
        self.counts = WorkspaceCounts(database, self.accounts)
        self.queue = Queue(database)
        self.journal = WorkspaceJournal(database)

    @classmethod
    def create(cls, settings: Settings) -> tuple[Workspace, str, str]:
        """Make database, keys and the first operator; gives its user name and password."""
        database = Database(settings.database_url)
        taken = database.file is None and migrate.current_revision(database) is not None
        if taken or not database.create_file():
            database.close()
            raise StateError("workspace", "exists already")
        try:
            settings.workspace.mkdir(parents=True, exist_ok=True)
            for folder in (settings.projects, settings.quarantine):
                make_private_folder(folder)
            wrapper = create_master_key(settings)
            migrate.upgrade(database)
            birth.found(database, wrapper)
            workspace = cls(settings, database, wrapper)
            user, password = workspace.accounts.add(FIRST_OPERATOR, operator=True)
        except BaseException:
            # Half a workspace would stand in the way of the next attempt.
            database.delete_file()
            raise
        return workspace, user.username, password

    @classmethod
    def at(cls, settings: Settings) -> Workspace:
        """Open a workspace that was made before."""
        database = open_database(settings)
        try:
            if migrate.current_revision(database) != migrate.HEAD:
                raise StateError("workspace", "its database has another revision; run `imaging upgrade`")
            wrapper = read_master_key(settings)
            birth.check_key(database, wrapper)
        except BaseException:
            database.close()
            raise
        return cls(settings, database, wrapper)

    def close(self) -> None:
        """Give all database connections back."""
        self._database.close()

    @cached_property
    def database_name(self) -> str:
        """Which kind of database this is: sqlite or postgresql."""
        return self._database.engine.dialect.name

    def create_project(
        self,
        user: UserKey,
        name: str,
        *,
        ontology: OntologyKey | None = None,
        terms: Iterable[TermDraft] = (),
    ) -> Project:
        """Make a project whose manager and controller is the user, with a new ontology where none is given."""
        trimmed = check_name("project", name)
        if any(record.name == trimmed for record in self.projects_of(user)):
            raise StateError("project", "you have one of this name")
        with changing(self._database, project=None, actor=user) as change:
            if ontology is None:
                ontology = create_ontology(change, user, trimmed).id
            elif ontology_rows.get_ontology(change.transaction, ontology, seen_by=user) is None:
                raise NotFoundError("ontology", ontology)
            add_drafts(change, ontology, terms)
            key = ProjectKey(change.reserve())
            record = ProjectRecord(id=key, name=trimmed, ontology=ontology, created=change.at, updated=change.at)
            sealed, profile = seal_first_epoch(self._wrapper, key), Profile.built_in(DEFAULT)
            projects.insert_project(change.transaction, record, sealed, profile.model_dump(mode="json"))
            projects.set_roles(change.transaction, key, user, _CREATOR)
            events.open_chain(change.transaction, key)
            change.note("add", "project", key, {"ontology": ontology})
            make_project_folders(self.settings.projects / str(key))
        with changing(self._database, project=key, actor=user) as change:
            change.note("add", "project", key, {"roles": [*sorted(role.value for role in _CREATOR)]})
        return self.open(key, user)

    def projects_of(self, user: UserKey) -> list[ProjectRecord]:
        """The projects that a user is a member of, oldest first."""
        with self._database.read() as transaction:
            return projects.list_projects(transaction, user)

    def find_project(self, user: User, name_or_id: str) -> ProjectKey:
        """Find a project of the user by id or unique name."""
        mine = self.projects_of(user.id)
        by_id = [record.id for record in mine if record.id == ids.read_id(name_or_id)]
        named = by_id or [record.id for record in mine if record.name == name_or_id]
        if len(named) > 1:
            raise InvalidInputError("several projects have this name; use the id")
        if not named:
            raise NotFoundError("project", name_or_id)
        return named[0]

    def open(self, project: ProjectKey, user: UserKey, *, job: JobKey | None = None) -> Project:
        """Open a project as one of its members; absent and forbidden look alike."""
        return self._grant(user, "project", project, job=job)

    def locate(self, user: UserKey, kind: Kind, key: int) -> Project:
        """Open the project that owns a bare id, in one query; absent and forbidden look alike."""
        return self._grant(user, kind, key)

    def undo_last(self, user: UserKey) -> tuple[Project, list[Command]]:
        """Take back what a user did last, in whatever project."""
        with self._database.read() as transaction:
            found = command_rows.find_last(transaction, user)
        if found is None:
            raise NotFoundError("command")
        project = self.open(found[0], user)
        return project, project.commands.undo(found[1])

    def redo_next(self, user: UserKey) -> tuple[Project, list[Command]]:
        """Do again what a user took back last, unless they did something since."""
        with self._database.read() as transaction:
            found = command_rows.find_next(transaction, user)
        if found is None:
            raise NotFoundError("command")
        project = self.open(found[0], user)
        return project, project.commands.redo(found[1])

    def backup(self, destination: Path) -> BackupReport:
        """Copy database and files consistently while everything runs; the master key is not copied."""
        return back_up(self._database, self.settings, destination)

    def _grant(self, user: UserKey, kind: Kind, key: int, *, job: JobKey | None = None) -> Project:
        with self._database.read() as transaction:
            grant = projects.find_grant(transaction, user, kind, key)
        if grant is None:
            raise NotFoundError(kind, key)
        gate = Gate(self._database, self._wrapper, self.settings, grant.record, grant.member, grant.sealed, job)
        return Project(gate)


def open_database(settings: Settings) -> Database:
    """Open the database of a workspace at any revision; NotFoundError when there is none."""
    database = Database(settings.database_url)
    absent = database.file is not None and not database.file.is_file()
    if absent or migrate.current_revision(database) is None:
        database.close()
        raise NotFoundError("workspace")
    return database


def make_project_folders(folder: Path) -> None:
    """Make the folders that hold a project's files."""
    for name in _PROJECT_FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def upgrade_workspace(settings: Settings) -> tuple[str, str]:
    """Run the migrations, and give the schema's revision before and after."""
    database = open_database(settings)
    try:
        before = migrate.current_revision(database)
        migrate.upgrade(database)
        after = migrate.current_revision(database)
    finally:
        database.close()
    assert before is not None
    assert after is not None
    return before, after
