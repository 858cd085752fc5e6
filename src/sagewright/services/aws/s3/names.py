"""The rules for names of buckets and keys. Source: the S3 user guide, "Bucket naming rules" and "Object keys"."""

from __future__ import annotations

import ipaddress
import re

from sagewright.model.errors import AwsError
from sagewright.objects import errors

MAX_KEY_BYTES = 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_UNEVEN = re.compile(r"\.\.|\.-|-\.")
"""Invalid sequences: labels between dots begin and end with a letter or a digit."""
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Raises InvalidBucketName."""
    good = _BUCKET.fullmatch(name) and not _UNEVEN.search(name) and not _is_address(name)
    if not good or name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
        message = "The specified bucket is not valid."
        raise AwsError("InvalidBucketName", message, 400, {"BucketName": name})


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_key(key: str) -> None:
    """Raises KeyTooLongError, or InvalidArgument for a NUL, which databases can't store."""
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        fields = {"Size": str(size), "MaxSizeAllowed": str(MAX_KEY_BYTES)}
        raise AwsError("KeyTooLongError", "Your key is too long", 400, fields)
    if "\0" in key:
        raise errors.invalid_argument("Object key must not contain the NUL character.", "key", key)
