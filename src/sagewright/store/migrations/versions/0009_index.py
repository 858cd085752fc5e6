"""Resources, and the index of properties with its queue. Triggers fill the queue, so that no writer can bypass it.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WATCHED = {
    "jobs": (
        "jobs",
        "id",
        ("request", "status", "secondary_status", "modified_ms", "failure_reason", "exit_message"),
        True,
    ),
    "job_metrics": ("jobs", "job_id", ("value",), False),
    "warm_pools": ("jobs", "job_id", ("status",), False),
    "resources": ("resources", "id", ("status", "modified_ms", "document"), True),
    "tags": ("tags", "arn", ("value",), True),
}
"""By table: the source and the column that identify the changed subject, the relevant columns, and whether deletions count."""


def upgrade() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    bytewise = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    _resources(bytewise)
    _queue(serial)
    _index(serial, bytewise)
    for table in WATCHED:
        _watch(table)
    # Existing rows are queued after the start, oldest first.
    op.execute("INSERT INTO index_queue (source, ref) SELECT 'jobs', id FROM jobs ORDER BY created_ms, id")


def _resources(bytewise: sa.types.TypeEngine[str]) -> None:
    op.create_table(
        "resources",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", bytewise, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("modified_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
        sa.UniqueConstraint(
            "kind", "account", "region", "name", "version",
            name=op.f("uq_resources_kind_account_region_name_version"),
        ),
    )  # fmt: skip
    op.create_index("ix_resources_created", "resources", ["kind", "account", "region", "created_ms", "name"])
    op.create_index("ix_resources_parent", "resources", ["parent", "created_ms"])


def _queue(serial: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "index_queue",
        sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_queue")),
    )


def _index(serial: sa.types.TypeEngine[int], bytewise: sa.types.TypeEngine[str]) -> None:
    op.create_table(
        "index_subjects",
        sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("folded", bytewise, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_subjects")),
        sa.UniqueConstraint("source", "ref", name=op.f("uq_index_subjects_source_ref")),
    )
    op.create_index("ix_index_subjects_scope", "index_subjects", ["scope", "id"])
    op.create_table(
        "index_paths",
        sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("path", bytewise, nullable=False),
        sa.Column("nature", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_paths")),
        sa.UniqueConstraint("scope", "path", name=op.f("uq_index_paths_scope_path")),
    )
    op.create_table(
        "index_values",
        sa.Column("subject", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("path", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "path", "position", name=op.f("pk_index_values")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_index_values_key", "index_values", ["path", "key", "subject", "position"])
    op.create_table(
        "index_grams",
        sa.Column("path", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gram", bytewise, nullable=False),
        sa.Column("subject", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("path", "gram", "subject", name=op.f("pk_index_grams")),
        sqlite_with_rowid=False,
    )


def _watch(table: str) -> None:
    """Queues changes in `table`. For tags, only those of SageMaker's resources."""
    source, column, columns, deletions = WATCHED[table]
    events = [("INSERT", "NEW"), (f"UPDATE OF {', '.join(columns)}", "NEW")] + [("DELETE", "OLD")] * deletions
    sqlite = op.get_bind().dialect.name == "sqlite"
    for event, row in events:
        name = f"index_{table}_{event[:6].lower()}"
        when = f"WHEN ({row}.arn LIKE 'arn:aws:sagemaker:%')" if table == "tags" else ""
        insert = f"INSERT INTO index_queue (source, ref) VALUES ('{source}', {row}.{column})"  # noqa: S608
        if sqlite:
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} BEGIN {insert}; END")
        else:
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert}; RETURN NULL; END $$"
            )
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, (_source, _column, _columns, deletions) in WATCHED.items():
        for event in ["insert", "update"] + ["delete"] * deletions:
            name = f"index_{table}_{event}"
            op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON {table}")
            if not sqlite:
                op.execute(f"DROP FUNCTION {name}()")
    for table in ("index_grams", "index_values", "index_paths", "index_subjects", "index_queue", "resources"):
        op.drop_table(table)
