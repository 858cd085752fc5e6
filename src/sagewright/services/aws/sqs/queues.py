"""Queues: Create, GetUrl, List, attributes, Purge, Delete, and their tags.

Source: AWS's API reference, Amazon SQS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.sqs.policies import read_policy
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.messages import messages
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

KIND = "sqs-queue"
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
MOST_BYTES = 1024 * 1024
MOST_LISTED = 1000
NUMBERS: dict[str, tuple[int, int, int]] = {
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1024, MOST_BYTES, MOST_BYTES),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
    "VisibilityTimeout": (0, 43_200, 30),
}
"""Numeric attributes: minimum, maximum, default."""
OTHERS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled",
          "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "DeduplicationScope", "FifoThroughputLimit")  # fmt: skip
TRUTHS = frozenset({"FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"})
FIFO = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
"""Additional attributes of a FIFO queue, with their defaults."""


@dataclass(frozen=True)
class Queue:
    """`attributes`: those that were set explicitly."""

    resource: Resource

    @property
    def id(self) -> str:
        return self.resource.id

    @property
    def attributes(self) -> dict[str, str]:
        found: dict[str, str] = self.resource.document
        return found

    @property
    def arn(self) -> str:
        return arn_of(self.resource.region, self.resource.account, self.resource.name)

    @property
    def fifo(self) -> bool:
        return self.resource.name.endswith(".fifo")

    def number(self, name: str) -> int:
        return int(self.attributes.get(name, NUMBERS[name][2]))

    @property
    def redrive(self) -> tuple[str, int] | None:
        """Returns the name of the dead-letter queue, and the number of receives after which a message moves there."""
        text = self.attributes.get("RedrivePolicy")
        if not text:
            return None
        policy = read_json(text)
        return policy["deadLetterTargetArn"].rpartition(":")[2], int(policy["maxReceiveCount"])


def arn_of(region: str, account: str, name: str) -> str:
    return f"arn:aws:sqs:{region}:{account}:{name}"


def require_queue(context: Context, url: str) -> Queue:
    """Finds a queue by its URL, of which only the path counts. Raises QueueDoesNotExist."""
    found = find(context, url.rstrip("/").rpartition("/")[2])
    if found is None:
        raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    return found


def find(context: Context, name: str) -> Queue | None:
    found = resources.find(context.store, _scope(context), name)
    return Queue(found) if found else None


@operation("sqs", "CreateQueue")
def create_queue(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates a queue; an existing one with the same attributes gets the same response."""
    name, attributes = request["QueueName"], _lowered(request.get("Attributes") or {})
    if NAME.fullmatch(name) is None:
        raise AwsError(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    if not name.endswith(".fifo") and attributes.get("FifoQueue") != "true":
        _check_standard(attributes)
    elif not name.endswith(".fifo") or attributes.get("FifoQueue") != "true":
        raise AwsError("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                       "underscores, must end with .fifo suffix and be 1 to 80 in length")  # fmt: skip
    _check(context, attributes)
    new = New(name, attributes, arn_of(context.region, context.account, name), request.get("tags") or {},
              principal=context.principal.arn)  # fmt: skip
    try:
        resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        there = require_queue(context, name).attributes
        other = next((key for key, value in attributes.items() if there.get(key, _default(key)) != value), None)
        if other is not None:
            raise AwsError(
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {other}",
            ) from None
    return {"QueueUrl": _url(context, name)}


@operation("sqs", "GetQueueUrl", quick=True)
def get_queue_url(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"QueueUrl": _url(context, require_queue(context, request["QueueName"]).resource.name)}


@operation("sqs", "ListQueues")
def list_queues(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    rows = resources.page(context.store, _scope(context), PageRequest(sort_by="name", descending=False, limit=100_000))
    names = [row.name for row in rows if row.name.startswith(request.get("QueueNamePrefix", ""))]
    urls, token = _listed(context, names, request)
    return {**({"QueueUrls": urls} if urls else {}), **({"NextToken": token} if token else {})}


@operation("sqs", "ListDeadLetterSourceQueues")
def list_dead_letter_source_queues(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    names = sources_of(context, require_queue(context, request["QueueUrl"]))
    urls, token = _listed(context, names, request)
    return {"queueUrls": urls, **({"NextToken": token} if token else {})}


def sources_of(context: Context, dead: Queue) -> list[str]:
    """Returns the names of the queues whose dead-letter queue is `dead`."""
    rows = resources.page(context.store, _scope(context), PageRequest(sort_by="name", descending=False, limit=100_000))
    queues = (Queue(row) for row in rows)
    return [one.resource.name for one in queues if one.redrive and one.redrive[0] == dead.resource.name]


def _listed(context: Context, names: list[str], request: dict[str, Any]) -> tuple[list[str], str | None]:
    """Returns a page of the queues with these names, and the token of the next page. Raises InvalidParameterValue."""
    error = AwsError("InvalidParameterValue", "The NextToken is not valid.")
    after = paging.decode(request.get("NextToken"), error)
    page, token = paging.page_of(names, lambda name: [name], after, request.get("MaxResults", MOST_LISTED))
    return [_url(context, name) for name in page], token


@operation("sqs", "GetQueueAttributes")
def get_queue_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    requested = request.get("AttributeNames") or []
    described = _attributes(context, queue)
    if "All" in requested:
        return {"Attributes": described}
    if unknown := [name for name in requested if name not in {*described, *OTHERS}]:
        raise AwsError("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
    found = {name: described[name] for name in requested if name in described}
    return {"Attributes": found} if found else {}


def _attributes(context: Context, queue: Queue) -> dict[str, str]:
    count = messages.count(context.store, queue.id)
    hidden = () if queue.attributes.get("KmsMasterKeyId") else ("KmsDataKeyReusePeriodSeconds",)
    return {
        **{name: str(queue.number(name)) for name in NUMBERS},
        **(FIFO if queue.fifo else {}),
        "SqsManagedSseEnabled": "true",
        **{name: value for name, value in queue.attributes.items() if name not in NUMBERS and name not in hidden},
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(count.visible),
        "ApproximateNumberOfMessagesNotVisible": str(count.hidden),
        "ApproximateNumberOfMessagesDelayed": str(count.delayed),
        "CreatedTimestamp": str(queue.resource.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.resource.modified_ms // 1000),
    }


@operation("sqs", "SetQueueAttributes")
def set_queue_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    given = _lowered(request["Attributes"])
    if not queue.fifo:
        _check_standard(given)
    elif given.get("FifoQueue", "true") != "true":
        raise AwsError(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        )
    _check(context, given)
    with context.store.write() as connection:
        now = resources.locked_in(connection, queue.id)
        if now is None:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
        kept = {name: value for name, value in (now.document | given).items() if value != ""}
        resources.change_in(connection, replace(now, document=kept), context.principal.arn)
    return {}


@operation("sqs", "PurgeQueue")
def purge_queue(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    with context.store.write() as connection:
        messages.purge_in(connection, queue.id)
    return {}


@operation("sqs", "DeleteQueue")
def delete_queue(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    queue = require_queue(context, request["QueueUrl"])
    with context.store.write() as connection:
        messages.purge_in(connection, queue.id)
        resources.remove_children_in(connection, queue.id)
        resources.remove_in(connection, queue.resource, queue.arn, context.principal.arn)
    return {}


@operation("sqs", "TagQueue")
def tag_queue(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.add(context.store, require_queue(context, request["QueueUrl"]).arn, request["Tags"])
    return {}


@operation("sqs", "UntagQueue")
def untag_queue(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, require_queue(context, request["QueueUrl"]).arn, request["TagKeys"])
    return {}


@operation("sqs", "ListQueueTags")
def list_queue_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = tags.of(context.store, require_queue(context, request["QueueUrl"]).arn)
    return {"Tags": found} if found else {}


def _lowered(attributes: dict[str, str]) -> dict[str, str]:
    """Converts booleans, accepted in any case, to lower case. Setting a KMS key turns off encryption by SQS itself for good."""
    own = {"SqsManagedSseEnabled": "false"} if attributes.get("KmsMasterKeyId") else {}
    return {name: value.lower() if name in TRUTHS else value for name, value in attributes.items()} | own


def _check_standard(attributes: dict[str, str]) -> None:
    """Raises InvalidAttributeName for attributes of FIFO queues."""
    for name in attributes:
        if name in {"FifoQueue", "ContentBasedDeduplication"}:
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name in FIFO:
            raise AwsError("InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true.")


def _check(context: Context, attributes: dict[str, str]) -> None:
    """Raises InvalidAttributeName, InvalidAttributeValue."""
    for name, value in attributes.items():
        if name in NUMBERS:
            least, most, _ = NUMBERS[name]
            if not value.isdecimal() or not least <= int(value) <= most:
                raise AwsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        elif name not in OTHERS:
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
    if attributes.get("Policy"):
        read_policy(attributes["Policy"])
    if attributes.get("RedrivePolicy"):
        _check_redrive(context, attributes["RedrivePolicy"])


def _check_redrive(context: Context, text: str) -> None:
    try:
        policy = read_json(text)
        arn, most = str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"])
    except (ValueError, KeyError, TypeError):
        raise AwsError("InvalidAttributeValue", f"Value {text} for parameter RedrivePolicy is invalid.") from None
    name = arn.rpartition(":")[2]
    if not 1 <= most <= 1000 or arn != arn_of(context.region, context.account, name) or find(context, name) is None:
        raise AwsError("InvalidAttributeValue", f"Value {text} for parameter RedrivePolicy is invalid. Reason: Dead letter target "
                       "does not exist, or maxReceiveCount is not from 1 to 1000.")  # fmt: skip


def _default(name: str) -> str:
    return str(NUMBERS[name][2]) if name in NUMBERS else FIFO.get(name, "")


def _url(context: Context, name: str) -> str:
    return f"{context.base_url}/{context.account}/{name}"


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
