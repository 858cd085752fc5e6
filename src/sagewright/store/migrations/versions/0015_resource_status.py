"""An index of resources by status: the engine queries the active ones every second, among many that have ended.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_resources_status", "resources", ["kind", "status"])


def downgrade() -> None:
    op.drop_index("ix_resources_status", table_name="resources")
