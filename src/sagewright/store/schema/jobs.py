"""Jobs of every kind, and the hosts that run them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from sagewright.store.schema.base import Bytewise, Milliseconds, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", Bytewise, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("request", JSON, nullable=False),
    Column("wanted", String, key="desired", nullable=False),
    Column("spot", Integer, nullable=False, server_default="0"),  # 1: yields to jobs that are not spot jobs
    Column("owner", String, nullable=False, server_default=""),  # who requested it: user/NAME or role/NAME
    Column("role", String, nullable=False, server_default=""),  # the role that it runs as
    Column("claims", String, nullable=False, server_default=""),  # its instances: ml.m5.large=2,ml.c5.large=1
    Column("volume_gb", Integer, nullable=False, server_default="0"),  # of all its hosts
    Column("rank", Integer, nullable=False, server_default="0"),  # its priority, negated: the smallest comes first
    Column("lease_owner", String),
    Column("lease_until_ms", Milliseconds, nullable=False, server_default="0"),
    # The following columns are projected from the event log, only by store.jobs.jobs.move.
    Column("status", String, nullable=False),
    Column("secondary_status", String, nullable=False),
    Column("modified_ms", Milliseconds, nullable=False),
    Column("started_ms", Milliseconds),
    Column("ended_ms", Milliseconds),
    Column("failure_reason", Text),
    Column("exit_message", Text),
    UniqueConstraint("kind", "account", "region", "name"),
)
Index("ix_jobs_kind_created", jobs.c.kind, jobs.c.account, jobs.c.region, jobs.c.created_ms, jobs.c.name)
Index("ix_jobs_kind_modified", jobs.c.kind, jobs.c.account, jobs.c.region, jobs.c.modified_ms, jobs.c.name)
Index(  # lists of a status that few jobs or none have; without account and region, the engine's sweeps
    "ix_jobs_status",
    jobs.c.kind, jobs.c.status, jobs.c.account, jobs.c.region, jobs.c.created_ms, jobs.c.name,
)  # fmt: skip
Index("ix_jobs_queue", jobs.c.status, jobs.c.created_ms, jobs.c.id)
Index("ix_jobs_lines", jobs.c.status, jobs.c.owner, jobs.c.rank, jobs.c.created_ms, jobs.c.id)

hosts = Table(
    "hosts",
    metadata,
    Column("id", String, primary_key=True),
    Column("job_id", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("token_hash", String, nullable=False),
    Column("log_stream", String, nullable=False),
    Column("handle", JSON),  # the backend's handle; null until it was launched
    Column("phase", String, nullable=False),
    Column("report_seq", Integer, nullable=False, server_default="0"),
    Column("seen_ms", Milliseconds, nullable=False),
    Column("exit_code", Integer),
    Column("cause", String),
    Column("failure", Text),
    Column("message", Text),  # the message that the process left at its end
    Column(
        "gate", String
    ),  # how servers on other machines reach its model server; null: it is on this one, or serves none
    UniqueConstraint("job_id", "attempt", "name"),
)

job_metrics = Table(
    "job_metrics",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", Float, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
)
