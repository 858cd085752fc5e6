"""Parts of an object's bytes."""

from __future__ import annotations

from s3.check import check, each
from s3.target import Target, refusal

DATA = b"0123456789"
RANGES = {
    "the first byte": ("bytes=0-0", 0, 1),
    "the middle": ("bytes=2-4", 2, 5),
    "from a byte on": ("bytes=7-", 7, 10),
    "the last bytes": ("bytes=-3", 7, 10),
    "beyond the end": ("bytes=5-999", 5, 10),
    "a suffix longer than the object": ("bytes=-99", 0, 10),
}


@each("range of {}", RANGES, "API GetObject: Range; RFC 9110")
def good_range(target: Target, case: tuple[str, int, int]) -> None:
    asked, start, end = case
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    got = target.s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["Body"].read() == DATA[start:end]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/10"


@check
def a_range_behind_the_end_is_416(target: Target) -> None:
    """Guide: Error responses, InvalidRange"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)


@check
def any_range_of_an_empty_object_is_416(target: Target) -> None:
    """Guide: Error responses, InvalidRange"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k", Range="bytes=0-") == ("InvalidRange", 416)


@check
def a_range_of_another_unit_is_ignored(target: Target) -> None:
    """RFC 9110, 14.2: an unknown unit is ignored"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    got = target.s3.get_object(Bucket=bucket, Key="k", Range="lines=1-2")
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read()) == (200, DATA)


@check
def the_head_of_a_range_tells_its_length(target: Target) -> None:
    """API HeadObject: Range"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=DATA)
    head = target.s3.head_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]) == (3, 206)


@check
def a_range_has_no_checksum_of_the_whole(target: Target) -> None:
    """Guide: Checking object integrity: none for ranged gets"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=DATA, ChecksumAlgorithm="CRC32")
    got = target.s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-4", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" not in got
