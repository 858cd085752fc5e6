"""CopyObject, and the resolution of a copy's source, shared with UploadPartCopy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.objects import errors
from sagewright.objects.buckets import ENABLED, OFF
from sagewright.objects.contents import draft
from sagewright.objects.placing import Properties
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.archives import check_readable
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.encryption import BASE, encryption_members, with_default
from sagewright.services.aws.s3.locks import lock_headers
from sagewright.services.aws.s3.names import check_key
from sagewright.services.aws.s3.objects.expiry import expiration_members
from sagewright.services.aws.s3.objects.integrity import check_source_size
from sagewright.services.aws.s3.objects.preconditions import check_source
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.aws.s3.sources import read_source
from sagewright.services.context import Context
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Version

_CHANGES = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")


@s3_operation("CopyObject")
def copy_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket, key = request["Bucket"], request["Key"]
    check_key(key)
    source = find_source(context, request)
    check_source_size(source.size)
    there = context.objects.buckets.get(bucket)
    shapes.check_bucket(request, there)
    _refuse_no_change(request, source, there)
    algorithm = request.get("ChecksumAlgorithm")
    version = context.objects.contents.copy(
        source,
        draft(bucket, key, _properties(with_default(context, there, request), source)),
        [algorithm] if algorithm else [],
        shapes.conditions(request, cause(context, "Copy")),
    )
    result = {"ETag": shapes.quoted(version.etag), "LastModified": shapes.modified(version)}
    return {
        "CopyObjectResult": result | shapes.checksum_members(version.checksums),
        "CopySourceVersionId": shapes.version_id(source),
        "VersionId": version.version if there.versioning != OFF else None,
        **encryption_members(version.headers),
        **expiration_members(context, version),
    }


def find_source(context: Context, request: dict[str, Any]) -> Version:
    """Returns the version that CopySource names, if its conditions are met."""
    named = read_source(request["CopySource"])
    source = context.objects.contents.find(named.bucket, named.key, named.version)
    check_source(request, source)
    check_readable(source)
    return source


def _properties(request: dict[str, Any], source: Version) -> Properties:
    given = shapes.properties(request)
    if _directive(request, "MetadataDirective") == "COPY":
        content = {name: value for name, value in source.headers.items() if name in shapes.CONTENT}
        settings = shapes.kept_headers(request, shapes.SETTINGS) | lock_headers(request)
        given = replace(given, headers=content | settings, user_metadata=source.user_metadata)
    if _directive(request, "TaggingDirective") == "COPY":
        given = replace(given, tags=source.tags)
    return given


def _directive(request: dict[str, Any], name: str) -> str:
    value = request.get(name) or "COPY"
    if value not in {"COPY", "REPLACE"}:
        raise errors.invalid_argument(f"Unknown {name}: {value}", name, value)
    return str(value)


def _refuse_no_change(request: dict[str, Any], source: Version, there: Bucket) -> None:
    """Refuses to copy an object to itself unchanged. In a versioned bucket a named version can be copied to its own key: its copy
    becomes the newest."""
    same = (source.bucket, source.key) == (request["Bucket"], request["Key"]) and source.latest
    if there.versioning == ENABLED and read_source(request["CopySource"]).version is not None:
        return
    was_told = source.headers.get("ServerSideEncryption", BASE) != BASE
    is_told = bool(there.configuration.get("encryption"))
    if was_told or is_told:  # the copy is encrypted anew, as requested or by its bucket's default
        return
    if same and _directive(request, "MetadataDirective") == "COPY" and not any(request.get(n) for n in _CHANGES):
        raise errors.invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
