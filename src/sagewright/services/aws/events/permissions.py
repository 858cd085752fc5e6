"""Permissions of event buses: statements of a bus's policy, each by its id, or the policy as a whole.

Source: AWS's API reference, Amazon EventBridge, PutPermission, RemovePermission; the policies that localstack/localstack recorded
on AWS (`test_events.snapshot.json`, test_put_permission, test_remove_permission).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sagewright.engine.events.rules import BUS, bus_arn
from sagewright.model.documents import read_policy
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.aws.events.buses import BUSES, POLICY, bus_of, change
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, Rights, operation, policy_of, rights_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

MOST_BYTES = 10_240
BY_NAME = frozenset({"CreateEventBus", "DescribeEventBus", "UpdateEventBus", "DeleteEventBus"})
"""Operations whose `Name` is a bus's name or ARN."""


@policy_of("events")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    kind, _, name = named.resource.partition("/")
    found = (
        resources.find(context.store, ResourceScope(BUSES, named.account, named.region), name)
        if kind == "event-bus"
        else None
    )
    text = found.document.get(POLICY) if found else None
    return AttachedPolicy(text) if text else None


@rights_of("events")
def rights(context: Context, name: str, request: Mapping[str, Any]) -> Rights | None:
    """Returns the rights on buses of requests that name them by `Name`, or in the entries of PutEvents."""
    entries = request.get("Entries")
    if name == "PutEvents" and isinstance(entries, list):
        buses = [str(one.get("EventBusName") or BUS) for one in entries if isinstance(one, dict)]
    elif name in BY_NAME:
        buses = [str(request.get("Name") or BUS)]
    else:
        return None
    arns = [one if one.startswith("arn:") else bus_arn(context.region, context.account, one) for one in buses]
    return [(f"events:{name}", arn) for arn in dict.fromkeys(arns)]


@operation("events", "PutPermission")
def put_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("EventBusName"))

    def put(document: Mapping[str, Any]) -> dict[str, Any]:
        text = request.get("Policy") or json.dumps(
            _with(document, bus_arn(context.region, context.account, name), request)
        )
        _check(text)
        return {POLICY: text}

    change(context, name, put)
    return {}


@operation("events", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("EventBusName"))

    def left(document: Mapping[str, Any]) -> dict[str, Any]:
        if request.get("RemoveAllPermissions"):
            return {POLICY: None}
        statements = _statements(document)
        kept = [one for one in statements if one.get("Sid") != request.get("StatementId")]
        if len(kept) == len(statements):
            raise AwsError("ResourceNotFoundException", "Statement with the provided id does not exist.")
        return {POLICY: json.dumps(_policy(kept)) if kept else None}

    change(context, name, left)
    return {}


def _with(document: Mapping[str, Any], arn: str, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the bus's policy with a statement added, or replaced if its id exists. Raises ValidationException."""
    for member in ("Action", "Principal", "StatementId"):
        if not request.get(member):
            raise ValidationException(f"Parameter {member} must be specified unless Policy is.")
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": arn,
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    kept = [one for one in _statements(document) if one.get("Sid") != statement["Sid"]]
    return _policy([*kept, statement])


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Raises ValidationException for an invalid policy, which an earlier version can have stored."""
    text = document.get(POLICY)
    return _read(text) if text else []


def _check(text: str) -> None:
    """Raises ValidationException, PolicyLengthExceededException."""
    if len(text.encode()) > MOST_BYTES:
        raise AwsError("PolicyLengthExceededException", f"The policy has more than {MOST_BYTES} bytes.")
    _read(text)


def _read(text: str) -> list[dict[str, Any]]:
    """Returns a policy's statements. Raises ValidationException."""
    try:
        statements: list[dict[str, Any]] = read_policy(text)["Statement"]
    except ValueError as error:
        raise ValidationException(f"Parameter Policy is not valid: {error}.") from None
    return statements
