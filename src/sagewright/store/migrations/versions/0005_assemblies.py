"""Several parts of an upload in one file: a column with each part's offset.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload_parts", sa.Column("start", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("upload_parts", "start")
