"""Object lock: versions that can't be removed before a date, or while they are held.

A lock is stored in its version's headers, under S3's names. Source: S3's user guide, "How Object Lock works".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects.rules import DAY_MS
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Version

KIND = "object lock"
"""The configuration of buckets with object lock."""

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
MODES = frozenset({GOVERNANCE, COMPLIANCE})
MODE, UNTIL, HOLD = "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"
"""Header names; the date is in milliseconds since the epoch, the legal hold is ON or OFF."""

ON = "ON"
YEAR_MS = 365 * DAY_MS


@dataclass(frozen=True)
class Retention:
    """Protects a version until `until_ms`; in the mode GOVERNANCE an authorized caller can bypass it."""

    mode: str
    until_ms: int

    @property
    def headers(self) -> dict[str, Any]:
        return {MODE: self.mode, UNTIL: self.until_ms}

    def holds(self, now: int, bypass: bool) -> bool:
        return self.until_ms > now and not (bypass and self.mode == GOVERNANCE)


def retention(headers: Mapping[str, Any]) -> Retention | None:
    return Retention(headers[MODE], headers[UNTIL]) if MODE in headers else None


def protects(version: Version, now: int, bypass: bool) -> bool:
    """Returns True if a version must not be removed. `bypass`: ignores the mode GOVERNANCE, but never a hold."""
    kept = retention(version.headers)
    return version.headers.get(HOLD) == ON or (kept is not None and kept.holds(now, bypass))


def retained(headers: Mapping[str, Any], requested: Retention | None, now: int, bypass: bool) -> dict[str, Any]:
    """Returns `headers` with the retention `requested`, None to remove it.

    Raises AccessDenied if a retention in force would change its mode or end earlier.
    """
    kept = retention(headers)
    if kept is not None and kept.holds(now, bypass):
        longer = requested is not None and requested.mode == kept.mode and requested.until_ms >= kept.until_ms
        if not longer:
            raise protected()
    others = {name: value for name, value in headers.items() if name not in {MODE, UNTIL}}
    return others | (requested.headers if requested else {})


def with_default(bucket: Bucket, new: Version) -> Version:
    """Returns `new`, whose time is set, with the bucket's default retention unless it has one."""
    document = bucket.configuration.get(KIND)
    default = ((document or {}).get("Rule") or {}).get("DefaultRetention")
    if not default or new.delete_marker or MODE in new.headers:
        return new
    period_ms = (default.get("Days") or 0) * DAY_MS + (default.get("Years") or 0) * YEAR_MS
    return new.but(headers=new.headers | Retention(default["Mode"], new.modified_ms + period_ms).headers)


def protected() -> AwsError:
    return AwsError("AccessDenied", "Access Denied because object protected by object lock.", 403)


def wrong_state(message: str) -> AwsError:
    """Returns the error for a bucket whose versioning and locks are incompatible."""
    return AwsError("InvalidBucketState", message, 409)
