"""Messages: Send, Receive, Delete, ChangeVisibility, one at a time and in batches.

Source: AWS's API reference, Amazon SQS; its developer guide for the digests of attributes.
"""

from __future__ import annotations

import hashlib
import re
import struct
import time
from collections.abc import Callable
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.services.aws.sqs import checks
from sagewright.services.aws.sqs.queues import MOST_BYTES, Queue, find, require_queue
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.messages import messages
from sagewright.store.messages.messages import MessageDraft, QueueMessage, Reception, Sent

MOST_ENTRIES = 10
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
HANDLE = re.compile(r"[0-9a-f]{32}")
MOST_HIDDEN_S = 43_200
LOOK_S = 0.2
"""Polling interval of a request that waits for messages."""


@operation("sqs", "SendMessage")
def send_message(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    draft = _draft(context, queue, request)
    (sent,) = messages.send(context.store, queue.id, [draft])
    return _told_sent(draft, sent, request)


@operation("sqs", "SendMessageBatch")
def send_message_batch(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])

    def send(entry: dict[str, Any]) -> dict[str, Any]:
        draft = _draft(context, queue, entry, "cannot be validated")
        (sent,) = messages.send(context.store, queue.id, [draft])
        return _told_sent(draft, sent, entry)

    size = sum(checks.size(entry) for entry in request["Entries"])
    if size > MOST_BYTES:
        raise AwsError(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MOST_BYTES} bytes. You have sent {size} bytes.",
        )
    for entry in request["Entries"] if queue.fifo else ():
        if not entry.get("MessageGroupId"):  # in a batch it is a different error, for the whole batch
            raise checks.invalid("The request must contain the parameter MessageGroupId.")
        _token(queue, entry)
    return _each("SendMessage", request["Entries"], send)


