"""How objects say that they are encrypted: as their request asks, else as their bucket's default says.

The bytes are as encrypted as the disk is; what is kept are the names. Source: S3's user guide, "Setting default server-side
encryption behavior": since 2023 every new object is encrypted, with SSE-S3 where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.objects import errors
from sagewright.services.context import Context
from sagewright.store.buckets import Bucket

BASE = "AES256"
KMS = frozenset({"aws:kms", "aws:kms:dsse"})
ALGORITHMS = frozenset({BASE, *KMS})
MEMBERS = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
_DEFAULT = "encryption"


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
    if request.get("ServerSideEncryption") is not None:
        return _with_key(context, request)
    rules = (bucket.configuration.get(_DEFAULT) or {}).get("Rules") or [{}]
    chosen = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
    if chosen.get("SSEAlgorithm", BASE) not in KMS:
        return request
    wanted = {"ServerSideEncryption": chosen["SSEAlgorithm"], "SSEKMSKeyId": chosen.get("KMSMasterKeyID")}
    if rules[0].get("BucketKeyEnabled"):
        wanted["BucketKeyEnabled"] = True
    return _with_key(context, request | wanted)


def _with_key(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Without a key of one's own KMS takes AWS's for S3."""
    if request["ServerSideEncryption"] not in KMS or request.get("SSEKMSKeyId"):
        return request
    return request | {"SSEKMSKeyId": f"arn:aws:kms:{context.region}:{context.account}:alias/aws/s3"}


def encryption_members(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What every answer about an object tells of it."""
    return {"ServerSideEncryption": BASE} | {name: headers[name] for name in MEMBERS if name in headers}
