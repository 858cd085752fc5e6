"""Object lock: a bucket's configuration of it, retentions and legal holds of versions.

Source: S3's API reference and user guide, "Object Lock"; wording and codes as recorded on AWS, localstack
test_s3::TestS3ObjectLockRetention and TestS3ObjectLockLegalHold, test_s3_api::TestS3ObjectLock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors, locks
from sagewright.objects.locks import HOLD, KIND, MODE, MODES, UNTIL, Retention
from sagewright.services.aws.s3 import access
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Version

MEMBERS = (MODE, UNTIL, HOLD)
ENABLED = {"ObjectLockEnabled": "Enabled"}
HOLDS = frozenset({locks.ON, "OFF"})
MOST_DAYS, MOST_YEARS = 36_500, 100
_BYPASS = "x-amz-bypass-governance-retention"
_PACIFIC = timezone(timedelta(hours=-8), "PST")


@s3_operation("PutObjectLockConfiguration")
def put_object_lock_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    document = request.get("ObjectLockConfiguration")
    if document is None:
        raise AwsError("MissingRequestBodyError", "Request Body is empty")
    if document.get("ObjectLockEnabled") != "Enabled":
        raise errors.malformed_xml()
    if "Rule" in document:
        _check_default((document["Rule"] or {}).get("DefaultRetention") or {})
    context.objects.buckets.set_locks(request["Bucket"], document)
    return {}


def _check_default(default: Mapping[str, Any]) -> None:
    days, years = default.get("Days"), default.get("Years")
    if default.get("Mode") not in MODES or (days is None) == (years is None):
        raise errors.malformed_xml()
    for unit, value, most in (("Days", days, MOST_DAYS), ("Years", years, MOST_YEARS)):
        if value is not None and value < 1:
            message = "Default retention period must be a positive integer value."
            raise errors.invalid_argument(message, unit, value)
        if value is not None and value > most:
            raise errors.invalid_argument("Default retention period too large", unit, value)


@s3_operation("PutObjectRetention")
def put_object_retention(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Sets a retention; an empty one removes the current one."""
    version, requested = _lockable(context, request), need(request.get("Retention"))
    mode, date = requested.get("Mode"), requested.get("RetainUntilDate")
    if (mode is None) != (date is None) or mode not in {None, *MODES}:
        raise errors.malformed_xml()
    new = Retention(mode, _future(date, "RetainUntilDate")) if mode and date else None
    bypass = ignores_governance(context, request, request["Key"])
    context.objects.contents.change_headers(version, lambda now: locks.retained(now, new, now_ms(), bypass))
    return {}


@s3_operation("GetObjectRetention")
def get_object_retention(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    kept = locks.retention(_lockable(context, request).headers)
    if kept is None:
        raise _no_lock()
    return {"Retention": {"Mode": kept.mode, "RetainUntilDate": to_datetime(kept.until_ms)}}


@s3_operation("PutObjectLegalHold")
def put_object_legal_hold(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    status = need(request.get("LegalHold")).get("Status")
    version = _lockable(context, request)
    if status not in HOLDS:
        raise errors.malformed_xml()
    context.objects.contents.change_headers(version, lambda now: {**now, HOLD: status})
    return {}


@s3_operation("GetObjectLegalHold")
def get_object_legal_hold(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    headers = _lockable(context, request).headers
    if HOLD not in headers:
        raise _no_lock()
    return {"LegalHold": {"Status": headers[HOLD]}}


def lock_headers(request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the lock settings of a new object. Raises InvalidArgument."""
    mode, date, hold = (request.get(name) for name in MEMBERS)
    if (mode is None) != (date is None):
        message = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        missing = "x-amz-object-lock-mode" if mode is None else "x-amz-object-lock-retain-until-date"
        raise errors.invalid_argument(message, missing, None)
    if mode is not None and mode not in MODES:
        raise errors.invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode)
    if hold is not None and hold not in HOLDS:
        message = "Legal Hold must be either of 'ON' or 'OFF'"
        raise errors.invalid_argument(message, "x-amz-object-lock-legal-hold", hold)
    kept = Retention(mode, _future(date, "x-amz-object-lock-retain-until-date")).headers if mode and date else {}
    return kept | ({HOLD: hold} if hold else {})


def check_lockable(request: Mapping[str, Any], bucket: Bucket) -> None:
    """Raises InvalidRequest for a locked object in a bucket without object lock."""
    if KIND not in bucket.configuration and _asks(request):
        raise _without_locks()


def check_vouched(request: Mapping[str, Any], vouched: bool) -> None:
    """Raises InvalidRequest for a locked object that is uploaded without a digest."""
    if _asks(request) and not vouched:
        raise errors.invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
        )


def ignores_governance(context: Context, request: Mapping[str, Any], key: str) -> bool:
    """Returns True if the caller requests a bypass and is allowed to. Raises InvalidArgument if the bucket has no object lock."""
    requested = request.get("BypassGovernanceRetention")
    if requested is None:
        return False
    if KIND not in context.objects.buckets.get(request["Bucket"]).configuration:
        raise errors.invalid_argument(f"{_BYPASS} is only applicable to Object Lock enabled buckets.", _BYPASS, None)
    return bool(requested) and access.may(
        context, access.Act("BypassGovernanceRetention", request["Bucket"], key), request
    )


def shown(headers: dict[str, Any]) -> dict[str, Any]:
    """Returns the headers in their wire form."""
    return headers | {UNTIL: to_datetime(headers[UNTIL])} if UNTIL in headers else headers


def _asks(request: Mapping[str, Any]) -> bool:
    return any(request.get(name) is not None for name in MEMBERS)


def _lockable(context: Context, request: dict[str, Any]) -> Version:
    """Returns the requested version. Raises InvalidRequest if its bucket has no object lock."""
    try:
        version = context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    except AwsError as error:
        raise errors.marked_deleted(error) from None
    if KIND not in context.objects.buckets.get(request["Bucket"]).configuration:
        raise _without_locks()
    return version


def _future(date: datetime, name: str) -> int:
    """Returns the date in milliseconds. Raises InvalidArgument if it has passed."""
    if to_ms(date) <= now_ms():
        message = f"{date.astimezone(_PACIFIC):%a %b %d %H:%M:%S %Z %Y}"
        raise errors.invalid_argument("The retain until date must be in the future!", name, message)
    return to_ms(date)


def _without_locks() -> AwsError:
    return errors.invalid_request("Bucket is missing Object Lock Configuration")


def _no_lock() -> AwsError:
    message = "The specified object does not have a ObjectLock configuration"
    return AwsError("NoSuchObjectLockConfiguration", message, 404)
