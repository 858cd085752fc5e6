"""Secrets are sealed by a data key. The server seals those of earlier releases at its next start, since it has the master key.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("wraps", sa.JSON(), nullable=False),
        sa.Column("rows_sealed_ms", sa.BigInteger()),
    )


def downgrade() -> None:
    op.drop_table("data_keys")
