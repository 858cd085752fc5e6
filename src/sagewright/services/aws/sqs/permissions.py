"""Permissions of queues: statements of the queue's policy, each by its label.

Source: AWS's API reference, Amazon SQS, AddPermission, RemovePermission; the policies that localstack/localstack recorded on AWS
(`test_sqs.snapshot.json`, test_sqs_permission_lifecycle).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.sqs import checks
from sagewright.services.aws.sqs.policies import read_policy
from sagewright.services.aws.sqs.queues import Queue, require_queue
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import resources

_MOST_ACTIONS = 7
_ACTIONS = frozenset({"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
                      "GetQueueUrl"})  # fmt: skip


@operation("sqs", "AddPermission")
def add_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue, label = require_queue(context, request["QueueUrl"]), request["Label"]
    _check(request)
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in request["AWSAccountIds"]])},
        "Action": _one_or_all([f"SQS:{action}" for action in request["Actions"]]),
        "Resource": queue.arn,
    }

    def added(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(one.get("Sid") == label for one in statements):
            raise checks.invalid(f"Value {label} for parameter Label is invalid. Reason: Already exists.")
        return [*statements, statement]

    _change(context, queue, added)
    return {}


@operation("sqs", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue, label = require_queue(context, request["QueueUrl"]), request["Label"]

    def left(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = [one for one in statements if one.get("Sid") != label]
        if len(kept) == len(statements):
            raise checks.invalid(f"Value {label} for parameter Label is invalid. Reason: can't find label.")
        return kept

    _change(context, queue, left)
    return {}


def _check(request: dict[str, Any]) -> None:
    """Raises OverLimit, InvalidParameterValue."""
    if len(request["Actions"]) > _MOST_ACTIONS:
        raise AwsError(
            "OverLimit", f"{len(request['Actions'])} Actions were found, maximum allowed is {_MOST_ACTIONS}."
        )
    for action in request["Actions"]:
        if action not in _ACTIONS:
            raise checks.invalid(f"Value SQS:{action} for parameter ActionName is invalid. Reason: Only the queue owner is "
                                 "allowed to invoke this action.")  # fmt: skip


def _change(context: Context, queue: Queue, how: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Applies `how` to the policy's statements atomically; without statements the policy is removed."""
    with context.store.write() as connection:
        now = resources.locked_in(connection, queue.id)
        if now is None:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
        policy = _policy(queue.arn, now.document.get("Policy"))
        policy["Statement"] = how(policy["Statement"])
        kept = {name: value for name, value in now.document.items() if name != "Policy"}
        kept |= {"Policy": json.dumps(policy)} if policy["Statement"] else {}
        resources.change_in(connection, replace(now, document=kept), context.principal.arn)


def _policy(arn: str, text: str | None) -> dict[str, Any]:
    """Raises InvalidAttributeValue for an invalid policy, which SetQueueAttributes of an earlier version can have stored."""
    if not text:
        return {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    return read_policy(text)


def _one_or_all(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values
