"""Compressed request bodies: botocore compresses those of `PutMetricData` from 10 KiB on."""

from __future__ import annotations

import zlib

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import SerializationException

_GZIP = 16 + zlib.MAX_WBITS


def is_compressed(request: HttpRequest) -> bool:
    return request.headers.get("content-encoding", "").strip().lower() == "gzip"


def beginning(body: bytes, size: int) -> bytes:
    """Returns the first `size` bytes of the unpacked body, or as many as can be unpacked. Unpacks no more than these."""
    try:
        return zlib.decompressobj(_GZIP).decompress(body, size)
    except zlib.error:
        return b""


def unpack(request: HttpRequest, most: int) -> None:
    """Replaces a compressed body with its content. Raises SerializationException for more than `most` bytes, or invalid gzip."""
    if not is_compressed(request):
        return
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(request.body.read(), most + 1)
    except zlib.error as error:
        raise SerializationException(
            f"The request body is not gzip, which its Content-Encoding says: {error}"
        ) from None
    if len(plain) > most:
        raise SerializationException(f"The request body is larger than {most} bytes when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise SerializationException("The request body does not end where its gzip stream ends")
    request.body = BytesBody(plain)
