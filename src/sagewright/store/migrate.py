"""Upgrades a store to the newest schema. Alembic runs only when there is something to do, to keep the start short."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

HEAD = "0026"
"""The newest revision; a test compares it with the files in migrations/versions."""

MIGRATIONS = Path(__file__).parent / "migrations"


def current(engine: Engine) -> str | None:
    """Returns the revision of the store, or None for an empty store."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine) -> None:
    """Runs the missing migrations, in one transaction each."""
    if current(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
