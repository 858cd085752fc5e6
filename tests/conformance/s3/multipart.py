"""Multipart uploads."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from boto3.s3.transfer import TransferConfig

from s3.check import check
from s3.target import Target, refusal

MIB = 1024 * 1024
LEAST = 5 * MIB


def an_upload(target: Target, **said: Any) -> dict[str, Any]:
    where = {"Bucket": target.bucket(), "Key": "k"}
    return {**where, "UploadId": target.s3.create_multipart_upload(**where, **said)["UploadId"]}


def a_part(target: Target, upload: dict[str, Any], number: int, body: bytes, **said: Any) -> dict[str, Any]:
    """The part as a completion names it, with its checksum where the upload has an algorithm, which `said` repeats."""
    answer = target.s3.upload_part(**upload, PartNumber=number, Body=body, **said)
    kept = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
    return {"PartNumber": number, "ETag": answer["ETag"], **(kept if said else {})}


def complete(target: Target, upload: dict[str, Any], *parts: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer: dict[str, Any] = target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **said)
    return answer


def refused(target: Target, upload: dict[str, Any], *parts: dict[str, Any]) -> tuple[str, int]:
    return refusal(target.s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts})


def where(upload: dict[str, Any]) -> dict[str, Any]:
    return {"Bucket": upload["Bucket"], "Key": upload["Key"]}


@check
def parts_are_joined_in_the_order_of_their_numbers(target: Target) -> None:
    """Guide: Multipart upload overview: any order, any numbers"""
    upload = an_upload(target)
    tail = a_part(target, upload, 7, b"tail")
    head = a_part(target, upload, 2, b"h" * LEAST)
    complete(target, upload, head, tail)
    assert target.s3.get_object(**where(upload))["Body"].read() == b"h" * LEAST + b"tail"


@check
def the_etag_counts_the_parts(target: Target) -> None:
    """Guide: Checking object integrity: MD5 of the parts' MD5s, a dash, their number"""
    upload = an_upload(target)
    bodies = [b"a" * LEAST, b"b"]
    parts = [a_part(target, upload, n, body) for n, body in enumerate(bodies, 1)]
    etag = complete(target, upload, *parts)["ETag"]
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    assert etag == f'"{hashlib.md5(digests).hexdigest()}-2"'


@check
def a_part_sent_again_replaces_the_first(target: Target) -> None:
    """API UploadPart: the same number overwrites"""
    upload = an_upload(target)
    a_part(target, upload, 1, b"first")
    second = a_part(target, upload, 1, b"second")
    complete(target, upload, second)
    assert target.s3.get_object(**where(upload))["Body"].read() == b"second"


@check
def what_was_said_at_the_start_is_kept(target: Target) -> None:
    """API CreateMultipartUpload"""
    upload = an_upload(target, Metadata={"m": "1"}, ContentType="text/csv", Tagging="t=1", StorageClass="STANDARD_IA")
    complete(target, upload, a_part(target, upload, 1, b"x"))
    head = target.s3.head_object(**where(upload))
    assert (head["Metadata"], head["ContentType"], head["StorageClass"]) == ({"m": "1"}, "text/csv", "STANDARD_IA")
    assert target.s3.get_object_tagging(**where(upload))["TagSet"] == [{"Key": "t", "Value": "1"}]


@check
def parts_out_of_order_are_refused(target: Target) -> None:
    """API CompleteMultipartUpload: InvalidPartOrder"""
    upload = an_upload(target)
    first, second = a_part(target, upload, 1, b"h" * LEAST), a_part(target, upload, 2, b"x")
    assert refused(target, upload, second, first) == ("InvalidPartOrder", 400)


@check
def a_part_that_was_not_sent_is_refused(target: Target) -> None:
    """API CompleteMultipartUpload: InvalidPart"""
    upload = an_upload(target)
    part = a_part(target, upload, 1, b"x")
    assert refused(target, upload, part | {"PartNumber": 8}) == ("InvalidPart", 400)


@check
def a_part_of_another_etag_is_refused(target: Target) -> None:
    """API CompleteMultipartUpload: InvalidPart"""
    upload = an_upload(target)
    part = a_part(target, upload, 1, b"x")
    wrong = part | {"ETag": '"ffffffffffffffffffffffffffffffff"'}
    assert refused(target, upload, wrong) == ("InvalidPart", 400)


@check
def a_small_part_that_is_not_the_last_is_refused(target: Target) -> None:
    """API CompleteMultipartUpload: EntityTooSmall; Guide: multipart upload limits, 5 MB"""
    upload = an_upload(target)
    parts = [a_part(target, upload, n, b"small") for n in (1, 2)]
    assert refused(target, upload, *parts) == ("EntityTooSmall", 400)


@check
def a_completion_without_parts_is_malformed(target: Target) -> None:
    """API CompleteMultipartUpload: MalformedXML"""
    upload = an_upload(target)
    assert refused(target, upload) == ("MalformedXML", 400)


