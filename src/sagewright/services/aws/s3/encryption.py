"""How objects say that they are encrypted: as their request asks, else as their bucket's default says.

The bytes are as encrypted as the disk is; what is kept are the names. Source: S3's user guide, "Setting default server-side
encryption behavior": since 2023 every new object is encrypted, with SSE-S3 where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.aws import kms_keys
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket

BASE = "AES256"
KMS = frozenset({"aws:kms", "aws:kms:dsse"})
ALGORITHMS = frozenset({BASE, *KMS})
MEMBERS = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
_DEFAULT = "encryption"
AWS_KEY = "alias/aws/s3"
"""Of the key that AWS has for S3."""


def check_encryption(request: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for an algorithm that is none, or a key that goes with none."""
    algorithm = request.get("ServerSideEncryption")
    if algorithm is not None and algorithm not in ALGORITHMS:
        message = "The encryption method specified is not supported"
        raise errors.invalid_argument(message, "x-amz-server-side-encryption", algorithm)
    key = request.get("SSEKMSKeyId")
    if key is not None and algorithm not in KMS:
        message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
        raise errors.invalid_argument(message, "x-amz-server-side-encryption-aws-kms-key-id", key)


def with_default(context: Context, bucket: Bucket, request: dict[str, Any]) -> dict[str, Any]:
    """The request of a new object, with the bucket's encryption where it asks for none."""
    rules = (bucket.configuration.get(_DEFAULT) or {}).get("Rules") or [{}]
    if request.get("ServerSideEncryption") is not None:
        if request["ServerSideEncryption"] in KMS and rules[0].get("BucketKeyEnabled"):
            request = {"BucketKeyEnabled": True} | request
        return _with_key(context, request)
    chosen = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
    if chosen.get("SSEAlgorithm", BASE) not in KMS:
        return request
    requested = {"ServerSideEncryption": chosen["SSEAlgorithm"], "SSEKMSKeyId": chosen.get("KMSMasterKeyID")}
    if rules[0].get("BucketKeyEnabled"):
        requested["BucketKeyEnabled"] = True
    return _with_key(context, request | requested)


def _with_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Without a key of one's own KMS takes AWS's for S3. Objects tell the key's ARN, however it was named.

    Raises KMS.DisabledException, KMS.KMSInvalidStateException. A key that isn't kept here is taken as it is named.
    """
    if request["ServerSideEncryption"] not in KMS:
        return request
    return request | {"SSEKMSKeyId": _usable(context, request.get("SSEKMSKeyId") or AWS_KEY)}


def check_usable(context: Context, headers: Mapping[str, Any]) -> None:
    """For who reads an object: its key has to be usable. Raises as `_with_key`."""
    if headers.get("ServerSideEncryption") in KMS and headers.get("SSEKMSKeyId"):
        _usable(context, headers["SSEKMSKeyId"])


def _usable(context: Context, named: str) -> str:
    try:
        key = kms_keys.require_key(context, named, by_alias=True)
    except AwsError:
        return kms_keys.arn_of(context, named) if kms_keys.is_id(named) else named
    arn = kms_keys.arn_of(context, key.name)
    if key.status == kms_keys.DISABLED:
        raise AwsError("KMS.DisabledException", f"{arn} is disabled.")
    if key.status in kms_keys.WAITING:
        raise AwsError("KMS.KMSInvalidStateException", f"{arn} is {kms_keys.WAITING[key.status]}.")
    return arn


def encryption_members(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What every answer about an object tells of it."""
    return {"ServerSideEncryption": BASE} | {name: headers[name] for name in MEMBERS if name in headers}
