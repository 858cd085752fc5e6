"""ListParts and ListMultipartUploads."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.objects import errors
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.objects.expiry import abortion_members
from sagewright.services.aws.s3.objects.listing import read_asked
from sagewright.services.aws.s3.objects.multipart import find_upload
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.uploads import Upload, UploadCursor, UploadPart


@s3_operation("ListParts")
def list_parts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    upload, owner = find_upload(context, request), shapes.owner(context.account)
    initiator = owner | {"DisplayName": context.account}
    most, after = read_asked(request, "MaxParts").requested.limit, request.get("PartNumberMarker") or 0
    found = context.objects.uploads.parts(upload, after, most + 1)
    shown = found[:most]
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(found) > len(shown),
        "Parts": [_part(part, upload) for part in shown],
        "Initiator": initiator,
        "Owner": owner,
        "StorageClass": upload.headers.get("StorageClass", shapes.STANDARD),
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
        **abortion_members(context, upload),
    }


def _part(part: UploadPart, upload: Upload) -> dict[str, Any]:
    return {
        "PartNumber": part.number,
        "LastModified": to_datetime(part.modified_ms // 1000 * 1000),
        "ETag": shapes.quoted(part.etag),
        "Size": part.size,
        **(shapes.checksum_members(part.checksums, kind=False) if upload.checksum_algorithm else {}),
    }


@s3_operation("ListMultipartUploads")
def list_multipart_uploads(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed = read_asked(request, "MaxUploads")
    after = UploadCursor(
        request.get("KeyMarker") or "", request.get("UploadIdMarker") or "" if request.get("KeyMarker") else ""
    )
    _check_marker(context, request["Bucket"], after)
    page = context.objects.listing.uploads(request["Bucket"], listed.requested, after)
    following = page.next if page.truncated else UploadCursor(*_last(page.entries))
    return {
        "Bucket": request["Bucket"],
        "KeyMarker": listed.show(request.get("KeyMarker") or ""),
        "UploadIdMarker": after.id,
        "NextKeyMarker": listed.show(following.key),
        "NextUploadIdMarker": following.id,
        "Prefix": listed.show(request.get("Prefix")),
        "Delimiter": listed.show(request.get("Delimiter") or None),
        "MaxUploads": listed.requested.limit,
        "IsTruncated": page.truncated,
        "Uploads": [_upload(upload, listed.show(upload.key), context.account) for upload in page.entries],
        "CommonPrefixes": [{"Prefix": listed.show(prefix)} for prefix in page.prefixes],
        "EncodingType": request.get("EncodingType"),
    }


def _last(entries: list[Upload]) -> tuple[str, str]:
    return (entries[-1].key, entries[-1].id) if entries else ("", "")


def _check_marker(context: Context, bucket: str, after: UploadCursor) -> None:
    """Raises InvalidArgument for the upload id of another key; the id of an upload that has ended stays a valid position."""
    if after.id and context.objects.uploads.key_of(bucket, after.id) not in (None, after.key):
        raise errors.invalid_argument("Invalid uploadId marker", "upload-id-marker", after.id)


def _upload(upload: Upload, key: str | None, account: str) -> dict[str, Any]:
    return {
        "UploadId": upload.id,
        "Key": key,
        "Initiated": to_datetime(upload.initiated_ms // 1000 * 1000),
        "StorageClass": upload.headers.get("StorageClass", shapes.STANDARD),
        "Owner": shapes.owner(account),
        "Initiator": shapes.owner(account) | {"DisplayName": account},
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }
