"""S3 requests in other forms: resources, presigned URLs, virtual hosts, trailers, bad documents, large bodies."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

MIB = 1024 * 1024


@pytest.fixture
def s3(server: Any) -> Any:
    return server.boto("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def code(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_resource_interface(server: Any, bucket: str) -> None:
    access, secret = server.key()
    resource = boto3.resource(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
    )
    assert resource.Bucket(bucket).creation_date is not None
    assert resource.Bucket("no-such-bucket-here").creation_date is None
    for n in range(3):
        resource.Object(bucket, f"x/{n}").put(Body=b"x")
    assert [o.key for o in resource.Bucket(bucket).objects.filter(Prefix="x/").page_size(2)] == ["x/0", "x/1", "x/2"]
    resource.Bucket(bucket).objects.all().delete()
    resource.Bucket(bucket).delete()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls(server: Any, bucket: str, version: str) -> None:
    s3 = server.boto("s3", config=Config(signature_version=version))
    key = "p/ä b.txt"
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
    request = urllib.request.Request(url, data=b"presigned", method="PUT")
    assert urllib.request.urlopen(request).status == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    assert urllib.request.urlopen(url).read() == b"presigned"


def test_virtual_hosted_style(server: Any, bucket: str) -> None:
    """The name does not resolve everywhere, so the host is set by hand on a presigned request."""
    s3 = server.boto("s3", config=Config(signature_version="s3v4"))
    s3.put_object(Bucket=bucket, Key="k/x", Body=b"virtual")
    port = server.endpoint.rpartition(":")[2]
    access, secret = server.key()
    hosted = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{port}",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    url = hosted.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k/x"})
    assert f"//{bucket}.localhost" in url
    request = urllib.request.Request(
        url.replace(f"{bucket}.localhost", "127.0.0.1"), headers={"Host": f"{bucket}.localhost:{port}"}
    )
    assert urllib.request.urlopen(request).read() == b"virtual"


class Unsigned(S3SigV4Auth):
    """A signature over headers alone: the body comes in chunks, its checksum behind it."""

    def payload(self, request: Any) -> str:
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def raw(
    server: Any,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    signer: type[S3SigV4Auth] = S3SigV4Auth,
) -> tuple[int, bytes]:
    """A signed request that boto3 would not make."""
    request = AWSRequest(method, f"{server.endpoint}{path}", data=body, headers=headers or {})
    signer(Credentials(*server.key()), "s3", "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, data=body, method=method, headers=dict(request.headers.items()))
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def chunked(*chunks: bytes, trailer: str) -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + trailer.encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [
        ("x-amz-checksum-crc32:NhCmhg==", 200),
        ("x-amz-checksum-crc32:AAAAAA==", 400),
        ("x-amz-checksum-crc32c:mnG7TA==", 200),
    ],
)
def test_a_checksum_behind_the_body(server: Any, s3: Any, bucket: str, trailer: str, expected: int) -> None:
    """As botocore sends it over https."""
    name, _, value = trailer.partition(":")
    headers = {
        "Content-Encoding": "gzip,aws-chunked",
        "X-Amz-Decoded-Content-Length": "5",
        "X-Amz-Trailer": name,
        "Content-Type": "text/plain",
    }
    status, answer = raw(server, "PUT", f"/{bucket}/k", chunked(b"he", b"llo", trailer=trailer), headers, Unsigned)
    assert status == expected, answer
    if expected == 200:
        head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert (head["ContentLength"], head["ContentEncoding"]) == (5, "gzip")
        assert head["ResponseMetadata"]["HTTPHeaders"][name] == value
    else:
        assert b"<Code>BadDigest</Code>" in answer
        assert code(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)


@pytest.mark.parametrize(
    "document",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><Tagging><TagSet>&a;</TagSet></Tagging>',
        b"<Tagging>",
        b"",
        b"\xff\xfe",
        b"<a>" * 1000 + b"</a>" * 1000,
    ],
)
def test_documents_that_are_refused(server: Any, bucket: str, document: bytes) -> None:
    status, answer = raw(server, "PUT", f"/{bucket}?tagging", document)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_methods_and_addresses_that_are_none(server: Any, bucket: str) -> None:
    assert raw(server, "POST", f"/{bucket}/key")[0] == 405
    status, answer = raw(server, "GET", f"/{bucket}/%FF%FE")
    assert (status, b"<Code>InvalidURI</Code>" in answer) == (400, True)
    status, answer = raw(server, "GET", f"/{bucket}?max-keys=many")
    assert (status, b"<Code>InvalidArgument</Code>" in answer) == (400, True)


@pytest.fixture
def odd_body() -> Iterator[bytes]:
    yield b"\0\r\n" * 700_000


def test_a_body_larger_than_memory_pieces(s3: Any, bucket: str, odd_body: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(odd_body))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == odd_body
