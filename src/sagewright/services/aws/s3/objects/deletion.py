"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors, locks
from sagewright.objects.contents import VersionToDelete
from sagewright.objects.placing import Deletion, PutConditions
from sagewright.services.aws.s3 import access
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.locks import ignores_governance
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context

MOST_KEYS = 1000
_OF_DIRECTORIES = {
    "IfMatchLastModifiedTime": "x-amz-if-match-last-modified-time",
    "IfMatchSize": "x-amz-if-match-size",
    "LastModifiedTime": "LastModifiedTime",
    "Size": "Size",
}


@s3_operation("DeleteObject")
def delete_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket, key = request["Bucket"], request["Key"]
    _check_conditions(request)
    bypass = ignores_governance(context, request, key)
    conditions = PutConditions(request.get("IfMatch"), ignores_governance=bypass, cause=cause(context))
    done = context.objects.contents.delete(bucket, key, request.get("VersionId"), conditions)
    if done.locked:
        raise locks.protected()
    if done.unknown:
        raise errors.invalid_version(str(done.version))
    return {"DeleteMarker": True if done.marker else None, "VersionId": done.version or done.marker}


@s3_operation("DeleteObjects")
def delete_objects(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = need(request.get("Delete"))
    objects = requested.get("Objects") or []
    if not 1 <= len(objects) <= MOST_KEYS or not all(item.get("Key") for item in objects):
        raise errors.malformed_xml()
    for item in objects:
        _check_conditions(item)
    bucket, contents = request["Bucket"], context.objects.contents
    bypass = all(ignores_governance(context, request, item["Key"]) for item in objects)
    failed: list[dict[str, Any]] = []
    by = replace(cause(context), absent_too=True)
    objects = _allowed(context, bucket, objects, failed)
    plain = [item for item in objects if item.get("ETag") is None]
    targets = [VersionToDelete(item["Key"], item.get("VersionId")) for item in plain]
    done = contents.delete_many(bucket, targets, PutConditions(ignores_governance=bypass, cause=by))
    for item in objects:
        if item.get("ETag") is not None:
            condition = PutConditions(if_match=item["ETag"], ignores_governance=bypass, cause=by)
            try:
                done.append(contents.delete(bucket, item["Key"], item.get("VersionId"), condition))
            except AwsError as error:
                failed.append(_failed(item, error))
    deleted = [_deleted(deletion) for deletion in done if not deletion.unknown and not deletion.locked]
    failed.extend(_refused(deletion) for deletion in done if deletion.unknown or deletion.locked)
    return {"Deleted": [] if requested.get("Quiet") else deleted, "Errors": failed}


def _check_conditions(requested: dict[str, Any]) -> None:
    """Raises NotImplemented for conditions that S3 supports only in directory buckets, so that nothing is deleted in spite of
    them."""
    for name, header in _OF_DIRECTORIES.items():
        if requested.get(name) is not None:
            raise errors.not_implemented(header, "It is for directory buckets, which are not served.")


def _allowed(
    context: Context, bucket: str, objects: list[dict[str, Any]], failed: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the `objects` that the caller is allowed to delete; adds the others to `failed`."""
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


def _refused(done: Deletion) -> dict[str, Any]:
    error = locks.protected() if done.locked else errors.no_such_version(done.key, str(done.version))
    return _failed({"Key": done.key, "VersionId": done.version}, error)


def _deleted(done: Deletion) -> dict[str, Any]:
    return {
        "Key": done.key,
        "VersionId": done.version,
        "DeleteMarker": True if done.marker else None,
        "DeleteMarkerVersionId": done.marker,
    }