@operation("sqs", "ReceiveMessage")
def receive_message(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    most = request.get("MaxNumberOfMessages", 1)
    if not 1 <= most <= MOST_ENTRIES:
        raise AwsError(
            "InvalidParameterValue",
            f"Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        )
    wait_s = request.get("WaitTimeSeconds", queue.number("ReceiveMessageWaitTimeSeconds"))
    if not 0 <= wait_s <= 20:
        raise AwsError(
            "InvalidParameterValue",
            f"Value {wait_s} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        )
    hidden_s = _hidden_s(request.get("VisibilityTimeout", queue.number("VisibilityTimeout")))
    dead = queue.redrive
    dead_queue = find(context, dead[0]) if dead else None
    until = time.monotonic() + wait_s
    while True:
        how = Reception(most, hidden_s * 1000, now_ms() - queue.number("MessageRetentionPeriod") * 1000, queue.fifo,
                        dead[1] if dead and dead_queue else 0, dead_queue.id if dead_queue else "", queue.arn)  # fmt: skip
        found = messages.receive(context.store, queue.id, how)
        if found or time.monotonic() >= until:
            break
        time.sleep(min(LOOK_S, max(0.0, until - time.monotonic())))
    return {"Messages": [_described(one, request) for one in found]} if found else {}


@operation("sqs", "DeleteMessage")
def delete_message(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _delete(context, require_queue(context, request["QueueUrl"]), request)
    return {}


@operation("sqs", "DeleteMessageBatch")
def delete_message_batch(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    return _each("DeleteMessage", request["Entries"], lambda entry: _delete(context, queue, entry))


@operation("sqs", "ChangeMessageVisibility")
def change_message_visibility(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _hide(context, require_queue(context, request["QueueUrl"]), request)
    return {}


@operation("sqs", "ChangeMessageVisibilityBatch")
def change_message_visibility_batch(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    return _each("ChangeMessageVisibility", request["Entries"], lambda entry: _hide(context, queue, entry))


def _delete(context: Context, queue: Queue, entry: dict[str, Any]) -> dict[str, Any]:
    handle = entry["ReceiptHandle"]
    _check_handle(handle)
    if not messages.remove(context.store, queue.id, handle, fifo=queue.fifo):
        raise checks.invalid(
            f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        )
    return {}


def _check_handle(handle: str) -> None:
    """Raises ReceiptHandleIsInvalid for a malformed handle."""
    if HANDLE.fullmatch(handle) is None:
        raise AwsError(
            "ReceiptHandleIsInvalid", f'The input receipt handle "{handle[:100]}" is not a valid receipt handle.'
        )


def _hide(context: Context, queue: Queue, entry: dict[str, Any]) -> dict[str, Any]:
    hidden_s = _hidden_s(entry.get("VisibilityTimeout", queue.number("VisibilityTimeout")))
    handle = entry["ReceiptHandle"]
    _check_handle(handle)
    if not messages.hide(context.store, queue.id, handle, hidden_s * 1000, earlier=not queue.fifo):
        raise checks.invalid(f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
                             "available for visibility timeout change.")  # fmt: skip
    return {}


def _hidden_s(seconds: int) -> int:
    if not 0 <= seconds <= MOST_HIDDEN_S:
        raise AwsError(
            "InvalidParameterValue",
            f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and {MOST_HIDDEN_S}.",
        )
    return seconds


def _each(act: str, entries: list[dict[str, Any]], do: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Returns the results of the entries of a batch."""
    _check_batch(act, entries)
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for entry in entries:
        try:
            good.append({"Id": entry["Id"], **do(entry)})
        except AwsError as error:
            bad.append(
                {"Id": entry["Id"], "SenderFault": error.status < 500, "Code": error.code, "Message": error.message}
            )
    return {name: entries for name, entries in (("Successful", good), ("Failed", bad)) if entries}


def _check_batch(act: str, entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise AwsError("EmptyBatchRequest", f"There should be at least one {act}BatchRequestEntry in the request.")
    if len(entries) > MOST_ENTRIES:
        raise AwsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        if ENTRY_ID.fullmatch(entry["Id"]) is None:
            raise AwsError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if entry["Id"] in seen:
            raise AwsError("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def _draft(context: Context, queue: Queue, entry: dict[str, Any], too_large: str = "are invalid") -> MessageDraft:
    """Raises AwsError for a message that the queue doesn't accept. `too_large`: wording of the error for a message that is too
    large."""
    body, attributes = entry["MessageBody"], entry.get("MessageAttributes") or {}
    checks.check_body(body)
    most = queue.number("MaximumMessageSize")
    if checks.size(entry) > most:
        raise checks.invalid(f"One or more parameters {too_large}. Reason: Message must be shorter than {most} bytes.")
    checks.check_attributes(attributes)
    checks.check_names(entry)
    delay_s = entry.get("DelaySeconds", queue.number("DelaySeconds"))
    checks.check_delay(delay_s)
    kept, sender = {name: _kept(value) for name, value in attributes.items()}, context.principal.user_id
    system = checks.system_attributes(entry)
    if not queue.fifo:
        return MessageDraft(body, kept, sender, delay_s, entry.get("MessageGroupId", ""), system=system)
    if entry.get("DelaySeconds"):
        raise checks.invalid(
            f"Value {delay_s} for parameter DelaySeconds is invalid. Reason: "
            "The request include parameter that is not valid for this queue type."
        )
    if not entry.get("MessageGroupId"):
        raise AwsError("MissingParameter", "The request must contain the parameter MessageGroupId.")
    group, token = entry["MessageGroupId"], _token(queue, entry)
    system |= {"MessageDeduplicationId": token}
    by_group = queue.attributes.get("DeduplicationScope") == "messageGroup"
    return MessageDraft(body, kept, sender, queue.number("DelaySeconds"), group, token, by_group, system)


def _token(queue: Queue, entry: dict[str, Any]) -> str:
    """Returns the token by which a FIFO queue recognises a repetition. Raises InvalidParameterValue."""
    checks.check_names(entry)
    if entry.get("MessageDeduplicationId"):
        return str(entry["MessageDeduplicationId"])
    if queue.attributes.get("ContentBasedDeduplication") == "true":
        return hashlib.sha256(entry["MessageBody"].encode()).hexdigest()
    raise checks.invalid(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )


def _kept(attribute: dict[str, Any]) -> dict[str, Any]:
    """Returns an attribute in its stored form, bytes as hexadecimal digits."""
    if "BinaryValue" in attribute:
        return {"DataType": attribute["DataType"], "Hex": bytes(attribute["BinaryValue"]).hex()}
    return {"DataType": attribute["DataType"], "StringValue": attribute.get("StringValue", "")}


def _told_sent(draft: MessageDraft, sent: Sent, entry: dict[str, Any]) -> dict[str, Any]:
    system = {name: _kept(value) for name, value in (entry.get("MessageSystemAttributes") or {}).items()}
    described = {"MessageId": sent.message_id, "MD5OfMessageBody": _md5(draft.body.encode())}
    return {
        **described,
        **({"MD5OfMessageAttributes": attributes_md5(draft.attributes)} if draft.attributes else {}),
        **({"MD5OfMessageSystemAttributes": attributes_md5(system)} if system else {}),
        **({"SequenceNumber": sent.sequence} if sent.sequence else {}),
    }


def _described(message: QueueMessage, request: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "Body": message.body,
        "MD5OfBody": _md5(message.body.encode()),
    }
    given = {*(request.get("AttributeNames") or ()), *(request.get("MessageSystemAttributeNames") or ())}
    system = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(message.received_ms),
        **({"MessageGroupId": message.group_name} if message.group_name else {}),
        **message.system,
    }
    shown = {name: value for name, value in system.items() if name in given or "All" in given}
    requested = request.get("MessageAttributeNames") or ()
    own = {name: _shown(value) for name, value in message.attributes.items() if _is_wanted(name, requested)}
    described |= {"Attributes": shown} if shown else {}
    if own:
        kept = {name: message.attributes[name] for name in own}
        described |= {"MessageAttributes": own, "MD5OfMessageAttributes": attributes_md5(kept)}
    return described


def _is_wanted(name: str, requested: list[str] | tuple[str, ...]) -> bool:
    return any(
        one in {"All", ".*", "*", name} or (one.endswith(".*") and name.startswith(one[:-2])) for one in requested
    )


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    if "Hex" in kept:
        return {"DataType": kept["DataType"], "BinaryValue": bytes.fromhex(kept["Hex"])}
    return kept


def attributes_md5(attributes: dict[str, dict[str, Any]]) -> str:
    """Returns the digest of names, types and values, each preceded by its length, sorted by name."""
    digested = bytearray()
    for name in sorted(attributes):
        kept = attributes[name]
        binary = "Hex" in kept
        value = bytes.fromhex(kept["Hex"]) if binary else kept["StringValue"].encode()
        for part in (name.encode(), kept["DataType"].encode()):
            digested += struct.pack(">I", len(part)) + part
        digested += (b"\x02" if binary else b"\x01") + struct.pack(">I", len(value)) + value
    return _md5(bytes(digested))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
