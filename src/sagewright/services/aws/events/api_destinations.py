"""API destinations: URLs that rules call. Source: AWS's API reference, CreateApiDestination."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sagewright.engine.events.api_destinations import CONNECTION, DESTINATION, connection_arn, destination_arn
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.events.connections import alter, find, listed, make, times
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KEPT = ("Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod", "InvocationRateLimitPerSecond")
RATE = 300
"""Default rate limit of a destination, in calls per second."""


@operation("events", "CreateApiDestination")
def create_api_destination(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    document = {name: request[name] for name in KEPT if name in request}
    _check(context, document)
    return _head(make(context, DESTINATION, request["Name"], document))


@operation("events", "DescribeApiDestination", quick=True)
def describe_api_destination(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _described(find(context, DESTINATION, request["Name"], described=True))


@operation("events", "ListApiDestinations")
def list_api_destinations(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows, more = listed(context, DESTINATION, request)
    requested = request.get("ConnectionArn")
    described = [_described(row) for row in rows if requested in {None, row.document["ConnectionArn"]}]
    return {"ApiDestinations": [{k: v for k, v in one.items() if k != "Description"} for one in described], **more}


@operation("events", "UpdateApiDestination")
def update_api_destination(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, DESTINATION, request["Name"])
    changes = {name: request[name] for name in KEPT if name in request}
    _check(context, found.document | changes)
    return _head(alter(context, found, changes))


@operation("events", "DeleteApiDestination")
def delete_api_destination(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, DESTINATION, request["Name"])
    resources.remove(context.store, found, destination_arn(found), context.principal.arn)
    return {}


def _described(found: Resource) -> dict[str, Any]:
    return {"Name": found.name, "InvocationRateLimitPerSecond": RATE, **_head(found), **found.document}


def _head(found: Resource) -> dict[str, Any]:
    return {"ApiDestinationArn": destination_arn(found), "ApiDestinationState": "ACTIVE", **times(found)}


def _check(context: Context, document: dict[str, Any]) -> None:
    """Raises ResourceNotFoundException, ValidationException."""
    arn = document["ConnectionArn"]
    connection = find(context, CONNECTION, arn.split(":")[5].split("/")[1])
    if connection_arn(connection) != arn:
        raise AwsError("ResourceNotFoundException", f"Connection '{arn}' does not exist.")
    try:
        url = urlsplit(document["InvocationEndpoint"])
        valid = url.scheme in {"http", "https"} and bool(url.hostname) and not url.username and (url.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ValidationException(f"InvocationEndpoint '{document['InvocationEndpoint']}' is not the URL of a host.")
