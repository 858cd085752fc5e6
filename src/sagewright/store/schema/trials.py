"""Memberships of trial components, and the metrics put for them."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table

from sagewright.store.schema.base import Milliseconds, Serial, metadata

trial_associations = Table(
    "trial_associations",
    metadata,
    Column("trial", String, primary_key=True),  # ids of resources
    Column("component", String, primary_key=True),
    Column("at_ms", Milliseconds, nullable=False),
)
Index("ix_trial_associations_component", trial_associations.c.component)

component_metrics = Table(
    "component_metrics",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("component", String, nullable=False),
    Column("name", String, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("step", Milliseconds),
    Column("value", Float, nullable=False),
)
Index("ix_component_metrics_series", component_metrics.c.component, component_metrics.c.name, component_metrics.c.id)

component_metric_summaries = Table(
    "component_metric_summaries",
    metadata,
    Column("component", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("mean", Float, nullable=False),
    Column("squares", Float, nullable=False),  # sum of the squared distances from the mean
    Column("last", Float, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),  # time of the last point
)
