"""Conditions on reads and writes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from s3.check import check
from s3.target import Target, fault, put, refusal

FAILED = ("PreconditionFailed", 412)


def an_object(target: Target) -> tuple[dict[str, Any], str]:
    where = {"Bucket": target.bucket(), "Key": "k"}
    return where, target.s3.put_object(**where, Body=b"one")["ETag"]


@check
def if_match_holds_or_is_412(target: Target) -> None:
    """API GetObject, HeadObject: If-Match"""
    where, etag = an_object(target)
    assert target.s3.get_object(**where, IfMatch=etag)["Body"].read() == b"one"
    assert refusal(target.s3.get_object, **where, IfMatch='"no"') == FAILED
    assert refusal(target.s3.head_object, **where, IfMatch='"no"') == ("412", 412)


@check
def if_none_match_is_304(target: Target) -> None:
    """API GetObject: If-None-Match"""
    where, etag = an_object(target)
    assert refusal(target.s3.get_object, **where, IfNoneMatch=etag) == ("304", 304)
    assert refusal(target.s3.head_object, **where, IfNoneMatch=etag) == ("304", 304)
    target.s3.get_object(**where, IfNoneMatch='"no"')


@check
def a_304_has_the_etag_and_no_body(target: Target) -> None:
    """RFC 9110, 15.4.5"""
    where, etag = an_object(target)
    answer = target.ask_signed("GET", f"/{where['Bucket']}/k", headers={"If-None-Match": etag})
    assert (answer.status, answer.headers.get("etag"), answer.body) == (304, etag, b"")


@check
def if_modified_since_is_304(target: Target) -> None:
    """API GetObject: If-Modified-Since"""
    where, _ = an_object(target)
    moment = target.s3.head_object(**where)["LastModified"]
    assert refusal(target.s3.get_object, **where, IfModifiedSince=moment) == ("304", 304)
    target.s3.get_object(**where, IfModifiedSince=moment - timedelta(seconds=9))


@check
def if_unmodified_since_is_412(target: Target) -> None:
    """API GetObject: If-Unmodified-Since"""
    where, _ = an_object(target)
    moment = target.s3.head_object(**where)["LastModified"]
    target.s3.get_object(**where, IfUnmodifiedSince=moment)
    assert refusal(target.s3.get_object, **where, IfUnmodifiedSince=moment - timedelta(seconds=9)) == FAILED


@check
def an_etag_that_matches_outdoes_a_date(target: Target) -> None:
    """API GetObject: If-Match true and If-Unmodified-Since false give 200; If-None-Match false and a date true give 304"""
    where, etag = an_object(target)
    moment = target.s3.head_object(**where)["LastModified"]
    before = moment - timedelta(seconds=9)
    target.s3.get_object(**where, IfMatch=etag, IfUnmodifiedSince=before)
    assert refusal(target.s3.get_object, **where, IfNoneMatch=etag, IfModifiedSince=before) == ("304", 304)


@check
def a_create_only_put_happens_once(target: Target) -> None:
    """Guide: Conditional writes, If-None-Match"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    target.s3.put_object(**where, Body=b"one", IfNoneMatch="*")
    assert refusal(target.s3.put_object, **where, Body=b"two", IfNoneMatch="*") == FAILED
    assert target.s3.get_object(**where)["Body"].read() == b"one"


@check
def a_put_if_match_replaces_only_that_object(target: Target) -> None:
    """Guide: Conditional writes, If-Match"""
    where, etag = an_object(target)
    target.s3.put_object(**where, Body=b"two", IfMatch=etag)
    assert refusal(target.s3.put_object, **where, Body=b"three", IfMatch=etag) == FAILED
    assert target.s3.get_object(**where)["Body"].read() == b"two"


@check
def a_put_if_match_needs_an_object(target: Target) -> None:
    """API PutObject: If-Match: 404 where there is none"""
    where, etag = an_object(target)
    where["Key"] = "other"
    assert refusal(target.s3.put_object, **where, Body=b"x", IfMatch=etag) == ("NoSuchKey", 404)


