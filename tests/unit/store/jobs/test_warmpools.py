"""Rows of warm pools: who has them, and that only one job gets each."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, jobs, warmpools
from sagewright.store.jobs.jobs import Event, JobDraft, ResourceScope
from sagewright.store.jobs.warmpools import PoolStatus, WarmPool
from sagewright.store.listing import PageRequest

SCOPE = ResourceScope("training", "000000000000", "us-east-1")


def make(database: Database, name: str, **request: Any) -> str:
    return jobs.create(database, SCOPE, JobDraft(name, {"TrainingJobName": name, **request}, "Starting")).id


def test_a_pool_goes_to_one_job_only(database: Database) -> None:
    one, two, three = (make(database, name) for name in ("one", "two", "three"))
    warmpools.open_new(database, WarmPool(one, "cluster", 5, "shape", PoolStatus.IN_USE))
    warmpools.open_new(database, WarmPool(one, "other", 6, "shape", PoolStatus.IN_USE))
    assert warmpools.available(database) == []
    assert not warmpools.set_end(database, one, 100)
    assert warmpools.keep(database, one, 10, 20)
    assert not warmpools.keep(database, one, 10, 20)
    (pool,) = warmpools.available(database)
    assert (pool.job_id, pool.cluster_id, pool.since_ms, pool.until_ms) == (one, "cluster", 10, 20)
    assert warmpools.set_end(database, one, 100)
    assert warmpools.reuse(database, pool, two, "two")
    assert not warmpools.reuse(database, pool, three, "three")
    before, after = warmpools.of_job(database, one), warmpools.of_job(database, two)
    assert before is not None and after is not None
    assert (before.status, before.reused_by, before.until_ms) == ("Reused", "two", 100)
    assert (after.status, after.cluster_id, after.cluster_since_ms) == ("InUse", "cluster", 5)
    assert warmpools.of_job(database, three) is None
    assert set(warmpools.of_jobs(database, [one, two, three])) == {one, two}


def test_lists_by_status_and_the_end(database: Database) -> None:
    one, two = make(database, "one"), make(database, "two")
    for job_id in (one, two):
        warmpools.open_new(database, WarmPool(job_id, job_id, 5, "shape", PoolStatus.IN_USE))
    assert warmpools.terminate(database, two, PoolStatus.IN_USE)
    assert not warmpools.terminate(database, two, PoolStatus.IN_USE)
    found = job_lists.page(database, SCOPE, PageRequest(), job_lists.warm_pool_is("Terminated"))
    assert [job.name for job in found] == ["two"]
    jobs.remove(database, two)
    assert warmpools.of_job(database, two) is None
    assert job_lists.page(database, SCOPE, PageRequest(), job_lists.warm_pool_is("Terminated")) == []


@pytest.mark.parametrize("ended", [True, False])
def test_pools_that_a_killed_server_left_in_use(database: Database, ended: bool) -> None:
    job = make(database, "job")
    warmpools.open_new(database, WarmPool(job, "cluster", 1, "shape", PoolStatus.IN_USE.value))
    if ended:
        jobs.move(database, job, Event(SecondaryStatus.FAILED, ended=True))
    assert [pool.job_id for pool in warmpools.left_in_use(database)] == ([job] if ended else [])
