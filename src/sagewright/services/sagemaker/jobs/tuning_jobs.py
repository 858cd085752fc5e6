"""Hyperparameter tuning jobs: Create, Describe, List, Stop, Delete, and the list of a tuning job's training jobs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sagewright.engine.tuning import trials
from sagewright.engine.tuning.trials import TrialRecord
from sagewright.kinds.base import OWNER
from sagewright.kinds.tuning import KIND, RESOURCE, read_definitions
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms
from sagewright.model.errors import ResourceInUse, ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import ENDED, Status
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.jobs.tuning_autotune import autotuned
from sagewright.services.sagemaker.jobs.tuning_checks import check_request
from sagewright.services.sagemaker.jobs.tuning_shapes import description, descriptions, summary, trial_summary
from sagewright.services.sagemaker.registry.algorithms import with_metrics
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

SORTS = {"Name": "name", "CreationTime": "created_ms", "Status": "status"}
LIST = ListSpec("HyperParameterTuningJobSummaries", SORTS)
SEEDS = 1 << 31
SEARCHED = Searched(
    "HyperParameterTuningJob",
    "HyperParameterTuningJobName",
    descriptions,
    lambda found: {"HyperParameterTuningJob": found},
    frozenset({"Autotune"}),
)
declare(SearchableKind(KIND, RESOURCE, RESOURCES, SEARCHED))


@operation("sagemaker", "CreateHyperParameterTuningJob")
def create_hyper_parameter_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    request = autotuned(_with_metrics(context, request))
    check_request(context, request)
    name = request["HyperParameterTuningJobName"]
    arn = sagemaker_arn(context.region, context.account, RESOURCE, name)
    document = {key: value for key, value in request.items() if key not in {"Tags", "HyperParameterTuningJobName"}}
    document["Seed"] = secrets.randbelow(SEEDS)
    if context.owner is not None:
        document[OWNER] = {"Kind": context.owner.kind, "Id": context.owner.id, "Arn": context.owner.arn}
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    new = New(name, document, arn, pairs, status=Status.IN_PROGRESS, principal=context.principal.arn)
    try:
        made = resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        raise ResourceInUse(
            "Hyper parameter tuning job names must be unique within an AWS account and region, and a hyper parameter tuning "
            f"job with this name already exists ({arn})"
        ) from None
    context.engine.wake(KIND, made.id)
    return {"HyperParameterTuningJobArn": arn}


def _with_metrics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Adds the metrics of the algorithms that the definitions name."""

    def filled(definition: dict[str, Any]) -> dict[str, Any]:
        return definition | {"AlgorithmSpecification": with_metrics(context, definition["AlgorithmSpecification"])}

    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    request = request if single is None else request | {"TrainingJobDefinition": filled(single)}
    return request if several is None else request | {"TrainingJobDefinitions": [filled(one) for one in several]}


@operation("sagemaker", "DescribeHyperParameterTuningJob", quick=True)
def describe_hyper_parameter_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return description(context, require(context, request["HyperParameterTuningJobName"]))


@operation("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def shape(rows: Sequence[Resource]) -> Iterable[dict[str, Any]]:
        counted = resources.count_by_status(context.store, [row.id for row in rows])
        return [summary(row, counted[row.id]) for row in rows]

    return LIST.answer(request, lambda page: resources.page(context.store, _scope(context), page), shape)


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tuner = require(context, request["HyperParameterTuningJobName"])

    def how(current: Resource) -> Resource:
        if current.status in ENDED:
            raise ValidationException(
                f"The request was rejected because the hyper parameter tuning job is in status {current.status}."
            )
        document = {**current.document, "StopMs": current.document.get("StopMs", now_ms())}
        return replace(current, status=Status.STOPPING, document=document)

    resources.alter(context.store, tuner.id, how)
    context.engine.wake(KIND, tuner.id)
    return {}


@operation("sagemaker", "DeleteHyperParameterTuningJob")
def delete_hyper_parameter_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes the tuning job; its training jobs stay."""
    tuner = require(context, request["HyperParameterTuningJobName"])
    if tuner.status not in ENDED:
        raise ResourceInUse(
            f"The hyper parameter tuning job {tuner.name} is in status {tuner.status}; only one that is Completed, Failed or "
            "Stopped can be deleted."
        )
    with context.store.write() as connection:
        resources.remove_children_in(connection, tuner.id)
        arn = sagemaker_arn(context.region, context.account, RESOURCE, tuner.name)
        resources.remove_in(connection, tuner, arn, context.principal.arn)
    return {}


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_hyper_parameter_tuning_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tuner = require(context, request["HyperParameterTuningJobName"])
    by_name = {one.name: one for one in read_definitions(tuner.document)}
    records = [
        trials.seen(context.store, tuner, one, by_name[one.definition])
        for one in trials.of_tuner(context.store, tuner.id)
    ]
    desired, sort_by = request.get("StatusEquals"), request.get("SortBy", "Name")
    key, descending = ORDERS[sort_by], request.get("SortOrder") == "Descending"
    found = [
        one for one in records if one.created_ms is not None and key(one) is not None and desired in (None, one.status)
    ]
    ordered = sorted(found, key=lambda one: (key(one), one.number), reverse=descending)
    page, token = _page(request, ordered, key, descending)
    answer = {"TrainingJobSummaries": [trial_summary(context, tuner, one, by_name[one.definition]) for one in page]}
    return answer | ({"NextToken": token} if token else {})


ORDERS: dict[str, Callable[[TrialRecord], Any]] = {
    "Name": lambda one: one.number,  # names count up, so that they sort by number
    "CreationTime": lambda one: one.created_ms,
    "Status": lambda one: one.status,
    "FinalObjectiveMetricValue": lambda one: one.value if one.over else None,
}


def _page(
    request: dict[str, Any], ordered: list[TrialRecord], key: Callable[[TrialRecord], Any], descending: bool
) -> tuple[list[TrialRecord], str | None]:
    """Returns the records after the position in the token. Raises ValidationException for a token of another list."""
    size, after = request.get("MaxResults", 10), paging.decode(request.get("NextToken"))
    if after is not None:
        try:
            position = (after[0], after[1])
            ordered = [
                one
                for one in ordered
                if ((key(one), one.number) < position if descending else (key(one), one.number) > position)
            ]
        except (IndexError, TypeError):
            raise ValidationException("Invalid NextToken.") from None
    page = ordered[:size]
    return page, paging.encode([key(page[-1]), page[-1].number]) if len(ordered) > size else None


def require(context: Context, name: str) -> Resource:
    """Raises ResourceNotFound."""
    found = resources.find(context.store, _scope(context), name)
    if found is None:
        error = ResourceNotFound(f"Amazon SageMaker can't find a tuning job with the name {name} in {context.region}.")
        raise resource_not_found(context, _scope(context), name, error)
    return found


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
