"""Checks that CreateTrainingJob makes of InputDataConfig beyond the constraints of the API model.

Source: AWS's API reference, Channel, DataSource, S3DataSource, FileSystemDataSource and ShuffleConfig.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.input_modes import MODES_BY_DATA_TYPE
from sagewright.model.aws.s3_uris import S3Uri, no_objects, read_s3_uri
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.resources.catalogue_models import (
    CatalogueUse,
    accepts_licence,
    check_catalogue_model,
)


def check_inputs(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException for the first input that no host could receive."""
    channels = request.get("InputDataConfig", [])
    default_mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    _check_names(channels, default_mode)
    modes = {channel.get("InputMode", default_mode) for channel in channels} | {default_mode}
    if modes >= {"Pipe", "FastFile"}:
        raise ValidationException("Cannot use both 'Pipe' and 'FastFile' TrainingInputMode on the same Training Job.")
    groups = {group["InstanceGroupName"] for group in request["ResourceConfig"].get("InstanceGroups") or ()}
    for channel in channels:
        mode, source = channel.get("InputMode", default_mode), channel["DataSource"]
        if set(source) == {"S3DataSource"}:
            _check_s3(channel, mode, groups)
            place = channel["DataSource"]["S3DataSource"]["S3Uri"]
            accepted = accepts_licence(channel["DataSource"]["S3DataSource"]) or _accepts(request)
            check_catalogue_model(context, place, CatalogueUse.TRAIN, accepted=accepted)
            check_data(context, f"Channel '{channel['ChannelName']}'", place, request["RoleArn"])
        elif set(source) == {"FileSystemDataSource"}:
            _check_file_system(context, channel, mode, request)
        else:
            raise ValidationException(
                f"Channel '{channel['ChannelName']}': the DataSource must be one of S3DataSource and FileSystemDataSource, "
                f"got {', '.join(sorted(source)) or 'none'}."
            )


def _accepts(request: dict[str, Any]) -> bool:
    """True if a training job accepts the licence of its pretrained model, as JumpStart's estimators say so."""
    said = {**(request.get("HyperParameters") or {}), **(request.get("Environment") or {})}
    return str(said.get("accept_eula", "")).lower() == "true"


def _check_names(channels: list[dict[str, Any]], default_mode: str) -> None:
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) != len(names):
        raise ValidationException(f"Channel names must be unique, got {names}.")
    for channel in channels:
        name = channel["ChannelName"]
        if name in {".", ".."}:
            raise ValidationException(f"A channel's name cannot be '{name}'.")
        if channel.get("InputMode", default_mode) != "Pipe":
            continue
        for other in names:
            if other.startswith(f"{name}_") and other[len(name) + 1 :].isdecimal():
                raise ValidationException(f"The channel '{other}' has the name of a pipe of the channel '{name}'.")


def _check_s3(channel: dict[str, Any], mode: str, groups: set[str]) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
    kind = source["S3DataType"]
    if kind not in MODES_BY_DATA_TYPE:
        raise ValidationException(f"Channel '{name}': Sagewright does not serve the S3DataType {kind}.")
    if mode not in MODES_BY_DATA_TYPE[kind]:
        modes = " or ".join(sorted(MODES_BY_DATA_TYPE[kind]))
        raise ValidationException(
            f"Channel '{name}': the S3DataType {kind} is supported only with the input mode {modes}, got {mode}."
        )
    attributes = source.get("AttributeNames")
    if (kind == "AugmentedManifestFile") != bool(attributes):
        raise ValidationException(
            f"Channel '{name}': AttributeNames must be given with the S3DataType AugmentedManifestFile, and with no other."
        )
    if channel.get("CompressionType", "None") != "None" and (mode != "Pipe" or attributes):
        raise ValidationException(
            f"Channel '{name}': CompressionType Gzip is supported only with the input mode Pipe and without an "
            f"augmented manifest, got {mode} and {kind}."
        )
    if channel.get("RecordWrapperType", "None") != "None" and mode != "Pipe":
        raise ValidationException(
            f"Channel '{name}': RecordWrapperType RecordIO is supported only with the input mode Pipe, got {mode}."
        )
    unknown = sorted(set(source.get("InstanceGroupNames") or ()) - groups)
    if unknown:
        raise ValidationException(
            f"Channel '{name}': InstanceGroupNames has {', '.join(unknown)}, and ResourceConfig has "
            f"{', '.join(sorted(groups)) or 'no InstanceGroups'}."
        )


def _check_file_system(context: Context, channel: dict[str, Any], mode: str, request: dict[str, Any]) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["FileSystemDataSource"]
    if mode != "File":
        raise ValidationException(
            f"Channel '{name}': FileSystemDataSource is supported only with the input mode File, got {mode}."
        )
    for member in ("CompressionType", "RecordWrapperType"):
        if channel.get(member, "None") != "None":
            raise ValidationException(f"Channel '{name}': FileSystemDataSource cannot be used with {member}.")
    if "VpcConfig" not in request:
        raise ValidationException(f"Channel '{name}': FileSystemDataSource needs VpcConfig.")
    known = context.settings.mounted_file_systems
    if source["FileSystemId"] not in known:
        raise ValidationException(
            f"Channel '{name}': no folder stands for the file system {source['FileSystemId']}; name one in the server's "
            f"setting file_systems (SAGEWRIGHT_FILE_SYSTEMS), which has {', '.join(sorted(known)) or 'none'}."
        )


def check_data(context: Context, name: str, uri: str, role: str) -> None:
    """Raises ValidationException if there is no object. `name`: name of the input, for the message."""
    try:
        place = read_s3_uri(uri)
    except ValueError:
        raise ValidationException(f"{name}: '{uri}' is not an S3 URI.") from None
    if not any_object(context, place):
        raise ValidationException(no_objects(uri, place.bucket, context.region, role))


def any_object(context: Context, place: S3Uri) -> bool:
    """Returns True if any object's key begins with that of `place`."""
    try:
        return context.platform.objects.exists_any(place.bucket, place.key)
    except AwsError as error:
        if error.status >= 500:
            raise
        return False
