"""CopyObject and UploadPartCopy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from s3.check import check
from s3.target import Target, refusal

MIB = 1024 * 1024
KEY = "so urce/ü+%?.txt"


def a_source(target: Target, **said: Any) -> tuple[str, dict[str, str]]:
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key=KEY, Body=b"abc", **said)
    return bucket, {"Bucket": bucket, "Key": KEY}


@check
def a_copy_has_the_bytes_of_its_source(target: Target) -> None:
    """API CopyObject"""
    bucket, source = a_source(target)
    result = target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["CopyObjectResult"]
    got = target.s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["ETag"]) == (b"abc", result["ETag"])
    target.s3.delete_object(**source)
    assert target.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"abc"


@check
def a_copy_into_another_bucket(target: Target) -> None:
    """API CopyObject"""
    _, source = a_source(target)
    other = target.bucket()
    target.s3.copy_object(Bucket=other, Key="copy", CopySource=source)
    assert target.s3.get_object(Bucket=other, Key="copy")["Body"].read() == b"abc"


@check
def a_copy_keeps_metadata(target: Target) -> None:
    """API CopyObject: x-amz-metadata-directive COPY is the default"""
    bucket, source = a_source(target, Metadata={"m": "1"}, ContentType="text/plain")
    target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, Metadata={"ignored": "1"})
    got = target.s3.head_object(Bucket=bucket, Key="copy")
    assert (got["Metadata"], got["ContentType"]) == ({"m": "1"}, "text/plain")


@check
def a_copy_may_replace_metadata(target: Target) -> None:
    """API CopyObject: x-amz-metadata-directive REPLACE"""
    bucket, source = a_source(target, Metadata={"m": "1"}, ContentType="text/plain")
    said = {"MetadataDirective": "REPLACE", "Metadata": {"n": "2"}}
    target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **said)
    got = target.s3.head_object(Bucket=bucket, Key="copy")
    assert (got["Metadata"], got["ContentType"]) == ({"n": "2"}, "binary/octet-stream")


@check
def a_copy_keeps_tags(target: Target) -> None:
    """API CopyObject: x-amz-tagging-directive COPY is the default"""
    bucket, source = a_source(target, Tagging="t=1")
    target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert target.s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "1"}]


@check
def a_copy_may_replace_tags(target: Target) -> None:
    """API CopyObject: x-amz-tagging-directive REPLACE"""
    bucket, source = a_source(target, Tagging="t=1")
    target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, TaggingDirective="REPLACE", Tagging="n=2")
    assert target.s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "n", "Value": "2"}]


@check
def a_copy_onto_itself_must_change_something(target: Target) -> None:
    """API CopyObject: InvalidRequest"""
    bucket, source = a_source(target)
    assert refusal(target.s3.copy_object, Bucket=bucket, Key=KEY, CopySource=source) == ("InvalidRequest", 400)
    target.s3.copy_object(Bucket=bucket, Key=KEY, CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "3"})
    assert target.s3.head_object(**source)["Metadata"] == {"m": "3"}


@check
def a_named_version_is_copied_onto_itself(target: Target) -> None:
    """Guide: Restoring previous versions: copy a version onto the same key; moto, verified against AWS"""
    bucket, source = a_source(target)
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = target.s3.put_object(Bucket=bucket, Key=KEY, Body=b"2")["VersionId"]
    made = target.s3.copy_object(Bucket=bucket, Key=KEY, CopySource={**source, "VersionId": version})["VersionId"]
    assert made != version
    assert refusal(target.s3.copy_object, Bucket=bucket, Key=KEY, CopySource=source) == ("InvalidRequest", 400)


@check
def a_copy_of_nothing_is_no_such_key(target: Target) -> None:
    """API CopyObject; Guide: Error responses, NoSuchKey"""
    bucket = target.bucket()
    assert refusal(target.s3.copy_object, Bucket=bucket, Key="x", CopySource=f"{bucket}/none") == ("NoSuchKey", 404)


@check
def conditions_on_the_source_hold_or_are_412(target: Target) -> None:
    """API CopyObject: x-amz-copy-source-if-match and its relatives"""
    bucket, source = a_source(target)
    head = target.s3.head_object(**source)
    wanted = {"Bucket": bucket, "Key": "x", "CopySource": source}
    earlier = head["LastModified"] - timedelta(seconds=9)
    for failing in (
        {"CopySourceIfMatch": '"no"'},
        {"CopySourceIfNoneMatch": head["ETag"]},
        {"CopySourceIfUnmodifiedSince": earlier},
        {"CopySourceIfModifiedSince": head["LastModified"]},
    ):
        assert refusal(target.s3.copy_object, **wanted, **failing) == ("PreconditionFailed", 412), failing
    target.s3.copy_object(**wanted, CopySourceIfMatch=head["ETag"], CopySourceIfModifiedSince=earlier)


@check
def a_create_only_copy_happens_once(target: Target) -> None:
    """API CopyObject: If-None-Match"""
    bucket, source = a_source(target)
    wanted = {"Bucket": bucket, "Key": "x", "CopySource": source, "IfNoneMatch": "*"}
    target.s3.copy_object(**wanted)
    assert refusal(target.s3.copy_object, **wanted) == ("PreconditionFailed", 412)


@check
def a_copy_may_count_another_checksum(target: Target) -> None:
    """API CopyObject: x-amz-checksum-algorithm"""
    bucket, source = a_source(target)
    target.s3.copy_object(Bucket=bucket, Key="x", CopySource=source, ChecksumAlgorithm="SHA256")
    head = target.s3.head_object(Bucket=bucket, Key="x", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


@check
def a_named_version_is_copied(target: Target) -> None:
    """API CopyObject: versionId of the source"""
    bucket = target.bucket()
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = target.s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"two")
    source = {"Bucket": bucket, "Key": "k", "VersionId": first}
    answer = target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert answer["CopySourceVersionId"] == first
    assert target.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"one"


@check
def parts_are_copied_from_ranges(target: Target) -> None:
    """API UploadPartCopy: x-amz-copy-source-range"""
    bucket, data = target.bucket(), bytes(range(256)) * 4 * 1024 * 6
    target.s3.put_object(Bucket=bucket, Key="source", Body=data)
    where = {"Bucket": bucket, "Key": "joined"}
    where["UploadId"] = target.s3.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, (start, end) in enumerate([(0, 5 * MIB), (5 * MIB, 6 * MIB)], 1):
        asked = {"CopySource": f"{bucket}/source", "CopySourceRange": f"bytes={start}-{end - 1}"}
        result = target.s3.upload_part_copy(**where, PartNumber=number, **asked)["CopyPartResult"]
        parts.append({"PartNumber": number, "ETag": result["ETag"]})
    target.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert target.s3.get_object(Bucket=bucket, Key="joined")["Body"].read() == data


@check
def a_range_beyond_the_source_is_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::test_upload_part_copy_range; API UploadPartCopy"""
    bucket, _ = a_source(target)
    where = {"Bucket": bucket, "Key": "joined"}
    where["UploadId"] = target.s3.create_multipart_upload(**where)["UploadId"]
    for asked, code in (("bytes=0-99", "InvalidArgument"), ("bytes=98-99", "InvalidRequest")):
        wanted = {"CopySource": {"Bucket": bucket, "Key": KEY}, "CopySourceRange": asked}
        assert refusal(target.s3.upload_part_copy, **where, PartNumber=1, **wanted) == (code, 400)


@check
def a_source_may_be_named_by_its_url(target: Target) -> None:
    """API CopyObject: x-amz-copy-source; localstack test_s3::TestS3::test_s3_timestamp_precision, validated on AWS"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="a b", Body=b"x")
    source = {"x-amz-copy-source": f"{target.endpoint}/{bucket}/a%20b"}
    assert target.ask_signed("PUT", f"/{bucket}/copy", headers=source).status == 200
    assert target.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"x"