@check
def part_numbers_go_from_1_to_10000(target: Target) -> None:
    """Guide: multipart upload limits"""
    upload = an_upload(target)
    a_part(target, upload, 10_000, b"x")
    for number in (0, 10_001):
        assert refusal(target.s3.upload_part, **upload, PartNumber=number, Body=b"x") == ("InvalidArgument", 400)


@check
def a_part_larger_than_5_gib_is_refused_before_it_is_sent(target: Target) -> None:
    """Guide: multipart upload limits, 5 GB; EntityTooLarge"""
    upload = an_upload(target)
    headers = {"Content-Length": str(5 * 1024**3 + 1), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    path = f"/{upload['Bucket']}/k?partNumber=1&uploadId={upload['UploadId']}"
    answer = target.ask_announced(path, headers)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")


@check
def the_same_completion_again_gets_the_same_answer(target: Target) -> None:
    """API CompleteMultipartUpload: may be retried after a lost answer"""
    upload = an_upload(target)
    part = a_part(target, upload, 1, b"x")
    assert complete(target, upload, part)["ETag"] == complete(target, upload, part)["ETag"]


@check
def a_finished_upload_takes_no_part(target: Target) -> None:
    """API UploadPart: NoSuchUpload"""
    upload = an_upload(target)
    complete(target, upload, a_part(target, upload, 1, b"x"))
    assert refusal(target.s3.upload_part, **upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


@check
def an_aborted_upload_is_gone(target: Target) -> None:
    """API AbortMultipartUpload"""
    upload = an_upload(target)
    a_part(target, upload, 1, b"x")
    target.s3.abort_multipart_upload(**upload)
    assert refusal(target.s3.list_parts, **upload) == ("NoSuchUpload", 404)
    assert refusal(target.s3.abort_multipart_upload, **upload) == ("NoSuchUpload", 404)
    assert "Uploads" not in target.s3.list_multipart_uploads(Bucket=upload["Bucket"])


@check
def an_unfinished_upload_is_no_object(target: Target) -> None:
    """Guide: Multipart upload overview"""
    upload = an_upload(target)
    a_part(target, upload, 1, b"x")
    assert refusal(target.s3.head_object, **where(upload)) == ("404", 404)
    assert target.s3.list_objects_v2(Bucket=upload["Bucket"])["KeyCount"] == 0


@check
def list_parts_in_pages(target: Target) -> None:
    """API ListParts"""
    upload = an_upload(target)
    for number in (2, 7, 9):
        a_part(target, upload, number, b"x" * number)
    page = target.s3.list_parts(**upload, MaxParts=2)
    assert [(p["PartNumber"], p["Size"]) for p in page["Parts"]] == [(2, 2), (7, 7)]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 7)
    rest = target.s3.list_parts(**upload, PartNumberMarker=7)
    assert ([p["PartNumber"] for p in rest["Parts"]], rest["IsTruncated"]) == ([9], False)


@check
def list_multipart_uploads_in_pages(target: Target) -> None:
    """API ListMultipartUploads: key-marker, upload-id-marker, max-uploads"""
    bucket = target.bucket()
    made = [target.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in ("a", "b", "b", "c")]
    seen: list[str] = []
    for page in target.s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    ):
        assert len(page["Uploads"]) <= 2
        seen += [upload["UploadId"] for upload in page["Uploads"]]
    assert sorted(seen) == sorted(made)


@check
def list_multipart_uploads_by_prefix_and_delimiter(target: Target) -> None:
    """API ListMultipartUploads: prefix, delimiter"""
    bucket = target.bucket()
    for key in ("a", "b/1", "b/2", "c/1"):
        target.s3.create_multipart_upload(Bucket=bucket, Key=key)
    page = target.s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [u["Key"] for u in page["Uploads"]] == ["a"]
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["b/", "c/"]
    page = target.s3.list_multipart_uploads(Bucket=bucket, Prefix="b/")
    assert [u["Key"] for u in page["Uploads"]] == ["b/1", "b/2"]


@check
def an_object_is_read_part_by_part(target: Target) -> None:
    """API GetObject: partNumber, x-amz-mp-parts-count"""
    upload = an_upload(target)
    parts = [a_part(target, upload, 1, b"a" * LEAST), a_part(target, upload, 2, b"bc")]
    complete(target, upload, *parts)
    got = target.s3.get_object(**where(upload), PartNumber=2)
    assert (got["Body"].read(), got["PartsCount"]) == (b"bc", 2)
    assert got["ContentRange"] == f"bytes {LEAST}-{LEAST + 1}/{LEAST + 2}"
    head = target.s3.head_object(**where(upload), PartNumber=1)
    assert (head["ContentLength"], head["PartsCount"]) == (LEAST, 2)


@check
def a_part_that_an_object_has_not_is_416(target: Target) -> None:
    """Guide: Error responses, InvalidPartNumber"""
    upload = an_upload(target)
    complete(target, upload, a_part(target, upload, 1, b"x"))
    assert refusal(target.s3.get_object, **where(upload), PartNumber=3) == ("InvalidPartNumber", 416)


