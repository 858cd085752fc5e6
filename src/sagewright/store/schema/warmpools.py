"""Warm pools: hosts of a finished job that are kept for the next one."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from sagewright.store.schema.base import Milliseconds, metadata

warm_pools = Table(
    "warm_pools",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("cluster_id", String, nullable=False),  # shared by all jobs that use these hosts one after another
    Column("cluster_since_ms", Milliseconds, nullable=False),
    Column("shape", Text, nullable=False),  # properties that a job must share to use it
    Column("status", String, nullable=False),
    Column("since_ms", Milliseconds),  # when it became Available
    Column("until_ms", Milliseconds),  # when it ends if no job uses it
    Column("left_ms", Milliseconds),  # when it was Reused or Terminated
    Column("reused_by", String),
)
Index("ix_warm_pools_status", warm_pools.c.status)
