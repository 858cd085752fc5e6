"""Presigned requests as the SDKs make them: AWS's SDK for JavaScript, and boto3 with the settings of its versions."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from botocore.config import Config

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAM = Path(__file__).parent.parent / "programs" / "presigned.mjs"
JAVASCRIPT = Path(__file__).parents[3] / ".cache" / "clients" / "javascript"


def test_the_sdk_for_javascript(server: RunningServer) -> None:
    bucket = f"presigned-{uuid.uuid4().hex[:8]}"
    server.boto("s3").create_bucket(Bucket=bucket)
    node = JAVASCRIPT / "bin" / "node"
    done = server.door(str(node), str(PROGRAM), bucket, cwd=JAVASCRIPT)
    assert done.stdout == "all done\n", done.stdout + done.stderr


def send(url: str, method: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with urllib3.PoolManager() as pool:
        answer = pool.request(method, url, body=body, headers=headers or {})
        return answer.status, answer.data


@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.parametrize("when", ["when_supported", "when_required"])
def test_boto3(server: RunningServer, version: str, when: str) -> None:
    config = Config(signature_version=version, request_checksum_calculation=when, s3={"addressing_style": "path"})
    s3, plain = server.boto("s3", config=config), server.boto("s3")
    bucket = f"presigned-{uuid.uuid4().hex[:8]}"
    plain.create_bucket(Bucket=bucket)

    def presign(operation: str, **parameters: Any) -> str:
        url: str = s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "a b+ü", **parameters})
        return url

    for parameters, headers in (
        ({}, {}),
        ({"ContentType": "text/csv"}, {"content-type": "text/csv"}),
        ({"Metadata": {"a": "b"}}, {"x-amz-meta-a": "b"}),
        ({"ChecksumAlgorithm": "SHA256"}, {"x-amz-sdk-checksum-algorithm": "SHA256"}),
    ):
        url = presign("put_object", **parameters)
        signed = headers if version == "s3" or "SignedHeaders=host&" not in url else {}
        assert send(url, "PUT", b"hello", signed) == (200, b""), (parameters, url)
        assert send(presign("get_object"), "GET") == (200, b"hello")
    upload = plain.create_multipart_upload(Bucket=bucket, Key="a b+ü")["UploadId"]
    assert send(presign("upload_part", UploadId=upload, PartNumber=1), "PUT", b"part")[0] == 200


NAMES = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5", "xxhash64"]


@pytest.mark.parametrize("name", NAMES)
def test_a_checksum_in_the_query_says_nothing_of_the_body(server: RunningServer, name: str) -> None:
    s3 = server.boto("s3", config=Config(signature_version="s3v4"))
    bucket = f"presigned-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)

    def hoist(request: Any, **_: Any) -> None:
        request.url += f"{'&' if '?' in request.url else '?'}x-amz-checksum-{name}=AAAAAA%3D%3D"
        request.url += f"&x-amz-sdk-checksum-algorithm={name.upper()}"

    s3.meta.events.register("before-sign.s3.PutObject", hoist)
    s3.meta.events.register("before-sign.s3.UploadPart", hoist)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    assert f"x-amz-checksum-{name}" in url
    assert send(url, "PUT", b"hello") == (200, b"")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    asked = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1}
    assert send(s3.generate_presigned_url("upload_part", Params=asked), "PUT", b"hello") == (200, b"")
