"""Authorization in S3. Anonymous callers may do only what a bucket policy allows. Callers with a key may do everything that no
bucket policy denies and, where policies are enforced, their own policies or a bucket's allow. Access lists are not supported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.policies import documents
from sagewright.policies.evaluation import AccessDecision
from sagewright.services.access import authorizer
from sagewright.services.access.contexts import RequestValues
from sagewright.services.aws.s3 import policies
from sagewright.services.aws.s3.policies import PolicyRequest, PolicyVerdict
from sagewright.services.aws.s3.policy_conditions import EXISTING_TAG
from sagewright.services.aws.s3.sources import read_source
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket

ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Policy action of operations whose action has another name; for all others it is the operation's name."""

OF_VERSIONS = frozenset({"GetObject", "DeleteObject", "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"})
"""Actions with a different name for a specific version."""

NEVER_DENIED = frozenset({"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicyStatus"})
"""Actions always allowed to the owning account, so that it can take back a policy that denies everything."""

_KEYS_OF_MEMBERS = {
    "Prefix": "s3:prefix",
    "Delimiter": "s3:delimiter",
    "MaxKeys": "s3:max-keys",
    "VersionId": "s3:versionid",
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "StorageClass": "s3:x-amz-storage-class",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
}


CATALOGUE = "jumpstart-cache-prod-"
_OF_CATALOGUE = frozenset({"GetObject", "ListBucket"})
"""Actions that are open to all callers on the buckets of JumpStart's catalogue, as AWS's are."""
_GRANT = documents.read(
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}'
)
"""Stands for a bucket's policy that was found to allow an access."""


@dataclass(frozen=True)
class Act:
    """A single access of an operation: an action (without `s3:`) on a bucket or on a key in it."""

    action: str
    bucket: str
    key: str | None = None

    @property
    def resource(self) -> str:
        return f"arn:aws:s3:::{self.bucket}" + ("" if self.key is None else f"/{self.key}")


def authorize(context: Context, operation: str, request: Mapping[str, Any]) -> None:
    """Raises AccessDenied; NoSuchBucket for a missing bucket."""
    if request.get("Bucket") is None or operation == "CreateBucket":
        if context.principal.anonymous:
            raise denied()
        named = (
            ("CreateBucket", str(request.get("Bucket"))) if operation == "CreateBucket" else ("ListAllMyBuckets", "*")
        )
        require_own(context, Act(*named), request)
        return
    if context.principal.anonymous and any(request.get(name) for name in request if name.startswith("Response")):
        raise errors.invalid_request("Request specific response headers cannot be used for anonymous GET requests.")
    for act in _acts(operation, request):
        require(context, act, request)


def require(context: Context, act: Act, request: Mapping[str, Any]) -> None:
    """Raises AccessDenied unless the caller is allowed to do `act`."""
    refusal = refused(context, act, request)
    if refusal is not None:
        raise refusal


def may(context: Context, act: Act, request: Mapping[str, Any], bucket: Bucket | None = None) -> bool:
    """`bucket`: the bucket of `act`, if the caller has already read it."""
    return refused(context, act, request, bucket) is None


def refused(context: Context, act: Act, request: Mapping[str, Any], bucket: Bucket | None = None) -> AwsError | None:
    """Returns the refusal of an access, None for one that is allowed. `bucket`: see `may`."""
    verdict = _verdict(context, bucket or context.objects.buckets.get(act.bucket), act, request)
    if context.principal.anonymous:
        return None if verdict is PolicyVerdict.ALLOW else denied()
    decided = authorizer.is_decided(context)
    if verdict is PolicyVerdict.DENY and (decided or act.action not in NEVER_DENIED):
        return denied()
    if not decided:
        return None
    granted = verdict is PolicyVerdict.ALLOW or (act.action in _OF_CATALOGUE and act.bucket.startswith(CATALOGUE))
    made = _own_decision(context, act, request, granted=granted)
    return None if made.allows else _denied(context, act, made)


def require_own(context: Context, act: Act, request: Mapping[str, Any]) -> None:
    """Decides only by the caller's own policies: for new buckets, and those of another S3. Raises AccessDenied."""
    if authorizer.is_decided(context) and not (made := _own_decision(context, act, request)).allows:
        raise _denied(context, act, made)


def acts_elsewhere(operation: str, request: Mapping[str, Any]) -> Iterator[Act]:
    """Yields the accesses of an operation on another S3, whose body is not read: deleting several objects asks for all of them."""
    if operation == "DeleteObjects":
        yield Act("DeleteObject", request["Bucket"], "*")
    elif request.get("Bucket") is None:
        yield Act("ListAllMyBuckets", "*")
    else:
        yield from _acts(operation, request)


def denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", 403)


def _denied(context: Context, act: Act, made: AccessDecision) -> AwsError:
    resource = f'"{act.resource}"'
    return AwsError("AccessDenied", authorizer.denied(context, "s3", f"s3:{act.action}", resource, made).message, 403)


