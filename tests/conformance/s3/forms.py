"""Uploads by an HTML form: POST with a signed policy."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.client import Config

from s3.check import check
from s3.target import Answer, Target

BOUNDARY = "----check"


def encode(fields: dict[str, str], data: bytes, name: str = "name.txt") -> bytes:
    body = b""
    for field, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return body + f"{head}Content-Type: text/plain\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def send(target: Target, bucket: str, fields: dict[str, str], data: bytes = b"hello", name: str = "name.txt") -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return target.ask("POST", f"/{bucket}", encode(fields, data, name), headers)


def signer(target: Target) -> Any:
    return target.boto(config=Config(signature_version="s3v4"))


def form(target: Target, bucket: str, key: str = "k", conditions: Any = (), **fields: str) -> dict[str, str]:
    """The fields that boto3 signs by version 4; `fields` have a condition each."""
    said = {name.replace("_", "-"): value for name, value in fields.items()}
    wanted = [{name: value} for name, value in said.items()] + list(conditions)
    made: dict[str, str] = signer(target).generate_presigned_post(bucket, key, said, wanted)["fields"]
    return made


def signed_by_version_2(target: Target, document: dict[str, Any]) -> dict[str, str]:
    policy = base64.b64encode(json.dumps(document).encode())
    signature = hmac.new(target.secret.encode(), policy, hashlib.sha1).digest()
    return {
        "AWSAccessKeyId": target.access,
        "policy": policy.decode(),
        "signature": base64.b64encode(signature).decode(),
    }


def read(target: Target, bucket: str, key: str = "k") -> bytes:
    body: bytes = target.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


@check
def a_form_signed_by_version_4_is_taken(target: Target) -> None:
    """API POST Object: 204 without success_action_status"""
    bucket = target.bucket()
    answer = send(target, bucket, form(target, bucket), b"he\r\n--llo\r\n")
    assert answer.status == 204, answer.code
    assert read(target, bucket) == b"he\r\n--llo\r\n"


@check
def a_form_signed_by_version_2_is_taken(target: Target) -> None:
    """API POST Object: AWSAccessKeyId, policy, signature"""
    bucket = target.bucket()
    document = {
        "expiration": f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [{"bucket": bucket}, ["starts-with", "$key", ""]],
    }
    answer = send(target, bucket, {"key": "k", **signed_by_version_2(target, document)})
    assert answer.status == 204, answer.code
    assert read(target, bucket) == b"hello"


@check
def a_policy_names_its_bucket(target: Target) -> None:
    """API POST Policy: conditions; AWS's answer in aws/aws-sdk-php#3292: Extra input fields: bucket"""
    bucket = target.bucket()
    until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    document = {"expiration": until, "conditions": [["starts-with", "$key", ""]]}
    answer = send(target, bucket, {"key": "k", **signed_by_version_2(target, document)})
    assert (refused(answer), b"Extra input fields: bucket" in answer.body) == ((403, "AccessDenied"), True)


@check
def each_content_type_of_a_list_begins_so(target: Target) -> None:
    """API POST Policy: content types with commas are lists, of which each value must meet a starts-with condition"""
    bucket = target.bucket()
    for types, status in (("image/jpg,image/png", 204), ("image/jpg,text/plain", 403)):
        fields = form(target, bucket, conditions=[["starts-with", "$Content-Type", "image/"]])
        assert send(target, bucket, {"Content-Type": types, **fields}).status == status, types


@check
def a_large_file_in_a_form_is_taken(target: Target) -> None:
    """API POST Object"""
    bucket, data = target.bucket(), bytes(range(256)) * 4096 * 3 + b"\r\n----chec"
    assert send(target, bucket, form(target, bucket), data).status == 204
    assert read(target, bucket) == data


@check
def a_form_says_metadata_and_headers(target: Target) -> None:
    """API POST Object: Content-Type, Cache-Control, x-amz-meta-*"""
    bucket = target.bucket()
    said = {"Content_Type": "text/csv", "Cache_Control": "no-cache", "x_amz_meta_m": "1"}
    assert send(target, bucket, form(target, bucket, **said)).status == 204
    head = target.s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["CacheControl"], head["Metadata"]) == ("text/csv", "no-cache", {"m": "1"})


