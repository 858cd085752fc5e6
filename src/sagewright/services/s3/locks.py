"""Object lock isn't served: what S3 says of a bucket that was made without it, which every bucket is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.context import Context
from sagewright.services.s3.operations import s3_operation

OPERATIONS = ("GetObjectRetention", "PutObjectRetention", "GetObjectLegalHold", "PutObjectLegalHold")


def check_no_lock(request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for an object that is to be locked."""
    if any(value for name, value in request.items() if name.startswith("ObjectLock")):
        raise _without_lock()


def check_no_locks(request: Mapping[str, Any]) -> None:
    """Raises NotImplemented for a bucket that is to have locks."""
    if request.get("ObjectLockEnabledForBucket"):
        raise AwsError("NotImplemented", "Object lock is not served.")


def _without_lock() -> AwsError:
    return errors.invalid_request("Bucket is missing Object Lock Configuration")


def _refuse(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    raise _without_lock()


for _name in OPERATIONS:
    s3_operation(_name)(_refuse)
