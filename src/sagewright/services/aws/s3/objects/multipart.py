"""CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload, AbortMultipartUpload."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import quote

from sagewright.model.clock import to_datetime
from sagewright.objects import errors
from sagewright.objects.blobs import checksums
from sagewright.objects.uploads import COMPOSITE, FULL_OBJECT, MOST_PARTS, Chosen, Expected, of_parts
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.causes import cause
from sagewright.services.aws.s3.encryption import encryption_members, with_default
from sagewright.services.aws.s3.names import check_key
from sagewright.services.aws.s3.objects import ranges
from sagewright.services.aws.s3.objects.copying import find_source
from sagewright.services.aws.s3.objects.expiry import abortion_members, expiration_members
from sagewright.services.aws.s3.objects.integrity import (
    announced,
    check_size,
    check_source_size,
    digests,
    sent_checksums,
)
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.uploads import Upload, UploadPart


@s3_operation("CreateMultipartUpload")
def create_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket, key = request["Bucket"], request["Key"]
    check_key(key)
    there, (algorithm, kind) = context.objects.buckets.get(bucket), _checksum(request)
    shapes.check_bucket(request, there)
    properties = shapes.properties(with_default(context, there, request))
    upload = context.objects.uploads.create(bucket, key, properties, algorithm, kind)
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload.id,
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
        **encryption_members(upload.headers),
        **abortion_members(context, upload),
    }


def _checksum(request: dict[str, Any]) -> tuple[str | None, str | None]:
    """Returns the requested algorithm and type. Raises InvalidRequest for an invalid pair."""
    algorithm, kind = request.get("ChecksumAlgorithm"), request.get("ChecksumType")
    if algorithm is None:
        if kind is not None:
            raise errors.invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return None, None
    checksums.new(algorithm)
    if kind not in {None, COMPOSITE, FULL_OBJECT}:
        raise errors.invalid_request("Value for x-amz-checksum-type header is invalid.")
    composite_refused = kind == COMPOSITE and algorithm in checksums.FULL_OBJECT_ONLY
    full_refused = kind == FULL_OBJECT and algorithm not in checksums.LINEAR
    if composite_refused or full_refused:
        raise errors.invalid_request(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return algorithm, kind


@s3_operation("UploadPart")
def upload_part(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    number, body = _number(request), request["Body"]
    check_size(request)
    upload = find_upload(context, request)
    requested = digests(request, of_parts(upload))
    _check_algorithm(request, upload)
    with context.objects.uploads.receive(upload, number, body, requested.algorithms, announced(body)) as blob:
        requested.check(blob, body)
        part = context.objects.uploads.put_part(upload, number, blob)
    return {
        "ETag": shapes.quoted(part.etag),
        **shapes.checksum_members(_described(part, upload, requested.said), kind=False),
        **encryption_members(upload.headers),
    }


def _described(part: UploadPart, upload: Upload, said: Collection[str] = ()) -> dict[str, str]:
    """Returns the checksums of a part: that of its upload's algorithm, and those sent with the part."""
    return {name: value for name, value in part.checksums.items() if upload.checksum_algorithm or name in said}


def _check_algorithm(request: dict[str, Any], upload: Upload) -> None:
    """Raises InvalidRequest for a part whose checksum algorithm differs from the upload's."""
    requested = upload.checksum_algorithm
    for name in (*sent_checksums(request), request.get("ChecksumAlgorithm")):
        if requested is not None and name not in (None, requested):
            raise errors.invalid_request(
                f"Checksum Type mismatch occurred, expected checksum Type: {requested.lower()}, "
                f"actual checksum Type: {name.lower()}"
            )


@s3_operation("UploadPartCopy")
def upload_part_copy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    number, upload = _number(request), find_upload(context, request)
    source = find_source(context, request)
    part = ranges.of_copy(request.get("CopySourceRange"), source.size)
    check_source_size(part.length)
    try:
        piece = context.objects.body(source, part.start, part.length)
        with context.objects.uploads.slice(upload, number, piece, of_parts(upload)) as blob:
            stored = context.objects.uploads.put_part(upload, number, blob)
    except FileNotFoundError:  # overwritten or deleted meanwhile
        raise context.objects.contents.missing(source) from None
    result = {"ETag": shapes.quoted(stored.etag), "LastModified": to_datetime(stored.modified_ms)}
    return {
        "CopyPartResult": result | shapes.checksum_members(_described(stored, upload), kind=False),
        "CopySourceVersionId": shapes.version_id(source),
        **encryption_members(upload.headers),
    }


@s3_operation("CompleteMultipartUpload")
def complete_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Completes an upload. As on AWS, a second completion of the same upload returns the first one's response."""
    bucket, key, upload_id = request["Bucket"], request["Key"], request["UploadId"]
    uploads = context.objects.uploads
    version = uploads.finished(bucket, key, upload_id)
    if version is None:
        expected = Expected(request.get("MpuObjectSize"), sent_checksums(request))
        upload = uploads.find(bucket, key, upload_id)
        _check_type(request, upload)
        chosen = _chosen(request.get("MultipartUpload"))
        by = cause(context, "CompleteMultipartUpload")
        version = uploads.complete(upload, chosen, expected, shapes.conditions(request, by, upload.initiated_ms))
    return {
        "Location": f"{context.base_url}/{bucket}/{quote(key)}",
        "Bucket": bucket,
        "Key": key,
        "ETag": shapes.quoted(version.etag),
        "VersionId": shapes.version_id(version),
        **shapes.checksum_members(version.checksums),
        **encryption_members(version.headers),
        **expiration_members(context, version),
    }


def _check_type(request: dict[str, Any], upload: Upload) -> None:
    """Raises InvalidRequest for a checksum type that differs from the upload's, BadDigest for a full checksum without its type."""
    kind, algorithm = request.get("ChecksumType"), upload.checksum_algorithm
    whole = upload.checksum_type == FULL_OBJECT and algorithm not in checksums.FULL_OBJECT_ONLY
    if kind is None and algorithm is not None and whole and sent_checksums(request):
        raise checksums.bad_digest(algorithm.lower())
    if kind is not None and kind != upload.checksum_type:
        raise errors.invalid_request(
            f"The upload was created using the {upload.checksum_type or 'null'} checksum mode. "
            "The complete request must use the same checksum mode."
        )


def _chosen(document: dict[str, Any] | None) -> list[Chosen]:
    if document is None:
        raise errors.invalid_request("You must specify at least one part")
    parts = document.get("Parts") or []
    if not parts or any(part.get("PartNumber") is None or part.get("ETag") is None for part in parts):
        raise errors.malformed_xml()
    return [Chosen(part["PartNumber"], part["ETag"], sent_checksums(part)) for part in parts]


@s3_operation("AbortMultipartUpload")
def abort_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.uploads.abort(request["Bucket"], request["Key"], request["UploadId"])
    return {}


def find_upload(context: Context, request: dict[str, Any]) -> Upload:
    return context.objects.uploads.find(request["Bucket"], request["Key"], request["UploadId"])


def _number(request: dict[str, Any]) -> int:
    number: int = request["PartNumber"]
    if not 1 <= number <= MOST_PARTS:
        message = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise errors.invalid_argument(message, "partNumber", number)
    return number
