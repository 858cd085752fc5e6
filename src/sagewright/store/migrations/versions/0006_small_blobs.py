"""The bytes of small objects, stored beside their rows.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "small_blobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_small_blobs"),
    )


def downgrade() -> None:
    """Drops the table; the objects whose bytes it holds are lost, since an earlier version would not find them."""
    op.drop_table("small_blobs")
