"""The newest request that an endpoint captured, to be sent again from its page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sagewright.model.documents import read_json
from sagewright.studio.visit import Visit

HOURS = 24
TAIL = 512 * 1024
"""Bytes of the newest file that are read."""


def last_captured(visit: Visit, endpoint: str, capture: Mapping[str, Any], variants: list[str]) -> tuple[str, str]:
    """Returns content type and body of the newest captured request as text; two empty texts if there is none in HOURS."""
    place = urlsplit(str(capture.get("DestinationS3Uri", "")))
    prefix = place.path.strip("/")
    for back in range(HOURS):
        hour = f"{visit.now - timedelta(hours=back):%Y/%m/%d/%H}/"
        keys = [
            (one["LastModified"], one["Key"], one["Size"])
            for variant in variants
            for one in _listed(visit, place.netloc, "/".join(filter(None, (prefix, endpoint, variant, hour))))
        ]
        for _, key, size in sorted(keys, reverse=True)[:3]:
            found = _newest(visit, place.netloc, key, size)
            if found is not None:
                return found
    return "", ""


def _listed(visit: Visit, bucket: str, prefix: str) -> list[dict[str, Any]]:
    listed = visit.client.aside("s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, MaxKeys=1000)
    return list(listed.get("Contents", []))


def _newest(visit: Visit, bucket: str, key: str, size: int) -> tuple[str, str] | None:
    """Returns the last request of a file whose data is text."""
    begin = max(0, size - TAIL)
    body = visit.client.aside("s3", "GetObject", Bucket=bucket, Key=key, Range=f"bytes={begin}-{max(size - 1, 0)}")[
        "Body"
    ]
    for line in reversed(body.decode("utf-8", "replace").splitlines()):
        try:
            given = read_json(line)["captureData"]["endpointInput"]
            data = str(given["data"])
            text = base64.b64decode(data, validate=True).decode() if given.get("encoding") == "BASE64" else data
        except (ValueError, KeyError, TypeError, binascii.Error):
            continue
        return str(given.get("observedContentType") or "text/csv"), text
    return None
