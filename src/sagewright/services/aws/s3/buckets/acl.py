"""Access lists: S3's answer for a bucket whose owner owns everything, the only supported case."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context


@s3_operation("GetBucketAcl")
def get_bucket_acl(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.buckets.get(request["Bucket"])
    return _owners(context)


@s3_operation("GetObjectAcl")
def get_object_acl(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    return _owners(context)


@s3_operation("PutBucketAcl")
def put_bucket_acl(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Accepts `private`, which changes nothing, and refuses everything else."""
    return _check(context, request)


@s3_operation("PutObjectAcl")
def put_object_acl(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    try:
        context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    except AwsError as error:
        raise errors.marked_deleted(error) from None
    return _check(context, request)


def _owners(context: Context) -> dict[str, Any]:
    owner = shapes.owner(context.account)
    return {
        "Owner": owner,
        "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    }


def _check(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket = context.objects.buckets.get(request["Bucket"])
    said = any(value for name, value in request.items() if name == "ACL" or name.startswith("Grant"))
    if not said and request.get("AccessControlPolicy") is None:
        fields = {"MissingHeaderName": "x-amz-acl"}
        raise AwsError("MissingSecurityHeader", "Your request was missing a required header", 400, fields)
    if request.get("ACL") and any(value for name, value in request.items() if name.startswith("Grant")):
        raise errors.invalid_request("Specifying both Canned ACLs and Header Grants is not allowed")
    if said and request.get("AccessControlPolicy") is not None:
        raise AwsError("UnexpectedContent", "This request does not support content")
    shapes.check_acl(request, bucket)
    requested = request.get("AccessControlPolicy")
    if requested is not None and _pairs(requested) != _pairs(_owners(context)):
        raise shapes.no_acl(bucket)
    return {}


def _pairs(policy: dict[str, Any]) -> set[tuple[str | None, str | None]]:
    return {(g.get("Grantee", {}).get("ID"), g.get("Permission")) for g in policy.get("Grants") or []}
