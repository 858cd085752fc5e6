"""Uploads that break off: whatever the way in, what was there before stays whole, and nothing half is there after."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from tests.security.port.conftest import BUCKET, PATIENCE_S, Siege, ended, status
from tests.security.port.fuzzing.client import Client, Request, sign

SIZES = (50_000, 700_000, 3_000_000)
"""Three kinds of bodies: read at once, read whole, and pulled by a thread."""

HOST = (b"host", b"127.0.0.1")
OLD = b"what was there before"


@dataclass
class Upload:
    """A request whose body breaks off somewhere, and how to see what became of it."""

    wire: bytes
    body_at: int
    there: Callable[[], bytes | None]


def _object(siege: Siege, key: str) -> Callable[[], bytes | None]:
    s3 = siege.server.boto("s3")

    def there() -> bytes | None:
        body: bytes = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    s3.put_object(Bucket=BUCKET, Key=key, Body=OLD)
    return there


def _of(request: Request, there: Callable[[], bytes | None]) -> Upload:
    wire = request.wire()
    return Upload(wire, wire.index(b"\r\n\r\n") + 4, there)


def presigned(version: str | None) -> Callable[[Siege, int], Upload]:
    def make(siege: Siege, size: int) -> Upload:
        key = uuid.uuid4().hex
        there = _object(siege, key)
        s3 = siege.server.boto("s3", config=Config(signature_version=version))
        url = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": key}))
        request = Request(b"PUT", url.path.encode(), url.query.encode(), [(b"host", url.netloc.encode())])
        request.body = bytes(size)
        return _of(request, there)

    return make


def signed(payload: str | None) -> Callable[[Siege, int], Upload]:
    """By a header, which covers the body or doesn't."""

    def make(siege: Siege, size: int) -> Upload:
        key = uuid.uuid4().hex
        there = _object(siege, key)
        request = Request(b"PUT", f"/{BUCKET}/{key}".encode(), headers=[HOST], body=bytes(size))
        sign(request, siege.server.key(), "s3", payload)
        return _of(request, there)

    return make


def in_chunks(*, trailer: bool) -> Callable[[Siege, int], Upload]:
    """aws-chunked, with a checksum behind the body."""

    def make(siege: Siege, size: int) -> Upload:
        key = uuid.uuid4().hex
        there = _object(siege, key)
        headers = [HOST, (b"x-amz-decoded-content-length", b"%d" % size), (b"content-encoding", b"aws-chunked")]
        headers += [(b"x-amz-trailer", b"x-amz-checksum-sha1")] if trailer else []
        data = b"".join(
            b"%x\r\n%b\r\n" % (len(p), p) for p in [bytes(min(65536, size - at)) for at in range(0, size, 65536)]
        )
        digest = base64.b64encode(hashlib.sha1(bytes(size)).digest())
        tail = b"x-amz-checksum-sha1:" + digest + b"\r\n" if trailer else b""
        request = Request(b"PUT", f"/{BUCKET}/{key}".encode(), headers=headers, body=data + b"0\r\n" + tail + b"\r\n")
        sign(request, siege.server.key(), "s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        return _of(request, there)

    return make


def by_a_policy(siege: Siege, size: int) -> Upload:
    """By anybody, where the bucket's policy lets them."""
    bucket, key = f"open-{uuid.uuid4().hex[:8]}", "x"
    s3 = siege.server.boto("s3")
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket=bucket, Key=key, Body=OLD)
    request = Request(b"PUT", f"/{bucket}/{key}".encode(), headers=[HOST], body=bytes(size))

    def there() -> bytes | None:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    return _of(request, there)


def a_part(siege: Siege, size: int) -> Upload:
    """The part that was there before is the one that the completion takes."""
    s3, key = siege.server.boto("s3"), uuid.uuid4().hex
    named = {"Bucket": BUCKET, "Key": key}
    upload = s3.create_multipart_upload(**named)["UploadId"]
    s3.upload_part(**named, UploadId=upload, PartNumber=1, Body=OLD)
    query = f"partNumber=1&uploadId={upload}".encode()
    request = Request(b"PUT", f"/{BUCKET}/{key}".encode(), query, [HOST], bytes(size))
    sign(request, siege.server.key(), "s3", "UNSIGNED-PAYLOAD")

    def there() -> bytes | None:
        parts = s3.list_parts(**named, UploadId=upload)["Parts"]
        assert [part["Size"] for part in parts] == [len(OLD)]
        return OLD if parts[0]["ETag"].strip('"') == hashlib.md5(OLD).hexdigest() else None

    return _of(request, there)


