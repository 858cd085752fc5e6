"""Permissions of topics: statements of the topic's policy, each by its label.

Source: AWS's API reference, Amazon SNS, AddPermission, RemovePermission; the policies and refusals that localstack/localstack
recorded on AWS (`test_sns.snapshot.json`, test_topic_add_permission, test_add_permission_errors).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.model.documents import read_policy
from sagewright.model.errors import AwsError
from sagewright.services.aws.sns.topics import OF_OWNERS, first_policy, invalid, require_topic, topic_arn
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource


@operation("sns", "AddPermission")
def add_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic, label = require_topic(context, request["TopicArn"]), request["Label"]
    actions = [f"SNS:{action}" for action in request["ActionName"]]

    def added(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if any(one.get("Sid") == label for one in statements):
            raise invalid("Statement already exists")
        if not set(request["ActionName"]) <= set(OF_OWNERS):
            raise invalid("Policy statement action out of service scope!")
        principals = [f"arn:aws:iam::{account}:root" for account in request["AWSAccountId"]]
        statement = {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all(principals)},
            "Action": _one_or_all(actions),
            "Resource": topic_arn(topic),
        }
        return [*statements, statement]

    _change(context, topic, added)
    return {}


@operation("sns", "RemovePermission")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes a permission; ignores an unknown label."""
    topic, label = require_topic(context, request["TopicArn"]), request["Label"]
    _change(context, topic, lambda statements: [one for one in statements if one.get("Sid") != label])
    return {}


def _change(context: Context, topic: Resource, how: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Applies `how` to the policy's statements atomically."""
    with context.store.write() as connection:
        now = resources.locked_in(connection, topic.id)
        if now is None:
            raise AwsError("NotFound", "Topic does not exist", 404)
        policy = _policy(now)
        policy["Statement"] = how(policy["Statement"])
        changed = now.document | {"Policy": json.dumps(policy)}
        resources.change_in(connection, replace(now, document=changed), context.principal.arn)


def _policy(topic: Resource) -> dict[str, Any]:
    """Raises InvalidParameter for an invalid policy, which SetTopicAttributes can have stored."""
    text = topic.document.get("Policy")
    try:
        return read_policy(text) if text else first_policy(topic)
    except ValueError as error:
        raise invalid("Policy", str(error)) from None


def _one_or_all(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values
