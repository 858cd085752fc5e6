"""Operations common to every kind of job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from sagewright.engine.control import Subject
from sagewright.engine.jobs.queue import QUEUE
from sagewright.kinds.base import NAMESPACE, OWNER, Kind
from sagewright.model.errors import ResourceInUse, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.quotas import limits
from sagewright.services.sagemaker.experiments.experiment_configs import tracking
from sagewright.services.sagemaker.resources.missing import job_not_found
from sagewright.store.jobs import job_lists, jobs
from sagewright.store.jobs.jobs import DesiredState, Job, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.listing import Condition, PageRequest
from sagewright.store.resources import job_names, tags

SORTS = {"Name": "name", "CreationTime": "created_ms", "Status": "status"}
"""Columns by which lists of jobs can be sorted."""


def scope_of(context: Context, kind: Kind) -> ResourceScope:
    return ResourceScope(kind.name, context.account, context.region)


def arn_of(kind: Kind, job: Job) -> str:
    return kind.arn(job.region, job.account, job.name)


def create_job(context: Context, kind: Kind, name: str, request: dict[str, Any], message: str = "") -> str:
    """Returns the new job's ARN. `message`: message of its first event. Raises ResourceInUse if a job of that name exists, and
    ResourceLimitExceeded."""
    arn = kind.arn(context.region, context.account, name)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    if context.owner is not None:
        kept[OWNER] = {"Kind": context.owner.kind, "Id": context.owner.id, "Arn": context.owner.arn}
        if context.owner.namespace:
            kept[OWNER][NAMESPACE] = context.owner.namespace
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    writes: list[Callable[[Connection], None]] = [partial(tags.add_in, arn=arn, pairs=pairs)] if pairs else []
    demand = kind.demand(kept)
    claim = limits.claim_of(context, demand, pairs)
    if check := limits.job_check(context, kind, claim, spot=demand.spot):
        writes.insert(0, check)
    if tracked := tracking(context, kind, name, request):
        writes.append(tracked)
    draft = JobDraft(name, kept, message, demand.spot, context.principal.arn, claim)
    try:
        job = jobs.create(context.store, scope_of(context, kind), draft, partial(_each, writes) if writes else None)
    except JobNameTaken:
        noun = kind.resource.replace("-", " ")
        raise ResourceInUse(
            f"{noun.capitalize()} names must be unique within an AWS account and region, and a {noun} with this name "
            f"already exists ({arn})"
        ) from None
    own = Subject(job.kind, job.id)
    context.engine.wake_new(own, Subject(QUEUE, "") if demand.queued else own)
    return arn


def _each(writes: Sequence[Callable[[Connection], None]], connection: Connection) -> None:
    for write in writes:
        write(connection)


def require_job(context: Context, kind: Kind, name: str) -> Job:
    """Raises ValidationException, as AWS does for a missing processing or transform job."""
    job = jobs.find(context.store, scope_of(context, kind), name)
    if job is None:
        arn = kind.arn(context.region, context.account, name)
        error = ValidationException(f"Could not find requested job with name: {name} and arn: {arn}")
        raise job_not_found(context, scope_of(context, kind), name, error)
    return job


def list_jobs(
    context: Context,
    kind: Kind,
    form: ListSpec,
    shape: Callable[[Sequence[Job]], Iterable[dict[str, Any]]],
    request: dict[str, Any],
    *conditions: Condition,
) -> dict[str, Any]:
    """Returns a page of summaries, which `shape` builds from jobs."""
    scope = scope_of(context, kind)

    def page(requested: PageRequest) -> list[Job]:
        named = job_names.few_named(context.store, scope, requested)
        if named is None:
            return job_lists.page(context.store, scope, requested, *conditions)
        return job_lists.page(context.store, None, requested, *named, *conditions)

    return form.answer(request, page, shape)


def stop_job(context: Context, kind: Kind, job: Job) -> None:
    """Raises ValidationException for a job that has ended: SDKs interpret that as already stopped."""
    if job.ended:
        noun = kind.resource.replace("-", " ")
        raise ValidationException(f"The request was rejected because the {noun} is in status {job.status}.")
    jobs.set_desired(context.store, job.id, DesiredState.STOP)
    context.engine.wake(job.kind, job.id)