def _own_decision(context: Context, act: Act, request: Mapping[str, Any], *, granted: bool = False) -> AccessDecision:
    """`granted`: the bucket's policy allows the access already."""
    values = S3Values(context, act, request)
    by_resource = (_GRANT,) if granted else ()
    return authorizer.decision(context, f"s3:{act.action}", act.resource, values, by_resource)


class S3Values(RequestValues):
    """The values of one access; tags of an object are read when a policy asks for them."""

    def __init__(self, context: Context, act: Act, request: Mapping[str, Any]) -> None:
        super().__init__(
            lambda: authorizer.calling(context), lambda: authorizer.arriving(context), {}, _values(context, request)
        )
        self._context, self._act, self._version = context, act, request.get("VersionId")

    def __getitem__(self, key: str) -> Sequence[str]:
        if key.startswith(EXISTING_TAG) and self._act.key is not None:
            return self._tags_of_object[key]
        return super().__getitem__(key)

    @cached_property
    def _tags_of_object(self) -> dict[str, Sequence[str]]:
        return _tags_there(self._context, self._act, self._version)


def _verdict(context: Context, bucket: Bucket, act: Act, request: Mapping[str, Any]) -> PolicyVerdict:
    kept = bucket.configuration.get("policy")
    if kept is None:
        return PolicyVerdict.SILENT
    policy = policies.parsed(kept["Policy"], bucket.name)
    values = S3Values(context, act, request)
    requested = PolicyRequest(context.principal.arn, f"s3:{act.action}", act.resource, values)
    verdict = policy.judge(requested)
    restricted = bucket.configuration.get("public access", {}).get("RestrictPublicBuckets")
    if verdict is PolicyVerdict.ALLOW and context.principal.anonymous and restricted:
        return PolicyVerdict.SILENT
    return verdict


def _acts(operation: str, request: Mapping[str, Any]) -> Iterator[Act]:
    """Yields the accesses that the policy must allow for an operation. DeleteObjects checks each key separately."""
    if operation == "DeleteObjects":
        return
    action = ACTIONS.get(operation, operation)
    if request.get("VersionId") and action in OF_VERSIONS:
        action = action.replace("Object", "ObjectVersion", 1)
    yield Act(action, request["Bucket"], request.get("Key"))
    if operation == "GetObjectAttributes":
        yield Act("GetObject", request["Bucket"], request["Key"])
    if request.get("ObjectLockMode") is not None:
        yield Act("PutObjectRetention", request["Bucket"], request["Key"])
    if request.get("ObjectLockLegalHoldStatus") is not None:
        yield Act("PutObjectLegalHold", request["Bucket"], request["Key"])
    if request.get("CopySource") is not None:
        source = read_source(request["CopySource"])
        yield Act("GetObjectVersion" if source.version else "GetObject", source.bucket, source.key)


def _values(context: Context, request: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Returns the values of the condition keys.

    `aws:SourceAccount` and `aws:SourceArn` have no values: only requests of services carry them, and services make none here.
    """
    values: dict[str, Sequence[str]] = {
        key: [str(request[member])] for member, key in _KEYS_OF_MEMBERS.items() if request.get(member) is not None
    }
    if request.get("UploadId"):
        values |= _said_at_the_start(context, request)
    values["aws:currenttime"] = [datetime.now(UTC).isoformat()]
    values["aws:securetransport"] = ["true" if context.origin.secure else "false"]
    if context.origin.referer is not None:
        values["aws:referer"] = [context.origin.referer]
    if not context.principal.anonymous:
        values["aws:principalarn"] = [policies.role_of(context.principal.arn)]
        values["aws:principalaccount"] = [context.account]
    tags = _tags(request.get("Tagging"))
    if tags:
        values["s3:requestobjecttagkeys"] = [name for name, _ in tags]
        values |= {f"s3:requestobjecttag/{name}".lower(): [value] for name, value in tags}
    return values


def _tags_there(context: Context, act: Act, version: str | None) -> dict[str, Sequence[str]]:
    """Returns the current tags of the object."""
    found = context.platform.objects.tags(act.bucket, act.key or "", version)
    return {f"{EXISTING_TAG}{name}".lower(): [value] for name, value in found.items()}


def _said_at_the_start(context: Context, request: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Returns the encryption and storage class given when a multipart upload began: requests for its parts don't repeat them."""
    headers = context.platform.objects.upload_headers(request["Bucket"], request["Key"], request["UploadId"])
    return {key: [str(headers[name])] for name, key in _KEYS_OF_MEMBERS.items() if name in headers}


def _tags(tagging: Any) -> list[tuple[str, str]]:
    if isinstance(tagging, str):
        return parse_qsl(tagging, keep_blank_values=True)
    return [(tag.get("Key", ""), tag.get("Value", "")) for tag in (tagging or {}).get("TagSet") or []]
