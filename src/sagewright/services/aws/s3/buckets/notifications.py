"""PutBucketNotificationConfiguration and its Get: the destinations that a bucket notifies of changes to its objects.

Source: the S3 API reference; errors as recorded on AWS in localstack test_s3_notifications_sqs, _sns and _lambda.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors, notices
from sagewright.objects.notices import ARNS, BRIDGE, KIND
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.messages import deliveries
from sagewright.store.resources import resources

MOST = 100
"""Maximum number of configurations per bucket. Source: S3's user guide."""
MOST_FILTER = 1024
ID = 255
FIFO = ".fifo"


@dataclass(frozen=True)
class DestinationKind:
    """A kind of destination: its element's name, the service and resource in its ARN, and AWS's noun for it."""

    element: str
    service: str
    resource: str
    noun: str


KINDS = {
    "TopicConfigurations": DestinationKind("Topic", "sns", "sns-topic", "topic"),
    "QueueConfigurations": DestinationKind("Queue", "sqs", "sqs-queue", "queue"),
    "LambdaFunctionConfigurations": DestinationKind("CloudFunction", "lambda", "function", "Lambda"),
}


@s3_operation("PutBucketNotificationConfiguration")
def put_bucket_notification_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Replaces the whole configuration; an empty one turns notifications off. Queues and topics get a test event."""
    bucket = context.objects.buckets.get(request["Bucket"])
    document = _checked(need(request.get("NotificationConfiguration")))
    destinations = list(_destinations(document))
    for kind, arn in destinations:
        _parse(bucket.region, kind, arn)
    if not request.get("SkipDestinationValidation"):
        _check_there(context, destinations)
    context.objects.buckets.configure(bucket.name, KIND, document or None)
    if not request.get("SkipDestinationValidation"):
        tested = [arn for kind, arn in destinations if kind.service != "lambda"]
        deliveries.queue(context.store, [_test(context, bucket.name, arn) for arn in dict.fromkeys(tested)])
    return {}


@s3_operation("GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = context.objects.buckets.get(request["Bucket"]).configuration.get(KIND, {})
    return kept


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the document in its stored form. Raises MalformedXML, InvalidArgument."""
    kept: dict[str, Any] = {
        member: [_configuration(one) for one in document[member]] for member in ARNS if document.get(member)
    }
    every = [one for member in ARNS for one in kept.get(member, ())]
    if len(every) > MOST:
        message = f"A bucket has at most {MOST} notification configurations, got {len(every)}."
        raise errors.invalid_argument(message, "NotificationConfiguration", len(every))
    if len({one["Id"] for one in every}) < len(every):
        raise errors.invalid_argument("Same ID used for multiple configurations. IDs must be unique", "Id", None)
    if any(notices.share_events(one, other) for one, other in combinations(every, 2)):
        message = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        raise errors.invalid_argument(message, "Event", None)
    if BRIDGE in document:
        kept[BRIDGE] = {}
    return kept


