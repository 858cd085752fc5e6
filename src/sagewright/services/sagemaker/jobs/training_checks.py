"""Checks that CreateTrainingJob makes beyond the constraints of the API model."""

from __future__ import annotations

import re
from typing import Any

from sagewright.kinds.base import DEFAULT_MAX_RUNTIME_S
from sagewright.kinds.tracking import TRACKER
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.errors import ValidationException
from sagewright.model.jobs import interruptions
from sagewright.model.jobs.brief import Purpose
from sagewright.services.context import Context
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.jobs.warmpools import check_warm_pool
from sagewright.services.sagemaker.registry.algorithms import training_specification
from sagewright.services.sagemaker.resources.input_checks import check_inputs
from sagewright.services.sagemaker.resources.own_images import check_image
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

MAX_RUNTIME_S = 28 * 86_400


def check_request(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException for the first setting that prevents a training job."""
    check_role(context, request["RoleArn"])
    _check_algorithm(context, request)
    _check_resources(request)
    _check_stopping(request)
    _check_spot(request)
    _check_tracker(context, request)
    check_warm_pool(request)
    check_inputs(context, request)


def _check_algorithm(context: Context, request: dict[str, Any]) -> None:
    if "ServerlessJobConfig" in request:
        raise ValidationException("Sagewright does not serve serverless training jobs (ServerlessJobConfig).")
    specification = request.get("AlgorithmSpecification")
    if specification is None:
        raise ValidationException("AlgorithmSpecification is required.")
    image, algorithm = specification.get("TrainingImage"), specification.get("AlgorithmName")
    if (image is None) == (algorithm is None):
        raise ValidationException(
            "Exactly one of TrainingImage and AlgorithmName must be given in AlgorithmSpecification."
        )
    if algorithm is not None:
        image = training_specification(context, algorithm)["TrainingImage"]
    check_image(context, image, Purpose.TRAIN)
    for definition in specification.get("MetricDefinitions") or ():
        try:
            groups = re.compile(definition["Regex"]).groups
        except re.error as error:
            raise ValidationException(
                f"The Regex of metric '{definition['Name']}' is not a regular expression: {error}"
            ) from None
        if groups < 1:
            raise ValidationException(
                f"The Regex of metric '{definition['Name']}' must have a group that captures the value."
            )


def _check_resources(request: dict[str, Any]) -> None:
    resources = request.get("ResourceConfig")
    if resources is None:
        raise ValidationException("ResourceConfig is required.")
    groups = resources.get("InstanceGroups")
    if groups and ("InstanceType" in resources or "InstanceCount" in resources):
        raise ValidationException("InstanceGroups excludes InstanceType and InstanceCount in ResourceConfig.")
    if not groups and "InstanceType" not in resources:
        raise ValidationException("ResourceConfig needs InstanceType and InstanceCount, or InstanceGroups.")
    if groups and len({group["InstanceGroupName"] for group in groups}) != len(groups):
        raise ValidationException("The names of InstanceGroups must be unique.")


def _check_stopping(request: dict[str, Any]) -> None:
    stopping = request.get("StoppingCondition", {})
    run_s, wait_s = stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_S), stopping.get("MaxWaitTimeInSeconds")
    spot = request.get("EnableManagedSpotTraining", False)
    if run_s > MAX_RUNTIME_S:
        raise ValidationException(f"MaxRuntimeInSeconds must be at most {MAX_RUNTIME_S} (28 days), got {run_s}.")
    if wait_s is not None and not spot and "RetryStrategy" not in request:
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        )
    if spot and wait_s is None:
        raise ValidationException("MaxWaitTimeInSeconds is required when EnableManagedSpotTraining is true.")
    if wait_s is not None and wait_s < run_s:
        raise ValidationException(
            f"Invalid MaxWaitTimeInSeconds. It must be greater than or equal to MaxRuntimeInSeconds ({run_s}), got {wait_s}."
        )


def _check_spot(request: dict[str, Any]) -> None:
    try:
        interruptions.parse((request.get("Environment") or {}).get(interruptions.VARIABLE, ""))
    except interruptions.BadSchedule as error:
        raise ValidationException(f"Environment variable {interruptions.VARIABLE}: {error}") from None


def _check_tracker(context: Context, request: dict[str, Any]) -> None:
    """Checks that MlflowConfig names an existing tracking server."""
    if "MlflowConfig" not in request:
        return
    arn = request["MlflowConfig"]["MlflowResourceArn"]
    name = arn.rpartition("/")[2]
    there = resources.find(context.store, ResourceScope(TRACKER, context.account, context.region), name)
    if there is None or arn != sagemaker_arn(context.region, context.account, TRACKER, name):
        raise ValidationException(
            f"MlflowResourceArn {arn} is not an MLflow tracking server of this account and region."
        )
