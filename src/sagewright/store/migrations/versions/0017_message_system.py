"""System attributes of messages: trace headers, tokens, sequence numbers, sources of dead letters.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("system", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("message_tokens", sa.Column("sequence", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("message_tokens", "sequence")
    op.drop_column("messages", "system")
