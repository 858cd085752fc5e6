"""Access keys have a status, and sessions their policies and tags.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_keys", sa.Column("session", sa.Text()))
    op.add_column("access_keys", sa.Column("status", sa.String()))
    long_lived = sa.text("session_token IS NULL")
    op.create_index(
        "ix_access_keys_of_users",
        "access_keys",
        ["principal_arn"],
        sqlite_where=long_lived,
        postgresql_where=long_lived,
    )


def downgrade() -> None:
    op.drop_index("ix_access_keys_of_users", "access_keys")
    op.drop_column("access_keys", "status")
    op.drop_column("access_keys", "session")
