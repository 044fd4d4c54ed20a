"""Migrations: they build what the code expects, and bring every older database forward."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from imaging.dicom.profile import Profile
from imaging.domain.base import ProjectKey, UserKey
from imaging.settings import Settings
from imaging.store import arriving, birth, migrate
from imaging.store.database import Database
from imaging.store.keys import create_master_key
from imaging.store.schema import metadata
from imaging.workspace import Workspace, upgrade_workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(database_url: str):
    made = Database(database_url)
    made.create_file()
    yield made
    made.close()


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", "imaging.store:migrations")
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_the_newest_revision_is_the_one_the_code_names(database: Database) -> None:
    assert revisions()[-1] == migrate.HEAD


def test_migrations_build_the_schema_of_the_code(database: Database) -> None:
    migrate.upgrade(database)
    with database.read() as transaction:
        context = MigrationContext.configure(transaction, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
        assert arriving.open_upload in metadata.sorted_tables
        for table in metadata.sorted_tables:
            names = transaction.execute(table.select().limit(0)).keys()
            assert list(names) == [column.name for column in table.columns]


def test_every_older_revision_comes_forward_and_opens(database: Database, settings: Settings) -> None:
    migrate.upgrade(database, revisions()[0])
    birth.found(database, create_master_key(settings))
    assert upgrade_workspace(settings) == (revisions()[0], migrate.HEAD)
    opened = Workspace.at(settings)
    user, _ = opened.accounts.add("early")
    assert opened.accounts.list() == [user]
    opened.close()


def test_a_project_from_before_profiles_has_the_one_that_it_always_had(database: Database, settings: Settings) -> None:
    migrate.upgrade(database, "r0002")
    wrapper = create_master_key(settings)
    birth.found(database, wrapper)
    rows = {
        "account": "'early', '', '', '', 'en', TRUE, TRUE, '', 0",
        "ontology": "'terms', 1, 1, 0, 0",
        "project": "'old', 1, 'full', :secret, 0, 0, 0",
    }
    columns = {
        "account": "username, firstname, lastname, email, language, operator, active, password, created",
        "ontology": "name, creator, next_value, created, version",
        "project": "name, ontology, pixel_access, secret, created, updated, version",
    }
    with database.write() as transaction:
        for table, values in rows.items():
            secret = {"secret": wrapper.wrap(b"s" * 32, "project:1")} if table == "project" else {}
            transaction.execute(text(f"INSERT INTO {table} (id, {columns[table]}) VALUES (1, {values})"), secret)
        transaction.execute(text("INSERT INTO member (project, account, role) VALUES (1, 1, 'manager')"))
    assert upgrade_workspace(settings) == ("r0002", migrate.HEAD)
    opened = Workspace.at(settings)
    project = opened.open(ProjectKey(1), UserKey(1))
    assert project.profile.get() == Profile.built_in("research")
    opened.close()


def test_a_failed_migration_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    real, made = op.create_table, []

    def fail_late(*arguments: object, **options: object) -> object:
        made.append(arguments[0])
        if len(made) == 5:
            raise RuntimeError
        return real(*arguments, **options)

    monkeypatch.setattr(op, "create_table", fail_late)
    with pytest.raises(RuntimeError):
        migrate.upgrade(database)
    monkeypatch.undo()
    assert migrate.current_revision(database) is None
    migrate.upgrade(database)
    assert migrate.current_revision(database) == migrate.HEAD


def test_foreign_keys_hold(database: Database, tmp_path: Path) -> None:
    migrate.upgrade(database)
    from imaging.errors import StateError

    with pytest.raises(StateError), database.write() as transaction:
        transaction.execute(text("INSERT INTO member (project, account, role) VALUES (1, 1, 'reader')"))
