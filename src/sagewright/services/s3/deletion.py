"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.contents import Target
from sagewright.objects.placing import Conditions, Deletion
from sagewright.services.context import Context
from sagewright.services.s3 import access
from sagewright.services.s3.operations import need, s3_operation

MOST_KEYS = 1000


@s3_operation("DeleteObject")
def delete_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    done = context.objects.contents.delete(
        request["Bucket"], request["Key"], request.get("VersionId"), Conditions(if_match=request.get("IfMatch"))
    )
    if done.unknown:
        raise errors.invalid_version(str(done.version))
    return {"DeleteMarker": True if done.marker else None, "VersionId": done.version or done.marker}


@s3_operation("DeleteObjects")
def delete_objects(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    wanted = need(request.get("Delete"))
    objects = wanted.get("Objects") or []
    if not 1 <= len(objects) <= MOST_KEYS or not all(item.get("Key") for item in objects):
        raise errors.malformed_xml()
    bucket, contents = request["Bucket"], context.objects.contents
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    objects = _allowed(context, bucket, objects, failed)
    plain = [item for item in objects if item.get("ETag") is None]
    done = contents.delete_many(bucket, [Target(item["Key"], item.get("VersionId")) for item in plain])
    deleted.extend(_deleted(deletion) for deletion in done if not deletion.unknown)
    failed.extend(_unknown(deletion) for deletion in done if deletion.unknown)
    for item in objects:
        if item.get("ETag") is not None:
            condition = Conditions(if_match=item["ETag"])
            try:
                deleted.append(_deleted(contents.delete(bucket, item["Key"], item.get("VersionId"), condition)))
            except AwsError as error:
                failed.append(_failed(item, error))
    return {"Deleted": [] if wanted.get("Quiet") else deleted, "Errors": failed}


def _allowed(
    context: Context, bucket: str, objects: list[dict[str, Any]], failed: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Those of `objects` that the caller may delete; the others are added to `failed`."""
    allowed, there = [], context.objects.buckets.get(bucket)
    for item in objects:
        action = "DeleteObjectVersion" if item.get("VersionId") else "DeleteObject"
        if access.may(context, access.Act(action, bucket, item["Key"]), item, there):
            allowed.append(item)
        else:
            failed.append(_failed(item, access.denied()))
    return allowed


def _failed(item: dict[str, Any], error: AwsError) -> dict[str, Any]:
    version = item.get("VersionId")
    return {"Key": item["Key"], "VersionId": version, "Code": error.code, "Message": error.message}


def _unknown(done: Deletion) -> dict[str, Any]:
    error = errors.no_such_version(done.key, str(done.version))
    return _failed({"Key": done.key, "VersionId": done.version}, error)


def _deleted(done: Deletion) -> dict[str, Any]:
    return {
        "Key": done.key,
        "VersionId": done.version,
        "DeleteMarker": True if done.marker else None,
        "DeleteMarkerVersionId": done.marker,
    }
