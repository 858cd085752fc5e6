"""Training jobs: Create, Describe, List, Stop, Update, Delete."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagewright.kinds.table import KINDS
from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import ResourceInUse, ValidationException
from sagewright.model.lives import ACTIVE, TRAINING
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker import jobs as every
from sagewright.services.sagemaker.training_checks import check_request
from sagewright.services.sagemaker.training_shapes import description
from sagewright.services.sagemaker.warmpools import update_keep_alive, warm_pool_status
from sagewright.store import jobs, tags, warmpools
from sagewright.store.jobs import Job, Place, Query
from sagewright.store.warmpools import PoolStatus

KIND = KINDS[TRAINING.kind]
FIRST_MESSAGE = "Starting the training job"
SORT_COLUMNS = {"Name": "name", "CreationTime": "created_ms", "Status": "status"}


def place_of(context: Context) -> Place:
    return every.place_of(context, KIND)


def job_arn(context: Context, name: str) -> str:
    return KIND.arn(context.region, context.account, name)


def require_job(context: Context, name: str) -> Job:
    """Raises ValidationException: AWS's quirk for a training job that is not there."""
    job = jobs.find(context.store, place_of(context), name)
    if job is None:
        raise ValidationException("Requested resource not found.")
    return job


@operation("sagemaker", "CreateTrainingJob", quick=True)
def create_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_request(context, request)
    return {"TrainingJobArn": every.create_job(context, KIND, request["TrainingJobName"], request, FIRST_MESSAGE)}


@operation("sagemaker", "DescribeTrainingJob", quick=True)
def describe_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["TrainingJobName"]
    job = require_job(context, name)
    if not job.ended:  # its seconds go on
        return description(context, job)
    return context.store.recall(job.id, "description", lambda: description(context, require_job(context, name))) or {}


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    every.stop_job(context, KIND, require_job(context, request["TrainingJobName"]))
    return {}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = require_job(context, request["TrainingJobName"])
    if job.status in ACTIVE:
        raise ResourceInUse(
            f"The training job {job.name} is in status {job.status}; only a job that is Completed, Failed or Stopped "
            "can be deleted."
        )
    pool = warmpools.of_job(context.store, job.id)
    if pool is not None and pool.status == PoolStatus.AVAILABLE:
        raise ResourceInUse(f"The training job {job.name} has a warm pool that is Available; release that first.")
    jobs.remove(context.store, job.id)
    tags.remove(context.store, job_arn(context, job.name))
    return {}


@operation("sagemaker", "UpdateTrainingJob")
def update_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = require_job(context, request["TrainingJobName"])
    if resources := request.get("ResourceConfig"):
        update_keep_alive(context, job, resources["KeepAlivePeriodInSeconds"])
        return {"TrainingJobArn": job_arn(context, job.name)}
    if job.ended:
        raise ValidationException(f"The request was rejected because the training job is in status {job.status}.")
    changed = {name: value for name, value in request.items() if name != "TrainingJobName"}
    merged = dict(job.request)
    for name, value in changed.items():
        old = merged.get(name)
        merged[name] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    jobs.change_request(context.store, job.id, merged)
    return {"TrainingJobArn": job_arn(context, job.name)}


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "TrainingPlanArnEquals" in request:
        return {"TrainingJobSummaries": []}  # no job here has a training plan
    size, column = request.get("MaxResults", 10), SORT_COLUMNS[request.get("SortBy", "CreationTime")]
    position = paging.decode(request.get("NextToken"))
    query = Query(
        name_contains=request.get("NameContains"),
        status=request.get("StatusEquals"),
        warm_pool=request.get("WarmPoolStatusEquals"),
        created_after_ms=_ms(request.get("CreationTimeAfter")),
        created_before_ms=_ms(request.get("CreationTimeBefore")),
        modified_after_ms=_ms(request.get("LastModifiedTimeAfter")),
        modified_before_ms=_ms(request.get("LastModifiedTimeBefore")),
        sort_by=column,
        descending=request.get("SortOrder", "Ascending") == "Descending",
        limit=size + 1,
        after=(position[0], position[1]) if position else None,
    )
    found = jobs.page(context.store, place_of(context), query)
    page = found[:size]
    pools = warmpools.of_jobs(context.store, [job.id for job in page])
    summaries = [_summary(context, job) | warm_pool_status(pools.get(job.id)) for job in page]
    answer: dict[str, Any] = {"TrainingJobSummaries": summaries}
    if len(found) > size:
        answer["NextToken"] = paging.encode([getattr(page[-1], column), page[-1].name])
    return answer


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _summary(context: Context, job: Job) -> dict[str, Any]:
    summary = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job_arn(context, job.name),
        "CreationTime": to_datetime(job.created_ms),
        "LastModifiedTime": to_datetime(job.modified_ms),
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
    }
    if job.ended_ms is not None:
        summary["TrainingEndTime"] = to_datetime(job.ended_ms)
    return summary
