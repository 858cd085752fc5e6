"""Who may do what without a key, and what even a key may not."""

from __future__ import annotations

import json
from typing import Any

from s3.check import check
from s3.target import Target, put, refusal

DENIED = (403, "AccessDenied")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(bucket: str, action: str, resource: str = "/*", **more: Any) -> dict[str, Any]:
    resource = f"arn:aws:s3:::{bucket}{resource}"
    return {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource, **more}


def public(target: Target, *actions: str) -> str:
    """A bucket with the object `k` in which anybody may do `actions`."""
    bucket = target.open_bucket()
    put(target, bucket, "k")
    statements = [allow(bucket, a, "" if "Bucket" in a else "/*") for a in actions]
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(*statements))
    return bucket


def ask(target: Target, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    answer = target.ask(method, path, body, headers)
    return answer.status, answer.code


@check
def without_a_signature_nothing_is_allowed(target: Target) -> None:
    """Guide: Access control: private by default; AccessDenied"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for method, path in (("GET", "/k"), ("PUT", "/k"), ("DELETE", "/k"), ("GET", ""), ("GET", "?policy")):
        assert ask(target, method, f"/{bucket}{path}") == DENIED, (method, path)


@check
def a_list_of_buckets_needs_a_signature(target: Target) -> None:
    """API ListBuckets: s3:ListAllMyBuckets; anonymous requests aren't supported"""
    answer = target.ask("GET", "/")
    assert answer.status in {403, 307}
    assert b"<Buckets>" not in answer.body


@check
def a_policy_is_kept_and_deleted(target: Target) -> None:
    """API PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy"""
    bucket = target.open_bucket()
    document = policy(allow(bucket, "s3:GetObject"))
    target.s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert json.loads(target.s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(document)
    target.s3.delete_bucket_policy(Bucket=bucket)
    assert refusal(target.s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


@check
def a_policy_that_is_none_is_malformed(target: Target) -> None:
    """Guide: Error responses, MalformedPolicy"""
    bucket = target.open_bucket()
    for document in (
        "nonsense",
        "{}",
        policy({"Effect": "Perhaps", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}"}),
        policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}),
    ):
        assert refusal(target.s3.put_bucket_policy, Bucket=bucket, Policy=document) == ("MalformedPolicy", 400), (
            document
        )


@check
def a_policy_for_another_bucket_is_malformed(target: Target) -> None:
    """Guide: Bucket policies: Policy has invalid resource; MalformedPolicy"""
    document = policy(allow("some-other-bucket", "s3:GetObject"))
    assert refusal(target.s3.put_bucket_policy, Bucket=target.open_bucket(), Policy=document) == (
        "MalformedPolicy",
        400,
    )


@check
def a_public_object_is_read_by_anybody(target: Target) -> None:
    """Guide: Bucket policy examples: public read"""
    bucket = public(target, "s3:GetObject")
    answer = target.ask("GET", f"/{bucket}/k")
    assert (answer.status, answer.body) == (200, b"k")
    assert target.ask("HEAD", f"/{bucket}/k").status == 200


@check
def public_read_is_not_public_write(target: Target) -> None:
    """Guide: Bucket policy examples: public read"""
    bucket = public(target, "s3:GetObject")
    assert ask(target, "PUT", f"/{bucket}/k", b"x") == DENIED
    assert ask(target, "DELETE", f"/{bucket}/k") == DENIED
    assert ask(target, "GET", f"/{bucket}") == DENIED


@check
def a_missing_object_is_hidden_from_who_may_not_list(target: Target) -> None:
    """API GetObject: 403 without s3:ListBucket, else 404"""
    assert ask(target, "GET", f"/{public(target, 's3:GetObject')}/none") == DENIED
    listed = public(target, "s3:GetObject", "s3:ListBucket")
    assert ask(target, "GET", f"/{listed}/none") == (404, "NoSuchKey")


@check
def a_public_bucket_is_listed_by_anybody(target: Target) -> None:
    """API ListObjectsV2: s3:ListBucket"""
    answer = target.ask("GET", f"/{public(target, 's3:ListBucket')}?list-type=2")
    assert (answer.status, b"<Key>k</Key>" in answer.body) == (200, True)


@check
def a_public_bucket_takes_objects_from_anybody(target: Target) -> None:
    """API PutObject: s3:PutObject"""
    bucket = public(target, "s3:PutObject")
    assert ask(target, "PUT", f"/{bucket}/new", b"anonymous") == (200, "")
    assert target.s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"anonymous"


@check
def chunks_without_a_signature_are_decoded(target: Target) -> None:
    """API PutObject: s3:PutObject; Guide: unsigned payload with a trailer"""
    bucket = public(target, "s3:PutObject")
    said = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": "5",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert target.ask("PUT", f"/{bucket}/new", body, said).status == 200
    assert target.s3.get_object(Bucket=bucket, Key="new")["Body"].read() == b"hello"


@check
def a_condition_on_encryption_holds_for_uploads_in_parts(target: Target) -> None:
    """API UploadPart: encryption is said by CreateMultipartUpload alone; s3:PutObject is needed for each part"""
    bucket = target.bucket()
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    denied = {**allow(bucket, "s3:PutObject"), "Effect": "Deny", "Condition": condition}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(denied))
    where = {"Bucket": bucket, "Key": "k"}
    assert refusal(target.s3.create_multipart_upload, **where) == ("AccessDenied", 403)
    made = target.s3.create_multipart_upload(**where, ServerSideEncryption="AES256")
    upload = {**where, "UploadId": made["UploadId"]}
    part = {"PartNumber": 1, "ETag": target.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]}
    target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})


