"""Lineage: entities by their source, and the associations between them.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bytewise = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    place = ["kind", "account", "region"]
    op.create_table(
        "lineage_entities",
        sa.Column("entity", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in (*place, "source")),
        sa.Column("type", bytewise, nullable=False),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_lineage_entities")),
    )
    for name in ("source", "type"):
        op.create_index(f"ix_lineage_entities_{name}", "lineage_entities", [*place, name])
    op.create_table(
        "lineage_associations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("account", "region", "source", "destination")),
        *(
            sa.Column(name, bytewise, nullable=False)
            for name in ("source_arn", "destination_arn", "source_type", "destination_type")
        ),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_associations")),
        sa.UniqueConstraint("source", "destination", name=op.f("uq_lineage_associations_source_destination")),
    )
    op.create_index("ix_lineage_associations_destination", "lineage_associations", ["destination", "source"])
    op.create_index("ix_lineage_associations_created", "lineage_associations", ["account", "region", "at_ms", "id"])


def downgrade() -> None:
    op.drop_table("lineage_associations")
    op.drop_table("lineage_entities")