@check
def a_form_says_tags(target: Target) -> None:
    """API POST Object: tagging"""
    bucket = target.bucket()
    document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert send(target, bucket, form(target, bucket, tagging=document)).status == 204
    assert target.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]


@check
def the_file_s_name_may_stand_in_the_key(target: Target) -> None:
    """API POST Object: ${filename}"""
    bucket = target.bucket()
    answer = send(target, bucket, form(target, bucket, "up/${filename}"), name="ä b.txt")
    assert answer.status == 204, answer.code
    assert read(target, bucket, "up/ä b.txt") == b"hello"


@check
def success_action_status_201_tells_what_was_made(target: Target) -> None:
    """API POST Object: success_action_status"""
    bucket = target.bucket()
    answer = send(target, bucket, signed_with(target, bucket, success_action_status="201"))
    assert answer.status == 201, answer.code
    for element in (f"<Bucket>{bucket}</Bucket>", "<Key>k</Key>", "<ETag>", "<Location>"):
        assert element.encode() in answer.body, element


@check
def success_action_status_200_is_answered(target: Target) -> None:
    """API POST Object: success_action_status"""
    bucket = target.bucket()
    answer = send(target, bucket, signed_with(target, bucket, success_action_status="200"))
    assert (answer.status, answer.body) == (200, b"")


@check
def success_action_redirect_leads_on(target: Target) -> None:
    """API POST Object: success_action_redirect: bucket, key and etag in the query"""
    bucket = target.bucket()
    answer = send(target, bucket, signed_with(target, bucket, success_action_redirect="http://example.com/done"))
    assert answer.status == 303
    expected = f"http://example.com/done?bucket={bucket}&key=k&etag=%22{hashlib.md5(b'hello').hexdigest()}%22"
    assert answer.headers["location"] == expected


def signed_with(target: Target, bucket: str, **fields: str) -> dict[str, str]:
    made: dict[str, str] = signer(target).generate_presigned_post(
        bucket, "k", fields, [{name: value} for name, value in fields.items()]
    )["fields"]
    return made


@check
def a_form_whose_policy_has_expired_is_refused(target: Target) -> None:
    """API POST Object: expiration; AccessDenied"""
    bucket = target.bucket()
    fields = signer(target).generate_presigned_post(bucket, "k", ExpiresIn=-60)["fields"]
    assert refused(send(target, bucket, fields)) == (403, "AccessDenied")


@check
def a_form_with_another_key_than_its_policy_s_is_refused(target: Target) -> None:
    """API POST Object: conditions, exact matches"""
    bucket = target.bucket()
    assert refused(send(target, bucket, form(target, bucket) | {"key": "other"})) == (403, "AccessDenied")


@check
def a_form_outside_a_prefix_is_refused(target: Target) -> None:
    """API POST Object: conditions, starts-with"""
    bucket = target.bucket()
    fields = form(target, bucket, "up/${filename}")
    assert refused(send(target, bucket, fields | {"key": "down/x"})) == (403, "AccessDenied")


@check
def a_form_for_another_bucket_is_refused(target: Target) -> None:
    """API POST Object: conditions, bucket"""
    bucket, other = target.bucket(), target.bucket()
    assert refused(send(target, other, form(target, bucket))) == (403, "AccessDenied")


@check
def a_field_that_its_policy_does_not_know_is_refused(target: Target) -> None:
    """API POST Object: each field but a few must be in the conditions"""
    bucket = target.bucket()
    answer = send(target, bucket, form(target, bucket) | {"x-amz-meta-extra": "1"})
    assert refused(answer) == (403, "AccessDenied")


@check
def a_field_to_ignore_needs_no_condition(target: Target) -> None:
    """API POST Object: x-ignore-*"""
    bucket = target.bucket()
    assert send(target, bucket, {"x-ignore-me": "1", **form(target, bucket)}).status == 204


