"""What CreateTrainingJob refuses at once, besides what the model's own constraints say."""

from __future__ import annotations

import re
from typing import Any

from sagewright.model import interruptions
from sagewright.model.arns import account_of
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.iam.roles import resolve_role

S3_URI = re.compile(r"(?:s3|https)://(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL)
MAX_RUNTIME_S = 28 * 86_400


def check_request(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException for the first thing that no training job can be made of."""
    _check_role(context, request["RoleArn"])
    _check_algorithm(request)
    _check_resources(request)
    _check_stopping(request)
    _check_spot(request)
    channels = request.get("InputDataConfig", [])
    _check_channels(channels, request["AlgorithmSpecification"]["TrainingInputMode"])
    for channel in channels:
        _check_data(context, channel)


def _check_role(context: Context, arn: str) -> None:
    if account_of(arn) != context.account:
        raise ValidationException("RoleArn: Cross-account pass role is not allowed.")
    if resolve_role(context, arn.rsplit("/", 1)[-1]) is None:
        raise ValidationException(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def _check_algorithm(request: dict[str, Any]) -> None:
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
        raise ValidationException(
            f"Sagewright serves no algorithm resources (AlgorithmName '{algorithm}'); give a TrainingImage."
        )
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
    run_s, wait_s = stopping.get("MaxRuntimeInSeconds", 86_400), stopping.get("MaxWaitTimeInSeconds")
    spot = request.get("EnableManagedSpotTraining", False)
    if run_s > MAX_RUNTIME_S:
        raise ValidationException(f"MaxRuntimeInSeconds must be at most {MAX_RUNTIME_S} (28 days), got {run_s}.")
    if wait_s is not None and not spot:
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


def _check_channels(channels: list[dict[str, Any]], default_mode: str) -> None:
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) != len(names):
        raise ValidationException(f"Channel names must be unique, got {names}.")
    modes = {channel.get("InputMode", default_mode) for channel in channels} | {default_mode}
    if modes >= {"Pipe", "FastFile"}:
        raise ValidationException("Cannot use both 'Pipe' and 'FastFile' TrainingInputMode on the same Training Job.")
    for channel in channels:
        _check_channel(channel, channel.get("InputMode", default_mode))


def _check_channel(channel: dict[str, Any], mode: str) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]
    if mode == "Pipe":
        raise ValidationException(
            f"Channel '{name}': Sagewright does not serve the input mode Pipe yet; use File or FastFile."
        )
    if "S3DataSource" not in source:
        raise ValidationException(
            f"Channel '{name}': Sagewright serves S3DataSource only, got {', '.join(sorted(source)) or 'no data source'}."
        )
    kind = source["S3DataSource"]["S3DataType"]
    if kind == "AugmentedManifestFile":
        raise ValidationException(
            f"Channel '{name}': AugmentedManifestFile is supported only with the input mode Pipe."
        )
    if kind not in {"S3Prefix", "ManifestFile"}:
        raise ValidationException(f"Channel '{name}': Sagewright does not serve the S3DataType {kind}.")
    if mode == "FastFile" and kind != "S3Prefix":
        raise ValidationException(f"Channel '{name}': FastFile supports the S3DataType S3Prefix only, got {kind}.")
    if channel.get("CompressionType", "None") != "None":
        raise ValidationException(f"Channel '{name}': CompressionType Gzip is supported only with Pipe.")


def _check_data(context: Context, channel: dict[str, Any]) -> None:
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    found = S3_URI.fullmatch(uri)
    if found is None:
        raise ValidationException(f"Channel '{channel['ChannelName']}': '{uri}' is not an S3 URI.")
    try:
        exists = context.objects.exists_any(found["bucket"], found["key"])
    except AwsError:
        exists = False
    if not exists:
        raise ValidationException(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
            f"in the selected region ({context.region}), that objects exist under that S3 prefix, and that the role has "
            "'s3:ListBucket' permissions on the bucket."
        )
