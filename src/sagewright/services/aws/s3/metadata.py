"""User metadata of objects in `x-amz-meta-` headers, which are ASCII: other text is sent as encoded words of RFC 2047.

Q if most characters are ASCII, else B; the same characters as in S3 stay unencoded. Source: localstack/localstack,
`test_s3.snapshot.json`, test_user_metadata_rfc2047_encoded, recorded on AWS.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from sagewright.model.errors import AwsError

MOST_BYTES = 2048
_WORD = re.compile(r"=\?(utf-8|us-ascii)\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
_ESCAPED = re.compile(rb"=([0-9A-Fa-f]{2})")
_PLAIN = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}
_SPECIAL = frozenset(b"=_?")


def read_metadata(request: Mapping[str, Any]) -> dict[str, str]:
    """Returns the decoded metadata. Raises MetadataTooLarge, based on the encoded size."""
    metadata: dict[str, str] = request.get("Metadata") or {}
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > MOST_BYTES:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise AwsError("MetadataTooLarge", message, 400, {"MaxSizeAllowed": str(MOST_BYTES)})
    return {name: decoded(value) for name, value in metadata.items()}


def decoded(value: str) -> str:
    """Decodes a value that is a single encoded word of RFC 2047; returns anything else, invalid words included, unchanged."""
    found = _WORD.fullmatch(value)
    if found is None:
        return value
    text = found[3].encode("ascii", "replace")
    try:
        raw = base64.b64decode(text, validate=True) if found[2] in "Bb" else _unquoted(text)
        return raw.decode()
    except (binascii.Error, ValueError):
        return value


def verbatim(value: str) -> str:
    """Returns text that `decoded` reads as `value`, even if that itself looks like an encoded word."""
    return value if decoded(value) == value else f"=?UTF-8?Q?{''.join(map(_quoted, value.encode()))}?="


def _unquoted(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text.replace(b"_", b" "))


def encoded(value: str) -> str:
    if value.isascii() and all(ord(char) in _PLAIN for char in value):
        return value
    plain = sum(ord(char) in _PLAIN for char in value)
    if 2 * plain <= len(value):
        return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
    return f"=?UTF-8?Q?{''.join(map(_quoted, value.encode()))}?="


def _quoted(byte: int) -> str:
    if byte == ord(" "):
        return "_"
    return chr(byte) if 0x20 < byte < 0x7F and byte not in _SPECIAL else f"={byte:02X}"