def _configuration(requested: dict[str, Any]) -> dict[str, Any]:
    kept = {**requested, "Id": requested.get("Id") or secrets.token_urlsafe(36)}
    if len(kept["Id"]) > ID:
        raise errors.invalid_argument(
            f"An Id has at most {ID} characters, got {len(kept['Id'])}.", "Id", kept["Id"][:ID]
        )
    if not requested.get("Events"):
        raise errors.malformed_xml()
    for event in requested["Events"]:
        if event not in EVENTS:
            raise errors.invalid_argument("The event is not supported for notifications", "Event", event)
    rules = ((requested.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    kept.pop("Filter", None)
    if rules:
        kept["Filter"] = {"Key": {"FilterRules": [_rule(rule) for rule in rules]}}
        names = [rule["Name"] for rule in kept["Filter"]["Key"]["FilterRules"]]
        for name in {one for one in names if names.count(one) > 1}:
            message = f"Cannot specify more than one {name.lower()} rule in a filter."
            raise errors.invalid_argument(message, "FilterRule.Name", name)
    return kept


def _rule(rule: dict[str, Any]) -> dict[str, str]:
    name = str(rule.get("Name") or "")
    if name.lower() not in {"prefix", "suffix"}:
        raise errors.invalid_argument("filter rule name must be either prefix or suffix", "FilterRule.Name", name)
    value = str(rule.get("Value") or "")
    if len(value) > MOST_FILTER:
        message = f"Size of filter rule value cannot exceed {MOST_FILTER} bytes in UTF-8 representation"
        raise errors.invalid_argument(message, "FilterRule.Value", value)
    return {"Name": name.capitalize(), "Value": value}


EVENTS = frozenset(
    f"s3:{family}{act}"
    for family, acts in {
        "ReducedRedundancyLostObject": ("",),
        "ObjectCreated": (":*", ":Put", ":Post", ":Copy", ":CompleteMultipartUpload"),
        "ObjectRemoved": (":*", ":Delete", ":DeleteMarkerCreated"),
        "ObjectRestore": (":*", ":Post", ":Completed", ":Delete"),
        "Replication": (
            ":*", ":OperationFailedReplication", ":OperationNotTracked", ":OperationMissedThreshold",
            ":OperationReplicatedAfterThreshold",
        ),
        "LifecycleTransition": ("",),
        "IntelligentTiering": ("",),
        "ObjectAcl": (":Put",),
        "LifecycleExpiration": (":*", ":Delete", ":DeleteMarkerCreated"),
        "ObjectTagging": (":*", ":Put", ":Delete"),
        "ObjectAnnotation": (":*", ":Put", ":Delete"),
        "ObjectRetention": (":Put",),
    }.items()
    for act in acts
)  # fmt: skip
"""Events that AWS accepts; `notices` lists those that occur here."""


def _destinations(document: dict[str, Any]) -> Iterator[tuple[DestinationKind, str]]:
    for member, kind in KINDS.items():
        for one in document.get(member, ()):
            yield kind, one[ARNS[member]]


def _parse(region: str, kind: DestinationKind, arn: str) -> None:
    """Raises InvalidArgument unless it is the ARN of a destination of that kind in this region."""
    parts = arn.split(":")
    named = len(parts) >= 6 and parts[0] == "arn" and all(parts[1:6])
    if not named or parts[2] != kind.service or (kind.service == "lambda" and parts[5:6] != ["function"]):
        raise errors.invalid_argument("The ARN could not be parsed", kind.element, arn)
    if parts[3] != region:
        message = "The notification destination service region is not valid for the bucket location constraint"
        raise errors.invalid_argument(message, kind.element, arn)


def _check_there(context: Context, destinations: list[tuple[DestinationKind, str]]) -> None:
    """Raises InvalidArgument naming each missing destination."""
    faults: list[tuple[str, str]] = []
    for kind, arn in destinations:
        parts = arn.split(":")
        name = parts[6] if kind.service == "lambda" and len(parts) > 6 else parts[5]
        scope = ResourceScope(kind.resource, context.account, parts[3])
        if kind.service != "lambda" and name.endswith(FIFO):
            faults.append((arn, f"FIFO {kind.service.upper()} {kind.noun}s are not supported"))
        elif parts[4] != context.account or resources.find(context.store, scope, name) is None:
            faults.append(_absent(kind, arn))
    if faults:
        fields: dict[str, str] = {}
        for number, (arn, fault) in enumerate(dict.fromkeys(faults), 1):
            fields |= {f"ArgumentName{number}": arn, f"ArgumentValue{number}": fault}
        message = "Unable to validate the following destination configurations"
        raise AwsError("InvalidArgument", message, 400, fields)


def _absent(kind: DestinationKind, arn: str) -> tuple[str, str]:
    """Returns the argument and the error. Source: recorded on AWS, localstack
    test_s3_notifications_lambda::test_invalid_lambda_arn."""
    if kind.service == "lambda":
        return f"{arn}, null", f"Not authorized to invoke function [{arn}]"
    return arn, f"The destination {kind.noun} does not exist"


def _test(context: Context, bucket: str, arn: str) -> deliveries.Wanted:
    message = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": notices.iso_time(now_ms()),
        "Bucket": bucket,
        "RequestId": context.request_id,
        "HostId": context.request_id,
    }
    return f"{notices.SUBJECT}{bucket}/{arn}", {"arn": arn, "message": message}
