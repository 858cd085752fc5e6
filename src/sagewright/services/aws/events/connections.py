"""Connections: the credentials for calling API destinations. They are stored, and never returned.

Source: AWS's API reference, CreateConnection.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.engine.events.api_destinations import (
    CONNECTION,
    DESTINATION,
    connection_arn,
    opened_auth,
    sealed_auth,
)
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

MOST_LISTED = 100
KEPT: tuple[str, ...] = ("Description", "AuthorizationType")
SEALED = "SealedAuthParameters"
STATE = "AUTHORIZED"
MEMBERS = {
    "API_KEY": ("ApiKeyAuthParameters", ("ApiKeyName", "ApiKeyValue")),
    "BASIC": ("BasicAuthParameters", ("Username", "Password")),
}
"""Member with the parameters, and the required parameters, by type of authorization. The second parameter is the secret."""


_ABSENT = {
    CONNECTION: ("Connection", "Failed to describe the connection(s). Connection"),
    DESTINATION: ("ApiDestination", "Failed to describe the api-destination(s). An api-destination"),
}
"""Wording for missing resources, in general and for Describe. Source: localstack/localstack,
`test_api_destinations_and_connection.snapshot.json`, recorded on AWS."""


def find(context: Context, kind: str, name: str, *, described: bool = False) -> Resource:
    """Returns a connection or an API destination. Raises ResourceNotFoundException."""
    found = resources.find(context.store, ResourceScope(kind, context.account, context.region), name)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"{_ABSENT[kind][described]} '{name}' does not exist.")
    return found


def make(context: Context, kind: str, name: str, document: dict[str, Any]) -> Resource:
    """Raises ResourceAlreadyExistsException."""
    new = New(name, document, "", {}, principal=context.principal.arn)
    try:
        return resources.create(context.store, ResourceScope(kind, context.account, context.region), new)
    except ResourceNameTaken:
        raise AwsError("ResourceAlreadyExistsException", f"{name} already exists.") from None


def alter(context: Context, found: Resource, changes: dict[str, Any]) -> Resource:
    """Raises ResourceNotFoundException."""
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise AwsError("ResourceNotFoundException", f"{found.name} does not exist.")
        changed = replace(now, document=now.document | changes)
        resources.change_in(connection, changed, context.principal.arn)
    return find(context, found.kind, found.name)


def listed(context: Context, kind: str, request: dict[str, Any]) -> tuple[list[Resource], dict[str, str]]:
    """Returns a page of the resources whose names begin with the requested prefix, and the token of the next page."""
    page = PageRequest(sort_by="name", descending=False, limit=100_000)
    rows = resources.page(context.store, ResourceScope(kind, context.account, context.region), page)
    rows = [row for row in rows if row.name.startswith(request.get("NamePrefix", ""))]
    found, token = paging.page_of(
        rows, lambda row: [row.name], paging.decode(request.get("NextToken")), request.get("Limit", MOST_LISTED)
    )
    return found, {"NextToken": token} if token else {}


def times(found: Resource) -> dict[str, Any]:
    return {"CreationTime": to_datetime(found.created_ms), "LastModifiedTime": to_datetime(found.modified_ms)}


@operation("events", "CreateConnection")
def create_connection(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    scope = ResourceScope(CONNECTION, context.account, context.region)
    document = {name: request[name] for name in KEPT if name in request}
    document[SEALED] = sealed_auth(context.store, scope, request["Name"], request["AuthParameters"])
    return _new(make(context, CONNECTION, request["Name"], document))


@operation("events", "DescribeConnection", quick=True)
def describe_connection(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, CONNECTION, request["Name"], described=True)
    document = found.document
    description = {
        "Name": found.name,
        "AuthParameters": _without_secrets(opened_auth(context.store, found)),
        **_head(found),
    }
    return description | {name: document[name] for name in ("Description", "AuthorizationType") if name in document}


@operation("events", "ListConnections")
def list_connections(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows, more = listed(context, CONNECTION, request)
    if request.get("ConnectionState", STATE) != STATE:
        rows = []
    described = [
        {"Name": row.name, "AuthorizationType": row.document["AuthorizationType"], **_head(row)} for row in rows
    ]
    return {"Connections": described, **more}


@operation("events", "UpdateConnection")
def update_connection(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, CONNECTION, request["Name"])
    changes = {name: request[name] for name in KEPT if name in request}
    auth = opened_auth(context.store, found)
    if "AuthParameters" in request:
        auth = _merged(auth, request["AuthParameters"])
        changes[SEALED] = sealed_auth(context.store, found, found.name, auth)
    _check({"Name": found.name, **found.document, **changes, "AuthParameters": auth})
    return _head(alter(context, found, changes))


@operation("events", "DeleteConnection")
def delete_connection(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find(context, CONNECTION, request["Name"])
    users, _ = listed(context, DESTINATION, {"Limit": 100_000})
    if used := [one.name for one in users if one.document["ConnectionArn"] == connection_arn(found)]:
        raise ValidationException(f"The connection {found.name} is used by the API destination {used[0]}.")
    resources.remove(context.store, found, connection_arn(found), context.principal.arn)
    return _head(found) | {"ConnectionState": "DELETING"}


def _head(found: Resource) -> dict[str, Any]:
    """Returns the common members. A connection is authorized as soon as it is created or changed, since keys and passwords need no
    authorization step."""
    return _new(found) | {"LastAuthorizedTime": to_datetime(found.modified_ms)}


def _new(found: Resource) -> dict[str, Any]:
    return {"ConnectionArn": connection_arn(found), "ConnectionState": STATE, **times(found)}


def _check(request: dict[str, Any]) -> None:
    """Raises ValidationException for parameters that would make every call to a destination fail."""
    kind, parameters = request["AuthorizationType"], request["AuthParameters"]
    if kind not in MEMBERS:
        raise ValidationException(f"Sagewright serves connections of the types API_KEY and BASIC, not {kind}.")
    member, needed = MEMBERS[kind]
    if any(name not in parameters.get(member, {}) for name in needed):
        raise ValidationException(f"A connection of the type {kind} needs {member} with {' and '.join(needed)}.")
    if (parameters.get("InvocationHttpParameters") or {}).get("BodyParameters"):
        raise ValidationException("Sagewright adds nothing to the body of a request: leave BodyParameters out.")
    if "ConnectivityParameters" in parameters:
        raise ValidationException("Sagewright serves no private connections: leave ConnectivityParameters out.")


def _merged(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Returns the previous parameters updated with the given ones."""
    both = dict(before)
    for name, value in given.items():
        both[name] = before.get(name, {}) | value if name != "InvocationHttpParameters" else value
    return both


def _without_secrets(parameters: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for member, (public, _secret) in MEMBERS.values():
        if member in parameters:
            described[member] = {public: parameters[member][public]}
    if "InvocationHttpParameters" in parameters:
        described["InvocationHttpParameters"] = {
            name: [_shown(one) for one in several] for name, several in parameters["InvocationHttpParameters"].items()
        }
    return described


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "Value" or not one.get("IsValueSecret")}
