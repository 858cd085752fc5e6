"""Scalable targets, their policies, schedules, activities and tags.

Source: Application Auto Scaling's API reference. The only supported targets are SageMaker's variants and inference components.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.engine.endpoints.fleets import read
from sagewright.engine.events.schedules import BadScheduleExpression
from sagewright.engine.monitoring.autoscaling import KIND, NAMESPACE, ROLE, next_ms
from sagewright.engine.monitoring.scaling_documents import PolicyType, ScalableTarget, ScheduledScaling
from sagewright.engine.monitoring.scaling_targets import FORMS, ComponentCopies, Scalable, VariantInstances, scalable_of
from sagewright.kinds.serving import COMPONENT, ENDPOINT
from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource

SERVICE = "application-autoscaling"
PAGE = 50
Changed = dict[str, Any]


@operation(SERVICE, "RegisterScalableTarget")
def register_scalable_target(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    scalable = _scalable(request)
    name = request["ResourceId"]
    found = resources.find(context.store, _scope(context), name)
    bounds = {key: request[key] for key in ("MinCapacity", "MaxCapacity", "SuspendedState") if key in request}
    if found is None:
        _require(context, scalable)
        for key in ("MinCapacity", "MaxCapacity"):
            if key not in bounds:
                raise ValidationException(f"{key} must be given when a scalable target is registered.")
    _check_bounds(context, (found.document if found else {}) | bounds, scalable)
    if found is not None:
        _alter(context, found, lambda document: document | bounds)
        return {"ScalableTargetARN": _arn(context, found)}
    role = request.get("RoleARN") or f"arn:aws:iam::{context.account}:role/aws-service-role/{ROLE}"
    document: dict[str, Any] = bounds | {
        "RoleARN": role,
        "Policies": [],
        "Scheduled": [],
        "Activities": [],
        "Token": uuid.uuid4().hex,
    }
    arn = f"arn:aws:{SERVICE}:{context.region}:{context.account}:scalable-target/{document['Token']}"
    new = New(name, document, arn, dict(request.get("Tags") or {}), principal=context.principal.arn)
    made = resources.create(context.store, _scope(context), new)
    context.engine.wake(KIND, made.id)
    return {"ScalableTargetARN": arn}


@operation(SERVICE, "DescribeScalableTargets")
def describe_scalable_targets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_namespace(request)
    requested = request.get("ResourceIds")
    found = [one for one in _all(context) if not requested or one.name in requested]
    return _page(request, "ScalableTargets", [_target(context, one) for one in found])


@operation(SERVICE, "DeregisterScalableTarget")
def deregister_scalable_target(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _registered(context, request)
    resources.remove(context.store, target, _arn(context, target), context.principal.arn)
    return {}


@operation(SERVICE, "PutScalingPolicy")
def put_scaling_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _registered(context, request)
    _check_policy(request, _scalable(request))
    policies = ScalableTarget.read(target.document).policies
    kept = next((one for one in policies if one.name == request["PolicyName"]), None)
    arn = (
        kept.arn
        if kept
        else f"arn:aws:autoscaling:{context.region}:{context.account}:scalingPolicy:{uuid.uuid4()}:resource/{NAMESPACE}/"
        f"{target.name}:policyName/{request['PolicyName']}"
    )
    policy = {
        "PolicyARN": arn,
        "PolicyName": request["PolicyName"],
        "PolicyType": request.get("PolicyType", PolicyType.STEP.value),
        "CreatedMs": kept.created_ms if kept else now_ms(),
    }
    policy |= {key: request[key] for key in request if key.endswith("PolicyConfiguration")}
    _alter(context, target, _with(policy, "Policies", "PolicyName"))
    return {"PolicyARN": arn, "Alarms": []}


@operation(SERVICE, "DescribeScalingPolicies")
def describe_scaling_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_namespace(request)
    names = request.get("PolicyNames")
    found = [
        _head(target) | _shown(policy) | {"Alarms": []}
        for target in _all(context, request.get("ResourceId"))
        for policy in target.document["Policies"]
        if not names or policy["PolicyName"] in names
    ]
    return _page(request, "ScalingPolicies", found)


@operation(SERVICE, "DeleteScalingPolicy")
def delete_scaling_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _without(context, request, "Policies", "PolicyName", request["PolicyName"], "scaling policy")


@operation(SERVICE, "PutScheduledAction")
def put_scheduled_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _registered(context, request)
    name = request["ScheduledActionName"]
    scheduled = ScalableTarget.read(target.document).scheduled
    kept: dict[str, Any] = next((one for one in scheduled if one["ScheduledActionName"] == name), {})
    if not kept and "Schedule" not in request:
        raise ValidationException("A new scheduled action needs a Schedule.")
    if request.get("Timezone", "UTC") != "UTC" and not request.get("Schedule", "").startswith("at("):
        raise ValidationException("Sagewright accepts a Timezone other than UTC only with at(…).")
    given = ("Schedule", "Timezone", "ScalableTargetAction")
    action = kept | {"ScheduledActionName": name} | {key: request[key] for key in given if key in request}
    action |= {
        ours: to_ms(request[key]) for key, ours in (("StartTime", "StartMs"), ("EndTime", "EndMs")) if key in request
    }
    action.setdefault("CreatedMs", now_ms())
    action.setdefault("Token", uuid.uuid4().hex)
    try:
        action["NextMs"] = next_ms(ScheduledScaling.read(action), now_ms())
    except BadScheduleExpression as error:
        raise ValidationException(f"Invalid schedule: {error}") from None
    _check_bounds(context, target.document | (action.get("ScalableTargetAction") or {}), _scalable(request))
    _alter(context, target, _with(action, "Scheduled", "ScheduledActionName"))
    return {}


@operation(SERVICE, "DescribeScheduledActions")
def describe_scheduled_actions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_namespace(request)
    names = request.get("ScheduledActionNames")
    found = [
        _scheduled(context, target, one)
        for target in _all(context, request.get("ResourceId"))
        for one in ScalableTarget.read(target.document).scheduled
        if not names or one["ScheduledActionName"] in names
    ]
    return _page(request, "ScheduledActions", found)


@operation(SERVICE, "DeleteScheduledAction")
def delete_scheduled_action(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ScheduledActionName"]
    return _without(context, request, "Scheduled", "ScheduledActionName", name, "scheduled action")


@operation(SERVICE, "DescribeScalingActivities")
def describe_scaling_activities(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_namespace(request)
    found = [
        _head(target) | _shown(one) | {"StartTime": to_datetime(one["AtMs"]), "EndTime": to_datetime(one["AtMs"])}
        for target in _all(context, request.get("ResourceId"))
        for one in ScalableTarget.read(target.document).activities
    ]
    return _page(request, "ScalingActivities", found)


@operation(SERVICE, "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _of_arn(context, request["ResourceARN"])
    return {"Tags": dict(tags.of_all(context.store, [_arn(context, target)]).get(_arn(context, target), {}))}


@operation(SERVICE, "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _of_arn(context, request["ResourceARN"])
    with context.store.write() as connection:
        tags.add_in(connection, _arn(context, target), dict(request["Tags"]))
    return {}


@operation(SERVICE, "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    target = _of_arn(context, request["ResourceARN"])
    tags.remove(context.store, _arn(context, target), request["TagKeys"])
    return {}


def _check_namespace(request: dict[str, Any]) -> None:
    if request["ServiceNamespace"] != NAMESPACE:
        raise ValidationException(f"Sagewright scales nothing of {request['ServiceNamespace']}, only of {NAMESPACE}.")


def _scalable(request: dict[str, Any]) -> Scalable:
    """Returns the resource that a request refers to. Raises ValidationException."""
    _check_namespace(request)
    scalable = scalable_of(request["ResourceId"])
    if scalable is None:
        raise ValidationException(f"ResourceId must have the form {FORMS}, got {request['ResourceId']}.")
    if request["ScalableDimension"] != scalable.dimension:
        raise ValidationException(
            f"Sagewright does not scale {request['ScalableDimension']} of {request['ResourceId']}, only {scalable.dimension}."
        )
    return scalable


def _check_bounds(context: Context, document: dict[str, Any], scalable: Scalable) -> None:
    """Raises ValidationException."""
    target = ScalableTarget.read(document)
    least, most = target.least, target.most
    if least > most:
        raise ValidationException(f"MaxCapacity must be at least MinCapacity: {most} is below {least}.")
    if least < 0:
        raise ValidationException(f"MinCapacity must be at least 0, got {least}.")
    if least == 0 and isinstance(scalable, VariantInstances) and not _is_asynchronous(context, scalable):
        raise ValidationException(
            f"MinCapacity must be at least 1, got 0: the endpoint {scalable.endpoint} is not asynchronous, and a variant that is "
            "invoked directly keeps at least one instance."
        )


def _is_asynchronous(context: Context, scalable: VariantInstances) -> bool:
    found = resources.find(context.store, ResourceScope(ENDPOINT, context.account, context.region), scalable.endpoint)
    return found is not None and any(fleet.share and fleet.asynchronous for fleet in read(found.document))


def _check_policy(request: dict[str, Any], scalable: Scalable) -> None:
    kind = request.get("PolicyType", PolicyType.STEP.value)
    member = {
        "StepScaling": "StepScalingPolicyConfiguration",
        "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    }
    if kind not in member:
        raise ValidationException(f"Sagewright does not serve the PolicyType {kind}.")
    config = request.get(member[kind])
    if config is None:
        raise ValidationException(f"A policy of the type {kind} needs {member[kind]}.")
    if kind == "StepScaling":
        if config.get("AdjustmentType") is None or not config.get("StepAdjustments"):
            raise ValidationException("A step scaling policy needs AdjustmentType and StepAdjustments.")
        return
    known, own = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if (known is None) == (own is None):
        raise ValidationException(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given."
        )
    if known and known["PredefinedMetricType"] != scalable.metric:
        raise ValidationException(
            f"Sagewright does not serve the metric {known['PredefinedMetricType']} for {request['ResourceId']}, only "
            f"{scalable.metric}."
        )
    if config["TargetValue"] <= 0:
        raise ValidationException(f"TargetValue must be above 0, got {config['TargetValue']}.")


def _require(context: Context, scalable: Scalable) -> None:
    """Raises ValidationException if the resource to scale does not exist."""
    if isinstance(scalable, ComponentCopies):
        if (
            resources.find(context.store, ResourceScope(COMPONENT, context.account, context.region), scalable.component)
            is None
        ):
            raise ValidationException(f"There is no inference component {scalable.component}.")
    elif isinstance(scalable, VariantInstances):
        _require_variant(context, scalable)


def _require_variant(context: Context, scalable: VariantInstances) -> None:
    found = resources.find(context.store, ResourceScope(ENDPOINT, context.account, context.region), scalable.endpoint)
    names = (
        {one.name for fleet in read(found.document) for one in fleet.variants if not one.serverless} if found else set()
    )
    if scalable.variant not in names:
        raise ValidationException(
            f"There is no variant {scalable.variant} on instances of the endpoint {scalable.endpoint}: "
            f"{sorted(names) or 'no such endpoint'}."
        )


def _registered(context: Context, request: dict[str, Any]) -> Resource:
    scalable = _scalable(request)
    found = resources.find(context.store, _scope(context), request["ResourceId"])
    if found is None:
        raise AwsError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {NAMESPACE}, resource ID: {request['ResourceId']}, "
            f"scalable dimension: {scalable.dimension}",
        )
    return found


def _of_arn(context: Context, arn: str) -> Resource:
    found = next((one for one in _all(context) if _arn(context, one) == arn), None)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"There is no scalable target {arn}.")
    return found


def _all(context: Context, name: str | None = None) -> list[Resource]:
    scope = _scope(context)
    found = [
        one
        for one in resources.of_kind(context.store, KIND)
        if (one.account, one.region) == (scope.account, scope.region)
    ]
    return [one for one in found if name in {None, one.name}]


def _alter(context: Context, target: Resource, how: Callable[[Changed], Changed]) -> None:
    resources.alter(context.store, target.id, lambda current: replace(current, document=how(current.document)))
    context.engine.wake(KIND, target.id)


def _with(entry: dict[str, Any], member: str, key: str) -> Callable[[Changed], Changed]:
    """Returns a change that replaces the entry of the same name in a document, or adds it."""

    def how(document: Changed) -> Changed:
        others = [one for one in document[member] if one[key] != entry[key]]
        return document | {member: [*others, entry]}

    return how


def _without(context: Context, request: dict[str, Any], member: str, key: str, name: str, noun: str) -> dict[str, Any]:
    target = _registered(context, request)
    if all(one[key] != name for one in target.document[member]):
        raise AwsError("ObjectNotFoundException", f"No {noun} found with the name {name} for {target.name}.")
    _alter(context, target, lambda document: document | {member: [one for one in document[member] if one[key] != name]})
    return {}


def _target(context: Context, target: Resource) -> dict[str, Any]:
    document = ScalableTarget.read(target.document)
    suspended = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
    )
    return _head(target) | {
        "MinCapacity": document.least,
        "MaxCapacity": document.most,
        "RoleARN": document.role,
        "CreationTime": to_datetime(target.created_ms),
        "SuspendedState": suspended | document.suspended,
        "ScalableTargetARN": _arn(context, target),
    }


def _scheduled(context: Context, target: Resource, one: dict[str, Any]) -> dict[str, Any]:
    scope = f"arn:aws:autoscaling:{context.region}:{context.account}:scheduledAction:{one['Token']}"
    arn = f"{scope}:resource/{NAMESPACE}/{target.name}:scheduledActionName/{one['ScheduledActionName']}"
    shown = _head(target) | _shown(one) | {"ScheduledActionARN": arn}
    for key, ours in (("StartTime", "StartMs"), ("EndTime", "EndMs")):
        if one.get(ours):
            shown[key] = to_datetime(one[ours])
    return shown


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    """Removes internal members."""
    shown = {key: value for key, value in entry.items() if not key.endswith("Ms") and key != "Token"}
    return shown | ({"CreationTime": to_datetime(entry["CreatedMs"])} if "CreatedMs" in entry else {})


def _head(target: Resource) -> dict[str, Any]:
    scalable = scalable_of(target.name)
    assert scalable is not None, "RegisterScalableTarget takes no other"
    return {"ServiceNamespace": NAMESPACE, "ResourceId": target.name, "ScalableDimension": scalable.dimension}


def _arn(context: Context, target: Resource) -> str:
    return f"arn:aws:{SERVICE}:{context.region}:{context.account}:scalable-target/{ScalableTarget.read(target.document).token}"


def _page(request: dict[str, Any], member: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    wrong = AwsError("InvalidNextTokenException", "NextToken is invalid.")
    after = paging.decode(request.get("NextToken"), wrong)
    numbered = list(enumerate(found))
    page, token = paging.page_of(numbered, lambda pair: [pair[0]], after, request.get("MaxResults", PAGE))
    return {member: [one for _, one in page]} | ({"NextToken": token} if token else {})


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
