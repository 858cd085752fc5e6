"""Lists by status, whose rows the index of a kind's statuses now finds in the list's order.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

LIST = ("account", "region", "created_ms", "name")


def upgrade() -> None:
    _replace("jobs", ("kind", "status", *LIST))
    _replace("resources", ("kind", "status", *LIST))


def downgrade() -> None:
    _replace("jobs", ("kind", "status", "created_ms"))
    _replace("resources", ("kind", "status"))


def _replace(table: str, columns: tuple[str, ...]) -> None:
    op.drop_index(f"ix_{table}_status", table_name=table)
    op.create_index(f"ix_{table}_status", table, list(columns))
