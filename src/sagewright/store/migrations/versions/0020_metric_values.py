"""The index of metric data holds the values, so that charts of long series are read from it alone.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SERIES = ["account", "region", "namespace", "name", "dimensions", "at_ms"]


def upgrade() -> None:
    op.create_index("ix_metric_data_values", "metric_data", [*SERIES, "samples", "total"])
    op.drop_index("ix_metric_data_series", "metric_data")


def downgrade() -> None:
    op.create_index("ix_metric_data_series", "metric_data", SERIES)
    op.drop_index("ix_metric_data_values", "metric_data")