@check
def attributes_tell_parts_with_their_checksums(target: Target) -> None:
    """API GetObjectAttributes: ObjectParts"""
    upload = an_upload(target, ChecksumAlgorithm="SHA256")
    parts = [a_part(target, upload, n, body, ChecksumAlgorithm="SHA256") for n, body in ((1, b"a" * LEAST), (2, b"b"))]
    complete(target, upload, *parts)
    asked = {"ObjectAttributes": ["ObjectParts", "Checksum", "ObjectSize"]}
    described = target.s3.get_object_attributes(**where(upload), **asked)
    assert described["ObjectParts"]["TotalPartsCount"] == 2
    assert [(p["PartNumber"], p["Size"], p["ChecksumSHA256"]) for p in described["ObjectParts"]["Parts"]] == [
        (1, LEAST, parts[0]["ChecksumSHA256"]),
        (2, 1, parts[1]["ChecksumSHA256"]),
    ]
    page = target.s3.get_object_attributes(**where(upload), **asked, MaxParts=1)["ObjectParts"]
    assert (page["IsTruncated"], page["NextPartNumberMarker"], len(page["Parts"])) == (True, 1, 1)


@check
def the_transfer_manager_uploads_and_downloads_in_parts(target: Target) -> None:
    """API CreateMultipartUpload, GetObject: as boto3's transfers ask"""
    bucket, data = target.bucket(), bytes(range(256)) * (4 * 12 * 1024)
    config = TransferConfig(multipart_threshold=LEAST, multipart_chunksize=LEAST)
    target.s3.upload_fileobj(io.BytesIO(data), bucket, "k", Config=config)
    assert target.s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-3"')
    got = io.BytesIO()
    target.s3.download_fileobj(bucket, "k", got, Config=config)
    assert got.getvalue() == data
    target.s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    assert target.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data


@check
def the_size_of_the_whole_is_held(target: Target) -> None:
    """API CompleteMultipartUpload: x-amz-mp-object-size"""
    upload = an_upload(target)
    part = a_part(target, upload, 1, b"x")
    wanted = {**upload, "MultipartUpload": {"Parts": [part]}, "MpuObjectSize": 2}
    assert refusal(target.s3.complete_multipart_upload, **wanted) == ("InvalidRequest", 400)
    complete(target, upload, part, MpuObjectSize=1)


@check
def a_part_s_checksum_needs_an_upload_with_one(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_complete_multipart_parts_checksum_default"""
    upload = an_upload(target)
    part = a_part(target, upload, 1, b"x", ChecksumAlgorithm="CRC32")
    assert refused(target, upload, part) == ("InvalidPart", 400)
    complete(target, upload, {"PartNumber": 1, "ETag": part["ETag"]})


@check
def a_part_has_the_upload_s_algorithm(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_multipart_parts_checksum_exceptions_composite"""
    upload = an_upload(target, ChecksumAlgorithm="SHA256")
    asked = {**upload, "PartNumber": 1, "Body": b"x", "ChecksumAlgorithm": "CRC32"}
    assert refusal(target.s3.upload_part, **asked) == ("InvalidRequest", 400)


@check
def the_end_of_a_list_of_parts_has_no_marker(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_parts_pagination"""
    upload = an_upload(target)
    a_part(target, upload, 1, b"x")
    assert target.s3.list_parts(**upload, PartNumberMarker=9)["NextPartNumberMarker"] == 0


@check
def parts_are_listed_of_composite_checksums_alone(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_complete_multipart_parts_checksum_full_object"""
    upload = an_upload(target, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    complete(target, upload, a_part(target, upload, 1, b"x", ChecksumAlgorithm="CRC32"))
    described = target.s3.get_object_attributes(**where(upload), ObjectAttributes=["ObjectParts", "Checksum"])
    assert (described["ObjectParts"], described["Checksum"]["ChecksumType"]) == ({"TotalPartsCount": 1}, "FULL_OBJECT")


@check
def a_copy_keeps_the_whole_s_checksum(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_complete_multipart_parts_checksum_full_object"""
    upload = an_upload(target, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    done = complete(target, upload, a_part(target, upload, 1, b"x", ChecksumAlgorithm="CRC32"))
    copied = target.s3.copy_object(Bucket=upload["Bucket"], Key="copy", CopySource=where(upload))
    assert copied["CopyObjectResult"]["ChecksumCRC32"] == done["ChecksumCRC32"]
    composite = an_upload(target, ChecksumAlgorithm="CRC32")
    part = a_part(target, composite, 1, b"x", ChecksumAlgorithm="CRC32")
    complete(target, composite, part)
    copied = target.s3.copy_object(Bucket=composite["Bucket"], Key="copy", CopySource=where(composite))[
        "CopyObjectResult"
    ]
    assert (copied["ChecksumCRC32"], copied["ChecksumType"]) == (part["ChecksumCRC32"], "FULL_OBJECT")
