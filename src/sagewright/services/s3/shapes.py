"""Between S3's members and what the object store keeps: properties of a request, members of an answer."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.placing import Conditions, Properties
from sagewright.services.s3.archives import restored
from sagewright.services.s3.encryption import check_encryption, encryption_members
from sagewright.services.s3.locks import check_no_lock
from sagewright.store.objects import NULL_VERSION, Version

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
"""Kept and told, all of them stored the same way; `archives` says which can't be read at once."""

CONTENT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
SETTINGS = (
    "WebsiteRedirectLocation",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "StorageClass",
)
DEFAULT_TYPE = "binary/octet-stream"
MAX_METADATA_BYTES = 2048
MAX_TAGS = 10
SYSTEM_TAGS = "System tags cannot be added/updated by requester"
ACLS_THAT_CHANGE_NOTHING = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})


def owner(context_account: str) -> dict[str, str]:
    """The owner of everything, with the canonical user id made from the account."""
    return {"ID": hashlib.sha256(f"sagewright:{context_account}".encode()).hexdigest()}


def properties(request: Mapping[str, Any]) -> Properties:
    """What PutObject, CopyObject and CreateMultipartUpload say of an object besides its bytes. Raises AwsError."""
    check_settings(request)
    return Properties(kept_headers(request), user_metadata(request), tags_of_header(request.get("Tagging")))


def kept_headers(request: Mapping[str, Any], names: tuple[str, ...] = CONTENT + SETTINGS) -> dict[str, Any]:
    kept = {name: request[name] for name in names if request.get(name) is not None}
    if "ContentType" in names:
        kept.setdefault("ContentType", DEFAULT_TYPE)
    if "aws-chunked" in kept.get("ContentEncoding", "").lower():  # how the body came, not what it is
        codings = [c.strip() for c in kept["ContentEncoding"].split(",")]
        kept["ContentEncoding"] = ", ".join(c for c in codings if c and c.lower() != "aws-chunked")
    if not kept.get("ContentEncoding", " "):
        del kept["ContentEncoding"]
    if isinstance(kept.get("Expires"), datetime):
        kept["Expires"] = to_ms(kept["Expires"])
    if kept.get("StorageClass") == STANDARD:
        del kept["StorageClass"]
    return kept


def user_metadata(request: Mapping[str, Any]) -> dict[str, str]:
    metadata: dict[str, str] = request.get("Metadata") or {}
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise AwsError("MetadataTooLarge", message, 400, {"MaxSizeAllowed": str(MAX_METADATA_BYTES)})
    return metadata


def check_settings(request: Mapping[str, Any]) -> None:
    """Refuse what cannot be honoured: access lists, customer keys, unknown classes."""
    if request.get("StorageClass", STANDARD) not in STORAGE_CLASSES:
        raise AwsError("InvalidStorageClass", "The storage class you specified is not valid", 400)
    check_encryption(request)
    if request.get("SSECustomerAlgorithm") or request.get("SSECustomerKey"):
        message = "Objects encrypted with customer-provided keys are not served."
        raise AwsError("NotImplemented", message)
    check_acl(request)
    check_no_lock(request)


def check_acl(request: Mapping[str, Any]) -> None:
    """Raises AccessControlListNotSupported, as a bucket with BucketOwnerEnforced does."""
    grants = [name for name in request if name.startswith("Grant") and request[name]]
    if grants or request.get("ACL", "private") not in ACLS_THAT_CHANGE_NOTHING:
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)


def tags_of_header(text: str | None) -> dict[str, str]:
    """The tags of `k=v&k2=v2`. Raises InvalidArgument, InvalidTag."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise errors.invalid_argument("The header 'x-amz-tagging' shall be encoded as UTF-8", "x-amz-tagging") from None
    return checked_tags([{"Key": key, "Value": value} for key, value in pairs], MAX_TAGS)


def checked_tags(tags: list[dict[str, Any]], most: int) -> dict[str, str]:
    """Raises BadRequest, InvalidTag."""
    if len(tags) > most:
        message = (
            f"Object tags cannot be greater than {most}"
            if most == MAX_TAGS
            else f"At most {most} tags, got {len(tags)}"
        )
        raise AwsError("BadRequest", message, 400)
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= 128:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", 400, {"TagKey": key})
        if len(value) > 256:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid", 400, {"TagValue": value})
        if key.lower().startswith("aws:"):
            message = "Your TagKey cannot be prefixed with aws:" if most == MAX_TAGS else SYSTEM_TAGS
            raise AwsError("InvalidTag", message, 400, {"TagKey": key})
        if key in found:
            message = "Cannot provide multiple Tags with the same key"
            raise AwsError("InvalidTag", message, 400, {"TagKey": key})
        found[key] = value
    return found


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def conditions(request: Mapping[str, Any]) -> Conditions:
    return Conditions(request.get("IfMatch"), request.get("IfNoneMatch"))


def quoted(etag: str) -> str:
    return f'"{etag}"'


def modified(version: Version) -> datetime:
    return whole_second(version.modified_ms)


def whole_second(at_ms: int) -> datetime:
    """As S3 keeps times, so that headers and lists agree."""
    return _second(at_ms // 1000)


@lru_cache(maxsize=10_000)
def _second(at_s: int) -> datetime:
    return to_datetime(at_s * 1000)


def version_id(version: Version) -> str | None:
    return None if version.version == NULL_VERSION else version.version


def checksum_members(checksums: Mapping[str, str], *, kind: bool = True) -> dict[str, str]:
    """`ChecksumCRC32` and so on, with `ChecksumType` if `kind`."""
    members = {f"Checksum{name}": value for name, value in checksums.items()}
    if kind and checksums:
        members["ChecksumType"] = checksum_type(checksums)
    return members


def checksum_type(checksums: Mapping[str, str]) -> str:
    return "COMPOSITE" if any("-" in value for value in checksums.values()) else "FULL_OBJECT"


def head_members(version: Version) -> dict[str, Any]:
    """What GetObject and HeadObject tell of a version."""
    headers = restored(dict(version.headers))
    if "Expires" in headers:
        headers["Expires"] = to_datetime(headers["Expires"])
    return {
        **headers,
        **encryption_members(headers),
        "AcceptRanges": "bytes",
        "ETag": quoted(version.etag),
        "LastModified": modified(version),
        "Metadata": {name: _ascii(value) for name, value in version.user_metadata.items()},
        "VersionId": version_id(version),
        "TagCount": len(version.tags) or None,
    }


def _ascii(value: str) -> str:
    """S3 answers metadata beyond ASCII in the form of RFC 2047."""
    return value if value.isascii() else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
