"""Publish and PublishBatch: a message goes to every queue that subscribes and whose filter it passes, in one transaction.

Source: AWS's API reference, Amazon SNS; its developer guide for the form that queues get.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from sagewright.engine.eventforms import iso
from sagewright.engine.eventpatterns import BadPattern, read_pattern
from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.messagesize import message_bytes
from sagewright.services.registry import operation
from sagewright.services.sns.attributes import check_attributes
from sagewright.services.sns.signing import signed
from sagewright.services.sns.subscriptions import arn_of, queue_id
from sagewright.services.sns.topics import invalid, require_topic, topic_arn
from sagewright.store import messages, resources
from sagewright.store.messages import Draft
from sagewright.store.resources import Resource

MOST_BYTES = 256 * 1024
MOST_ENTRIES = 10
MOST_ID = 80
_ID = re.compile(r"[A-Za-z0-9_-]+")


@operation("sns", "Publish")
def publish(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "PhoneNumber" in request:
        raise invalid("PhoneNumber", "Sagewright sends no text messages.")
    arn = request.get("TopicArn") or request.get("TargetArn", "")
    if arn.rpartition(":")[2].startswith("endpoint/"):
        raise invalid("TargetArn", "No endpoint found for the target arn specified")
    return _published(context, arn, request)


@operation("sns", "PublishBatch")
def publish_batch(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    entries = request["PublishBatchRequestEntries"]
    if not entries:
        raise AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > MOST_ENTRIES:
        raise AwsError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
    if len({entry["Id"] for entry in entries}) != len(entries):
        raise AwsError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    for entry in entries:
        _check_id(entry["Id"])
        check_attributes(entry.get("MessageAttributes") or {})
    if sum(message_bytes(one["Message"], one.get("MessageAttributes")) for one in entries) > MOST_BYTES:
        raise AwsError("BatchRequestTooLong", "The length of all the messages put together is more than the limit.")
    require_topic(context, request["TopicArn"])
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for entry in entries:
        try:
            good.append({"Id": entry["Id"], **_published(context, request["TopicArn"], entry)})
        except AwsError as error:
            bad.append(
                {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": error.status < 500}
            )
    return {"Successful": good, "Failed": bad}


def _check_id(name: str) -> None:
    """Raises InvalidBatchEntryId."""
    if len(name) > MOST_ID:
        raise AwsError("InvalidBatchEntryId", f"The Id of a batch entry in the batch request is too long: {name}")
    if _ID.fullmatch(name) is None:
        message = f"The Id of a batch entry in the batch request contains an impermissible character: {name}"
        raise AwsError("InvalidBatchEntryId", message)


def _published(context: Context, arn: str, request: dict[str, Any]) -> dict[str, Any]:
    topic = require_topic(context, arn)
    text: str = request["Message"]
    if not text:
        raise invalid("Empty message")
    check_attributes(request.get("MessageAttributes") or {})
    if message_bytes(text, request.get("MessageAttributes")) > MOST_BYTES:
        raise invalid("Message too long")
    if request.get("Subject") == "":
        raise invalid("Subject")
    if request.get("MessageStructure") == "json":
        text = _for_queues(text)
    message_id = str(uuid.uuid4())
    attributes: dict[str, Any] = request.get("MessageAttributes") or {}
    chosen = [one for one in resources.children(context.store, topic.id) if _passes(one, text, attributes)]
    envelope = _envelope(context, topic, request, {"MessageId": message_id, "Message": text})
    sent: list[tuple[str, Draft]] = []
    for one in chosen:
        queue = queue_id(context, one.document["Endpoint"]) or _dead_letters(context, one)
        if queue is None:  # it is no more, or not yet there
            continue
        raw = one.document.get("RawMessageDelivery") == "true"
        body = text if raw else _enveloped(context, one, envelope())
        kept = {name: _kept(value) for name, value in attributes.items()} if raw else {}
        sent.append((queue, Draft(body, kept, context.principal.user_id, group=request.get("MessageGroupId", ""))))
    with context.store.write() as connection:
        for queue, draft in sent:
            messages.send_in(connection, queue, draft)
    return {"MessageId": message_id}


def _dead_letters(context: Context, subscription: Resource) -> str | None:
    """The queue for what can't be delivered, if the subscription has one."""
    policy = subscription.document.get("RedrivePolicy")
    return queue_id(context, str(read_json(policy)["deadLetterTargetArn"])) if policy else None


def _for_queues(text: str) -> str:
    try:
        several = read_json(text)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(several, dict) or not isinstance(several.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    chosen = several.get("sqs")
    return chosen if isinstance(chosen, str) else str(several["default"])


def _envelope(
    context: Context, topic: Resource, request: dict[str, Any], message: dict[str, str]
) -> Callable[[], dict[str, Any]]:
    """What all subscriptions get that want no raw messages; it is signed when the first of them asks for it."""

    @cache
    def envelope() -> dict[str, Any]:
        told: dict[str, Any] = {"Type": "Notification", "MessageId": message["MessageId"], "TopicArn": topic_arn(topic)}
        told |= {"Subject": request["Subject"]} if "Subject" in request else {}
        told |= {"Message": message["Message"], "Timestamp": iso(now_ms())}
        version = str(topic.document.get("SignatureVersion", "1"))
        told |= signed(context.store, (context.account, context.region), told, version)
        told["SigningCertURL"] = f"{context.base_url}{told['SigningCertURL']}"
        if attributes := request.get("MessageAttributes"):
            told["MessageAttributes"] = {name: _told(value) for name, value in attributes.items()}
        return told

    return envelope


def _enveloped(context: Context, subscription: Resource, envelope: dict[str, Any]) -> str:
    unsubscribe = f"{context.base_url}/?Action=Unsubscribe&SubscriptionArn={arn_of(subscription)}"
    return orjson.dumps({**envelope, "UnsubscribeURL": unsubscribe}).decode()


def _passes(subscription: Resource, text: str, attributes: dict[str, Any]) -> bool:
    policy = subscription.document.get("FilterPolicy")
    if not policy:
        return True
    try:
        pattern = read_pattern(policy)
        if subscription.document.get("FilterPolicyScope") == "MessageBody":
            body = read_json(text)
            return isinstance(body, dict) and pattern.matches(body)
    except (BadPattern, ValueError):
        return False
    return pattern.matches({name: _filtered(value) for name, value in attributes.items()})


def _filtered(attribute: dict[str, Any]) -> Any:
    """A number and a list of strings are compared as such."""
    value = attribute.get("StringValue", "")
    try:
        if attribute["DataType"] == "Number" or attribute["DataType"] == "String.Array":
            return read_json(value)
    except ValueError:
        pass
    return value


def _kept(attribute: dict[str, Any]) -> dict[str, Any]:
    """An attribute as the store keeps it, bytes as hexadecimal digits."""
    if "BinaryValue" in attribute:
        return {"DataType": attribute["DataType"], "Hex": bytes(attribute["BinaryValue"]).hex()}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}


def _told(attribute: dict[str, Any]) -> dict[str, str]:
    if "BinaryValue" in attribute:
        return {"Type": attribute["DataType"], "Value": base64.b64encode(bytes(attribute["BinaryValue"])).decode()}
    return {"Type": attribute["DataType"], "Value": attribute.get("StringValue", "")}
