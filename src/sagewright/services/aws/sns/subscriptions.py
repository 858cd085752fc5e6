"""Subscriptions of queues to topics: Subscribe, Unsubscribe, lists and attributes.

Source: AWS's API reference, Amazon SNS.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.sns.filters import ATTRIBUTES, BODY, BadFilter, NestedFilter, check_filter, read_object
from sagewright.services.aws.sns.topics import FIFO, MOST_LISTED, check_arn, invalid, is_fifo, require_topic, topic_arn
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND = "sns-subscription"
QUEUES = "sqs-queue"
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?")
PROTOCOLS = frozenset({"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"})
SETTABLE = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy")


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def arn_of(subscription: Resource) -> str:
    return f"{subscription.document['TopicArn']}:{subscription.name}"


@operation("sns", "Subscribe")
def subscribe(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Subscribes a queue; each queue has at most one subscription to a topic."""
    topic = require_topic(context, request["TopicArn"])
    protocol, endpoint = request["Protocol"], request.get("Endpoint", "")
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    attributes = _lowered(request.get("Attributes") or {})
    try:
        _check(attributes, attributes.get("FilterPolicyScope", ATTRIBUTES))
    except AwsError as error:
        raise invalid("Attributes", error.message.removeprefix("Invalid parameter: ")) from None
    if protocol != "sqs":
        raise invalid("Protocol", f"Sagewright serves subscriptions of queues (sqs), not {protocol}.")
    _check_queue(endpoint, is_fifo(topic))
    _check_dead_letters(attributes, {"TopicArn": topic_arn(topic), "Endpoint": endpoint})
    for there in resources.children(context.store, topic.id):
        if there.document["Endpoint"] == endpoint:
            _check_same(there, attributes)
            return {"SubscriptionArn": arn_of(there)}
    given = {name: value for name, value in attributes.items() if value not in {"", "{}"}}
    document = {"TopicArn": topic_arn(topic), "Protocol": protocol, "Endpoint": endpoint, **given}
    document["SubscriptionPrincipal"] = context.principal.arn
    new = New(str(uuid.uuid4()), document, "", {}, parent=topic.id, principal=context.principal.arn)
    return {"SubscriptionArn": arn_of(resources.create(context.store, scope_of(context), new))}


def _check_same(there: Resource, attributes: dict[str, str]) -> None:
    """Raises InvalidParameter if the existing subscription has other attributes."""
    described = {"RawMessageDelivery": "false", "FilterPolicyScope": ATTRIBUTES} | there.document
    if any(described.get(name, "") != value for name, value in attributes.items()):
        raise invalid("Attributes", "Subscription already exists with different attributes")


def _check_queue(arn: str, fifo: bool) -> None:
    """Checks that it is a queue's ARN; the queue can be created later. Raises InvalidParameter. `fifo`: True for a FIFO topic."""
    if _QUEUE.fullmatch(arn) is None:
        raise AwsError("InvalidParameter", "Invalid parameter: SQS endpoint ARN")
    if arn.endswith(FIFO) and not fifo:
        raise invalid("Invalid parameter: Endpoint", "FIFO SQS Queues can not be subscribed to standard SNS topics")


def find_queue(context: Context, arn: str) -> Resource | None:
    """Returns None if there is no such queue."""
    name = arn.rpartition(":")[2]
    found = resources.find(context.store, ResourceScope(QUEUES, context.account, context.region), name)
    return found if found and arn == f"arn:aws:sqs:{context.region}:{context.account}:{name}" else None


