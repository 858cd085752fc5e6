"""Functions: Create, Get, List, Delete, and updates of their code and configuration.

Source: AWS's API reference, Lambda.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.functions import checks, code
from sagewright.services.aws.functions.names import LATEST, arn_of, invalid, missing, read_name, require, scope_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

CONFIGURED = (
    "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "VpcConfig", "PackageType", "DeadLetterConfig",
    "Environment", "KMSKeyArn", "TracingConfig", "Architectures", "EphemeralStorage", "SnapStart", "LoggingConfig",
    *checks.NOT_SERVED,
)  # fmt: skip
"""Members of requests that are stored."""
MOST_LISTED = 50
MOST_FUNCTIONS = 100_000


@operation("lambda", "CreateFunction")
def create_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = read_name(context, request).name
    if request.get("Publish"):
        raise invalid(f"Sagewright keeps no versions of functions (Publish), only {LATEST}.")
    document = checks.DEFAULTS | {member: request[member] for member in CONFIGURED if request.get(member) is not None}
    checks.check(context, document)
    arn = arn_of(context, name)
    if resources.find(context.store, scope_of(context), name) is not None:
        raise _taken(name)
    document |= code.keep(context, name, request["Code"]).members() | _revision()
    new = New(name, document, arn, request.get("Tags") or {}, principal=context.principal.arn)
    try:
        made = resources.create(context.store, scope_of(context), new)
    except ResourceNameTaken:
        raise _taken(name) from None
    return configuration(context, made)


def _taken(name: str) -> AwsError:
    return AwsError("ResourceConflictException", f"Function already exist: {name}", 409, {"Type": "User"})


@operation("lambda", "GetFunction")
def get_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require(context, request)
    return {
        "Configuration": configuration(context, found),
        "Code": {"RepositoryType": "S3", "Location": found.document["CodeUri"]},
        "Tags": tags.of(context.store, arn_of(context, found.name)),
    }


@operation("lambda", "GetFunctionConfiguration")
def get_function_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return configuration(context, require(context, request))


@operation("lambda", "ListFunctions")
def list_functions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _page(request, "Functions", [configuration(context, row) for row in _all(context)])


def count_functions(context: Context) -> int:
    return len(_all(context))


def _all(context: Context) -> Sequence[Resource]:
    requested = PageRequest(sort_by="name", descending=False, limit=MOST_FUNCTIONS)
    return resources.page(context.store, scope_of(context), requested)


@operation("lambda", "ListVersionsByFunction")
def list_versions_by_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns only $LATEST."""
    latest = configuration(context, require(context, request))
    return _page(request, "Versions", [latest | {"FunctionArn": f"{latest['FunctionArn']}:{LATEST}"}])


def _page(request: dict[str, Any], member: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    after = paging.decode(request.get("Marker"), invalid("The Marker is not valid."))
    size = min(request.get("MaxItems") or MOST_LISTED, MOST_LISTED)
    page, token = paging.page_of(entries, lambda one: [one["FunctionName"]], after, size)
    return {member: page, **({"NextMarker": token} if token else {})}


@operation("lambda", "DeleteFunction")
def delete_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a function; running invocations continue."""
    found = require(context, request)
    if not resources.remove(context.store, found, arn_of(context, found.name), context.principal.arn):
        raise missing(arn_of(context, found.name))
    return {"StatusCode": 204}


@operation("lambda", "UpdateFunctionCode")
def update_function_code(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require(context, request)
    if request.get("Publish"):
        raise invalid(f"Sagewright keeps no versions of functions (Publish), only {LATEST}.")
    archive = code.keep(context, found.name, request, dry=bool(request.get("DryRun")))
    kept = {member: request[member] for member in ("Architectures",) if request.get(member)}
    if request.get("DryRun"):
        return configuration(context, replace(found, document=found.document | archive.members() | kept))
    return _change(context, request, found, lambda document: document | archive.members() | kept)


@operation("lambda", "UpdateFunctionConfiguration")
def update_function_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require(context, request)
    given = {member: request[member] for member in CONFIGURED if request.get(member) is not None}

    def change(document: dict[str, Any]) -> dict[str, Any]:
        changed = document | given
        checks.check(context, changed)
        return changed

    return _change(context, request, found, change)


def _change(
    context: Context, request: dict[str, Any], found: Resource, how: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Raises PreconditionFailedException for an outdated RevisionId."""
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise missing(arn_of(context, found.name))
        if request.get("RevisionId") and request["RevisionId"] != now.document["RevisionId"]:
            raise AwsError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
                "the latest Revision Id",
                412,
            )
        changed = replace(now, document=how(now.document) | _revision())
        resources.change_in(connection, changed, context.principal.arn)
    return configuration(context, changed)


def _revision() -> dict[str, Any]:
    return {"RevisionId": str(uuid.uuid4()), "ModifiedMs": now_ms()}


def configuration(context: Context, found: Resource) -> dict[str, Any]:
    """Returns a function's configuration as clients see it."""
    document = found.document
    described = {member: document[member] for member in CONFIGURED if member in document}
    when = to_datetime(document["ModifiedMs"])
    return {
        "TracingConfig": {"Mode": "PassThrough"},
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        **described,
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group(found)},
        "FunctionName": found.name,
        "FunctionArn": arn_of(context, found.name),
        "CodeSize": document["CodeSize"],
        "CodeSha256": document["CodeSha256"],
        "LastModified": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}+0000",
        "Version": LATEST,
        "RevisionId": document["RevisionId"],
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }


def log_group(found: Resource) -> str:
    group: str = (found.document.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{found.name}"
    return group
