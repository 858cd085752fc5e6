"""The container registry: repositories, manifests and tags.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BYTEWISE = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "ecr_repositories",
        sa.Column("name", _BYTEWISE, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text()),
        sa.Column("lifecycle", sa.Text()),
        sa.PrimaryKeyConstraint("name", name="pk_ecr_repositories"),
    )
    op.create_table(
        "ecr_manifests",
        sa.Column("repository", _BYTEWISE, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("pushed_ms", sa.BigInteger(), nullable=False),
        sa.Column("pulled_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("repository", "digest", name="pk_ecr_manifests"),
    )
    op.create_table(
        "ecr_tags",
        sa.Column("repository", _BYTEWISE, nullable=False),
        sa.Column("tag", _BYTEWISE, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "tag", name="pk_ecr_tags"),
    )


def downgrade() -> None:
    for table in ("ecr_tags", "ecr_manifests", "ecr_repositories"):
        op.drop_table(table)
