"""Permissions to invoke a function: AddPermission, GetPolicy, RemovePermission."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.functions.names import KIND, arn_of, missing, require
from sagewright.services.context import Context
from sagewright.services.registry import AttachedPolicy, NamedResource, operation, policy_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

POLICY = "Policy"
MOST_POLICY = 20_480


@policy_of("lambda")
def policy(context: Context, named: NamedResource) -> AttachedPolicy | None:
    kind, _, qualified = named.resource.partition(":")
    if kind != "function":
        return None
    name, _, _version = qualified.partition(":")
    found = resources.find(context.store, ResourceScope(KIND, named.account, named.region), name)
    statements = (found.document.get(POLICY) if found else None) or {}
    return AttachedPolicy(_text(statements)) if statements else None


@operation("lambda", "AddPermission")
def add_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    statement = _statement(context, request)

    def add(statements: dict[str, Any]) -> dict[str, Any]:
        if statement["Sid"] in statements:
            text = (
                f"The statement id ({statement['Sid']}) provided already exists. Please provide a new statement id, or remove the "
                "existing statement."
            )
            raise AwsError("ResourceConflictException", text, 409)
        changed = statements | {statement["Sid"]: statement}
        if len(json.dumps(changed)) > MOST_POLICY:
            raise AwsError(
                "PolicyLengthExceededException", f"The final policy size is bigger than the limit ({MOST_POLICY}).", 400
            )
        return changed

    _change(context, request, add)
    return {"Statement": json.dumps(statement)}


@operation("lambda", "GetPolicy")
def get_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = require(context, request)
    statements = found.document.get(POLICY) or {}
    if not statements:
        raise _none()
    return {"Policy": _text(statements), "RevisionId": found.document["RevisionId"]}


@operation("lambda", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    def remove(statements: dict[str, Any]) -> dict[str, Any]:
        if request["StatementId"] not in statements:
            raise AwsError(
                "ResourceNotFoundException", f"Statement {request['StatementId']} is not found in resource policy.", 404
            )
        return {sid: one for sid, one in statements.items() if sid != request["StatementId"]}

    _change(context, request, remove)
    return {}


def _text(statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())})


def _none() -> AwsError:
    return AwsError("ResourceNotFoundException", "The resource you requested does not exist.", 404, {"Type": "User"})


def _change(context: Context, request: dict[str, Any], how: Any) -> None:
    found = require(context, request)
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise missing(arn_of(context, found.name))
        document = now.document | {POLICY: how(now.document.get(POLICY) or {})}
        resources.change_in(connection, replace(now, document=document), context.principal.arn)


def _statement(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    principal, conditions = request["Principal"], {}
    if request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if request.get("SourceAccount"):
        conditions["StringEquals"] = {"AWS:SourceAccount": request["SourceAccount"]}
    who: Any = {"Service": principal} if principal.endswith(".amazonaws.com") else {"AWS": principal}
    return {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else who,
        "Action": request["Action"],
        "Resource": arn_of(context, require(context, request).name),
        **({"Condition": conditions} if conditions else {}),
    }
