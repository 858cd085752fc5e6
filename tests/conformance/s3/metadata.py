"""Metadata of an object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from s3.check import check, each
from s3.target import Target, put, refusal

HEADERS = {
    "Content-Type": {"ContentType": "text/csv; charset=utf-8"},
    "Cache-Control": {"CacheControl": "max-age=5"},
    "Content-Disposition": {"ContentDisposition": 'attachment; filename="x.csv"'},
    "Content-Encoding": {"ContentEncoding": "gzip"},
    "Content-Language": {"ContentLanguage": "de"},
    "x-amz-website-redirect-location": {"WebsiteRedirectLocation": "/other"},
    "x-amz-storage-class": {"StorageClass": "STANDARD_IA"},
}


@each("{} comes back", HEADERS, "API PutObject, GetObject")
def header(target: Target, said: dict[str, Any]) -> None:
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", **said)
    for call in (target.s3.get_object, target.s3.head_object):
        got = call(Bucket=bucket, Key="k")
        assert {name: got.get(name) for name in said} == said


@check
def expires_comes_back(target: Target) -> None:
    """API PutObject: Expires"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=datetime(2030, 1, 2, tzinfo=UTC))
    assert target.s3.head_object(Bucket=bucket, Key="k")["ExpiresString"] == "Wed, 02 Jan 2030 00:00:00 GMT"


@check
def the_default_content_type_is_binary(target: Target) -> None:
    """Guide: Working with object metadata, binary/octet-stream"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert target.s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


@check
def user_metadata_comes_back(target: Target) -> None:
    """Guide: Working with object metadata"""
    bucket, said = target.bucket(), {"one": "1", "two": "zwei drei", "dash-and.dot_under": "x=y; z,w"}
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=said)
    assert target.s3.get_object(Bucket=bucket, Key="k")["Metadata"] == said


@check
def names_of_user_metadata_are_lower_case(target: Target) -> None:
    """Guide: Working with object metadata: stored in lowercase"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"CamelCase": "Value"})
    assert target.s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"camelcase": "Value"}


@check
def metadata_beyond_ascii_comes_back_as_rfc_2047(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_user_metadata_rfc2047_encoded; Guide: Working with object metadata"""
    bucket = target.bucket()
    signed = target.sign("PUT", f"/{bucket}/k", {"x-amz-meta-name": "Zürich 日本"})
    answer = target.ask("PUT", f"/{bucket}/k", b"x", signed)
    assert answer.status == 200, answer.body
    described = target.s3.head_object(Bucket=bucket, Key="k")["Metadata"]["name"]
    assert described == "=?UTF-8?Q?Z=C3=BCrich_=E6=97=A5=E6=9C=AC?="


@check
def two_kib_of_user_metadata_and_no_more(target: Target) -> None:
    """Guide: Working with object metadata, 2 KB; MetadataTooLarge"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "x" * 2047})
    wanted = {"Bucket": bucket, "Key": "k", "Body": b"x", "Metadata": {"a": "x" * 2048}}
    assert refusal(target.s3.put_object, **wanted) == ("MetadataTooLarge", 400)


@check
def a_get_may_override_the_headers(target: Target) -> None:
    """API GetObject: response-content-type and its relatives"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="a/b")
    asked = {"ResponseContentType": "x/y", "ResponseCacheControl": "no-cache", "ResponseContentDisposition": "inline"}
    got = target.s3.get_object(Bucket=bucket, Key="k", **asked)
    assert (got["ContentType"], got["CacheControl"], got["ContentDisposition"]) == ("x/y", "no-cache", "inline")


@check
def an_unknown_storage_class_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidStorageClass"""
    wanted = {"Bucket": target.bucket(), "Key": "k", "Body": b"x", "StorageClass": "NONE_SUCH"}
    assert refusal(target.s3.put_object, **wanted) == ("InvalidStorageClass", 400)


@check
def encryption_that_was_asked_is_told(target: Target) -> None:
    """API PutObject: x-amz-server-side-encryption"""
    bucket = target.bucket()
    answer = target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    assert answer["ServerSideEncryption"] == "AES256"
    assert target.s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


@check
def a_kms_key_that_was_asked_is_told(target: Target) -> None:
    """API PutObject: x-amz-server-side-encryption-aws-kms-key-id"""
    bucket = target.bucket()
    arn = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    head = target.s3.head_object(Bucket=bucket, Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", arn)


@check
def an_unknown_encryption_is_refused(target: Target) -> None:
    """API PutObject: valid values AES256, aws:kms, aws:kms:dsse"""
    wanted = {"Bucket": target.bucket(), "Key": "k", "Body": b"x", "ServerSideEncryption": "rot13"}
    assert refusal(target.s3.put_object, **wanted) == ("InvalidArgument", 400)


@check
def attributes_tell_etag_size_and_class(target: Target) -> None:
    """API GetObjectAttributes"""
    bucket = target.bucket()
    etag = target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    described = target.s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "StorageClass"]
    )
    assert (described["ETag"], described["ObjectSize"], described["StorageClass"]) == (etag.strip('"'), 5, "STANDARD")
    assert "Checksum" not in described
    assert "ObjectParts" not in described


@check
def an_object_under_a_customer_s_key_needs_that_key(target: Target) -> None:
    """Guide: SSE-C"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    target.s3.put_object(**where, Body=b"secret", **key)
    assert target.s3.get_object(**where, **key)["Body"].read() == b"secret"
    assert refusal(target.s3.get_object, **where) == ("InvalidRequest", 400)


@check
def content_encodings_come_back_as_they_were_said(target: Target) -> None:
    """API PutObject: Content-Encoding; Guide: SigV4 streaming: aws-chunked is not kept; ceph/s3-tests"""
    bucket = target.bucket()
    said = {
        "deflate, gzip": "deflate, gzip",
        "aws-chunked, gzip": "gzip",
        "gzip,aws-chunked": "gzip",
        "aws-chunked": None,
    }
    for value, kept in said.items():
        target.s3.put_object(Bucket=bucket, Key="k", ContentEncoding=value)
        assert target.s3.head_object(Bucket=bucket, Key="k").get("ContentEncoding") == kept, value


@check
def a_read_says_no_encryption(target: Target) -> None:
    """API GetObject, HeadObject: encryption request headers should not be sent: 400; ceph/s3-tests"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for method in ("GET", "HEAD"):
        answer = target.ask_signed(method, f"/{bucket}/k", headers={"x-amz-server-side-encryption": "AES256"})
        assert answer.status == 400
