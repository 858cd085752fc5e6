"""Indexes of access keys by their job and by their expiry.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_access_keys_job_id", "access_keys", ["job_id"])
    op.create_index("ix_access_keys_expires_ms", "access_keys", ["expires_ms"])


def downgrade() -> None:
    op.drop_index("ix_access_keys_expires_ms", "access_keys")
    op.drop_index("ix_access_keys_job_id", "access_keys")
