"""Conditions on reads: If-Match and its three relatives, for GET, HEAD and the source of a copy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sagewright.objects import errors
from sagewright.services.aws.s3.shapes import modified
from sagewright.store.objects.objects import Version

_SOURCE = "x-amz-copy-source-"


def check_read(request: Mapping[str, Any], version: Version, prefix: str = "") -> bool:
    """Returns False if the answer is 304. Raises PreconditionFailed. Entity tags take precedence over dates, as in RFC 9110.

    A date in the future is ignored (RFC 9110, 13.1.3). `prefix`: of the headers' names.
    """
    match, unmodified = request.get("IfMatch"), request.get("IfUnmodifiedSince")
    if match is not None:
        if not _matches(match, version.etag):
            raise errors.precondition_failed(f"{prefix}If-Match")
    elif unmodified is not None and modified(version) > unmodified:
        raise errors.precondition_failed(f"{prefix}If-Unmodified-Since")
    none_match, since = request.get("IfNoneMatch"), request.get("IfModifiedSince")
    if none_match is not None:
        return not _matches(none_match, version.etag)
    return since is None or modified(version) > since or since > datetime.now(UTC)


def check_source(request: Mapping[str, Any], version: Version) -> None:
    """Checks the conditions on the source of a copy, where each failure is PreconditionFailed."""
    names = ("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince")
    requested: dict[str, str | datetime | None] = {name: request.get(f"CopySource{name}") for name in names}
    if not check_read(requested, version, _SOURCE):
        failed = "If-None-Match" if requested["IfNoneMatch"] is not None else "If-Modified-Since"
        raise errors.precondition_failed(f"{_SOURCE}{failed}")


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags
