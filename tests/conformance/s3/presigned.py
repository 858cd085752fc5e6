"""Requests whose signature stands in the URL, and what is said to wrong signatures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials

from s3.check import check, each
from s3.target import Answer, Target, put

KEY = "p/ä b+c.txt"
VERSIONS = {"signature version 4": "s3v4", "signature version 2": "s3"}
SOURCE = "Guide: Presigned URLs; SigV4 in query parameters, SigV2 in the query"


def presign(target: Target, version: str, operation: str, expires_s: int = 600, **parameters: Any) -> str:
    client = target.boto(config=Config(signature_version=version))
    url: str = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires_s)
    return url.removeprefix(target.endpoint)


@each("a presigned GET by {}", VERSIONS, SOURCE)
def get(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, KEY)
    answer = target.ask("GET", presign(target, version, "get_object", Bucket=bucket, Key=KEY))
    assert (answer.status, answer.body) == (200, KEY.encode())


@each("a presigned list by {}", VERSIONS, SOURCE)
def list_by(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, KEY)
    for parameters in ({"Bucket": bucket}, {"Bucket": bucket, "Prefix": "p/", "Delimiter": "/"}):
        answer = target.ask("GET", presign(target, version, "list_objects_v2", **parameters))
        assert (answer.status, b"<KeyCount>1<" in answer.body) == (200, True), answer.code


@each("a presigned PUT by {}", VERSIONS, SOURCE)
def put_by(target: Target, version: str) -> None:
    bucket = target.bucket()
    answer = target.ask("PUT", presign(target, version, "put_object", Bucket=bucket, Key=KEY), b"presigned")
    assert answer.status == 200, answer.code
    assert target.s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"presigned"


@each("a presigned HEAD and DELETE by {}", VERSIONS, SOURCE)
def head_and_delete(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, KEY)
    assert target.ask("HEAD", presign(target, version, "head_object", Bucket=bucket, Key=KEY)).status == 200
    assert target.ask("DELETE", presign(target, version, "delete_object", Bucket=bucket, Key=KEY)).status == 204


@each("a presigned part of an upload by {}", VERSIONS, SOURCE)
def part(target: Target, version: str) -> None:
    where = {"Bucket": target.bucket(), "Key": KEY}
    where["UploadId"] = target.s3.create_multipart_upload(**where)["UploadId"]
    answer = target.ask("PUT", presign(target, version, "upload_part", **where, PartNumber=1), b"part")
    assert (answer.status, bool(answer.headers.get("etag"))) == (200, True)


@each("a presigned GET by {} overrides headers", VERSIONS, "API GetObject: response-content-disposition")
def override(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, KEY)
    asked = {"ResponseContentDisposition": 'attachment; filename="a b.txt"', "ResponseContentType": "text/x"}
    answer = target.ask("GET", presign(target, version, "get_object", Bucket=bucket, Key=KEY, **asked))
    assert answer.headers["content-disposition"] == asked["ResponseContentDisposition"]
    assert answer.headers["content-type"] == "text/x"


@each(
    "an override by {} beyond Latin-1 is refused",
    VERSIONS,
    "Recorded on AWS: localstack test_s3::TestS3PresignedUrl::test_get_response_overrides_unicode_metadata_with_sig_s3",
)
def wide_override(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, KEY)
    asked = {"ResponseCacheControl": "a\u2014"}
    answer = target.ask("GET", presign(target, version, "get_object", Bucket=bucket, Key=KEY, **asked))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@each("a URL by {} for another key is refused", VERSIONS, "Guide: Error responses, SignatureDoesNotMatch")
def other_key(target: Target, version: str) -> None:
    bucket = target.bucket()
    put(target, bucket, "a", "b")
    path = presign(target, version, "get_object", Bucket=bucket, Key="a").replace("/a?", "/b?")
    answer = target.ask("GET", path)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@each("a URL by {} for another method is refused", VERSIONS, "Guide: Error responses, SignatureDoesNotMatch")
def other_method(target: Target, version: str) -> None:
    bucket = target.bucket()
    answer = target.ask("PUT", presign(target, version, "get_object", Bucket=bucket, Key="a"), b"x")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@check
def a_url_by_version_4_expires(target: Target) -> None:
    """Guide: Presigned URLs: Request has expired"""
    bucket = target.bucket()
    put(target, bucket, "k")
    then = datetime.now(UTC) - timedelta(minutes=10)
    request = AWSRequest("GET", f"{target.endpoint}/{bucket}/k")
    with patch("botocore.auth.get_current_datetime", lambda: then.replace(tzinfo=None)):
        S3SigV4QueryAuth(Credentials(target.access, target.secret), "s3", "us-east-1", expires=60).add_auth(request)
    answer = target.ask("GET", request.url.removeprefix(target.endpoint))
    assert (answer.status, answer.code) == (403, "AccessDenied")


@check
def a_url_by_version_2_expires(target: Target) -> None:
    """Guide: Presigned URLs: Request has expired"""
    bucket = target.bucket()
    put(target, bucket, "k")
    answer = target.ask("GET", presign(target, "s3", "get_object", -60, Bucket=bucket, Key="k"))
    assert (answer.status, answer.code) == (403, "AccessDenied")


@check
def a_url_for_longer_than_a_week_is_refused(target: Target) -> None:
    """Guide: Presigned URLs: seven days; AuthorizationQueryParametersError"""
    bucket = target.bucket()
    put(target, bucket, "k")
    answer = target.ask("GET", presign(target, "s3v4", "get_object", 8 * 24 * 3600, Bucket=bucket, Key="k"))
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


@check
def a_url_without_one_of_its_parameters_is_refused(target: Target) -> None:
    """Guide: SigV4 in query parameters; AuthorizationQueryParametersError"""
    bucket = target.bucket()
    parts = urlsplit(presign(target, "s3v4", "get_object", Bucket=bucket, Key="k"))
    query = urlencode([(n, v) for n, v in parse_qsl(parts.query) if n != "X-Amz-Expires"])
    answer = target.ask("GET", f"{parts.path}?{query}")
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


def refused_get(target: Target, **changes: str) -> Answer:
    changed = Target(target.name, target.endpoint, **{"access": target.access, "secret": target.secret, **changes})
    return changed.ask_signed("GET", f"/{target.bucket()}/k")


@check
def a_wrong_secret_is_refused(target: Target) -> None:
    """Guide: Error responses, SignatureDoesNotMatch"""
    answer = refused_get(target, secret="wrong")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@check
def an_unknown_key_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidAccessKeyId"""
    answer = refused_get(target, access="AKIAIOSFODNN7EXAMPLE")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


