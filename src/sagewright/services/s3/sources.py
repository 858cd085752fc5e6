"""The source of a copy, as `x-amz-copy-source` names it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from sagewright.objects import errors


@dataclass(frozen=True)
class Source:
    """`version` None means the newest."""

    bucket: str
    key: str
    version: str | None


def read_source(text: str) -> Source:
    """Raises InvalidArgument."""
    path, _, version = text.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key or bucket.startswith("arn:"):
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise errors.invalid_argument(message, "x-amz-copy-source", text)
    return Source(bucket, key, unquote(version) or None)
