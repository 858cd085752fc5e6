"""The audit trail.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bytewise = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "audit_events",
        sa.Column("id", bytewise, primary_key=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("region", "source", "name", "username", "access_key")
        ),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
    )
    for name in ("name", "username", "access_key"):
        op.create_index(f"ix_audit_events_{name}", "audit_events", [name, "id"])
    op.create_table(
        "audit_resources",
        sa.Column("event_id", bytewise, primary_key=True),
        sa.Column("arn", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
    )
    op.create_index("ix_audit_resources_name", "audit_resources", ["name", "event_id"])


def downgrade() -> None:
    op.drop_table("audit_resources")
    op.drop_table("audit_events")
