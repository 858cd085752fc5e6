"""Model cards can be searched by their models, groups and risks: existing ones are indexed again.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO index_queue (source, ref) SELECT 'resources', id FROM resources WHERE kind = 'model-card' ORDER BY id"
    )


def downgrade() -> None:
    pass