@operation("sns", "Unsubscribe")
def unsubscribe(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = request["SubscriptionArn"]
    if not arn:
        raise invalid("SubscriptionArn", "no value for required parameter")
    check_arn("SubscriptionArn", arn)
    name = arn.rpartition(":")[2]
    if _SUBSCRIPTION.fullmatch(name) is None:
        raise invalid("SubscriptionId")
    found = resources.find(context.store, scope_of(context), name)
    if found is not None:
        resources.remove(context.store, found, arn_of(found), context.principal.arn)
    return {}


@operation("sns", "ListSubscriptions")
def list_subscriptions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    page = PageRequest(sort_by="name", descending=False, limit=100_000)
    return _listed(request, resources.page(context.store, scope_of(context), page))


@operation("sns", "ListSubscriptionsByTopic")
def list_subscriptions_by_topic(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, request["TopicArn"])
    return _listed(request, resources.children(context.store, topic.id))


def _listed(request: dict[str, Any], rows: list[Resource]) -> dict[str, Any]:
    after = paging.decode(request.get("NextToken"), invalid("NextToken", "it is not one of this list."))
    page, token = paging.page_of(rows, lambda row: [row.name], after, MOST_LISTED)
    listed = [
        {
            "SubscriptionArn": arn_of(row),
            "Owner": row.account,
            **{name: row.document[name] for name in ("Protocol", "Endpoint", "TopicArn")},
        }
        for row in page
    ]
    return {"Subscriptions": listed, **({"NextToken": token} if token else {})}


@operation("sns", "GetSubscriptionAttributes")
def get_subscription_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(context, request["SubscriptionArn"])
    described = {
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{found.account}:root",
        **found.document,
        "SubscriptionArn": arn_of(found),
        "Owner": found.account,
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
    }
    if "FilterPolicy" in described:
        described.setdefault("FilterPolicyScope", ATTRIBUTES)
    else:
        described.pop("FilterPolicyScope", None)
    return {"Attributes": described}


@operation("sns", "SetSubscriptionAttributes")
def set_subscription_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = _require(context, request["SubscriptionArn"])
    given = _lowered({request["AttributeName"]: request.get("AttributeValue", "")})
    scope = request.get("AttributeValue") if request["AttributeName"] == "FilterPolicyScope" else None
    _check(given, scope or found.document.get("FilterPolicyScope", ATTRIBUTES))
    _check_dead_letters(given, found.document)
    with context.store.write() as connection:
        now = resources.locked_in(connection, found.id)
        if now is None:
            raise AwsError("NotFound", "Subscription does not exist", 404)
        kept = {name: value for name, value in (now.document | given).items() if value not in {"", "{}"}}
        resources.change_in(connection, replace(now, document=kept), context.principal.arn)
    return {}


def _require(context: Context, arn: str) -> Resource:
    found = resources.find(context.store, scope_of(context), arn.rpartition(":")[2])
    if found is None or arn_of(found) != arn:
        raise AwsError("NotFound", "Subscription does not exist", 404)
    return found


def _lowered(attributes: dict[str, str]) -> dict[str, str]:
    """Converts booleans, accepted in any case, to lower case."""
    return {
        name: value.lower() if name == "RawMessageDelivery" and value.lower() in {"true", "false"} else value
        for name, value in attributes.items()
    }


def _check_redrive(text: str) -> None:
    """Raises InvalidParameter."""
    try:
        policy = read_object(text)
    except BadFilter as error:
        raise invalid(f"RedrivePolicy: {error}") from None
    if _QUEUE.fullmatch(str(policy.get("deadLetterTargetArn"))) is None:
        raise invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")


def _check_dead_letters(attributes: dict[str, str], subscription: dict[str, str]) -> None:
    """Raises InvalidParameter for a dead-letter queue that would lose the order. Redrive policies are objects with the ARN of a
    queue."""
    fifo = subscription["TopicArn"].endswith(FIFO) and subscription["Endpoint"].endswith(FIFO)
    if not fifo or not (text := attributes.get("RedrivePolicy")):
        return
    if not str(read_object(text)["deadLetterTargetArn"]).endswith(FIFO):
        raise invalid("RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.")


def _check(attributes: dict[str, str], scope: str) -> None:
    """Raises InvalidParameter."""
    for name, value in attributes.items():
        if name not in SETTABLE:
            raise invalid("AttributeName")
        if name == "RawMessageDelivery" and value not in {"true", "false"}:
            raise invalid(f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if name == "RedrivePolicy" and value:
            _check_redrive(value)
        if name == "FilterPolicyScope" and value not in {ATTRIBUTES, BODY}:
            raise invalid(f"FilterPolicyScope: Invalid value [{value}]. Please use either {BODY} or {ATTRIBUTES}")
        if name == "FilterPolicy" and value not in {"", "{}"}:
            _check_filter(value, scope)


def _check_filter(text: str, scope: str) -> None:
    """Raises InvalidParameter."""
    try:
        check_filter(text, scope)
    except NestedFilter as error:
        raise invalid(str(error)) from None
    except BadFilter as error:
        raise invalid(f"FilterPolicy: {error}") from None
