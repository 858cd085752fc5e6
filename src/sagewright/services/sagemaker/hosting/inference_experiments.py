"""Inference experiments in shadow mode: Create, Describe, List, Start, Update, Stop, Delete.

Source: AWS's API reference, CreateInferenceExperiment and StopInferenceExperiment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.endpoints import shadow_tests
from sagewright.engine.endpoints.shadow_documents import OVER, ExperimentStatus, ShadowMode, ShadowTest, VariantAction
from sagewright.engine.endpoints.shadow_tests import KIND, changed
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.statuses import ExperimentVariantStatus
from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

ARN_TYPE = "inference-experiment"
RETAIN, REMOVE, PROMOTE = VariantAction
BEFORE = frozenset({ExperimentStatus.CREATING, ExperimentStatus.CREATED, ExperimentStatus.STARTING})
"""Statuses before the endpoint has the variants."""
MOST_DAYS = 30
DAY_MS = 86_400_000
DESCRIBED = ("Type", "Description", "RoleArn", "DataStorageConfig", "ShadowModeConfig", "KmsKey", "StatusReason")
LISTED = ListSpec(
    "InferenceExperiments", {"Name": "name", "CreationTime": "created_ms", "Status": "status"}, descending=True
)
declare(SearchableKind(KIND, ARN_TYPE, RESOURCES))


@operation("sagemaker", "CreateInferenceExperiment")
def create_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_role(context, request["RoleArn"])
    _check_variants(context, request)
    times = _times(request.get("Schedule"))
    name = request["Name"]
    arn = sagemaker_arn(context.region, context.account, ARN_TYPE, name)
    document = {key: value for key, value in request.items() if key not in {"Name", "Tags", "Schedule"}}
    document |= {"Times": times, "Step": 1}
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    try:
        new = New(name, document, arn, pairs, status=str(ExperimentStatus.CREATING), principal=context.principal.arn)
        made = resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        raise _conflict(f"Inference experiment {arn} already exists.") from None
    context.engine.wake(KIND, made.id)
    return {"InferenceExperimentArn": arn}


@operation("sagemaker", "DescribeInferenceExperiment", quick=True)
def describe_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    experiment = _require(context, request["Name"])
    document = experiment.document
    described = _head(context, experiment) | {name: document[name] for name in DESCRIBED if name in document}
    endpoint = resources.find(
        context.store, ResourceScope(ENDPOINT, context.account, context.region), document["EndpointName"]
    )
    about: dict[str, Any] = {"EndpointName": document["EndpointName"]}
    if endpoint is not None:
        about |= {"EndpointConfigName": endpoint.document["EndpointConfigName"], "EndpointStatus": endpoint.status}
        if endpoint.document.get("FailureReason"):
            about["FailureReason"] = endpoint.document["FailureReason"]
    variants = [
        {**one, "Status": _variant_status(experiment, endpoint, one["VariantName"]).value}
        for one in document["ModelVariants"]
    ]
    return described | {"EndpointMetadata": about, "ModelVariants": variants}


@operation("sagemaker", "ListInferenceExperiments")
def list_inference_experiments(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def shape(rows: Any) -> list[dict[str, Any]]:
        members = ("Name", "Type", "Schedule", "Status", "StatusReason", "Description", "CreationTime", "CompletionTime",
                   "LastModifiedTime", "RoleArn")  # fmt: skip
        listed = [
            _head(context, row) | {name: row.document[name] for name in DESCRIBED if name in row.document}
            for row in rows
        ]
        return [{name: one[name] for name in members if name in one} for one in listed]

    return LISTED.answer(request, lambda page: resources.page(context.store, _scope(context), page), shape)


@operation("sagemaker", "StartInferenceExperiment")
def start_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def how(current: Resource) -> Resource:
        if current.status != ExperimentStatus.CREATED:
            raise _conflict(f"Inference experiment {current.name} can't be started in the status {current.status}.")
        times = replace(ShadowTest.read(current.document).times, start_ms=now_ms())
        return replace(changed(current, times=times), status=str(ExperimentStatus.STARTING))

    return _changed(context, request["Name"], how)


@operation("sagemaker", "UpdateInferenceExperiment")
def update_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def how(current: Resource) -> Resource:
        if current.status not in {ExperimentStatus.CREATED, ExperimentStatus.RUNNING}:
            raise _conflict(f"Inference experiment {current.name} can't be updated in the status {current.status}.")
        given = {key: value for key, value in request.items() if key not in {"Name", "Schedule"}}
        updated = replace(current, document={**current.document, **given})
        _check_variants(context, updated.document)
        if request.get("Schedule"):
            updated.document["Times"] = {**(current.document.get("Times") or {}), **_times(request["Schedule"])}
        deploying = set(given) & {"ModelVariants", "DataStorageConfig", "ShadowModeConfig"}
        if not deploying or current.status != ExperimentStatus.RUNNING:
            return updated
        step = ShadowTest.read(updated.document).step + 1
        return replace(changed(updated, step=step), status=str(ExperimentStatus.UPDATING))

    return _changed(context, request["Name"], how)


@operation("sagemaker", "StopInferenceExperiment")
def stop_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def how(current: Resource) -> Resource:
        if current.status in OVER or current.status == ExperimentStatus.STOPPING:
            raise _conflict(f"Inference experiment {current.name} can't be stopped in the status {current.status}.")
        final = _final(current, request)
        desired = request.get("DesiredState") or ExperimentStatus.COMPLETED.value
        document = ShadowTest.read(current.document)
        document = replace(document, desired=desired, final=final, reason=request.get("Reason") or document.reason)
        if current.status in {ExperimentStatus.CREATING, ExperimentStatus.CREATED}:
            status, document = ExperimentStatus.CANCELLED, replace(document, completed_ms=now_ms())
        else:
            status, document = ExperimentStatus.STOPPING, replace(document, step=document.step + 1)
        return replace(current, status=str(status), document=document.write(current.document))

    return _changed(context, request["Name"], how)


@operation("sagemaker", "DeleteInferenceExperiment")
def delete_inference_experiment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    experiment = _require(context, request["Name"])
    if experiment.status not in OVER:
        raise _conflict(f"Inference experiment {experiment.name} is in the status {experiment.status}: stop it first.")
    arn = sagemaker_arn(context.region, context.account, ARN_TYPE, experiment.name)
    resources.remove(context.store, experiment, arn, context.principal.arn)
    return {"InferenceExperimentArn": arn}


def _final(current: Resource, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the variants after the end. Raises ValidationException unless exactly one variant remains, and for unknown names."""
    actions: dict[str, str] = request["ModelVariantActions"]
    document = ShadowTest.read(current.document)
    names, source = {one["VariantName"] for one in document.variants}, document.mode.source
    if unknown := sorted(set(actions) - names):
        raise ValidationException(
            f"ModelVariantActions names {unknown[0]}, which is not a variant of the experiment: {sorted(names)}."
        )
    if missing := sorted(names - set(actions)):
        raise ValidationException(f"ModelVariantActions has no action for the variant {missing[0]}.")
    if actions.get(source) == PROMOTE:
        raise ValidationException(f"{source} is the production variant already: it can be retained or removed.")
    shadows = [name for name in names if name != source]
    if any(actions[name] == RETAIN for name in shadows):
        raise ValidationException("A shadow variant can be promoted or removed.")
    promoted = any(actions[name] == PROMOTE for name in shadows)
    if promoted == (actions[source] == RETAIN):
        raise ValidationException(
            f"Exactly one variant must remain: {PROMOTE} the shadow and {REMOVE} {source}, or {RETAIN} {source}."
        )
    return shadow_tests.ended(document, actions, request.get("DesiredModelVariants"))