@check
def a_policy_may_be_for_a_prefix_alone(target: Target) -> None:
    """Guide: Policy resources: wildcards"""
    bucket = target.open_bucket()
    put(target, bucket, "open/k", "closed/k")
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(allow(bucket, "s3:Get*", "/open/*")))
    assert ask(target, "GET", f"/{bucket}/open/k")[0] == 200
    assert ask(target, "GET", f"/{bucket}/closed/k") == DENIED


@check
def anonymous_reads_can_not_override_headers(target: Target) -> None:
    """API GetObject: response-* parameters need a signed request; InvalidRequest"""
    bucket = public(target, "s3:GetObject")
    assert ask(target, "GET", f"/{bucket}/k?response-content-type=text/x") == (400, "InvalidRequest")


@check
def an_explicit_deny_outdoes_an_allow(target: Target) -> None:
    """Guide: Policy evaluation: explicit deny"""
    bucket = target.open_bucket()
    put(target, bucket, "k", "secret/k")
    denied = {**allow(bucket, "s3:GetObject", "/secret/*"), "Effect": "Deny"}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(allow(bucket, "s3:GetObject"), denied))
    assert ask(target, "GET", f"/{bucket}/k")[0] == 200
    assert ask(target, "GET", f"/{bucket}/secret/k") == DENIED


@check
def an_explicit_deny_holds_for_the_owner_s_keys(target: Target) -> None:
    """Guide: Policy evaluation: explicit deny"""
    bucket = target.bucket()
    put(target, bucket, "k")
    denied = {**allow(bucket, "s3:DeleteObject"), "Effect": "Deny"}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(denied))
    assert refusal(target.s3.delete_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    failed = target.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})["Errors"]
    assert [(e["Key"], e["Code"]) for e in failed] == [("k", "AccessDenied")]
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"


@check
def a_deny_may_have_a_condition(target: Target) -> None:
    """Guide: Bucket policy examples: require server-side encryption"""
    bucket = target.bucket()
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    denied = {**allow(bucket, "s3:PutObject"), "Effect": "Deny", "Condition": condition}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(denied))
    wanted = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert refusal(target.s3.put_object, **wanted) == ("AccessDenied", 403)
    target.s3.put_object(**wanted, ServerSideEncryption="aws:kms")


