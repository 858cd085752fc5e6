"""Publish and PublishBatch: a message goes to every subscribed queue whose filter it passes, in one transaction.

Source: AWS's API reference, Amazon SNS; its developer guide for the format of messages in queues.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson

from sagewright.engine.events.detail_types import iso
from sagewright.engine.events.patterns import BadPattern, read_pattern
from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services.aws.message_size import message_bytes
from sagewright.services.aws.sns.attributes import check_attributes
from sagewright.services.aws.sns.signing import signed
from sagewright.services.aws.sns.subscriptions import arn_of, find_queue
from sagewright.services.aws.sns.topics import FIFO, invalid, is_fifo, require_topic, topic_arn
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.messages import messages
from sagewright.store.messages.messages import MessageDraft, Sent
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

MOST_BYTES = 256 * 1024
MOST_ENTRIES = 10
MOST_ID = 80
_ID = re.compile(r"[A-Za-z0-9_-]+")
_FIFO_ID = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")


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
    topic = require_topic(context, request["TopicArn"])
    for entry in entries:  # missing members are reported for all entries at once
        if entry.get("MessageStructure") == "json":
            _for_queues(entry["Message"])
        draft_of(topic, entry)
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
    attributes: dict[str, Any] = request.get("MessageAttributes") or {}
    check_attributes(attributes)
    if message_bytes(text, attributes) > MOST_BYTES:
        raise invalid("Message too long")
    if request.get("Subject") == "":
        raise invalid("Subject")
    draft = draft_of(topic, request)
    if request.get("MessageStructure") == "json":
        text = _for_queues(text)
    chosen = [one for one in resources.children(context.store, topic.id) if _passes(one, text, attributes)]
    message = _Message(context, topic, request | {"Message": text}, replace(draft, body=text), chosen)
    sent = _sent_once(message) if draft.token else _sent(message)
    return {"MessageId": sent.message_id} | ({"SequenceNumber": sent.sequence} if sent.sequence else {})


@dataclass(frozen=True)
class _Message:
    """A message to publish. `chosen`: the subscriptions that receive it."""

    context: Context
    topic: Resource
    request: dict[str, Any]
    draft: MessageDraft
    chosen: list[Resource]


def _sent(message: _Message) -> Sent:
    sent = Sent(str(uuid.uuid4()))
    deliveries = _deliveries(message, sent)  # before the transaction: the first signature creates the key
    with message.context.store.write() as connection:
        for queue, draft in deliveries:
            messages.send_in(connection, queue, draft)
    return sent


def _sent_once(message: _Message) -> Sent:
    """Sends the message unless its token is known; a FIFO topic stores the token in the transaction of its deliveries."""
    with message.context.store.write() as connection:
        sent, known = messages.remembered_in(connection, message.topic.id, message.draft)
        for queue, draft in () if known else _deliveries(message, sent):
            messages.send_in(connection, queue, draft)
    return sent


def draft_of(topic: Resource, request: dict[str, Any]) -> MessageDraft:
    """Returns the message with its group, and the token by which a FIFO topic recognises a repetition. Raises InvalidParameter."""
    group, token = request.get("MessageGroupId", ""), request.get("MessageDeduplicationId", "")
    attributes = {name: _kept(value) for name, value in (request.get("MessageAttributes") or {}).items()}
    for member, value in (("MessageGroupId", group), ("MessageDeduplicationId", token)):
        if value and _FIFO_ID.fullmatch(value) is None:
            raise invalid(member, f"{member} has 1 to 128 letters, digits and signs of punctuation.")
    if not is_fifo(topic):
        if token:
            message = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
            raise invalid("MessageDeduplicationId", message)
        return MessageDraft(request["Message"], attributes, "", group=group)
    if not group:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if not token and topic.document.get("ContentBasedDeduplication") != "true":
        message = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
        raise invalid(f"{message} explicitly")
    token = token or hashlib.sha256(request["Message"].encode()).hexdigest()
    by_group = topic.document.get("FifoThroughputScope") == "MessageGroup"
    return MessageDraft(request["Message"], attributes, "", group=group, token=token, by_group=by_group)


def _deliveries(message: _Message, sent: Sent) -> list[tuple[str, MessageDraft]]:
    """Returns the queue and its message for each subscription; a standard queue gets no group or order of a FIFO topic."""
    context, published, envelope = message.context, message.draft, _envelope(message, sent)
    deliveries: list[tuple[str, MessageDraft]] = []
    for one in message.chosen:
        queue = find_queue(context, one.document["Endpoint"]) or _dead_letters(context, one)
        if queue is None:  # deleted, or not yet created
            continue
        raw = one.document.get("RawMessageDelivery") == "true"
        body = published.body if raw else _enveloped(context, one, envelope())
        draft = MessageDraft(body, published.attributes if raw else {}, context.principal.user_id)
        if queue.name.endswith(FIFO):
            by_group = queue.document.get("DeduplicationScope") == "messageGroup"
            system = {"MessageDeduplicationId": published.token}
            draft = replace(draft, group=published.group, token=published.token, by_group=by_group, system=system)
        elif not published.token:
            draft = replace(draft, group=published.group)
        deliveries.append((queue.id, draft))
    return deliveries


def _dead_letters(context: Context, subscription: Resource) -> Resource | None:
    """Returns the queue for messages that can't be delivered, if the subscription has one."""
    policy = subscription.document.get("RedrivePolicy")
    return find_queue(context, str(read_json(policy)["deadLetterTargetArn"])) if policy else None


