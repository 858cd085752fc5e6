"""CreateBucket, HeadBucket, ListBuckets, DeleteBucket, GetBucketLocation."""

from __future__ import annotations

import re
from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.s3 import configuration, shapes
from sagewright.services.s3.locks import check_no_locks
from sagewright.services.s3.names import check_bucket_name
from sagewright.services.s3.operations import s3_operation

HOME = "us-east-1"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
MOST_BUCKETS = 10_000
MOST_TAGS = 50


@s3_operation("CreateBucket")
def create_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """In us-east-1 a bucket of one's own may be created again, as at AWS."""
    name = request["Bucket"]
    check_bucket_name(name)
    shapes.check_acl(request)
    check_no_locks(request)
    wanted = request.get("CreateBucketConfiguration") or {}
    region = _region(wanted.get("LocationConstraint") or None, context.region)
    documents = configuration.at_first(request.get("ObjectOwnership"))
    if wanted.get("Tags"):
        documents["tagging"] = {"TagSet": shapes.tag_set(shapes.checked_tags(wanted["Tags"], MOST_TAGS))}
    try:
        context.objects.buckets.create(name, region, documents)
    except AwsError as error:
        if error.code != "BucketAlreadyOwnedByYou" or region != HOME:
            raise
    return {"Location": f"/{name}"}


def _region(constraint: str | None, default: str) -> str:
    """Of the bucket. us-east-1 takes a constraint to any other region, the others to themselves alone, as at AWS."""
    if default not in {HOME, constraint}:
        named = constraint or "unspecified"
        message = f"The {named} location constraint is incompatible for the region specific endpoint this request was sent to."
        raise AwsError("IllegalLocationConstraintException", message)
    if constraint is None:
        return default
    if constraint == HOME or (constraint != "EU" and not _REGION.fullmatch(constraint)):
        message = "The specified location-constraint is not valid"
        raise AwsError("InvalidLocationConstraint", message, 400, {"LocationConstraint": constraint})
    return constraint


@s3_operation("HeadBucket")
def head_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket = context.objects.buckets.get(request["Bucket"])
    return {"BucketRegion": bucket.region, "AccessPointAlias": False}


@s3_operation("ListBuckets")
def list_buckets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    most, prefix = request.get("MaxBuckets", MOST_BUCKETS), request.get("Prefix") or ""
    if not 1 <= most <= MOST_BUCKETS:
        message = f"Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}"
        raise errors.invalid_argument(message, "max-buckets", most)
    refusal = errors.invalid_argument("The continuation token provided is incorrect", "continuation-token")
    after = (paging.decode(request.get("ContinuationToken"), refusal) or [""])[0]
    found = context.objects.buckets.page(prefix, after, most + 1)
    region = request.get("BucketRegion")
    shown = [
        {"Name": b.name, "CreationDate": to_datetime(b.created_ms // 1000 * 1000), "BucketRegion": b.region}
        for b in found[:most]
        if region in (None, b.region)
    ]
    return {
        "Buckets": shown,
        "Owner": shapes.owner(context.account),
        "Prefix": request.get("Prefix"),
        "ContinuationToken": paging.encode([found[most - 1].name]) if len(found) > most else None,
    }


@s3_operation("DeleteBucket")
def delete_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Unfinished uploads end with the bucket."""
    context.objects.uploads.forget(context.objects.buckets.delete(request["Bucket"]))
    return {}


@s3_operation("GetBucketLocation")
def get_bucket_location(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """S3 tells nothing for a bucket in us-east-1."""
    region = context.objects.buckets.get(request["Bucket"]).region
    return {} if region == HOME else {"LocationConstraint": region}