@check
def a_create_only_completion_is_refused_where_an_object_is(target: Target) -> None:
    """API CompleteMultipartUpload: If-None-Match"""
    where, _ = an_object(target)
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where)["UploadId"]}
    part = target.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    wanted = {**upload, "MultipartUpload": parts, "IfNoneMatch": "*"}
    assert refusal(target.s3.complete_multipart_upload, **wanted) == FAILED


@check
def a_delete_if_match_deletes_only_that_object(target: Target) -> None:
    """API DeleteObject: If-Match"""
    where, etag = an_object(target)
    assert refusal(target.s3.delete_object, **where, IfMatch='"no"') == FAILED
    target.s3.delete_object(**where, IfMatch=etag)
    assert refusal(target.s3.head_object, **where) == ("404", 404)


@check
def delete_objects_holds_each_etag(target: Target) -> None:
    """API DeleteObjects: ETag of an object identifier"""
    where, etag = an_object(target)
    wanted = [{"Key": "k", "ETag": '"no"'}]
    answer = target.s3.delete_objects(Bucket=where["Bucket"], Delete={"Objects": wanted})
    assert [(e["Key"], e["Code"]) for e in answer.get("Errors", [])] == [("k", "PreconditionFailed")]
    answer = target.s3.delete_objects(Bucket=where["Bucket"], Delete={"Objects": [{"Key": "k", "ETag": etag}]})
    assert "Errors" not in answer


@check
def a_date_in_the_future_is_no_condition(target: Target) -> None:
    """RFC 9110, 13.1.3; Recorded on AWS: localstack test_s3::test_s3_get_object_preconditions"""
    where, _ = an_object(target)
    later = datetime.now(UTC) + timedelta(days=1)
    assert target.s3.get_object(**where, IfModifiedSince=later)["Body"].read() == b"one"
    source = {"Bucket": where["Bucket"], "Key": "k"}
    target.s3.copy_object(Bucket=where["Bucket"], Key="copy", CopySource=source, CopySourceIfModifiedSince=later)


@check
def writes_take_no_other_conditions(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3ObjectWritePrecondition::test_put_object_if_match_validation"""
    where, etag = an_object(target)
    for asked in ({"IfMatch": "*"}, {"IfNoneMatch": etag}, {"IfMatch": etag, "IfNoneMatch": "*"}):
        assert refusal(target.s3.put_object, **where, Body=b"two", **asked) == ("NotImplemented", 501)


@check
def an_object_put_during_an_upload_is_a_conflict(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3ObjectWritePrecondition::test_multipart_if_match_with_put"""
    where, _ = an_object(target)
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where)["UploadId"]}
    part = target.s3.upload_part(**upload, PartNumber=1, Body=b"two")
    time.sleep(0.01)
    etag = target.s3.put_object(**where, Body=b"meanwhile")["ETag"]
    done = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, "IfMatch": etag}
    assert refusal(target.s3.complete_multipart_upload, **upload, **done) == ("ConditionalRequestConflict", 409)


@check
def the_condition_of_a_source_is_named_as_it_was_sent(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::test_upload_part_copy_with_copy_source_if_match_failed"""
    where, _ = an_object(target)
    source = {"Bucket": where["Bucket"], "Key": "k"}
    asked = {"Bucket": where["Bucket"], "Key": "c", "CopySource": source, "CopySourceIfMatch": '"no"'}
    assert fault(target.s3.copy_object, **asked).get("Condition") == "x-amz-copy-source-If-Match"


@check
def a_deletion_for_directory_buckets_alone_is_refused(target: Target) -> None:
    """API DeleteObject, DeleteObjects: x-amz-if-match-size, Size: only supported for directory buckets"""
    bucket = target.bucket()
    put(target, bucket, "k")
    assert refusal(target.s3.delete_object, Bucket=bucket, Key="k", IfMatchSize=9)[0] == "NotImplemented"
    some = {"Objects": [{"Key": "k", "Size": 9}]}
    assert refusal(target.s3.delete_objects, Bucket=bucket, Delete=some)[0] == "NotImplemented"
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"
