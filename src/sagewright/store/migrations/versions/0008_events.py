"""One event log for subjects of every kind; exit messages of processes; the queue of all kinds of jobs.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.Column("principal", sa.String(), server_default="", nullable=False),
        sa.Column("writer", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    op.execute(
        "INSERT INTO events (seq, kind, subject_id, at_ms, status, step, message, detail) "
        "SELECT seq, 'training', job_id, at_ms, status, secondary_status, message, detail FROM job_events"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('events', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM events))"
        )
        op.execute("ALTER TABLE events ALTER COLUMN writer SET DEFAULT pg_current_xact_id()::text::bigint")
    op.drop_table("job_events")
    op.create_index("ix_events_subject", "events", ["subject_id", "seq"])
    op.create_index("ix_events_writer", "events", ["writer", "seq"])
    op.add_column("hosts", sa.Column("message", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("exit_message", sa.Text(), nullable=True))
    op.create_index("ix_jobs_queue", "jobs", ["status", "created_ms", "id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_queue", "jobs")
    op.drop_column("jobs", "exit_message")
    op.drop_column("hosts", "message")
    op.create_table(
        "job_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("secondary_status", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_job_events")),
    )
    op.execute(
        "INSERT INTO job_events (seq, job_id, at_ms, status, secondary_status, message, detail) "
        "SELECT seq, subject_id, at_ms, status, step, message, detail FROM events WHERE kind = 'training'"
    )
    op.create_index("ix_job_events_job", "job_events", ["job_id", "seq"])
    op.drop_table("events")
