"""The tags of objects and of buckets."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.buckets.buckets import MOST_TAGS
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.aws.s3.tags import MAX_TAGS, tags_of_document
from sagewright.services.context import Context
from sagewright.store.objects.objects import Version


@s3_operation("PutObjectTagging")
def put_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags = tags_of_document(need(request.get("Tagging")), MAX_TAGS)
    return _set(context, request, tags)


@s3_operation("GetObjectTagging")
def get_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    version = _find(context, request)
    return {"VersionId": shapes.version_id(version), "TagSet": shapes.tag_set(version.tags)}


@s3_operation("DeleteObjectTagging")
def delete_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _set(context, request, {})


def _set(context: Context, request: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    version = _find(context, request)
    context.objects.contents.set_tags(version, tags, cause(context))
    return {"VersionId": shapes.version_id(version)}


def _find(context: Context, request: dict[str, Any]) -> Version:
    try:
        return context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    except AwsError as error:
        raise errors.marked_deleted(error) from None


@s3_operation("PutBucketTagging")
def put_bucket_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags = tags_of_document(need(request.get("Tagging")), MOST_TAGS)
    kept = {"TagSet": shapes.tag_set(tags)} if tags else None
    context.objects.buckets.configure(request["Bucket"], "tagging", kept)
    return {"__status__": 204}


@s3_operation("GetBucketTagging")
def get_bucket_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket = context.objects.buckets.get(request["Bucket"])
    tags = bucket.configuration.get("tagging")
    if not tags:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", 404, {"BucketName": bucket.name})
    return {"TagSet": tags["TagSet"]}


@s3_operation("DeleteBucketTagging")
def delete_bucket_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.buckets.configure(request["Bucket"], "tagging", None)
    return {}