def a_form(siege: Siege, size: int) -> Upload:
    key, (access, secret) = uuid.uuid4().hex, siege.server.key()
    there = _object(siege, key)
    conditions = [{"bucket": BUCKET}, {"key": key}]
    policy = base64.b64encode(json.dumps({"expiration": "2099-01-01T00:00:00Z", "conditions": conditions}).encode())
    signature = base64.b64encode(hmac.new(secret.encode(), policy, hashlib.sha1).digest())
    fields = {b"key": key.encode(), b"AWSAccessKeyId": access.encode(), b"policy": policy, b"signature": signature}
    parts = [b'--B\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in fields.items()]
    parts += [
        b'--B\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n',
        bytes(size),
        b"\r\n--B--\r\n",
    ]
    kind = (b"content-type", b"multipart/form-data; boundary=B")
    upload = _of(Request(b"POST", f"/{BUCKET}".encode(), headers=[HOST, kind], body=b"".join(parts)), there)
    upload.body_at += sum(map(len, parts[:5]))
    return upload


def a_layer(siege: Siege, size: int) -> Upload:
    """Interrupts a container image. None of it is kept, so that a new upload begins where it should."""
    name = f"broken/{uuid.uuid4().hex[:8]}"
    ecr = siege.server.boto("ecr")
    ecr.create_repository(repositoryName=name)
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    basic = (b"authorization", b"Basic " + token.encode())
    client = Client(*siege.address)
    begun = client.ask(Request(b"POST", f"/v2/{name}/blobs/uploads/".encode(), headers=[HOST, basic]).wire())
    place = begun.headers["location"].encode()
    assert client.ask(Request(b"PATCH", place, headers=[HOST, basic], body=OLD).wire()).status == 202

    def there() -> bytes | None:
        answer = client.ask(Request(b"GET", place, headers=[HOST, basic]).wire())
        client.close()
        return OLD if answer.headers["range"] == f"0-{len(OLD) - 1}" else None

    return _of(Request(b"PATCH", place, headers=[HOST, basic], body=bytes(size)), there)


WAYS: dict[str, Callable[[Siege, int], Upload]] = {
    "a link of version 2": presigned("s3"),
    "a link of version 4": presigned("s3v4"),
    "unsigned": signed("UNSIGNED-PAYLOAD"),
    "signed": signed(None),
    "in chunks": in_chunks(trailer=False),
    "in chunks with a trailer": in_chunks(trailer=True),
    "by a policy": by_a_policy,
    "a part": a_part,
    "a form": a_form,
    "a layer": a_layer,
}


def _closed(made: socket.socket) -> None:
    made.close()


def _reset(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    made.close()


def _half_closed(made: socket.socket) -> None:
    made.shutdown(socket.SHUT_WR)
    while not ended(made):
        time.sleep(0.01)


def _silent(made: socket.socket) -> None:
    assert status(made) == 400


BREAKS = {"closed": _closed, "reset": _reset, "half closed": _half_closed, "silent": _silent}


@pytest.mark.sampled(15)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_what_breaks_off_is_not_kept(siege: Siege, way: str, size: int) -> None:
    """At its beginning, in the middle, before its last byte; in each way that a sender may go."""
    for name, end in BREAKS.items():
        upload = WAYS[way](siege, size)
        whole = len(upload.wire)
        cuts = (
            [upload.body_at + (whole - upload.body_at) // 2]
            if name == "silent"
            else [upload.body_at, whole - 40_000, whole - 1]
        )
        for cut in cuts:
            made = siege.send(upload.wire[:cut])
            time.sleep(0.01)
            end(made)
        until = time.monotonic() + 60
        while upload.there() != OLD:  # what came of the last one is taken back once the server sees that it broke off
            assert time.monotonic() < until, (name, way)
            time.sleep(0.1)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_whole_is_kept(siege: Siege, way: str) -> None:
    """The same requests, so that it is their end that the others lack."""
    for size in SIZES:
        upload = WAYS[way](siege, size)
        found = status(siege.send(upload.wire))
        assert found in {200, 202, 204}, way
        with pytest.raises(AssertionError):
            assert upload.there() == OLD


@dataclass
class Case:
    """A change to an upload in chunks after which it isn't what it says."""

    name: str
    old: bytes
    new: bytes
    code: str


CASES = [
    Case(
        "fewer bytes than it says",
        b"x-amz-decoded-content-length: 50000",
        b"x-amz-decoded-content-length: 50001",
        "Signature",
    ),
    Case("no trailer", b"x-amz-checksum-sha1:", b"x-amz-other-thingie:", "MalformedTrailer"),
    Case("another trailer", b"x-amz-checksum-sha1:", b"x-amz-checksum-sha1:A", "BadDigest"),
    Case("no last chunk", b"\r\n0\r\n", b"\r\n", "Incomplete"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_not_what_it_says_is_not_kept(siege: Siege, case: Case) -> None:
    upload = in_chunks(trailer=True)(siege, 50_000)
    head, body = upload.wire[: upload.body_at], upload.wire[upload.body_at :]
    if case.old in head:
        head = head.replace(case.old, case.new)
    else:
        before = len(body)
        body = body.replace(case.old, case.new)
        head = head.replace(b"content-length: %d" % before, b"content-length: %d" % len(body))
    client = Client(*siege.address)
    answer = client.ask(head + body)
    client.close()
    assert answer.status in {400, 403}
    assert case.code in answer.body.decode()
    assert upload.there() == OLD


def test_a_body_may_pause_for_less_than_it_may_be_silent(siege: Siege) -> None:
    upload = signed("UNSIGNED-PAYLOAD")(siege, SIZES[-1])
    middle = upload.body_at + 1_500_000
    made = siege.send(upload.wire[:middle])
    time.sleep(PATIENCE_S / 2)
    siege.push(made, upload.wire[middle:])
    assert status(made) == 200
    assert upload.there() == bytes(SIZES[-1])


def test_an_upload_without_a_length_says_its_decoded_one(siege: Siege) -> None:
    request = Request(b"PUT", f"/{BUCKET}/x".encode(), headers=[HOST], body=b"3\r\nabc\r\n0\r\n\r\n")
    sign(request, siege.server.key(), "s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    client: Any = Client(*siege.address)
    answer = client.ask(request.wire())
    client.close()
    assert (answer.status, b"MissingContentLength" in answer.body) == (411, True)
