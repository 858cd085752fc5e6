"""Members of a request that are stored, and their form when returned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.blobs.blobs import Blob
from sagewright.services.aws.s3 import shapes
from sagewright.services.aws.s3.objects.integrity import digests
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Version

CRC32_OF_HELLO = "NhCmhg=="


class Body:
    """A body whose checksum came behind it."""

    def __init__(self, **trailers: str) -> None:
        self.trailers = {name.replace("_", "-"): value for name, value in trailers.items()}
        self.promised = list(self.trailers)


def test_headers_that_are_kept() -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    kept = shapes.properties(
        {"ContentEncoding": "gzip, aws-chunked", "Expires": moment, "StorageClass": "STANDARD", "Key": "k"}
    ).headers
    assert kept == {"ContentEncoding": "gzip", "Expires": 1893553445000, "ContentType": "binary/octet-stream"}
    version = Version("b", "k", -1, "null", True, False, "x", 1, "e", 1999, kept, {"n": "ü"}, {"t": "1"})
    described = shapes.head_members(version)
    assert (described["Expires"], described["LastModified"].microsecond) == (moment, 0)
    assert (described["Metadata"], described["TagCount"], described["VersionId"]) == (
        {"n": "=?UTF-8?B?w7w=?="},
        1,
        None,
    )
    assert shapes.properties({"ContentEncoding": "aws-chunked"}).headers == {"ContentType": "binary/octet-stream"}


@pytest.mark.parametrize(
    ("request_members", "code"),
    [
        ({"StorageClass": "WARM"}, "InvalidStorageClass"),
        ({"SSECustomerAlgorithm": "AES256"}, "NotImplemented"),
        ({"ServerSideEncryption": "rot13"}, "InvalidArgument"),
        ({"Metadata": {"a": "x" * 2048}}, "MetadataTooLarge"),
        ({"Tagging": "&".join(f"k{n}=v" for n in range(11))}, "BadRequest"),
        ({"Tagging": "a=1&a=2"}, "InvalidArgument"),
        ({"Tagging": "a=1,b=2"}, "InvalidArgument"),
        ({"Tagging": "a=1%2C2"}, "InvalidTag"),
        ({"Tagging": f"{'k' * 129}=1"}, "InvalidTag"),
        ({"Tagging": f"k={'v' * 257}"}, "InvalidTag"),
        ({"Tagging": "k=%FF"}, "InvalidArgument"),
    ],
)
def test_what_cannot_be_kept(request_members: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        shapes.properties(request_members)
    assert caught.value.code == code


def test_acls_that_change_nothing() -> None:
    shapes.check_acl({"ACL": "bucket-owner-full-control"}, owned("BucketOwnerEnforced"))


def owned(ownership: str | None) -> Bucket:
    documents = {"ownership": {"Rules": [{"ObjectOwnership": ownership}]}} if ownership else {}
    return Bucket("b", "0", "us-east-1", 0, "Off", documents)


@pytest.mark.parametrize("requested", [{"ACL": "public-read"}, {"GrantRead": "id=x"}])
@pytest.mark.parametrize(
    ("ownership", "code"),
    [
        ("BucketOwnerEnforced", "AccessControlListNotSupported"),
        ("ObjectWriter", "NotImplemented"),
        (None, "NotImplemented"),
    ],
)
def test_acls_are_refused_for_what_they_are(requested: dict[str, Any], ownership: str | None, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        shapes.check_acl(requested, owned(ownership))
    assert caught.value.code == code


def test_digests_sent_before_and_behind() -> None:
    blob = Blob("x", 5, "5d41402abc4b2a76b9719d911017c592", {"CRC32": CRC32_OF_HELLO})
    digests({"ChecksumCRC32": CRC32_OF_HELLO, "ContentMD5": "XUFAKrxLKna5cZ2REBfFkg=="}).check(blob, Body())
    wanted = digests({"Body": Body(x_amz_checksum_crc32="")}, ["SHA256"])
    assert (wanted.algorithms, wanted.said) == (("CRC32", "SHA256"), ("CRC32",))
    wanted.check(blob, Body(x_amz_checksum_crc32=CRC32_OF_HELLO))
    for bad in (Body(x_amz_checksum_crc32="AAAAAA=="),):
        with pytest.raises(AwsError) as caught:
            wanted.check(blob, bad)
        assert caught.value.code == "BadDigest"


@pytest.mark.parametrize("request_members", [{}, {"ChecksumAlgorithm": "CRC32"}])
def test_the_default_is_counted_where_no_value_comes(request_members: dict[str, Any]) -> None:
    assert digests(request_members).algorithms == ("CRC64NVME",)


def test_a_trailer_of_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(AwsError, match="unsupported"):
        digests({"Body": Body(x_amz_checksum_crc16="")})


@pytest.mark.parametrize(
    ("request_members", "code"),
    [
        ({"ChecksumCRC32": "AAAA"}, "InvalidRequest"),
        ({"ChecksumCRC32": "not base64!"}, "InvalidRequest"),
        ({"ChecksumCRC32": CRC32_OF_HELLO, "ChecksumSHA1": "x"}, "InvalidRequest"),
        ({"ChecksumXXHASH64": "AAAA"}, "InvalidRequest"),
        ({"ContentMD5": "AAAA"}, "InvalidDigest"),
    ],
)
def test_digests_that_are_none(request_members: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        digests(request_members)
    assert caught.value.code == code
