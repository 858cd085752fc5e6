"""ListObjects, ListObjectsV2, ListObjectVersions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sagewright.model.aws.columns import Columns
from sagewright.objects import errors
from sagewright.objects.listing import ListingQuery, ObjectPage
from sagewright.services import paging
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.objects import ListedVersion

MOST = 1000
_PLAIN = re.compile(r"[A-Za-z0-9/*._-]*")


@dataclass(frozen=True)
class Listed:
    """Common parameters of the list operations; `show` returns a key in the requested encoding."""

    requested: ListingQuery
    show: Callable[[str | None], str | None]

    def members(self, request: dict[str, Any], page: ObjectPage) -> dict[str, Any]:
        """Returns the members common to the three responses."""
        return {
            "Name": request["Bucket"],
            "Prefix": self.show(self.requested.prefix),
            "Delimiter": self.show(request.get("Delimiter") or None),
            "MaxKeys": self.requested.limit,
            "EncodingType": request.get("EncodingType"),
            "IsTruncated": page.truncated,
            "CommonPrefixes": [{"Prefix": self.show(prefix)} for prefix in page.prefixes],
        }

    def contents(self, versions: Sequence[ListedVersion], owner: dict[str, str] | None = None) -> Columns:
        """Returns the members common to objects and versions."""
        if not versions:
            return Columns(0, {}, {})
        keys, *_, sizes, etags, modified, headers, checksums = zip(*versions, strict=True)
        columns = {
            "Key": list(map(self.show, keys)),
            "LastModified": [shapes.whole_second(at_ms) for at_ms in modified],
            "ETag": [f'"{etag}"' for etag in etags],
            "Size": sizes,
            "StorageClass": [found.get("StorageClass", shapes.STANDARD) for found in headers],
        }
        if any(checksums):
            columns["ChecksumAlgorithm"] = [tuple(found) or None for found in checksums]
            columns["ChecksumType"] = [shapes.checksum_type(found) if found else None for found in checksums]
        return Columns(len(versions), columns, {"Owner": owner})


def read_asked(request: dict[str, Any], limit: str = "MaxKeys") -> Listed:
    """Raises InvalidArgument."""
    most = request.get(limit)
    most = MOST if most is None else most
    if not 0 <= most < 2**31:
        name = "max-" + limit.removeprefix("Max").lower()
        raise errors.invalid_argument(f"Argument {name} must be an integer between 0 and 2147483647", name, most)
    return Listed(
        ListingQuery(request.get("Prefix") or "", request.get("Delimiter") or "", min(most, MOST)),
        key_encoding(request.get("EncodingType")),
    )


def key_encoding(kind: str | None) -> Callable[[str | None], str | None]:
    """Raises InvalidArgument for an encoding other than url."""
    if kind is None:
        return lambda text: text
    if kind.lower() != "url":
        raise errors.invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", kind)
    return _url_encoded


def _url_encoded(text: str | None) -> str | None:
    return text if text is None or _PLAIN.fullmatch(text) else quote(text, safe="/*-._")


@s3_operation("ListObjects")
def list_objects(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed = read_asked(request)
    page = context.objects.listing.keys(request["Bucket"], listed.requested, request.get("Marker") or "")
    owner = shapes.owner(context.account)
    return {
        **listed.members(request, page),
        "Marker": listed.show(request.get("Marker") or ""),
        "NextMarker": listed.show(page.next_key) if page.truncated and listed.requested.delimiter else None,
        "Contents": listed.contents(page.entries, owner),
    }


@s3_operation("ListObjectsV2")
def list_objects_v2(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed, token = read_asked(request), request.get("ContinuationToken")
    refusal = errors.invalid_argument("The continuation token provided is incorrect", "continuation-token", None)
    if token == "":
        raise refusal
    marker = (paging.decode(token, refusal) or [request.get("StartAfter") or ""])[0]
    page = context.objects.listing.keys(request["Bucket"], listed.requested, marker)
    owner = shapes.owner(context.account) if request.get("FetchOwner") else None
    return {
        **listed.members(request, page),
        "KeyCount": page.count,
        "StartAfter": None if token else listed.show(request.get("StartAfter")),
        "ContinuationToken": token,
        "NextContinuationToken": paging.encode([page.next_key]) if page.truncated else None,
        "Contents": listed.contents(page.entries, owner),
    }


@s3_operation("ListObjectVersions")
def list_object_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed = read_asked(request)
    marker, version = request.get("KeyMarker") or "", request.get("VersionIdMarker") or None
    if version and not marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise errors.invalid_argument(message, "version-id-marker", version)
    page = context.objects.listing.versions(request["Bucket"], listed.requested, marker, version)
    owner = shapes.owner(context.account)
    return {
        **listed.members(request, page),
        "KeyMarker": listed.show(marker),
        "VersionIdMarker": request.get("VersionIdMarker") or "",
        "NextKeyMarker": listed.show(page.next_key) if page.truncated else None,
        "NextVersionIdMarker": page.next_version if page.truncated else None,
        "Versions": _versions(listed, [v for v in page.entries if not v.delete_marker], owner),
        "DeleteMarkers": [_marker(listed, v, owner) for v in page.entries if v.delete_marker],
    }


def _versions(listed: Listed, versions: list[ListedVersion], owner: dict[str, str]) -> Columns:
    common = listed.contents(versions, owner)
    columns = {
        **common.columns,
        "VersionId": [version.version for version in versions],
        "IsLatest": [version.latest for version in versions],
        # The model knows no other class here.
        "StorageClass": [one if one == shapes.STANDARD else None for one in common.columns.get("StorageClass", ())],
    }
    return Columns(len(versions), columns, common.same)


def _marker(listed: Listed, version: ListedVersion, owner: dict[str, str]) -> dict[str, Any]:
    return {
        "Key": listed.show(version.key),
        "VersionId": version.version,
        "IsLatest": version.latest,
        "LastModified": shapes.whole_second(version.modified_ms),
        "Owner": owner,
    }
