"""PutObject, GetObject, HeadObject."""

from __future__ import annotations

import re
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.buckets import OFF
from sagewright.objects.uploads import COMPOSITE
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.archives import check_readable
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.encryption import check_usable, encryption_members, with_default
from sagewright.services.aws.s3.locks import check_vouched
from sagewright.services.aws.s3.names import check_key
from sagewright.services.aws.s3.objects import ranges
from sagewright.services.aws.s3.objects.expiry import expiration_members
from sagewright.services.aws.s3.objects.integrity import check_size, digests
from sagewright.services.aws.s3.objects.preconditions import check_read
from sagewright.services.aws.s3.objects.ranges import ObjectRange
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.objects import NULL_VERSION, Version

OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}
NOT_MODIFIED_KEEPS = ("ETag", "LastModified", "CacheControl", "Expires", "VersionId")


@s3_operation("PutObject")
def put_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket, key, body = request["Bucket"], request["Key"], request["Body"]
    check_key(key)
    check_size(request)
    requested = digests(request)
    if request.get("WriteOffsetBytes") is not None:
        raise AwsError("NotImplemented", "Appending to an object is not served.")
    there = context.objects.buckets.get(bucket)  # checked before reading the body
    shapes.check_bucket(request, there)
    check_vouched(request, bool(requested.said or requested.md5))
    properties = shapes.properties(with_default(context, there, request))
    with context.objects.blobs.take(body, requested.algorithms) as blob:
        requested.check(blob, body)
        version = context.objects.contents.put(
            bucket, key, blob, properties, shapes.conditions(request, cause(context))
        )
    return {
        "ETag": shapes.quoted(version.etag),
        "VersionId": shapes.version_id(version),
        **shapes.checksum_members(version.checksums),
        **encryption_members(version.headers),
        **expiration_members(context, version),
    }


@s3_operation("GetObject")
def get_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    version = context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    answer, part = _answer(context, request, version)
    if answer.get("__status__") == 304:
        return answer
    check_readable(version)
    check_usable(context, version.headers)
    answer["Body"] = context.objects.body(version, part.start, part.length)
    return answer


@s3_operation("HeadObject")
def head_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    version = context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    return _answer(context, request, version)[0]


def _answer(context: Context, request: dict[str, Any], version: Version) -> tuple[dict[str, Any], ObjectRange]:
    """Returns the members common to GET and HEAD, and the requested byte range."""
    answer = shapes.head_members(version)
    answer |= expiration_members(context, version, named=request.get("VersionId") is not None)
    if version.version == NULL_VERSION and context.objects.buckets.get(version.bucket).versioning != OFF:
        answer["VersionId"] = NULL_VERSION
    whole = ObjectRange(0, version.size, version.size)
    if not check_read(request, version):
        return {"__status__": 304, **{name: answer.get(name) for name in NOT_MODIFIED_KEEPS}}, whole
    for requested, name in OVERRIDES.items():
        if request.get(requested) is not None:
            answer[name] = _representable(request[requested], requested)
    part = _slice(request, version)
    tells_checksums = (request.get("ChecksumMode") or "").upper() == "ENABLED"
    if part is not None:
        answer |= {"__status__": 206, "ContentRange": part.content_range if part.length else None}
        if tells_checksums:
            answer |= _checksums_of(part, version, request.get("PartNumber"))
    elif tells_checksums:
        answer |= shapes.checksum_members(version.checksums)
    if request.get("PartNumber") is not None and version.parts:
        answer["PartsCount"] = len(version.parts)
    part = part or whole
    answer["ContentLength"] = part.length
    return answer, part


def _representable(value: Any, member: str) -> Any:
    """Raises InvalidArgument for text that can't be sent in a header."""
    if isinstance(value, str) and not value.isascii() and any(ord(char) > 0xFF for char in value):
        header = "-".join(re.findall("[A-Z][a-z]+", member)).lower()
        raise errors.invalid_argument("Header value cannot be represented using ISO-8859-1.", header, value)
    return value


def _checksums_of(part: ObjectRange, version: Version, number: int | None) -> dict[str, Any]:
    """Returns the checksums of a range: that of the part requested by number if the object has a composite checksum, or the
    object's if the range is the whole."""
    if shapes.checksum_type(version.checksums) != COMPOSITE:
        return shapes.checksum_members(version.checksums) if part.length == version.size else {}
    kept: dict[str, str] = next((part["checksums"] for part in version.parts if part["number"] == number), {})
    members = shapes.checksum_members(kept, kind=False)
    return members | {"ChecksumType": shapes.checksum_type(version.checksums)} if members else {}


def _slice(request: dict[str, Any], version: Version) -> ObjectRange | None:
    number = request.get("PartNumber")
    if number is None:
        return ranges.requested(request.get("Range"), version.size)
    if request.get("Range") is not None:
        raise errors.invalid_request("Cannot specify both Range header and partNumber query parameter")
    if number < 1:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
    return ranges.of_part(version, number)
