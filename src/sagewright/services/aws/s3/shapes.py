"""Converts between S3's members and the object store: properties of a request, members of a response."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.notices import ChangeCause
from sagewright.objects.placing import Properties, PutConditions
from sagewright.services.aws.s3 import locks
from sagewright.services.aws.s3.archives import restored
from sagewright.services.aws.s3.encryption import check_encryption, encryption_members
from sagewright.services.aws.s3.metadata import encoded, read_metadata
from sagewright.services.aws.s3.tags import tags_of_header
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import NULL_VERSION, Version

STANDARD = "STANDARD"
STORAGE_CLASSES = frozenset(
    {
        STANDARD,
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
    }
)
"""Stored and returned; the bytes are stored the same way for all. `archives` lists those that can't be read at once."""

CONTENT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
SETTINGS = (
    "WebsiteRedirectLocation",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "StorageClass",
)
DEFAULT_TYPE = "binary/octet-stream"
ENFORCED = "BucketOwnerEnforced"
"""Object ownership of buckets whose access lists are off, the default of new ones."""

ACLS_THAT_CHANGE_NOTHING = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})


def owner(context_account: str) -> dict[str, str]:
    """Returns the owner of everything, with a canonical user id derived from the account."""
    return {"ID": hashlib.sha256(f"sagewright:{context_account}".encode()).hexdigest()}


def properties(request: Mapping[str, Any]) -> Properties:
    """Returns an object's properties besides its bytes, from PutObject, CopyObject and CreateMultipartUpload. Raises AwsError."""
    check_settings(request)
    return Properties(
        kept_headers(request) | locks.lock_headers(request),
        read_metadata(request),
        tags_of_header(request.get("Tagging")),
    )


def kept_headers(request: Mapping[str, Any], names: tuple[str, ...] = CONTENT + SETTINGS) -> dict[str, Any]:
    kept = {name: request[name] for name in names if request.get(name) is not None}
    if "ContentType" in names:
        kept.setdefault("ContentType", DEFAULT_TYPE)
    if "aws-chunked" in kept.get("ContentEncoding", "").lower():  # describes the transfer, not the object
        codings = [c.strip() for c in kept["ContentEncoding"].split(",")]
        kept["ContentEncoding"] = ", ".join(c for c in codings if c and c.lower() != "aws-chunked")
    if not kept.get("ContentEncoding", " "):
        del kept["ContentEncoding"]
    if isinstance(kept.get("Expires"), datetime):
        kept["Expires"] = to_ms(kept["Expires"])
    if kept.get("StorageClass") == STANDARD:
        del kept["StorageClass"]
    return kept


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuses unsupported settings: customer keys, unknown classes."""
    kind = request.get("StorageClass", STANDARD)
    if kind not in STORAGE_CLASSES:
        fields = {"StorageClassRequested": kind}
        raise AwsError("InvalidStorageClass", "The storage class you specified is not valid", 400, fields)
    check_encryption(request)
    if request.get("SSECustomerAlgorithm") or request.get("SSECustomerKey"):
        message = "Objects encrypted with customer-provided keys are not served."
        raise AwsError("NotImplemented", message)


def check_bucket(request: Mapping[str, Any], bucket: Bucket) -> None:
    """Refuses settings that an object of this bucket can't have. Raises as `check_acl`, and InvalidRequest for a lock."""
    locks.check_lockable(request, bucket)
    check_acl(request, bucket)


def check_acl(request: Mapping[str, Any], bucket: Bucket) -> None:
    """Raises `no_acl` for an access list that grants access to others."""
    if gives_access(request):
        raise no_acl(bucket)


def gives_access(request: Mapping[str, Any]) -> bool:
    """Returns True if the headers of a request contain an access list other than private. Old s3fs sends an empty header."""
    grants = any(request[name] for name in request if name.startswith("Grant"))
    return grants or (request.get("ACL") or "private") not in ACLS_THAT_CHANGE_NOTHING


def no_acl(bucket: Bucket) -> AwsError:
    """Returns AccessControlListNotSupported if access lists are off, NotImplemented where AWS would accept the list."""
    rules = (bucket.configuration.get("ownership") or {}).get("Rules") or [{}]
    if rules[0].get("ObjectOwnership") == ENFORCED:
        return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)
    return AwsError("NotImplemented", "Access lists other than the private one are not served.", 400)


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def conditions(request: Mapping[str, Any], by: ChangeCause, since_ms: int | None = None) -> PutConditions:
    """Returns the conditions of a write that began at `since_ms`. Raises NotImplemented for values that S3 accepts only on
    reads."""
    match, none_match = request.get("IfMatch"), request.get("IfNoneMatch")
    if match is not None and none_match is not None:
        raise errors.not_implemented(
            "If-Match,If-None-Match", "Multiple conditional request headers present in the request"
        )
    for header, value, good in (
        ("If-Match", match, match is None or match.strip() != "*"),
        ("If-None-Match", none_match, none_match is None or none_match.strip() == "*"),
    ):
        if value is not None and not good:
            reason = f"We don't accept the provided value of {header} header for this API"
            raise errors.not_implemented(header, reason)
    return PutConditions(match, none_match, since_ms, cause=by)


def quoted(etag: str) -> str:
    return f'"{etag}"'


def modified(version: Version) -> datetime:
    return whole_second(version.modified_ms)


def whole_second(at_ms: int) -> datetime:
    """Rounds as S3 does, so that headers and lists agree."""
    return _second(at_ms // 1000)


@lru_cache(maxsize=10_000)
def _second(at_s: int) -> datetime:
    return to_datetime(at_s * 1000)


def version_id(version: Version) -> str | None:
    return None if version.version == NULL_VERSION else version.version


def checksum_members(checksums: Mapping[str, str], *, kind: bool = True) -> dict[str, str]:
    """Returns `ChecksumCRC32` and so on, with `ChecksumType` if `kind`."""
    members = {f"Checksum{name}": value for name, value in checksums.items()}
    if kind and checksums:
        members["ChecksumType"] = checksum_type(checksums)
    return members


def checksum_type(checksums: Mapping[str, str]) -> str:
    return "COMPOSITE" if any("-" in value for value in checksums.values()) else "FULL_OBJECT"


def head_members(version: Version) -> dict[str, Any]:
    """Returns the members of a version common to GetObject and HeadObject."""
    headers = locks.shown(restored(dict(version.headers)))
    if "Expires" in headers:
        headers["Expires"] = to_datetime(headers["Expires"])
    return {
        **headers,
        **encryption_members(headers),
        "AcceptRanges": "bytes",
        "ETag": quoted(version.etag),
        "LastModified": modified(version),
        "Metadata": {name: encoded(value) for name, value in version.user_metadata.items()},
        "VersionId": version_id(version),
        "TagCount": len(version.tags) or None,
    }