def _for_queues(text: str) -> str:
    try:
        several = read_json(text)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(several, dict) or not isinstance(several.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    chosen = several.get("sqs")
    return chosen if isinstance(chosen, str) else str(several["default"])


def _envelope(message: _Message, sent: Sent) -> Callable[[], dict[str, Any]]:
    """Returns a function that builds the envelope for all subscriptions without raw delivery. It is signed on first use; that of a
    FIFO topic is numbered instead."""
    context, topic, request = message.context, message.topic, message.request

    @cache
    def envelope() -> dict[str, Any]:
        described: dict[str, Any] = {"Type": "Notification", "MessageId": sent.message_id}
        described |= {"SequenceNumber": sent.sequence} if sent.sequence else {}
        described |= {"TopicArn": topic_arn(topic)} | ({"Subject": request["Subject"]} if "Subject" in request else {})
        described |= {"Message": request["Message"], "Timestamp": iso(now_ms())}
        if not sent.sequence:
            version = str(topic.document.get("SignatureVersion", "1"))
            described |= signed(context.store, (context.account, context.region), described, version)
            described["SigningCertURL"] = f"{context.base_url}{described['SigningCertURL']}"
        if attributes := request.get("MessageAttributes"):
            described["MessageAttributes"] = {name: _described(value) for name, value in attributes.items()}
        return described

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
    """Converts numbers and lists of strings for comparison."""
    value = attribute.get("StringValue", "")
    try:
        if attribute["DataType"] == "Number" or attribute["DataType"] == "String.Array":
            return read_json(value)
    except ValueError:
        pass
    return value


def _kept(attribute: dict[str, Any]) -> dict[str, Any]:
    """Returns an attribute in its stored form, bytes as hexadecimal digits."""
    if "BinaryValue" in attribute:
        return {"DataType": attribute["DataType"], "Hex": bytes(attribute["BinaryValue"]).hex()}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}


def _described(attribute: dict[str, Any]) -> dict[str, str]:
    if "BinaryValue" in attribute:
        return {"Type": attribute["DataType"], "Value": base64.b64encode(bytes(attribute["BinaryValue"])).decode()}
    return {"Type": attribute["DataType"], "Value": attribute.get("StringValue", "")}
