"""Queries of many jobs: pages of lists, and data of several jobs in one statement each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import FinalMetric, Job, ResourceScope
from sagewright.store.listing import Condition, PageRequest, TableListing
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import job_metrics, jobs
from sagewright.store.schema.warmpools import warm_pools

_COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]
_JOBS = PreparedStatement(select(*_COLUMNS).where(among(jobs.c.id, "ids")))
_METRICS = PreparedStatement(
    select(job_metrics.c.job_id, *(job_metrics.c[name] for name in FinalMetric._fields))
    .where(among(job_metrics.c.job_id, "ids"))
    .order_by(job_metrics.c.name)
)
_NEWEST_NAMES = (
    select(jobs.c.name)
    .where(*(jobs.c[name] == bindparam(name) for name in ("kind", "account", "region")))
    .order_by(jobs.c.created_ms.desc(), jobs.c.name.desc())
    .limit(bindparam("most"))
)
LISTING = TableListing(jobs, _COLUMNS, Job)


def page(store: Database, scope: ResourceScope | None, requested: PageRequest, *conditions: Condition) -> list[Job]:
    """Returns at most `requested.limit` jobs in the requested order, beginning after its position. `scope`: None if the conditions
    imply it."""
    found: list[Job] = LISTING.page(store, scope, requested, *conditions)
    return found


def newest_names(store: Database, scope: ResourceScope, most: int) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(_NEWEST_NAMES, {**vars(scope), "most": most}).scalars())


def warm_pool_is(status: str) -> Condition:
    return jobs.c.id.in_(select(warm_pools.c.job_id).where(warm_pools.c.status == status))


def several(store: Database, ids: Sequence[str]) -> list[Job]:
    """Returns the existing jobs with these ids, in the order of `ids`."""
    with store.read() as connection:
        found = {job.id: job for job in (Job(*row) for row in _JOBS.all(connection, {"ids": ids}))}
    return [found[one] for one in ids if one in found]


def final_metrics(store: Database, ids: Sequence[str]) -> dict[str, list[FinalMetric]]:
    """Returns the last value of each metric, by job; within a job by name."""
    found: dict[str, list[FinalMetric]] = defaultdict(list)
    with store.read() as connection:
        for job_id, *metric in _METRICS.all(connection, {"ids": ids}):
            found[job_id].append(FinalMetric(*metric))
    return found
