"""AWS's event stream encoding, in which InvokeEndpointWithResponseStream answers.

Source: "Event stream encoding" in Amazon Transcribe's developer guide.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping

_STRING = 7
MOST_PART = 512 * 1024


def event(kind: str, payload: bytes, content_type: str = "application/octet-stream") -> bytes:
    return message({":event-type": kind, ":content-type": content_type, ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    return message(
        {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload
    )


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", len(packed) + len(payload) + 16, len(packed))
    begun = prelude + struct.pack(">I", crc32(prelude)) + packed + payload
    return begun + struct.pack(">I", crc32(begun))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
