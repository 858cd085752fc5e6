"""Warm pools as clients see them: WarmPoolStatus, and the settings that can be updated."""

from __future__ import annotations

from typing import Any

from sagewright.engine.jobs.warmpools import POOL
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.store.jobs import jobs, warmpools
from sagewright.store.jobs.jobs import Job
from sagewright.store.jobs.warmpools import PoolStatus, WarmPool


def check_warm_pool(request: dict[str, Any]) -> None:
    """Raises ValidationException for a job that can't have one."""
    if not request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        return
    if request.get("EnableManagedSpotTraining"):
        raise ValidationException("KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining.")
    if request["ResourceConfig"].get("InstanceGroups"):
        raise ValidationException("KeepAlivePeriodInSeconds is not supported with InstanceGroups.")


def warm_pool_status(pool: WarmPool | None) -> dict[str, Any]:
    """Returns the member WarmPoolStatus; nothing for a job without a pool. As on AWS, the seconds are returned once the pool has
    ended."""
    if pool is None:
        return {}
    status: dict[str, Any] = {"Status": pool.status}
    if pool.since_ms is not None and pool.left_ms is not None:
        status["ResourceRetainedBillableTimeInSeconds"] = max(0, round((pool.left_ms - pool.since_ms) / 1000))
    if pool.reused_by is not None:
        status["ReusedByJob"] = pool.reused_by
    return {"WarmPoolStatus": status}


def update_keep_alive(context: Context, job: Job, seconds: int) -> None:
    """Raises ValidationException unless the job's pool is available. 0 seconds end the pool."""
    pool = warmpools.of_job(context.store, job.id)
    if pool is None or pool.since_ms is None or pool.status != PoolStatus.AVAILABLE:
        state = pool.status if pool else "not there"
        raise ValidationException(
            f"KeepAlivePeriodInSeconds of training job {job.name} can be updated only while its warm pool is Available; "
            f"it is {state}."
        )
    if not warmpools.set_end(context.store, job.id, pool.since_ms + seconds * 1000):
        raise ValidationException(f"The warm pool of training job {job.name} is not Available any more.")
    resources = job.request["ResourceConfig"] | {"KeepAlivePeriodInSeconds": seconds}
    jobs.change_request(context.store, job.id, job.request | {"ResourceConfig": resources})
    context.engine.wake(POOL, job.id)
