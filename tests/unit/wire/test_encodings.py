"""Compressed bodies: unpacked within their limit, or refused."""

from __future__ import annotations

import gzip

import pytest

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import SerializationException
from sagewright.wire.encodings import beginning, unpack
from sagewright.wire.routing import route


def request(body: bytes, encoding: str = "gzip") -> HttpRequest:
    return HttpRequest("POST", "/", "", {"content-encoding": encoding}, BytesBody(body))


def test_a_body_is_unpacked() -> None:
    packed = request(gzip.compress(b"hello"))
    unpack(packed, 5)
    assert packed.body.read() == b"hello"


def test_other_bodies_are_left_alone() -> None:
    plain = request(b"hello", encoding="")
    unpack(plain, 1)
    assert plain.body.read() == b"hello"


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"123456"), gzip.compress(b"12345")[:-9], gzip.compress(b"1") + b"more"],
    ids=["no gzip", "too large", "cut off", "more behind it"],
)
def test_what_is_too_large_or_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException):
        unpack(request(body), 5)


def test_a_bomb_costs_no_more_than_its_beginning() -> None:
    bomb = gzip.compress(b"a" * (64 << 20))
    assert len(beginning(bomb, 1024)) == 1024
    assert beginning(b"no gzip", 1024) == b""


def test_a_compressed_form_names_its_action() -> None:
    body = b"Action=PutMetricData&Version=2010-08-01&Namespace=" + b"x" * 20_000
    packed = request(gzip.compress(body))
    packed.headers |= {"authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/monitoring/aws4_request"}
    found = route(packed)
    assert (found.service, found.operation) == ("cloudwatch", "PutMetricData")
    assert gzip.decompress(packed.body.read()) == body
