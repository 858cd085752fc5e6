"""ListParts and ListMultipartUploads."""

from __future__ import annotations

from typing import Any

from sagewright.model.clock import to_datetime
from sagewright.services.context import Context
from sagewright.services.s3 import shapes
from sagewright.services.s3.expiry import abortion_members
from sagewright.services.s3.listing import read_asked
from sagewright.services.s3.multipart import find_upload
from sagewright.services.s3.operations import s3_operation
from sagewright.store.uploads import Cursor, Part, Upload


@s3_operation("ListParts")
def list_parts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    upload, owner = find_upload(context, request), shapes.owner(context.account)
    most, after = read_asked(request, "MaxParts").asked.limit, request.get("PartNumberMarker") or 0
    found = context.objects.uploads.parts(upload, after, most + 1)
    shown = found[:most]
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else after,
        "MaxParts": most,
        "IsTruncated": len(found) > len(shown),
        "Parts": [_part(part) for part in shown],
        "Initiator": owner,
        "Owner": owner,
        "StorageClass": upload.headers.get("StorageClass", shapes.STANDARD),
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
        **abortion_members(context, upload),
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "PartNumber": part.number,
        "LastModified": to_datetime(part.modified_ms // 1000 * 1000),
        "ETag": shapes.quoted(part.etag),
        "Size": part.size,
        **shapes.checksum_members(part.checksums, kind=False),
    }


@s3_operation("ListMultipartUploads")
def list_multipart_uploads(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    listed = read_asked(request, "MaxUploads")
    after = Cursor(
        request.get("KeyMarker") or "", request.get("UploadIdMarker") or "" if request.get("KeyMarker") else ""
    )
    page = context.objects.listing.uploads(request["Bucket"], listed.asked, after)
    return {
        "Bucket": request["Bucket"],
        "KeyMarker": listed.show(request.get("KeyMarker") or ""),
        "UploadIdMarker": request.get("UploadIdMarker") or "",
        "NextKeyMarker": listed.show(page.next.key) if page.truncated else None,
        "NextUploadIdMarker": page.next.id if page.truncated else None,
        "Prefix": listed.show(listed.asked.prefix),
        "Delimiter": listed.show(request.get("Delimiter") or None),
        "MaxUploads": listed.asked.limit,
        "IsTruncated": page.truncated,
        "Uploads": [_upload(upload, listed.show(upload.key), shapes.owner(context.account)) for upload in page.entries],
        "CommonPrefixes": [{"Prefix": listed.show(prefix)} for prefix in page.prefixes],
        "EncodingType": request.get("EncodingType"),
    }


def _upload(upload: Upload, key: str | None, owner: dict[str, str]) -> dict[str, Any]:
    return {
        "UploadId": upload.id,
        "Key": key,
        "Initiated": to_datetime(upload.initiated_ms // 1000 * 1000),
        "StorageClass": upload.headers.get("StorageClass", shapes.STANDARD),
        "Owner": owner,
        "Initiator": owner,
        "ChecksumAlgorithm": upload.checksum_algorithm,
        "ChecksumType": upload.checksum_type,
    }