@check
def a_clock_that_is_off_by_an_hour_is_refused(target: Target) -> None:
    """Guide: Error responses, RequestTimeTooSkewed"""
    bucket = target.bucket()
    then = datetime.now(UTC) - timedelta(hours=1)
    with patch("botocore.auth.get_current_datetime", lambda: then.replace(tzinfo=None)):
        answer = target.ask_signed("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


@check
def a_signature_that_can_not_be_read_is_refused(target: Target) -> None:
    """Guide: Error responses, AuthorizationHeaderMalformed"""
    headers = target.sign("GET", f"/{target.bucket()}", {})
    headers["Authorization"] = headers["Authorization"].replace("SignedHeaders", "Signed")
    answer = target.ask("GET", f"/{target.bucket()}", headers=headers)
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")


@check
def a_header_that_was_signed_and_changed_is_refused(target: Target) -> None:
    """Guide: SigV4: SignatureDoesNotMatch"""
    path = f"/{target.bucket()}/k"
    headers = target.sign("PUT", path, {"x-amz-meta-a": "one"})
    answer = target.ask("PUT", path, b"x", {**headers, "x-amz-meta-a": "two"})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@check
def a_header_of_s3_s_own_has_to_be_signed(target: Target) -> None:
    """Guide: SigV4: all x-amz-* headers are signed; AccessDenied"""
    bucket = target.bucket()
    url = presign(target, "s3v4", "put_object", Bucket=bucket, Key="k")
    answer = target.ask("PUT", url, b"x", {"x-amz-storage-class": "GLACIER"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    path = f"/{bucket}/k"
    answer = target.ask("PUT", path, b"x", {**target.sign("PUT", path, {}), "x-amz-tagging": "a=b"})
    assert (answer.status, answer.code) == (403, "AccessDenied")


@check
def conditions_may_stand_in_the_query(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3PresignedUrl::test_pre_signed_url_if_none_match"""
    bucket = target.bucket()
    request = AWSRequest("PUT", f"{target.endpoint}/{bucket}/k", params={"If-None-Match": "*"}, data=b"")
    S3SigV4QueryAuth(Credentials(target.access, target.secret), "s3", "us-east-1").add_auth(request)
    path = request.url.removeprefix(target.endpoint)
    assert [target.ask("PUT", path, b"x").status for _ in range(2)] == [200, 412]


@check
def a_wrong_signature_is_told_what_was_read(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3PresignedUrl::test_s3_put_presigned_url_same_header_and_qs_parameter"""
    bucket = target.bucket()
    url = target.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    answer = target.ask("GET", url.removeprefix(target.endpoint).replace("Signature=", "Signature=x"))
    described = [
        name for name in ("StringToSign", "SignatureProvided", "AWSAccessKeyId") if f"<{name}>" in str(answer.body)
    ]
    assert (answer.status, answer.code, len(described)) == (403, "SignatureDoesNotMatch", 3)


@check
def a_checksum_in_the_query_of_a_put_says_nothing_of_its_body(target: Target) -> None:
    """Guide: Presigned URLs; aws/aws-sdk-js-v3#4448 and aws/aws-sdk-go-v2#2610 tell that AWS doesn't look at it"""
    bucket, client = target.bucket(), target.boto(config=Config(signature_version="s3v4"))

    def hoist(request: Any, **_: Any) -> None:
        request.url += (
            f"{'&' if '?' in request.url else '?'}x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
        )

    client.meta.events.register("before-sign.s3.PutObject", hoist)
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": KEY})
    answer = target.ask("PUT", url.removeprefix(target.endpoint), b"presigned")
    assert answer.status == 200, answer.code
    assert target.s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"presigned"
