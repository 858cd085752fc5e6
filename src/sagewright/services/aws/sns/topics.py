"""Topics: Create, List, attributes, Delete, and their tags.

Source: AWS's API reference, Amazon SNS.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from sagewright.model.documents import read_policy
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.messages import messages
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

KIND = "sns-topic"
NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
FIFO = ".fifo"
MOST_NAME = 256
MOST_LISTED = 100
OF_OWNERS = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
             "ListSubscriptionsByTopic", "Publish")  # fmt: skip
DELIVERY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}
"""HTTP retry policy, as AWS returns it for a topic without one."""
SETTABLE = ("DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion")
FIFO_SETTABLE = {"ContentBasedDeduplication": ("true", "false"), "FifoThroughputScope": ("Topic", "MessageGroup")}
"""Additional attributes of FIFO topics, and the values of each."""


def arn_of(region: str, account: str, name: str) -> str:
    return f"arn:aws:sns:{region}:{account}:{name}"


def topic_arn(topic: Resource) -> str:
    return arn_of(topic.region, topic.account, topic.name)


def require_topic(context: Context, arn: str) -> Resource:
    """Raises NotFound, InvalidParameter."""
    check_arn("TopicArn", arn)
    name = arn.rpartition(":")[2]
    if arn != arn_of(context.region, context.account, name):
        raise invalid("TopicArn", arn)
    found = resources.find(context.store, scope_of(context), name)
    if found is None:
        raise AwsError("NotFound", "Topic does not exist", 404)
    return found


def invalid(member: str, reason: str = "") -> AwsError:
    return AwsError(
        "InvalidParameter",
        f"Invalid parameter: {member} Reason: {reason}" if reason else f"Invalid parameter: {member}",
    )


def check_arn(member: str, arn: str) -> None:
    """Raises InvalidParameter for an ARN with too few parts."""
    if (parts := arn.count(":") + 1) < 6:
        raise invalid(member, f"An ARN must have at least 6 elements, not {parts}")


def pairs_of(given: list[dict[str, str]]) -> dict[str, str]:
    """Returns tags by key. Raises InvalidParameter for duplicate keys."""
    pairs = {pair["Key"]: pair["Value"] for pair in given}
    if len(pairs) != len(given):
        raise invalid("Duplicated keys are not allowed.")
    return pairs


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


@operation("sns", "CreateTopic")
def create_topic(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates a topic; an existing one gets the same response."""
    name, attributes = request["Name"], request.get("Attributes") or {}
    fifo = attributes.get("FifoTopic") == "true"
    if name.endswith(FIFO) != fifo or NAME.fullmatch(name.removesuffix(FIFO)) is None or len(name) > MOST_NAME:
        raise invalid("Topic Name")
    _check(attributes, fifo)
    arn = arn_of(context.region, context.account, name)
    pairs = pairs_of(request.get("Tags") or [])
    kept = {key: value for key, value in attributes.items() if key != "FifoTopic"}
    try:
        new = New(name, kept, arn, pairs, principal=context.principal.arn)
        resources.create(context.store, scope_of(context), new)
    except ResourceNameTaken:
        _check_same(context, arn, kept, pairs)
    return {"TopicArn": arn}


def _check_same(context: Context, arn: str, attributes: dict[str, str], pairs: dict[str, str]) -> None:
    """Raises InvalidParameter if the existing topic has other attributes or tags."""
    there = require_topic(context, arn)
    if any(_attribute(there, name) != value for name, value in attributes.items()):
        raise invalid("Attributes", "Topic already exists with different attributes")
    if not pairs.items() <= tags.of(context.store, arn).items():
        raise invalid("Tags", "Topic already exists with different tags")


def _attribute(topic: Resource, name: str) -> str:
    first = "false" if name == "ContentBasedDeduplication" else ""
    return str(topic.document.get(name, first))


@operation("sns", "ListTopics")
def list_topics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows = resources.page(
        context.store, scope_of(context), PageRequest(sort_by="name", descending=False, limit=100_000)
    )
    after = paging.decode(request.get("NextToken"), invalid("NextToken", "it is not one of this list."))
    page, token = paging.page_of(rows, lambda row: [row.name], after, MOST_LISTED)
    return {"Topics": [{"TopicArn": topic_arn(row)} for row in page], **({"NextToken": token} if token else {})}


@operation("sns", "GetTopicAttributes")
def get_topic_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, request["TopicArn"])
    described = {
        "DisplayName": "",
        "Policy": json.dumps(first_policy(topic)),
        "EffectiveDeliveryPolicy": json.dumps(DELIVERY),
        **({"FifoTopic": "true", "ContentBasedDeduplication": "false"} if is_fifo(topic) else {}),
        **topic.document,
        "TopicArn": topic_arn(topic),
        "Owner": topic.account,
        "SubscriptionsConfirmed": str(len(resources.children(context.store, topic.id))),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    return {"Attributes": described}


def first_policy(topic: Resource) -> dict[str, Any]:
    """Returns the default policy of a topic."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in OF_OWNERS],
        "Resource": topic_arn(topic),
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


@operation("sns", "SetTopicAttributes")
def set_topic_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, request["TopicArn"])
    name, value = request["AttributeName"], request.get("AttributeValue", "")
    if name not in SETTABLE and not (is_fifo(topic) and name in FIFO_SETTABLE):
        raise invalid("AttributeName")
    _check_value(name, value)
    with context.store.write() as connection:
        now = resources.locked_in(connection, topic.id)
        if now is None:
            raise AwsError("NotFound", "Topic does not exist", 404)
        resources.change_in(connection, replace(now, document=now.document | {name: value}), context.principal.arn)
    return {}


@operation("sns", "DeleteTopic")
def delete_topic(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a topic; ignores a missing one."""
    try:
        topic = require_topic(context, request["TopicArn"])
    except AwsError as error:
        if error.code != "NotFound":
            raise
        return {}
    with context.store.write() as connection:
        resources.remove_children_in(connection, topic.id)
        messages.forget_tokens_in(connection, topic.id)
        resources.remove_in(connection, topic, topic_arn(topic), context.principal.arn)
    return {}


@operation("sns", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = topic_arn(require_topic(context, request["ResourceArn"]))
    tags.add(context.store, arn, pairs_of(request["Tags"]))
    return {}


@operation("sns", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, topic_arn(require_topic(context, request["ResourceArn"])), request["TagKeys"])
    return {}


@operation("sns", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = tags.of(context.store, topic_arn(require_topic(context, request["ResourceArn"])))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def is_fifo(topic: Resource) -> bool:
    return topic.name.endswith(FIFO)


def _check(attributes: dict[str, str], fifo: bool) -> None:
    """Raises InvalidParameter."""
    known = {*SETTABLE, "FifoTopic", *(FIFO_SETTABLE if fifo else ())}
    if unknown := [name for name in attributes if name not in known]:
        raise invalid("Attributes", f"Unknown attribute {unknown[0]}")
    for name, value in attributes.items():
        _check_value(name, value)


def _check_value(name: str, value: str) -> None:
    """Raises InvalidParameter for an invalid value of a FIFO attribute, or an invalid policy."""
    if name == "Policy" and value:
        try:
            read_policy(value)
        except ValueError as error:
            raise invalid(name, str(error)) from None
    allowed = FIFO_SETTABLE.get(name)
    if allowed and value not in allowed:
        raise invalid("AttributeValue", f"{name} is {' or '.join(allowed)}, not {value}.")
