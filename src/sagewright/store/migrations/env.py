"""Alembic's entry point: runs the migrations on the engine that sagewright.store.migrate provides."""

from __future__ import annotations

from alembic import context

from sagewright.store.schema import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    if connection.get_isolation_level() != "AUTOCOMMIT":
        connection.commit()
