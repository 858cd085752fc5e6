"""Warm pools: a table of the kept hosts of jobs.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warm_pools",
        sa.Column("job_id", sa.String(), primary_key=True),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("cluster_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("since_ms", sa.BigInteger()),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("left_ms", sa.BigInteger()),
        sa.Column("reused_by", sa.String()),
    )
    op.create_index("ix_warm_pools_status", "warm_pools", ["status"])


def downgrade() -> None:
    op.drop_table("warm_pools")
