"""Hubs: Create, Describe, Update, List, Delete. `SageMakerPublicHub` always exists, and contains the catalogue.

Source: AWS's API reference, CreateHub, DescribeHub, ListHubs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.aws.statuses import HubStatus
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ResourceInUse, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

PUBLIC_HUB = "SageMakerPublicHub"
NAME = "HubName"
_PUBLIC_SINCE_MS = 1_609_459_200_000
_UPDATED = ("HubDescription", "HubDisplayName", "HubSearchKeywords")


def _missing(arn: str) -> AwsError:
    return ResourceNotFound(f"Hub {arn} does not exist.")


HUBS = ResourceType(
    kind="hub",
    noun="Hub",
    arn_type="hub",
    missing=_missing,
    taken=lambda arn: ResourceInUse(f"Hub already exists: {arn}"),
    listed=ListSpec(
        "HubSummaries",
        {"HubName": "name", "CreationTime": "created_ms", "HubStatus": "status", "AccountIdOwner": "created_ms"},
        descending=True,
    ),
    status_member="HubStatus",
    also_listed=("HubDisplayName", "HubDescription", "HubSearchKeywords"),
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateHub")
def create_hub(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request[NAME] == PUBLIC_HUB:
        raise ValidationException(f"HubName {PUBLIC_HUB} is AWS's own; choose another.")
    output = (request.get("S3StorageConfig") or {}).get("S3OutputPath")
    if output is not None:
        try:
            read_s3_uri(output)
        except ValueError:
            raise ValidationException(f"S3StorageConfig.S3OutputPath '{output}' is not an S3 URI.") from None
    return HUBS.create(context, request | {"CreatedBy": user_context(context)}, HubStatus.IN_SERVICE.value)


@operation("sagemaker", "DescribeHub", quick=True)
def describe_hub(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = hub_name(context, request[NAME])
    return _public(context) if name == PUBLIC_HUB else HUBS.describe(context, {NAME: name})


@operation("sagemaker", "UpdateHub")
def update_hub(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    hub = require_private(context, request[NAME])
    given = {member: request[member] for member in _UPDATED if member in request}
    changed = {**hub.document, **given, "LastModifiedBy": user_context(context)}
    resources.change(context.store, replace(hub, document=changed), context.principal.arn)
    return {"HubArn": HUBS.arn(context, hub.name)}


@operation("sagemaker", "ListHubs")
def list_hubs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Lists the account's hubs. The public hub is none of them, as on AWS."""
    return HUBS.list(context, request)


@operation("sagemaker", "DeleteHub")
def delete_hub(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    hub = require_private(context, request[NAME])
    with context.store.write() as connection:
        if resources.locked_in(connection, hub.id) is None:
            raise _missing(HUBS.arn(context, hub.name))
        if resources.has_children_in(connection, hub.id):
            raise ResourceInUse(f"Hub {HUBS.arn(context, hub.name)} still has contents: delete them first.")
        resources.remove_in(connection, hub, HUBS.arn(context, hub.name), context.principal.arn)
    return {}


def hub_name(context: Context, name_or_arn: str) -> str:
    """Returns a hub's name. Raises ResourceNotFound for an ARN of another account or region."""
    prefix, found, name = name_or_arn.rpartition("hub/")
    if not found:
        return name_or_arn
    if name != PUBLIC_HUB and prefix + found != sagemaker_arn(context.region, context.account, "hub", ""):
        raise _missing(name_or_arn)
    return name


def require_private(context: Context, name_or_arn: str) -> Resource:
    """Returns a hub of the account. Raises ResourceNotFound, and ValidationException for the public hub, which no one changes."""
    name = hub_name(context, name_or_arn)
    if name == PUBLIC_HUB:
        raise ValidationException(f"{PUBLIC_HUB} cannot be changed: it contains the catalogue of this release.")
    return HUBS.require(context, name)


def public_hub_arn(region: str) -> str:
    return f"arn:aws:sagemaker:{region}:aws:hub/{PUBLIC_HUB}"


def _public(context: Context) -> dict[str, Any]:
    since = to_datetime(_PUBLIC_SINCE_MS)
    return {
        "HubName": PUBLIC_HUB,
        "HubArn": public_hub_arn(context.region),
        "HubDisplayName": "SageMaker Public Hub",
        "HubDescription": "Models of JumpStart's catalogue.",
        "HubStatus": HubStatus.IN_SERVICE.value,
        "CreationTime": since,
        "LastModifiedTime": since,
    }
