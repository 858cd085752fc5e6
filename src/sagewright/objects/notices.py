"""Notices of object changes, for the destinations in a bucket's notification configuration.

They are queued in the transaction of the change, so that exactly the durable changes are announced. Source: S3's user guide, "Event
message structure" and "EventBridge event message structure".
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from sqlalchemy import Connection

from sagewright.model.clock import to_datetime
from sagewright.store.messages import deliveries
from sagewright.store.messages.deliveries import Wanted
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import NULL_VERSION, Version

KIND = "notification"
SUBJECT = "s3/"
"""Prefix of the subjects of these deliveries; those of rules begin with an id."""
BRIDGE = "EventBridgeConfiguration"
ARNS = {
    "TopicConfigurations": "TopicArn",
    "QueueConfigurations": "QueueArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
"""The member with the destination, by list of the configuration."""
SERVICE = "s3.amazonaws.com"
MARKER_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved": "DeleteObject",
    "LifecycleExpiration": "Lifecycle Expiration",
}
_OLD_FORM = frozenset({"ObjectCreated", "ObjectRemoved", "ObjectRestore"})
"""Families whose records have version 2.1; later ones have 2.3."""
RESTORED = "RestoredUntil"
"""Header of an object: time until which a copy of an archived object can be read, in milliseconds since the epoch."""
_COMPLETED = "ObjectRestore:Completed"


@dataclass(frozen=True)
class ChangeCause:
    """The originator of a change, and its event names: `writes` follows `ObjectCreated:`, `removes` precedes `:Delete`.

    `absent_too`: True to announce deletions of missing keys, as AWS does for those of DeleteObjects. Source: recorded on AWS,
    localstack test_s3_notifications_sqs::test_delete_objects.
    """

    writes: str = "Put"
    absent_too: bool = False
    removes: str = "ObjectRemoved"
    request_id: str = ""
    principal: str = SERVICE
    address: str = SERVICE


OWN = ChangeCause()
"""The server itself, which writes for jobs."""
LIFECYCLE = ChangeCause(removes="LifecycleExpiration")


def announce(connection: Connection, bucket: Bucket, version: Version, name: str, cause: ChangeCause) -> None:
    """Queues the notices of a change. `name`: the event without `s3:`. To be called in the transaction of the change."""
    document = bucket.configuration.get(KIND)
    if not document:
        return
    family = name.partition(":")[0]
    requested: list[Wanted] = []
    for member, destination in ARNS.items():
        for one in document.get(member, ()):
            if concerns(one, name, version.key):
                record = _record(bucket, name, cause) | {"s3": _described(bucket, version, name, one["Id"])}
                if name == _COMPLETED:
                    record |= _glacier_data(version)
                event = {"arn": one[destination], "message": {"Records": [record]}}
                requested.append((f"{SUBJECT}{bucket.name}/{one[destination]}", event))
    if BRIDGE in document and (kind := _DETAIL_TYPES.get(name) or _DETAIL_TYPES.get(family)):
        event = _bridged(bucket, version, name, cause) | {"detail-type": kind}
        requested.append((f"{SUBJECT}{bucket.name}/{BRIDGE}", {"region": bucket.region, "event": event}))
    deliveries.queue_in(connection, requested)


def concerns(configuration: Mapping[str, Any], name: str, key: str) -> bool:
    """Returns True if the configuration includes the event, and its filter accepts the key."""
    if not any(_covers(event.removeprefix("s3:"), name) for event in configuration["Events"]):
        return False
    rules = filter_of(configuration)
    return key.startswith(rules["Prefix"]) and key.endswith(rules["Suffix"])


def filter_of(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Returns `Prefix` and `Suffix` of a configuration, "" if missing."""
    rules: Sequence[Mapping[str, Any]] = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return {"Prefix": "", "Suffix": "", **{rule["Name"]: rule["Value"] for rule in rules}}


def _covers(event: str, name: str) -> bool:
    return event == name or (event.endswith(":*") and name.startswith(event[:-1]))


