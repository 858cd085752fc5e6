"""Training jobs: Create, Describe, List, Stop, Update, Delete."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sagewright.kinds.table import KINDS
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import ACTIVE, TRAINING
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.jobs import jobs as every
from sagewright.services.sagemaker.jobs.training_checks import check_request
from sagewright.services.sagemaker.jobs.training_shapes import description, descriptions
from sagewright.services.sagemaker.jobs.warmpools import update_keep_alive, warm_pool_status
from sagewright.services.sagemaker.registry.algorithms import resolved
from sagewright.services.sagemaker.resources.catalogue import JOBS, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import job_not_found
from sagewright.store.jobs import job_lists, jobs, warmpools
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.jobs.warmpools import PoolStatus
from sagewright.store.resources import tags

KIND = KINDS[TRAINING.kind]
FIRST_MESSAGE = "Starting the training job"
LIST = ListSpec("TrainingJobSummaries", every.SORTS)
NOT_IN_SEARCH = frozenset({"ProfilingStatus", "RemoteDebugConfig", "InfraCheckConfig", "ProfilerRuleConfigurations"})
"""Members of Describe that the TrainingJob shape of Search lacks."""

SEARCHED = Searched("TrainingJob", "TrainingJobName", descriptions, lambda found: {"TrainingJob": found}, NOT_IN_SEARCH)
declare(SearchableKind(KIND.name, KIND.resource, JOBS, SEARCHED))


def scope_of(context: Context) -> ResourceScope:
    return every.scope_of(context, KIND)


def job_arn(context: Context, name: str) -> str:
    return KIND.arn(context.region, context.account, name)


def require_job(context: Context, name: str) -> Job:
    """Raises ValidationException: AWS's quirk for a missing training job."""
    job = jobs.find(context.store, scope_of(context), name)
    if job is None:
        raise job_not_found(context, scope_of(context), name, ValidationException("Requested resource not found."))
    return job


@operation("sagemaker", "CreateTrainingJob", quick=True)
def create_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_request(context, request)
    request = resolved(context, request)
    return {"TrainingJobArn": every.create_job(context, KIND, request["TrainingJobName"], request, FIRST_MESSAGE)}


@operation("sagemaker", "DescribeTrainingJob", quick=True)
def describe_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["TrainingJobName"]
    job = require_job(context, name)
    if not job.ended or not context.store.embedded:  # its seconds still increase; or nothing is recalled
        return description(context, job)
    return context.store.recall(job.id, "description", lambda: description(context, require_job(context, name))) or {}


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    every.stop_job(context, KIND, require_job(context, request["TrainingJobName"]))
    return {}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = jobs.find(context.store, scope_of(context), request["TrainingJobName"])
    if job is None:
        raise ResourceNotFound("Requested resource not found.")
    if job.status in ACTIVE:
        raise ResourceInUse(
            f"The training job {job.name} is in status {job.status}; only a job that is Completed, Failed or Stopped "
            "can be deleted."
        )
    pool = warmpools.of_job(context.store, job.id)
    if pool is not None and pool.status == PoolStatus.AVAILABLE:
        raise ResourceInUse(f"The training job {job.name} has a warm pool that is Available; release that first.")
    job_components.keep(context, job)
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
        return {"TrainingJobSummaries": []}  # training plans are not supported
    pool = request.get("WarmPoolStatusEquals")
    conditions = [job_lists.warm_pool_is(pool)] if pool else []
    return every.list_jobs(context, KIND, LIST, partial(_summaries, context), request, *conditions)


def _summaries(context: Context, page: Sequence[Job]) -> list[dict[str, Any]]:
    pools = warmpools.of_jobs(context.store, [job.id for job in page])
    return [_summary(context, job) | warm_pool_status(pools.get(job.id)) for job in page]


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
