"""CloudWatch metrics: one row for each datum."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, String, Table

from sagewright.store.schema.base import Milliseconds, Serial, metadata

metric_data = Table(
    "metric_data",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("name", String, nullable=False),
    Column("dimensions", String, nullable=False),  # canonical text: name=value pairs sorted, one per line
    Column("at_ms", Milliseconds, nullable=False),
    Column("samples", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("unit", String, nullable=False),
)
Index(
    "ix_metric_data_values",
    metric_data.c.account,
    metric_data.c.region,
    metric_data.c.namespace,
    metric_data.c.name,
    metric_data.c.dimensions,
    metric_data.c.at_ms,
    metric_data.c.samples,  # charts of long series are read only from the index
    metric_data.c.total,
)
