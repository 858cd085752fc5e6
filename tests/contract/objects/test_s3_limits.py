"""Statements of docs/reference/limits.md about S3: requests that are refused, and answers that differ."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(server: Any) -> Any:
    return server.boto("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_customer_provided_keys(s3: Any, bucket: str) -> None:
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    for call, more in ((s3.put_object, {"Body": b"x"}), (s3.create_multipart_upload, {})):
        code, message = refusal(call, Bucket=bucket, Key="k", **more, **key)
        assert (code, message) == ("NotImplemented", "Objects encrypted with customer-provided keys are not served.")


def test_mfa_delete_and_appending(s3: Any, bucket: str) -> None:
    wanted = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert refusal(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=wanted)[0] == "NotImplemented"
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", WriteOffsetBytes=1)[0] == "NotImplemented"


def test_a_condition_that_can_not_be_judged_is_refused_when_its_policy_is_put(s3: Any, bucket: str) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    code, message = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    assert code == "MalformedPolicy"
    assert "aws:sourcevpce" in message.lower()


def test_a_request_counts_as_secure(s3: Any, bucket: str) -> None:
    """The usual policy against plain HTTP would lock everybody out of a server that speaks nothing else."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [statement]


def test_a_part_is_read_by_the_number_it_was_sent_with(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    upload = {**where, "UploadId": s3.create_multipart_upload(**where)["UploadId"]}
    sent = {number: b"x" * size for number, size in ((2, 5 * 1024 * 1024), (7, 3))}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in sent.items()
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(**where, PartNumber=7)
    assert (got["Body"].read(), got["PartsCount"]) == (b"xxx", 2)
    assert refusal(s3.get_object, **where, PartNumber=1)[0] == "InvalidPartNumber"


def test_a_deny_is_held_to_the_keys_of_jobs_and_roles(server: Any, s3: Any, bucket: str) -> None:
    """A statement that names a role means its sessions alone."""
    role = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
    keys = server.boto("sts").assume_role(RoleArn=role, RoleSessionName="job")["Credentials"]
    session = server.boto(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    job = "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/job"
    statement = {"Effect": "Deny", "Principal": {"AWS": job}, "Action": "s3:GetObject"}
    statement["Resource"] = f"arn:aws:s3:::{bucket}/*"
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert refusal(session.get_object, Bucket=bucket, Key="k")[0] == "AccessDenied"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
