"""Configurations of a bucket: documents that are stored, returned and deleted, declared in one table.

A kind is a line of SETTINGS: its operations follow from it. The documents take effect elsewhere: cross-origin rules in `cors`,
policies in `access`, lifecycle rules in the object store.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors, locks, rules
from sagewright.objects.buckets import ENABLED, SUSPENDED
from sagewright.services.aws.s3.buckets import cors
from sagewright.services.aws.s3.encryption import ALGORITHMS, BASE, KMS
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
OWNERSHIPS = frozenset({"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"})
BASE_ENCRYPTION = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
}
Document = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A kind of document. `operations`: the names of those that put, get and delete it, "" for an unsupported one.

    `member`: the document's member in the request, and in the response if it is `wrapped`. `missing`: code and message for a bucket
    without one, unless `default` is set. `takes` raises for the name of a bucket that can't have such a document; `check` returns
    the document to store, or raises. `beside`: members that are stored and returned with the document, each with its values, the
    default first.
    """

    kind: str
    operations: tuple[str, str, str]
    member: str = ""
    missing: tuple[str, str] = ("", "")
    default: Document | None = None
    wrapped: bool = False
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    check: Callable[[Document], Document] = field(default=lambda document: document)
    takes: Callable[[str], None] = field(default=lambda _: None)
    show: Callable[[Document], Document] = field(default=lambda document: document)


def _block(document: Document) -> Document:
    return {name: document.get(name, False) for name in BLOCKS}


def _dates_as(value: Any, kind: type, convert: Callable[[Any], Any]) -> Any:
    """Returns `value` with every member `Date` of type `kind` converted."""
    if isinstance(value, list):
        return [_dates_as(item, kind, convert) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: convert(item) if name == "Date" and isinstance(item, kind) else _dates_as(item, kind, convert)
        for name, item in value.items()
    }


def _rules(document: Document) -> Document:
    if not 1 <= len(document.get("Rules") or ()) <= rules.MOST_RULES:
        raise errors.malformed_xml()
    rules.check(document)
    named = [{**rule, "ID": rule.get("ID") or secrets.token_hex(16)} for rule in document["Rules"]]
    kept: Document = _dates_as({**document, "Rules": named}, datetime, datetime.isoformat)
    return kept


def _rules_shown(document: Document) -> Document:
    shown: Document = _dates_as(document, str, datetime.fromisoformat)
    return shown


def _ownership(document: Document) -> Document:
    if [rule.get("ObjectOwnership") in OWNERSHIPS for rule in document.get("Rules") or ()] != [True]:
        raise errors.malformed_xml()
    return document


def _encryption(document: Document) -> Document:
    if len(document.get("Rules") or ()) != 1:
        raise errors.malformed_xml()
    chosen = document["Rules"][0].get("ApplyServerSideEncryptionByDefault") or {}
    if chosen.get("SSEAlgorithm", BASE) not in ALGORITHMS:
        raise errors.malformed_xml()
    if chosen.get("KMSMasterKeyID") and chosen["SSEAlgorithm"] not in KMS:
        message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
        raise errors.invalid_argument(message, "ApplyServerSideEncryptionByDefault", None)
    return document


def _accelerable(bucket: str) -> None:
    """Source: recorded on AWS, localstack test_s3_api::TestS3BucketAccelerateConfiguration."""
    if "." in bucket:
        message = "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        raise errors.invalid_request(message)


def _acceleration(document: Document) -> Document:
    if document.get("Status") not in {ENABLED, SUSPENDED}:
        raise errors.malformed_xml()
    return document


SETTINGS = (
    Setting(
        "cors",
        ("PutBucketCors", "GetBucketCors", "DeleteBucketCors"),
        "CORSConfiguration",
        ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        check=cors.checked,
    ),
    Setting(
        "lifecycle",
        ("PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
        "LifecycleConfiguration",
        ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        beside={"TransitionDefaultMinimumObjectSize": ("all_storage_classes_128K", "varies_by_storage_class")},
        check=_rules,
        show=_rules_shown,
    ),
    Setting(
        "public access",
        ("PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock"),
        "PublicAccessBlockConfiguration",
        ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        wrapped=True,
        check=_block,
    ),
    Setting(
        "encryption",
        ("PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption"),
        "ServerSideEncryptionConfiguration",
        default=BASE_ENCRYPTION,
        wrapped=True,
        check=_encryption,
    ),
    Setting(
        "ownership",
        ("PutBucketOwnershipControls", "GetBucketOwnershipControls", "DeleteBucketOwnershipControls"),
        "OwnershipControls",
        ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        wrapped=True,
        check=_ownership,
    ),
    Setting(
        "replication",
        ("", "GetBucketReplication", ""),
        missing=("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    ),
    Setting(
        locks.KIND,
        ("", "GetObjectLockConfiguration", ""),  # `locks` has the other one
        "ObjectLockConfiguration",
        wrapped=True,
        missing=(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    ),
    Setting(
        "website",
        ("", "GetBucketWebsite", ""),
        missing=("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    ),
    Setting(
        "acceleration",
        ("PutBucketAccelerateConfiguration", "GetBucketAccelerateConfiguration", ""),
        "AccelerateConfiguration",
        default={},
        check=_acceleration,
        takes=_accelerable,
    ),
    Setting("logging", ("", "GetBucketLogging", ""), default={}),
    Setting("request payment", ("", "GetBucketRequestPayment", ""), default={"Payer": "BucketOwner"}),
)


def at_first(ownership: str | None) -> dict[str, Document]:
    """Returns the documents of a new bucket: as on AWS, access lists are off and nothing is public. Raises InvalidArgument."""
    if ownership is not None and ownership not in OWNERSHIPS:
        message = f"Invalid x-amz-object-ownership header: {ownership}"
        raise errors.invalid_argument(message, "x-amz-object-ownership", None)
    return {
        "ownership": {"Rules": [{"ObjectOwnership": ownership or "BucketOwnerEnforced"}]},
        "public access": dict.fromkeys(BLOCKS, True),
    }


def find(bucket: Bucket, setting: Setting) -> Document:
    """Raises the error of the kind if there is none."""
    document: Document | None = bucket.configuration.get(setting.kind, setting.default)
    if document is None:
        code, message = setting.missing
        raise AwsError(code, message, 404, {"BucketName": bucket.name})
    return document


def _chosen(name: str, value: str | None, values: Sequence[str]) -> str:
    """Raises InvalidRequest unless it is one of `values`, the first of which is the default."""
    if value is not None and value not in values:
        raise errors.invalid_request(f"Invalid {name} found: {value}")
    return value or values[0]


def _serve(setting: Setting) -> None:
    def put(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        setting.takes(request["Bucket"])
        document = setting.check(need(request.get(setting.member)))
        beside = {name: _chosen(name, request.get(name), values) for name, values in setting.beside.items()}
        context.objects.buckets.configure(request["Bucket"], setting.kind, document | beside)
        return beside

    def get(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        document = setting.show(find(context.objects.buckets.get(request["Bucket"]), setting))
        document = {name: values[0] for name, values in setting.beside.items()} | document
        return {setting.member: document} if setting.wrapped else document

    def delete(context: Context, request: dict[str, Any]) -> dict[str, Any]:
        context.objects.buckets.configure(request["Bucket"], setting.kind, None)
        return {}

    for name, function in zip(setting.operations, (put, get, delete), strict=True):
        if name:
            s3_operation(name)(function)


for _setting in SETTINGS:
    _serve(_setting)
