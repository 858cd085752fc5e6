"""aws-chunked bodies: decoded whole, refused when torn, oversized or wrongly signed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.http.body import BytesBody
from sagewright.model.errors import AwsError
from sagewright.wire.signatures import sigv4
from sagewright.wire.signatures.signed_body import ChunkedBody, DigestBody

CLAIM = sigv4.Claim(sigv4.Credential("AKIA", "20260101", "us-east-1", "s3"), ("host",), "seed", "20260101T000000Z")
KEY = sigv4.signing_key("secret", "20260101", "us-east-1", "s3")


def unsigned(pieces: list[bytes], trailer: str = "") -> bytes:
    chunks = [f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in pieces if p]
    return b"".join(chunks) + b"0\r\n" + trailer.encode() + b"\r\n"


def signed(pieces: list[bytes], trailer: str = "") -> bytes:
    previous, out = CLAIM.signature, b""
    for piece in [*pieces, b""]:
        previous = sigv4.chunk_signature(KEY, CLAIM, previous, hashlib.sha256(piece).hexdigest())
        out += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + (b"\r\n" if piece else b"")
    if trailer:
        line = trailer.encode() + b"\n"
        signature = sigv4.trailer_signature(KEY, CLAIM, previous, line)
        out += f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400))
def test_any_chunking_reads_back(pieces: list[bytes], step: int) -> None:
    body = ChunkedBody(BytesBody(unsigned(pieces, "x-amz-checksum-crc32:AAAA\r\n")), sum(map(len, pieces)))
    got = b""
    while piece := body.read(step):
        got += piece
    assert got == b"".join(pieces)
    assert body.trailers == {"x-amz-checksum-crc32": "AAAA"}


def test_signed_chunks_and_trailer() -> None:
    body = ChunkedBody(BytesBody(signed([b"a" * 70000, b"b"], "x-amz-checksum-crc32:AAAA")), 70001, CLAIM, KEY)
    assert body.read() == b"a" * 70000 + b"b"
    assert body.trailers == {"x-amz-checksum-crc32": "AAAA"}


@pytest.mark.parametrize("at", [30, 120])
def test_a_changed_byte_breaks_the_signature(at: int) -> None:
    raw = bytearray(signed([b"payload" * 20]))
    raw[at] ^= 1
    with pytest.raises(AwsError):
        ChunkedBody(BytesBody(bytes(raw)), 140, CLAIM, KEY).read()


@pytest.mark.parametrize(
    "raw",
    [b"", b"5\r\nabc", b"zz\r\n", b"3\r\nabcX0\r\n\r\n", b"-1\r\n", b"ffffffffff\r\n", b"3\r\nabc\r\n0\r\n\r\n"],
)
def test_torn_bodies_are_refused(raw: bytes) -> None:
    with pytest.raises(AwsError):
        ChunkedBody(BytesBody(raw), 99).read()


def test_digest_is_checked_before_the_end_is_told() -> None:
    good = DigestBody(BytesBody(b"abc"), hashlib.sha256(b"abc").hexdigest())
    assert good.read(2) + good.read(2) + good.read(2) == b"abc"
    with pytest.raises(AwsError, match="XAmzContentSHA256Mismatch"):
        DigestBody(BytesBody(b"abd"), hashlib.sha256(b"abc").hexdigest()).read()
