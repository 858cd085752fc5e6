"""The source of a copy, as `x-amz-copy-source` names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from sagewright.objects import errors

_HEADER = "x-amz-copy-source"
_ORIGIN = re.compile(r"^https?://[^/]*")


@dataclass(frozen=True)
class CopySource:
    """`version`: None means the newest."""

    bucket: str
    key: str
    version: str | None


def read_source(text: str) -> CopySource:
    """Parses `/bucket/key`, with or without the slash, or the URL of the object. Raises InvalidArgument."""
    path, _, version = _ORIGIN.sub("", text).partition("?versionId=")
    bucket, _, key = unquote_plus(path).removeprefix("/").partition("/")
    if not bucket or not key or bucket.startswith("arn:"):
        raise errors.invalid_argument("Invalid copy source object key", _HEADER, _HEADER)
    return CopySource(bucket, key, unquote(version) or None)
