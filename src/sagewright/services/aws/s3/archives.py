"""Archived objects: they are listed and described, but can't be read until RestoreObject restores them for some days.

Source: S3's API reference, RestoreObject, and InvalidObjectState of GetObject. Here an object is restored at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sagewright.model.clock import now_ms, to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.notices import RESTORED
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.objects import Version

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
TIERS = {"GLACIER": ("Standard", "Bulk", "Expedited"), "DEEP_ARCHIVE": ("Standard", "Bulk")}


def check_readable(version: Version) -> None:
    """Raises InvalidObjectState for an archived object that is not restored."""
    kind = version.headers.get("StorageClass")
    if kind in ARCHIVES and version.headers.get(RESTORED, 0) <= now_ms():
        message = "The operation is not valid for the object's storage class"
        raise AwsError("InvalidObjectState", message, 403, {"StorageClass": kind})


def restored(headers: dict[str, Any]) -> dict[str, Any]:
    """Returns the headers to send, with `Restore` while a copy can be read."""
    until_ms = headers.pop(RESTORED, 0)
    if until_ms > now_ms():
        date = format_datetime(to_datetime(until_ms), usegmt=True)
        headers["Restore"] = f'ongoing-request="false", expiry-date="{date}"'
    return headers


@s3_operation("RestoreObject")
def restore_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns 202 for a newly restored object, 200 for one that was restored already and gets another expiry."""
    version = context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    kind = version.headers.get("StorageClass", "STANDARD")
    if kind not in ARCHIVES:
        message = "Restore is not allowed for the object's current storage class"
        raise AwsError("InvalidObjectState", message, 403, {"StorageClass": kind})
    requested = need(request.get("RestoreRequest"))
    if requested.get("Type") == "SELECT" or "SelectParameters" in requested:
        raise AwsError("NotImplemented", "Selecting from archived objects is not served.")
    days = requested.get("Days")
    if days is None:
        raise errors.malformed_xml()
    if days < 1:
        raise errors.invalid_argument("Days must be a positive integer", "Days", days)
    tier = (requested.get("GlacierJobParameters") or {}).get("Tier") or requested.get("Tier") or "Standard"
    if tier not in TIERS[kind]:
        raise errors.invalid_argument(f"Retrieval option is not supported by this storage class: {tier}", "Tier", tier)
    again = version.headers.get(RESTORED, 0) > now_ms()
    until_ms = to_ms(_end(days))
    events = () if again else ("ObjectRestore:Post", "ObjectRestore:Completed")
    context.objects.contents.change_headers(
        version, lambda headers: headers | {RESTORED: until_ms}, events, cause(context)
    )
    return {"__status__": 200 if again else 202}


def _end(days: int) -> datetime:
    """Returns midnight UTC after `days` days."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=min(days, 36_500) + 1)
