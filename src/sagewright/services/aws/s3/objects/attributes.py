"""GetObjectAttributes."""

from __future__ import annotations

from typing import Any

from sagewright.objects import errors
from sagewright.objects.uploads import COMPOSITE
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context
from sagewright.store.objects.objects import Version

KNOWN = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


@s3_operation("GetObjectAttributes")
def get_object_attributes(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = set(request.get("ObjectAttributes") or [])
    if not requested or not requested <= KNOWN:
        message = "Invalid attribute name specified."
        raise errors.invalid_argument(message, "x-amz-object-attributes", ",".join(sorted(requested)))
    version = context.objects.contents.find(request["Bucket"], request["Key"], request.get("VersionId"))
    everything = {
        "ETag": version.etag,  # without quotes, only here
        "Checksum": _checksum(version) or None,
        "ObjectParts": _parts(request, version),
        "StorageClass": version.headers.get("StorageClass", shapes.STANDARD),
        "ObjectSize": version.size,
    }
    return {
        "LastModified": shapes.modified(version),
        "VersionId": shapes.version_id(version),
        **{name: value for name, value in everything.items() if name in requested},
    }


def _checksum(version: Version) -> dict[str, Any]:
    """Returns the checksum. In this response alone, a composite checksum lacks the number of parts."""
    described = shapes.checksum_members(version.checksums)
    return {name: value.partition("-")[0] for name, value in described.items()}


def _parts(request: dict[str, Any], version: Version) -> dict[str, Any] | None:
    """Returns None for an object that was not uploaded in parts. As on AWS, parts are listed only with a composite checksum."""
    if not version.parts:
        return None
    if shapes.checksum_type(version.checksums) != COMPOSITE:
        return {"TotalPartsCount": len(version.parts)}
    after, most = request.get("PartNumberMarker") or 0, min(request.get("MaxParts") or 1000, 1000)
    left = [part for part in version.parts if part["number"] > after]
    shown = left[:most]
    return {
        "TotalPartsCount": len(version.parts),
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1]["number"] if shown else 0,
        "MaxParts": most,
        "IsTruncated": len(left) > len(shown),
        "Parts": [
            {"PartNumber": p["number"], "Size": p["size"], **shapes.checksum_members(p["checksums"], kind=False)}
            for p in shown
        ],
    }
