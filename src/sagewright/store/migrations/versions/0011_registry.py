"""Version counters by resource; tokens of repeated requests.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "version_counters",
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_version_counters")),
    )
    op.create_table(
        "client_tokens",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "token", name=op.f("pk_client_tokens")),
    )
    op.create_index("ix_client_tokens_at_ms", "client_tokens", ["at_ms"])


def downgrade() -> None:
    op.drop_table("client_tokens")
    op.drop_table("version_counters")
