"""Migrations: an empty store and an old one both end at the schema that the code declares."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sagewright.store.database import Database
from sagewright.store.migrate import HEAD, MIGRATIONS, current
from sagewright.store.schema import metadata


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_a_new_store_has_the_declared_schema(database: Database) -> None:
    assert current(database.engine) == HEAD
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
