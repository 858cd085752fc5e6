"""Encryption settings of objects: as requested, or else the bucket's default.

Only names are stored; the bytes are not encrypted beyond the disk's encryption. Source: S3's user guide, "Setting default
server-side encryption behavior": since 2023 every new object is encrypted, by default with SSE-S3.
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
"""Alias of AWS's key for S3."""


def check_encryption(request: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for an unknown algorithm, or a key with an algorithm that uses none."""
    algorithm = request.get("ServerSideEncryption")
    if algorithm is not None and algorithm not in ALGORITHMS:
        message = "The encryption method specified is not supported"
        raise errors.invalid_argument(message, "x-amz-server-side-encryption", algorithm)
    key = request.get("SSEKMSKeyId")
    if key is not None and algorithm not in KMS:
        message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
        raise errors.invalid_argument(message, "x-amz-server-side-encryption-aws-kms-key-id", key)


def with_default(context: Context, bucket: Bucket, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the request of a new object, with the bucket's encryption if it specifies none."""
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
    """Fills in AWS's key for S3 if KMS is requested without a key. Objects return the key's ARN, however it was named.

    Raises KMS.DisabledException, KMS.KMSInvalidStateException. An unknown key is accepted as named.
    """
    if request["ServerSideEncryption"] not in KMS:
        return request
    return request | {"SSEKMSKeyId": _usable(context, request.get("SSEKMSKeyId") or AWS_KEY)}


def check_usable(context: Context, headers: Mapping[str, Any]) -> None:
    """Checks that the key of an object to be read is usable. Raises as `_with_key`."""
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
    """Returns the encryption members of every response about an object."""
    return {"ServerSideEncryption": BASE} | {name: headers[name] for name in MEMBERS if name in headers}
