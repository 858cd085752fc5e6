"""What a bucket is configured with: documents that are kept, given back and deleted.

Versioning changes what the store does. The others are kept for the clients that read them again: nothing here is
reachable without a signature, and nothing expires by itself.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects.buckets import OFF
from sagewright.services.context import Context
from sagewright.services.s3.operations import malformed_xml, need, s3_operation

MAX_POLICY_BYTES = 20 * 1024

MISSING = {
    "cors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "encryption": (
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
    "lifecycle": ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    "ownership": ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    "policy": ("NoSuchBucketPolicy", "The bucket policy does not exist"),
    "public access": (
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    ),
    "replication": ("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
    "object lock": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "website": ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
}
"""The error for each kind of document that a bucket has not."""


def _get(context: Context, request: dict[str, Any], kind: str) -> dict[str, Any]:
    bucket = context.objects.buckets.get(request["Bucket"])
    document: dict[str, Any] | None = bucket.configuration.get(kind)
    if document is None:
        code, message = MISSING[kind]
        raise AwsError(code, message, 404, {"BucketName": bucket.name})
    return document


def _put(context: Context, request: dict[str, Any], kind: str, document: dict[str, Any]) -> dict[str, Any]:
    context.objects.buckets.configure(request["Bucket"], kind, document)
    return {}


def _delete(context: Context, request: dict[str, Any], kind: str) -> dict[str, Any]:
    context.objects.buckets.configure(request["Bucket"], kind, None)
    return {}


@s3_operation("PutBucketVersioning")
def put_bucket_versioning(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    wanted = need(request.get("VersioningConfiguration"))
    if wanted.get("Status") not in {"Enabled", "Suspended"}:
        raise malformed_xml()
    if wanted.get("MFADelete") == "Enabled":
        raise AwsError("NotImplemented", "MFA delete is not served.", 501)
    context.objects.buckets.set_versioning(request["Bucket"], wanted["Status"])
    return {}


@s3_operation("GetBucketVersioning")
def get_bucket_versioning(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    state = context.objects.buckets.get(request["Bucket"]).versioning
    return {} if state == OFF else {"Status": state}


@s3_operation("PutBucketCors")
def put_bucket_cors(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _put(context, request, "cors", need(request.get("CORSConfiguration")))


@s3_operation("GetBucketCors")
def get_bucket_cors(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _get(context, request, "cors")


@s3_operation("DeleteBucketCors")
def delete_bucket_cors(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "cors")


@s3_operation("PutBucketLifecycleConfiguration")
def put_bucket_lifecycle_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The rules are kept and told; nothing expires or moves."""
    wanted = need(request.get("LifecycleConfiguration"))
    if not wanted.get("Rules"):
        raise malformed_xml()
    return _put(context, request, "lifecycle", _dates_as(wanted, datetime, datetime.isoformat))


@s3_operation("GetBucketLifecycleConfiguration")
def get_bucket_lifecycle_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _dates_as(_get(context, request, "lifecycle"), str, datetime.fromisoformat)
    return found


@s3_operation("DeleteBucketLifecycle")
def delete_bucket_lifecycle(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "lifecycle")


def _dates_as(value: Any, kind: type, convert: Any) -> Any:
    """`value` with what is `kind` under the name `Date` converted."""
    if isinstance(value, list):
        return [_dates_as(item, kind, convert) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: convert(item) if name == "Date" and isinstance(item, kind) else _dates_as(item, kind, convert)
        for name, item in value.items()
    }


@s3_operation("PutBucketPolicy")
def put_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The policy is kept and told; every caller with a key of the account may do everything."""
    policy = request.get("Policy") or ""
    try:
        good = isinstance(json.loads(policy), dict)
    except ValueError:
        good = False
    if not good:
        raise AwsError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
    if len(policy.encode()) > MAX_POLICY_BYTES:
        raise AwsError("PolicyTooLarge", f"A policy may have {MAX_POLICY_BYTES} bytes, got {len(policy.encode())}")
    return _put(context, request, "policy", {"Policy": policy}) | {"__status__": 204}


@s3_operation("GetBucketPolicy")
def get_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _get(context, request, "policy")


@s3_operation("DeleteBucketPolicy")
def delete_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "policy")


@s3_operation("GetBucketPolicyStatus")
def get_bucket_policy_status(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _get(context, request, "policy")
    return {"PolicyStatus": {"IsPublic": False}}


@s3_operation("PutPublicAccessBlock")
def put_public_access_block(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    wanted = need(request.get("PublicAccessBlockConfiguration"))
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return _put(context, request, "public access", {name: wanted.get(name, False) for name in names})


@s3_operation("GetPublicAccessBlock")
def get_public_access_block(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": _get(context, request, "public access")}


@s3_operation("DeletePublicAccessBlock")
def delete_public_access_block(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "public access")


@s3_operation("PutBucketEncryption")
def put_bucket_encryption(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Kept and told; the bytes on the disk are as encrypted as the disk is."""
    return _put(context, request, "encryption", need(request.get("ServerSideEncryptionConfiguration")))


@s3_operation("GetBucketEncryption")
def get_bucket_encryption(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"ServerSideEncryptionConfiguration": _get(context, request, "encryption")}


@s3_operation("DeleteBucketEncryption")
def delete_bucket_encryption(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "encryption")


@s3_operation("PutBucketOwnershipControls")
def put_bucket_ownership_controls(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _put(context, request, "ownership", need(request.get("OwnershipControls")))


@s3_operation("GetBucketOwnershipControls")
def get_bucket_ownership_controls(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"OwnershipControls": _get(context, request, "ownership")}


@s3_operation("DeleteBucketOwnershipControls")
def delete_bucket_ownership_controls(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _delete(context, request, "ownership")
