"""Rules: cursors of the log, pending deliveries to targets, and deployments.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("writer", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    # Events from before the first rule are ignored.
    op.execute(
        "INSERT INTO cursors (name, writer, seq) "
        "SELECT 'rules', coalesce(max(writer), 0), coalesce(max(seq), 0) FROM events"
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_target", "deliveries", ["target", "id"])
    op.create_table(
        "deployments",
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("deployed", sa.String(), server_default="", nullable=False),
        sa.Column("updated", sa.String(), server_default="", nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_deployments")),
    )
    op.create_index("ix_deployments_status", "deployments", ["status", "due_ms"])


def downgrade() -> None:
    for table in ("deployments", "deliveries", "cursors"):
        op.drop_table(table)
