"""Memberships of trial components, and the metrics put for them.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trial_associations",
        sa.Column("trial", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trial", "component", name=op.f("pk_trial_associations")),
    )
    op.create_index("ix_trial_associations_component", "trial_associations", ["component"])
    op.create_table(
        "component_metrics",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component_metrics")),
    )
    op.create_index("ix_component_metrics_series", "component_metrics", ["component", "name", "id"])
    op.create_table(
        "component_metric_summaries",
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("squares", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("component", "name", name=op.f("pk_component_metric_summaries")),
    )


def downgrade() -> None:
    op.drop_table("component_metric_summaries")
    op.drop_table("component_metrics")
    op.drop_table("trial_associations")
