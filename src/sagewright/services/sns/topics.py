"""Topics: Create, List, attributes, Delete, and their tags.

Source: AWS's API reference, Amazon SNS.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import resources, tags
from sagewright.store.jobs import Place
from sagewright.store.listing import Page
from sagewright.store.resources import NameTaken, New, Resource

KIND = "sns-topic"
NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
MOST_LISTED = 100
SETTABLE = ("DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion")


def arn_of(region: str, account: str, name: str) -> str:
    return f"arn:aws:sns:{region}:{account}:{name}"


def topic_arn(topic: Resource) -> str:
    return arn_of(topic.region, topic.account, topic.name)


def require_topic(context: Context, arn: str) -> Resource:
    """Raises NotFound, InvalidParameter."""
    name = arn.rpartition(":")[2]
    if arn != arn_of(context.region, context.account, name):
        raise invalid("TopicArn", arn)
    found = resources.find(context.store, place_of(context), name)
    if found is None:
        raise AwsError("NotFound", "Topic does not exist", 404)
    return found


def invalid(member: str, why: str) -> AwsError:
    return AwsError("InvalidParameter", f"Invalid parameter: {member} Reason: {why}")


def place_of(context: Context) -> Place:
    return Place(KIND, context.account, context.region)


@operation("sns", "CreateTopic")
def create_topic(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """One that is there is answered like a new one."""
    name, attributes = request["Name"], request.get("Attributes") or {}
    if name.endswith(".fifo") or attributes.get("FifoTopic") == "true":
        raise invalid("Name", "Sagewright serves no FIFO topics.")
    if NAME.fullmatch(name) is None:
        raise invalid("Topic Name", "a name has 1 to 256 letters, digits, hyphens and underscores.")
    _check(attributes)
    arn = arn_of(context.region, context.account, name)
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    kept = {key: value for key, value in attributes.items() if key in SETTABLE}
    try:
        new = New(name, kept, arn, pairs, principal=context.principal.arn)
        resources.create(context.store, place_of(context), new)
    except NameTaken:
        pass
    return {"TopicArn": arn}


@operation("sns", "ListTopics")
def list_topics(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows = resources.page(context.store, place_of(context), Page(sort_by="name", descending=False, limit=100_000))
    after = paging.decode(request.get("NextToken"), invalid("NextToken", "it is not one of this list."))
    page, token = paging.page_of(rows, lambda row: [row.name], after, MOST_LISTED)
    return {"Topics": [{"TopicArn": topic_arn(row)} for row in page], **({"NextToken": token} if token else {})}


@operation("sns", "GetTopicAttributes")
def get_topic_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, request["TopicArn"])
    told = {
        "DisplayName": "",
        **topic.document,
        "TopicArn": topic_arn(topic),
        "Owner": topic.account,
        "SubscriptionsConfirmed": str(len(resources.children(context.store, topic.id))),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    return {"Attributes": told}


@operation("sns", "SetTopicAttributes")
def set_topic_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, request["TopicArn"])
    given = {request["AttributeName"]: request.get("AttributeValue", "")}
    _check(given)
    with context.store.write() as connection:
        now = resources.locked_in(connection, topic.id)
        if now is None:
            raise AwsError("NotFound", "Topic does not exist", 404)
        resources.change_in(connection, replace(now, document=now.document | given), context.principal.arn)
    return {}


@operation("sns", "DeleteTopic")
def delete_topic(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """What is not there is deleted already."""
    try:
        topic = require_topic(context, request["TopicArn"])
    except AwsError as error:
        if error.code != "NotFound":
            raise
        return {}
    with context.store.write() as connection:
        resources.remove_children_in(connection, topic.id)
        resources.remove_in(connection, topic, topic_arn(topic), context.principal.arn)
    return {}


@operation("sns", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = topic_arn(require_topic(context, request["ResourceArn"]))
    tags.add(context.store, arn, {pair["Key"]: pair["Value"] for pair in request["Tags"]})
    return {}


@operation("sns", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, topic_arn(require_topic(context, request["ResourceArn"])), request["TagKeys"])
    return {}


@operation("sns", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = tags.of(context.store, topic_arn(require_topic(context, request["ResourceArn"])))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _check(attributes: dict[str, str]) -> None:
    if unknown := [name for name in attributes if name not in {*SETTABLE, "FifoTopic"}]:
        raise invalid("AttributeName", unknown[0])