@check
def a_copy_needs_to_read_its_source(target: Target) -> None:
    """API CopyObject: s3:GetObject on the source"""
    bucket = target.bucket()
    put(target, bucket, "k")
    denied = {**allow(bucket, "s3:GetObject"), "Effect": "Deny"}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(denied))
    wanted = {"Bucket": target.bucket(), "Key": "copy", "CopySource": f"{bucket}/k"}
    assert refusal(target.s3.copy_object, **wanted) == ("AccessDenied", 403)


@check
def a_deny_of_everything_can_be_taken_back(target: Target) -> None:
    """API DeleteBucketPolicy: the owning account always may"""
    bucket = target.bucket()
    denied = [{**allow(bucket, "s3:*", resource), "Effect": "Deny"} for resource in ("", "/*")]
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(*denied))
    assert refusal(target.s3.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    target.s3.delete_bucket_policy(Bucket=bucket)
    target.s3.list_objects_v2(Bucket=bucket)


@check
def a_public_policy_is_refused_where_that_is_blocked(target: Target) -> None:
    """Guide: Blocking public access: BlockPublicPolicy"""
    bucket = target.bucket()
    block = {"BlockPublicPolicy": True}
    target.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    wanted = {"Bucket": bucket, "Policy": policy(allow(bucket, "s3:GetObject"))}
    assert refusal(target.s3.put_bucket_policy, **wanted) == ("AccessDenied", 403)


@check
def a_public_policy_is_void_where_buckets_are_restricted(target: Target) -> None:
    """Guide: Blocking public access: RestrictPublicBuckets"""
    bucket = public(target, "s3:GetObject")
    assert ask(target, "GET", f"/{bucket}/k")[0] == 200
    block = {"RestrictPublicBuckets": True}
    target.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert ask(target, "GET", f"/{bucket}/k") == DENIED


@check
def a_policy_s_status_tells_whether_it_is_public(target: Target) -> None:
    """API GetBucketPolicyStatus; Guide: The meaning of public"""
    bucket = public(target, "s3:GetObject")
    assert target.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    mine = {**allow(bucket, "s3:GetObject"), "Principal": {"AWS": f"arn:aws:iam::{target.account}:root"}}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(mine))
    assert target.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False


@check
def everybody_but_one_is_never_allowed(target: Target) -> None:
    """Guide: IAM, NotPrincipal: not with Allow; MalformedPolicy; ceph/s3-tests"""
    bucket = target.bucket()
    statement = allow(bucket, "s3:GetObject", NotPrincipal={"AWS": "123456789012"})
    del statement["Principal"]
    wanted = {"Bucket": bucket, "Policy": policy(statement)}
    assert refusal(target.s3.put_bucket_policy, **wanted) == ("MalformedPolicy", 400)


@check
def tags_that_an_object_has_decide(target: Target) -> None:
    """Guide: Tagging and access control policies: s3:ExistingObjectTag; ceph/s3-tests"""
    bucket = target.open_bucket()
    for key, tags in {"open": "security=public", "shut": "security=private", "none": ""}.items():
        target.s3.put_object(Bucket=bucket, Key=key, Body=b"1", Tagging=tags)
    condition = {"StringEquals": {"s3:ExistingObjectTag/security": "public"}}
    statement = allow(bucket, "s3:GetObject", Condition=condition)
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement))
    assert [ask(target, "GET", f"/{bucket}/{key}")[0] for key in ("open", "shut", "none")] == [200, 403, 403]


@check
def what_services_are_allowed_is_for_no_one_else(target: Target) -> None:
    """Guide: IAM, aws:SourceAccount, aws:SourceArn: of requests that a service makes"""
    bucket = target.open_bucket()
    put(target, bucket, "k")
    service = {"Service": "logs.us-east-1.amazonaws.com"}
    condition = {
        "StringEquals": {"aws:SourceAccount": [target.account]},
        "ArnLike": {"aws:SourceArn": "arn:aws:logs:*"},
    }
    statement = allow(bucket, "s3:GetObject", Condition=condition) | {"Principal": service}
    target.s3.put_bucket_policy(Bucket=bucket, Policy=policy(statement))
    assert ask(target, "GET", f"/{bucket}/k") == DENIED
    assert target.s3.get_object(Bucket=bucket, Key="k")["Body"].read()
