"""Permissions of queues: statements of the queue's policy, each by its label.

Source: AWS's API reference, Amazon SQS, AddPermission, RemovePermission; the policies that localstack/localstack recorded on AWS
(`test_sqs.snapshot.json`, test_sqs_permission_lifecycle).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sqs import checks
from sagewright.services.sqs.queues import Queue, require_queue
from sagewright.store import resources

_MOST_ACTIONS = 7
_ACTIONS = frozenset({"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
                      "GetQueueUrl"})  # fmt: skip


@operation("sqs", "AddPermission")
def add_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue, label = require_queue(context, request["QueueUrl"]), request["Label"]
    _check(request)
    policy = _policy(queue)
    if any(one.get("Sid") == label for one in policy["Statement"]):
        raise checks.invalid(f"Value {label} for parameter Label is invalid. Reason: Already exists.")
    accounts = [f"arn:aws:iam::{account}:root" for account in request["AWSAccountIds"]]
    actions = [f"SQS:{action}" for action in request["Actions"]]
    policy["Statement"].append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all(accounts)},
            "Action": _one_or_all(actions),
            "Resource": queue.arn,
        }
    )
    _keep(context, queue, policy)
    return {}


@operation("sqs", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue, label = require_queue(context, request["QueueUrl"]), request["Label"]
    policy = _policy(queue)
    left = [one for one in policy["Statement"] if one.get("Sid") != label]
    if len(left) == len(policy["Statement"]):
        raise checks.invalid(f"Value {label} for parameter Label is invalid. Reason: can't find label.")
    _keep(context, queue, policy | {"Statement": left})
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


def _policy(queue: Queue) -> dict[str, Any]:
    text = queue.attributes.get("Policy")
    if not text:
        return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    policy: dict[str, Any] = read_json(text)
    statements = policy.get("Statement", [])
    return policy | {"Statement": statements if isinstance(statements, list) else [statements]}


def _keep(context: Context, queue: Queue, policy: dict[str, Any]) -> None:
    """The policy in place of the queue's; without statements the queue has none."""
    with context.store.write() as connection:
        now = resources.locked_in(connection, queue.id)
        if now is None:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
        kept = {name: value for name, value in now.document.items() if name != "Policy"}
        kept |= {"Policy": json.dumps(policy)} if policy["Statement"] else {}
        resources.change_in(connection, replace(now, document=kept), context.principal.arn)


def _one_or_all(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values