def share_events(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Returns True if an event of a key can match both."""
    if not any(_covers(a, b) or _covers(b, a) for a in one["Events"] for b in other["Events"]):
        return False
    mine, others = filter_of(one), filter_of(other)
    return _nested(mine["Prefix"], others["Prefix"]) and _nested(mine["Suffix"][::-1], others["Suffix"][::-1])


def _nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def iso_time(at_ms: int, precision: str = "milliseconds") -> str:
    return to_datetime(at_ms).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _record(bucket: Bucket, name: str, cause: ChangeCause) -> dict[str, Any]:
    return {
        "eventVersion": "2.1" if name.partition(":")[0] in _OLD_FORM else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso_time(time.time_ns() // 1_000_000),
        "eventName": name,
        "userIdentity": {"principalId": f"AmazonCustomer:{bucket.account}" if name == _COMPLETED else cause.principal},
        "requestParameters": {"sourceIPAddress": SERVICE if name == _COMPLETED else cause.address},
        "responseElements": {"x-amz-request-id": cause.request_id, "x-amz-id-2": cause.request_id},
    }


def _glacier_data(version: Version) -> dict[str, Any]:
    restored = {
        "lifecycleRestorationExpiryTime": iso_time(version.headers.get(RESTORED, 0)),
        "lifecycleRestoreStorageClass": version.headers.get("StorageClass", "STANDARD"),
    }
    return {"glacierEventData": {"restoreEventData": restored}}


def _described(bucket: Bucket, version: Version, name: str, configuration: str) -> dict[str, Any]:
    members = {"eTag": "eTag", "version": "versionId"}
    described = {"key": quote_plus(version.key, safe="/"), **_object(version, name, members)}
    if name.startswith("ObjectRestore"):
        described["sequencer"] = _sequencer()
    owner = {"principalId": bucket.account}
    return {
        "s3SchemaVersion": "1.0",
        "configurationId": configuration,
        "bucket": {"name": bucket.name, "ownerIdentity": owner, "arn": f"arn:aws:s3:::{bucket.name}"},
        "object": described,
    }


def _object(version: Version, name: str, members: Mapping[str, str]) -> dict[str, Any]:
    """Returns the event's members of an object besides its key."""
    described: dict[str, Any] = {}
    family, _, act = name.partition(":")
    if family in {"ObjectCreated", "ObjectRestore"}:
        described["size"] = version.size
    if act == "DeleteMarkerCreated":
        described[members["eTag"]] = MARKER_ETAG
    elif act != "Delete" or family == "ObjectTagging":
        described[members["eTag"]] = version.etag
    if version.version not in {"", NULL_VERSION}:
        described[members["version"]] = version.version
    if family in {"ObjectCreated", "ObjectRemoved", "LifecycleExpiration"}:
        described["sequencer"] = _sequencer()
    return described


def _sequencer() -> str:
    return f"{time.time_ns():018X}"


def _bridged(bucket: Bucket, version: Version, name: str, cause: ChangeCause) -> dict[str, Any]:
    family, _, act = name.partition(":")
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {"key": version.key, **_object(version, name, {"eTag": "etag", "version": "version-id"})},
        "request-id": cause.request_id,
        "requester": bucket.account if cause.request_id else SERVICE,
    }
    if cause.request_id and name != _COMPLETED:
        detail["source-ip-address"] = cause.address
    if reason := _REASONS.get(name) or _REASONS.get(family):
        detail["reason"] = reason
    if family in {"ObjectRemoved", "LifecycleExpiration"}:
        detail["deletion-type"] = "Delete Marker Created" if act == "DeleteMarkerCreated" else "Permanently Deleted"
    if family == "ObjectRestore":
        detail["source-storage-class"] = version.headers.get("StorageClass", "STANDARD")
    if name == _COMPLETED:
        detail["restore-expiry-time"] = iso_time(version.headers.get(RESTORED, 0), "seconds")
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "source": "aws.s3",
        "account": bucket.account,
        "time": iso_time(time.time_ns() // 1_000_000, "seconds"),
        "region": bucket.region,
        "resources": [f"arn:aws:s3:::{bucket.name}"],
        "detail": detail,
    }
