"""CreateBucket, HeadBucket, ListBuckets, DeleteBucket, GetBucketLocation."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sagewright.model.aws.service_models import partitions
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.objects import errors, locks
from sagewright.services import paging
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.buckets import configuration
from sagewright.services.aws.s3.locks import ENABLED
from sagewright.services.aws.s3.names import check_bucket_name
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.aws.s3.tags import AT_CREATION, checked_tags
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket

HOME = "us-east-1"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
MOST_BUCKETS = 10_000
MOST_TAGS = 50
LIST_PARAMETERS = ("MaxBuckets", "ContinuationToken", "Prefix", "BucketRegion")
"""Parameters any of which adds each bucket's region to ListBuckets. Source: API reference, Bucket."""


@s3_operation("CreateBucket")
def create_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Creates a bucket. As on AWS, recreating an owned bucket succeeds in us-east-1, though not with tags."""
    name = request["Bucket"]
    check_bucket_name(name)
    _check_acl(request)
    requested = request.get("CreateBucketConfiguration") or {}
    region = _region(requested.get("LocationConstraint") or None, context.region)
    documents = configuration.at_first(request.get("ObjectOwnership"))
    if request.get("ObjectLockEnabledForBucket"):
        documents[locks.KIND] = ENABLED
    if requested.get("Tags"):
        documents["tagging"] = {"TagSet": shapes.tag_set(_tags(requested["Tags"]))}
    try:
        context.objects.buckets.create(name, region, documents)
    except AwsError as error:
        if error.code != "BucketAlreadyOwnedByYou" or region != HOME or requested.get("Tags"):
            raise
    return {"Location": f"/{name}", "BucketArn": _arn(name)}


def _check_acl(request: dict[str, Any]) -> None:
    """Source: S3's user guide, Troubleshooting of object ownership. Raises InvalidBucketAclWithObjectOwnership."""
    if not shapes.gives_access(request):
        return
    if request.get("ObjectOwnership") in {None, shapes.ENFORCED}:
        message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", message)
    raise AwsError("NotImplemented", "Access lists other than the private one are not served.")


def _arn(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def _tags(tags: list[dict[str, Any]]) -> dict[str, str]:
    if any(tag.get("Key") is None or tag.get("Value") is None for tag in tags):
        raise errors.malformed_xml()
    return checked_tags(tags, MOST_TAGS, AT_CREATION)


def _region(constraint: str | None, default: str) -> str:
    """Returns the bucket's region. As on AWS, us-east-1 accepts a constraint to any other region, all others only to themselves."""
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
    return {"BucketArn": _arn(bucket.name), "BucketRegion": bucket.region, "AccessPointAlias": False}


@s3_operation("ListBuckets")
def list_buckets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    most, prefix = request.get("MaxBuckets", MOST_BUCKETS), request.get("Prefix") or ""
    if not 1 <= most <= MOST_BUCKETS:
        message = f"Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}"
        raise errors.invalid_argument(message, "max-buckets", most)
    refusal = errors.invalid_argument("The continuation token provided is incorrect", "continuation-token", None)
    after, skip = paging.begin_by_name(request.get("ContinuationToken"), refusal)
    found = context.objects.buckets.page(prefix, after, skip + most + 1)[skip:]
    region = request.get("BucketRegion")
    if region is not None and region not in _known_regions():
        message = f"Argument value {region} is not a valid AWS Region"
        raise errors.invalid_argument(message, "bucket-region", None)
    with_region = any(request.get(name) is not None for name in LIST_PARAMETERS)
    return {
        "Owner": shapes.owner(context.account),
        "Buckets": [_shown(bucket, with_region) for bucket in found[:most] if region in (None, bucket.region)],
        "Prefix": request.get("Prefix"),
        "ContinuationToken": paging.encode([found[most - 1].name]) if len(found) > most else None,
    }


def _shown(bucket: Bucket, with_region: bool) -> dict[str, Any]:
    return {
        "Name": bucket.name,
        "CreationDate": to_datetime(bucket.created_ms // 1000 * 1000),
        "BucketRegion": bucket.region if with_region else None,
        "BucketArn": _arn(bucket.name),
    }


@cache
def _known_regions() -> frozenset[str]:
    return frozenset(
        name
        for one in partitions()
        for name in one["services"].get("s3", {"endpoints": {}})["endpoints"]
        if name in one["regions"]
    )


@s3_operation("DeleteBucket")
def delete_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes a bucket and aborts its unfinished uploads."""
    context.objects.uploads.forget(context.objects.buckets.delete(request["Bucket"]))
    return {}


@s3_operation("GetBucketLocation")
def get_bucket_location(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the region; as on AWS, empty for us-east-1."""
    region = context.objects.buckets.get(request["Bucket"]).region
    return {} if region == HOME else {"LocationConstraint": region}
