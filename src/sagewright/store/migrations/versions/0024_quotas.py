"""Limits of the account, users and roles; who a job belongs to, and what it claims.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_limits",
        sa.Column("account", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("quota", sa.String(), primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "queue_turns",
        sa.Column("machine", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("start", sa.Float(), nullable=False),
        sa.Column("finish", sa.Float(), nullable=False),
    )
    for name in ("owner", "role", "claims"):
        op.add_column("jobs", sa.Column(name, sa.String(), nullable=False, server_default=""))
    for name in ("rank", "volume_gb"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_jobs_lines", "jobs", ["status", "owner", "rank", "created_ms", "id"])
    op.add_column("reservations", sa.Column("placed_ms", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("reservations", "placed_ms")
    op.drop_index("ix_jobs_lines", "jobs")
    for name in ("owner", "role", "claims", "rank", "volume_gb"):
        op.drop_column("jobs", name)
    op.drop_table("queue_turns")
    op.drop_table("quota_limits")