def _check_variants(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException."""
    names = [one["VariantName"] for one in request["ModelVariants"]]
    if len(names) != 2 or len(set(names)) != 2:
        raise ValidationException(f"A shadow test needs two variants with different names, got {names}.")
    mode = ShadowMode.read(request["ShadowModeConfig"])
    copied = [one.name for one in mode.shadows]
    if len(copied) != 1 or {mode.source, *copied} != set(names):
        raise ValidationException(
            f"ShadowModeConfig must name one of the variants {names} as the source and the other one as its shadow."
        )
    for one in request["ModelVariants"]:
        MODELS.require(context, one["ModelName"])


def _times(schedule: dict[str, Any] | None) -> dict[str, int]:
    """Raises ValidationException."""
    given = schedule or {}
    times = {
        ours: to_ms(given[name]) for name, ours in (("StartTime", "StartMs"), ("EndTime", "EndMs")) if given.get(name)
    }
    begin = times.get("StartMs", now_ms())
    if "EndMs" in times and not begin < times["EndMs"] <= begin + MOST_DAYS * DAY_MS:
        raise ValidationException(f"EndTime must be after StartTime, and at most {MOST_DAYS} days.")
    return times


def _changed(context: Context, name: str, how: Callable[[Resource], Resource]) -> dict[str, Any]:
    experiment = _require(context, name)
    resources.alter(context.store, experiment.id, how)
    context.engine.wake(KIND, experiment.id)
    return {"InferenceExperimentArn": sagemaker_arn(context.region, context.account, ARN_TYPE, name)}


def _head(context: Context, experiment: Resource) -> dict[str, Any]:
    document = ShadowTest.read(experiment.document)
    head: dict[str, Any] = {
        "Arn": sagemaker_arn(context.region, context.account, ARN_TYPE, experiment.name),
        "Name": experiment.name,
        "Status": experiment.status,
        "CreationTime": to_datetime(experiment.created_ms),
        "LastModifiedTime": to_datetime(experiment.modified_ms),
    }
    times = (("StartTime", document.times.start_ms), ("EndTime", document.times.end_ms))
    if schedule := {name: to_datetime(at_ms) for name, at_ms in times if at_ms is not None}:
        head["Schedule"] = schedule
    if document.completed_ms is not None:
        head["CompletionTime"] = to_datetime(document.completed_ms)
    return head


def _variant_status(experiment: Resource, endpoint: Resource | None, variant: str) -> ExperimentVariantStatus:
    if experiment.status in OVER:
        left = {one["VariantName"] for one in ShadowTest.read(experiment.document).final or ()}
        serves = endpoint is not None and variant in left
        return ExperimentVariantStatus.IN_SERVICE if serves else ExperimentVariantStatus.DELETED
    if endpoint is None or experiment.status in BEFORE:
        return ExperimentVariantStatus.CREATING
    running = experiment.status == ExperimentStatus.RUNNING
    return ExperimentVariantStatus.IN_SERVICE if running else ExperimentVariantStatus.UPDATING


def _require(context: Context, name: str) -> Resource:
    found = resources.find(context.store, _scope(context), name)
    if found is None:
        arn = sagemaker_arn(context.region, context.account, ARN_TYPE, name)
        error = ResourceNotFound(f"Inference experiment {arn} does not exist.")
        raise resource_not_found(context, _scope(context), name, error)
    return found


def _conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 400)


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
