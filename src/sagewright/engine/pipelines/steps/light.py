"""Steps that are over at once: conditions, failures, models, model packages, endpoint configurations."""

from __future__ import annotations

from typing import Any

from sagewright.engine.pipelines.step_records import StepRecord, digest_of
from sagewright.engine.pipelines.steps.base import AtOnce, StepContext, StepObservation, plain
from sagewright.model.errors import AwsError
from sagewright.pipelines.conditions import hold
from sagewright.pipelines.plan import StepStatus

MOST_TOKEN, MOST_NAME = 36, 63


def _condition(context: StepContext, record: StepRecord) -> StepObservation:  # noqa: ARG001
    outcome = hold(context.step.arguments.get("Conditions") or [], context.known, context.budget)
    return StepObservation(
        StepStatus.SUCCEEDED, {"Condition": {"Outcome": str(outcome)}}, {"Outcome": str(outcome)}, outcome=outcome
    )


def _fail(context: StepContext, record: StepRecord) -> StepObservation:  # noqa: ARG001
    message = str(record.arguments.get("ErrorMessage", ""))[:1024]
    return StepObservation(StepStatus.FAILED, {"Fail": {"ErrorMessage": message}}, reason=message)


def _model(context: StepContext, record: StepRecord) -> StepObservation:
    try:
        context.invoke("CreateModel", {**record.arguments, "ModelName": record.job})
    except AwsError as error:
        if "already existing" not in error.message:
            raise
    described = plain(context.invoke("DescribeModel", {"ModelName": record.job}))
    return StepObservation(StepStatus.SUCCEEDED, {"Model": {"Arn": described["ModelArn"]}}, described)


def _register(context: StepContext, record: StepRecord) -> StepObservation:
    """Registers a model package. Creates a missing group, as SDKs expect. A token keeps a repeated step from creating a second
    version."""
    by = {"GeneratedBy": context.arn} | (record.arguments.get("MetadataProperties") or {})
    request = {**record.arguments, "MetadataProperties": by}
    group = request.get("ModelPackageGroupName")
    if group:
        _make_group(context, str(group))
    token = digest_of(context.execution, record.name, record.attempt)[:MOST_TOKEN]
    arn = context.invoke("CreateModelPackage", request | {"ClientToken": token})["ModelPackageArn"]
    described = plain(context.invoke("DescribeModelPackage", {"ModelPackageName": arn}))
    return StepObservation(StepStatus.SUCCEEDED, {"RegisterModel": {"Arn": arn}}, described)


def _make_group(context: StepContext, group: str) -> None:
    name = group.rpartition("/")[2]
    try:
        context.invoke("DescribeModelPackageGroup", {"ModelPackageGroupName": group})
    except AwsError:
        try:
            context.invoke("CreateModelPackageGroup", {"ModelPackageGroupName": name})
        except AwsError as error:
            if "already exists" not in error.message:
                raise


def _endpoint_config(context: StepContext, record: StepRecord) -> StepObservation:
    """Creates an endpoint configuration. The execution's id is appended to its name, so that each execution has a separate one."""
    room = MOST_NAME - len(context.execution.name) - 1
    name = f"{str(record.arguments['EndpointConfigName'])[:room]}-{context.execution.name}"
    try:
        context.invoke("CreateEndpointConfig", {**record.arguments, "EndpointConfigName": name})
    except AwsError as error:
        if "already existing" not in error.message:
            raise
    described = plain(context.invoke("DescribeEndpointConfig", {"EndpointConfigName": name}))
    return StepObservation(StepStatus.SUCCEEDED, {"EndpointConfig": {"Arn": described["EndpointConfigArn"]}}, described)


def unavailable(type_: str, reason: str) -> AtOnce:
    """Returns a kind for steps that cannot run here: each fails with the reason, and later steps do not begin."""

    def fail(context: StepContext, record: StepRecord) -> StepObservation:  # noqa: ARG001
        text = f"ClientError: Sagewright does not run steps of the type {type_} yet: {reason}."
        return StepObservation(StepStatus.FAILED, reason=text)

    return AtOnce(fail)


CONDITION, FAIL, MODEL = AtOnce(_condition), AtOnce(_fail), AtOnce(_model)
REGISTER, ENDPOINT_CONFIG = AtOnce(_register), AtOnce(_endpoint_config)


def without_branches(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in {"IfSteps", "ElseSteps"}}
