"""Permissions of event buses: statements of a bus's policy, each by its id, or the policy as a whole.

Source: AWS's API reference, Amazon EventBridge, PutPermission, RemovePermission; the policies that localstack/localstack recorded
on AWS (`test_events.snapshot.json`, test_put_permission, test_remove_permission).
"""

from __future__ import annotations

import json
from typing import Any

from sagewright.engine.eventrules import bus_arn
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.events.buses import POLICY, bus_of, change, find
from sagewright.services.registry import operation

MOST_BYTES = 10_240


@operation("events", "PutPermission")
def put_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("EventBusName"))
    text = request.get("Policy") or json.dumps(_with(context, name, request))
    _check(text)
    change(context, name, {POLICY: text})
    return {}


@operation("events", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = bus_of(context, request.get("EventBusName"))
    statements, label = _statements(context, name), request.get("StatementId")
    if request.get("RemoveAllPermissions"):
        change(context, name, {POLICY: None})
        return {}
    left = [one for one in statements if one.get("Sid") != label]
    if len(left) == len(statements):
        raise AwsError("ResourceNotFoundException", "Statement with the provided id does not exist.")
    change(context, name, {POLICY: json.dumps(_policy(left)) if left else None})
    return {}


def _with(context: Context, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """The bus's policy with one more statement, in place of one with its id. Raises ValidationException."""
    for member in ("Action", "Principal", "StatementId"):
        if not request.get(member):
            raise ValidationException(f"Parameter {member} must be specified unless Policy is.")
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": bus_arn(context.region, context.account, name),
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    kept = [one for one in _statements(context, name) if one.get("Sid") != statement["Sid"]]
    return _policy([*kept, statement])


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _statements(context: Context, name: str) -> list[dict[str, Any]]:
    found = find(context, name)
    text = found.document.get(POLICY) if found else None
    given = read_json(text).get("Statement", []) if text else []
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]


def _check(text: str) -> None:
    """Raises ValidationException, PolicyLengthExceededException."""
    if len(text.encode()) > MOST_BYTES:
        raise AwsError("PolicyLengthExceededException", f"The policy has more than {MOST_BYTES} bytes.")
    try:
        policy = read_json(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise ValidationException("Parameter Policy is not valid: it is not a JSON object.")