@check
def a_file_that_is_too_large_or_too_small_is_refused(target: Target) -> None:
    """API POST Object: content-length-range; EntityTooLarge, EntityTooSmall"""
    bucket = target.bucket()
    for size, code in ((5, "EntityTooLarge"), (1, "EntityTooSmall")):
        fields = form(target, bucket, conditions=[["content-length-range", 2, 4]])
        assert refused(send(target, bucket, fields, b"x" * size)) == (400, code)
    assert send(target, bucket, form(target, bucket, conditions=[["content-length-range", 2, 4]]), b"xxx").status == 204


@check
def a_form_with_a_wrong_signature_is_refused(target: Target) -> None:
    """API POST Object; Guide: Error responses, SignatureDoesNotMatch"""
    bucket = target.bucket()
    fields = form(target, bucket) | {"x-amz-signature": "0" * 64}
    assert refused(send(target, bucket, fields)) == (403, "SignatureDoesNotMatch")


@check
def a_form_of_an_unknown_key_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidAccessKeyId"""
    bucket = target.bucket()
    stranger = Target(target.name, target.endpoint, "AKIAIOSFODNN7EXAMPLE", target.secret)
    assert refused(send(target, bucket, form(stranger, bucket))) == (403, "InvalidAccessKeyId")


@check
def a_policy_that_can_not_be_read_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidPolicyDocument"""
    bucket = target.bucket()
    fields = signed_by_version_2(target, {})
    fields["policy"] = base64.b64encode(b"nonsense").decode()
    digest = hmac.new(target.secret.encode(), fields["policy"].encode(), hashlib.sha1).digest()
    fields["signature"] = base64.b64encode(digest).decode()
    assert refused(send(target, bucket, {"key": "k", **fields})) == (400, "InvalidPolicyDocument")


@check
def a_form_without_a_policy_is_anonymous(target: Target) -> None:
    """API POST Object: without a policy only a public bucket takes it; AccessDenied"""
    assert refused(send(target, target.bucket(), {"key": "k"})) == (403, "AccessDenied")


@check
def a_form_without_a_key_is_refused(target: Target) -> None:
    """API POST Object: key is required; InvalidArgument"""
    bucket = target.bucket()
    fields = form(target, bucket)
    del fields["key"]
    assert refused(send(target, bucket, fields)) == (400, "InvalidArgument")


@check
def a_form_without_a_file_is_refused(target: Target) -> None:
    """API POST Object: file is required; InvalidArgument"""
    bucket = target.bucket()
    head, _, _ = encode(form(target, bucket), b"").rpartition(f"--{BOUNDARY}\r\n".encode())
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = target.ask("POST", f"/{bucket}", head + f"--{BOUNDARY}--\r\n".encode(), headers)
    assert refused(answer) == (400, "InvalidArgument")


@check
def an_expiration_is_in_iso_8601(target: Target) -> None:
    """API POST policy: expiration in ISO 8601 UTC date format; ceph/s3-tests"""
    bucket = target.bucket()
    expires = datetime.now(UTC) + timedelta(hours=1)
    document = {"expiration": str(expires), "conditions": [{"bucket": bucket}, ["starts-with", "$key", ""]]}
    fields = {"key": "k", **signed_by_version_2(target, document)}
    assert refused(send(target, bucket, fields)) == (400, "InvalidPolicyDocument")


@check
def a_word_of_rfc_2047_in_a_form_is_kept_as_it_is(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3PresignedPost::test_post_object_with_unicode_metadata"""
    bucket, word = target.bucket(), "=?UTF-8?B?YWJj?="
    answer = send(target, bucket, form(target, bucket, x_amz_meta_word=word, x_amz_meta_text="\u00c4MZ"))
    assert answer.status == 204, answer.code
    described = target.s3.head_object(Bucket=bucket, Key="k")["Metadata"]
    assert described == {"word": word, "text": "=?UTF-8?Q?=C3=84MZ?="}
