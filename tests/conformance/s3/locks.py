"""Object lock: retentions and legal holds."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from s3.check import check, each
from s3.target import Target, fault, put, refusal

LOCKED = ("AccessDenied", 403)
RECORDED = "Recorded on AWS: localstack test_s3::TestS3ObjectLockRetention::"


def soon(**later: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**later)).replace(microsecond=0)


def locked(target: Target, **more: Any) -> dict[str, Any]:
    """A version in a bucket that has locks."""
    bucket = target.bucket(ObjectLockEnabledForBucket=True)
    answer = target.s3.put_object(Bucket=bucket, Key="k", Body=b"x", **more)
    return {"Bucket": bucket, "Key": "k", "VersionId": answer["VersionId"]}


def retained(target: Target, mode: str = "GOVERNANCE", **later: float) -> dict[str, Any]:
    return locked(target, ObjectLockMode=mode, ObjectLockRetainUntilDate=soon(**(later or {"hours": 1})))


def free(target: Target, where: dict[str, Any]) -> None:
    """Remove what only a bypass can."""
    target.s3.delete_object(**where, BypassGovernanceRetention=True)


@check
def a_lock_on_an_object_needs_a_bucket_with_locks(target: Target) -> None:
    """API PutObject: InvalidRequest, Bucket is missing Object Lock Configuration"""
    bucket = target.bucket()
    put(target, bucket, "k")
    wanted = {"Bucket": bucket, "Key": "k", "Body": b"x", "ObjectLockLegalHoldStatus": "ON"}
    assert refusal(target.s3.put_object, **wanted) == ("InvalidRequest", 400)
    assert refusal(target.s3.get_object_retention, Bucket=bucket, Key="k") == ("InvalidRequest", 400)
    assert refusal(target.s3.get_object_legal_hold, Bucket=bucket, Key="k") == ("InvalidRequest", 400)


@check
def a_bucket_with_locks_keeps_what_is_held(target: Target) -> None:
    """Guide: Object Lock: legal holds"""
    wanted = locked(target, ObjectLockLegalHoldStatus="ON")
    assert target.s3.head_object(**wanted)["ObjectLockLegalHoldStatus"] == "ON"
    assert refusal(target.s3.delete_object, **wanted, BypassGovernanceRetention=True) == LOCKED
    target.s3.put_object_legal_hold(**wanted, LegalHold={"Status": "OFF"})
    assert target.s3.get_object_legal_hold(**wanted)["LegalHold"] == {"Status": "OFF"}
    target.s3.delete_object(**wanted)


@check
def a_retained_version_stays_unless_governance_is_bypassed(target: Target) -> None:
    """Guide: Object Lock: retention modes; API DeleteObject: x-amz-bypass-governance-retention"""
    where = retained(target)
    described = target.s3.head_object(**where)
    assert (described["ObjectLockMode"], described["ObjectLockRetainUntilDate"] > soon(minutes=50)) == (
        "GOVERNANCE",
        True,
    )
    assert refusal(target.s3.delete_object, **where) == LOCKED
    free(target, where)
    assert refusal(target.s3.head_object, **where)[1] == 404


@check
def a_compliant_version_stays_whoever_asks(target: Target) -> None:
    """Guide: Object Lock: retention modes: compliance"""
    where = retained(target, "COMPLIANCE", seconds=4)
    assert refusal(target.s3.delete_object, **where, BypassGovernanceRetention=True) == LOCKED
    for other in ({"Mode": "GOVERNANCE", "RetainUntilDate": soon(hours=1)}, {}):
        asked = {**where, "Retention": other, "BypassGovernanceRetention": True}
        assert refusal(target.s3.put_object_retention, **asked) == LOCKED
    time.sleep(4.5)
    target.s3.delete_object(**where)


@check
def a_delete_marker_is_put_over_what_is_locked(target: Target) -> None:
    """Guide: Object Lock: deletion without a version adds a delete marker"""
    where = retained(target)
    marker = target.s3.delete_object(Bucket=where["Bucket"], Key="k")
    assert marker["DeleteMarker"]
    target.s3.delete_object(**{**where, "VersionId": marker["VersionId"]})
    assert target.s3.get_object(Bucket=where["Bucket"], Key="k")["Body"].read() == b"x"
    free(target, where)


@check
def deletions_of_many_leave_what_is_locked(target: Target) -> None:
    """API DeleteObjects: Errors; Recorded on AWS: localstack test_s3::TestS3ObjectLockLegalHold::test_delete_locked_object"""
    where = retained(target)
    other = target.s3.put_object(Bucket=where["Bucket"], Key="other", Body=b"y")["VersionId"]
    objects = [{"Key": "k", "VersionId": where["VersionId"]}, {"Key": "other", "VersionId": other}]
    done = target.s3.delete_objects(Bucket=where["Bucket"], Delete={"Objects": objects})
    assert ([e["Code"] for e in done["Errors"]], [d["Key"] for d in done["Deleted"]]) == (["AccessDenied"], ["other"])
    asked = {"Delete": {"Objects": objects[:1]}, "BypassGovernanceRetention": True}
    assert "Errors" not in target.s3.delete_objects(Bucket=where["Bucket"], **asked)


@check
def a_retention_is_extended_and_not_cut_short(target: Target) -> None:
    """API PutObjectRetention; Recorded on AWS: localstack test_s3::TestS3ObjectLockRetention::test_object_lock_extend_duration"""
    where, later = retained(target), soon(hours=2)
    target.s3.put_object_retention(**where, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later})
    assert target.s3.get_object_retention(**where)["Retention"] == {"Mode": "GOVERNANCE", "RetainUntilDate": later}
    for less in ({"Mode": "GOVERNANCE", "RetainUntilDate": soon(minutes=5)}, {}):
        assert refusal(target.s3.put_object_retention, **where, Retention=less) == LOCKED
    target.s3.put_object_retention(**where, Retention={}, BypassGovernanceRetention=True)
    assert refusal(target.s3.get_object_retention, **where) == ("NoSuchObjectLockConfiguration", 404)
    target.s3.delete_object(**where)


@check
def a_bucket_s_retention_is_that_of_new_objects(target: Target) -> None:
    """API PutObjectLockConfiguration: DefaultRetention"""
    bucket = target.bucket(ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    wanted = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    target.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)
    assert target.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == wanted
    put(target, bucket, "k")
    source = {"Bucket": bucket, "Key": "k"}
    copy = target.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["VersionId"]
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = target.s3.create_multipart_upload(**upload)["UploadId"]
    etag = target.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    for key in ("k", "copy", "parts"):
        described = target.s3.head_object(Bucket=bucket, Key=key)
        assert soon(hours=23) < described["ObjectLockRetainUntilDate"] < soon(hours=25), key
    assert refusal(target.s3.delete_object, Bucket=bucket, Key="copy", VersionId=copy) == LOCKED
    for entry in target.s3.list_object_versions(Bucket=bucket)["Versions"]:
        free(target, {"Bucket": bucket, "Key": entry["Key"], "VersionId": entry["VersionId"]})


@check
def a_copy_has_no_lock_of_its_source(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3ObjectLockRetention::test_s3_copy_object_retention_lock; API CopyObject"""
    where = retained(target)
    answer = target.s3.copy_object(Bucket=where["Bucket"], Key="copy", CopySource=where)
    assert "ObjectLockMode" not in target.s3.head_object(Bucket=where["Bucket"], Key="copy")
    target.s3.delete_object(Bucket=where["Bucket"], Key="copy", VersionId=answer["VersionId"])
    free(target, where)


@check
def locks_need_versions(target: Target) -> None:
    """API PutObjectLockConfiguration, PutBucketVersioning: InvalidBucketState; Recorded on AWS: localstack test_s3_api"""
    bucket, enabled = target.bucket(), {"ObjectLockEnabled": "Enabled"}
    asked = {"Bucket": bucket, "ObjectLockConfiguration": enabled}
    assert refusal(target.s3.put_object_lock_configuration, **asked) == ("InvalidBucketState", 409)
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    target.s3.put_object_lock_configuration(**asked)
    assert target.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == enabled
    suspended = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}}
    assert refusal(target.s3.put_bucket_versioning, **suspended) == ("InvalidBucketState", 409)


WRONG: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an empty rule": {"ObjectLockEnabled": "Enabled", "Rule": {}},
    "no period": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}},
    "two periods": {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}},
    },
    "another mode": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "governance", "Days": 1}}},
    "another state": {"ObjectLockEnabled": "Disabled"},
}


@each(
    "a lock configuration with {} is malformed",
    WRONG,
    "API PutObjectLockConfiguration; Recorded on AWS: "
    "localstack test_s3_api::TestS3ObjectLock::test_put_object_lock_configuration_exc",
)
def wrong_configuration(target: Target, document: dict[str, Any]) -> None:
    asked = {"Bucket": target.bucket(ObjectLockEnabledForBucket=True), "ObjectLockConfiguration": document}
    assert refusal(target.s3.put_object_lock_configuration, **asked) == ("MalformedXML", 400)


LOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "no date": ({"ObjectLockMode": "GOVERNANCE"}, "x-amz-object-lock-retain-until-date"),
    "no mode": ({"ObjectLockRetainUntilDate": soon(hours=1)}, "x-amz-object-lock-mode"),
    "another mode": ({"ObjectLockMode": "X", "ObjectLockRetainUntilDate": soon(hours=1)}, "x-amz-object-lock-mode"),
    "a date that is over": (
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": soon(hours=-1)},
        "x-amz-object-lock-retain-until-date",
    ),
    "another hold": ({"ObjectLockLegalHoldStatus": "on"}, "x-amz-object-lock-legal-hold"),
}


@each(
    "an object with {} in its lock is refused", LOCKS, f"{RECORDED}test_s3_object_lock_mode_validation; API PutObject"
)
def wrong_lock(target: Target, case: tuple[dict[str, Any], str]) -> None:
    members, named = case
    bucket = target.bucket(ObjectLockEnabledForBucket=True)
    error = fault(target.s3.put_object, Bucket=bucket, Key="k", Body=b"x", **members)
    assert (error["Code"], error["ArgumentName"]) == ("InvalidArgument", named)


@check
def what_is_locked_needs_a_digest(target: Target) -> None:
    """API PutObject: Content-MD5 or a checksum is required with Object Lock parameters"""
    bucket = target.bucket(ObjectLockEnabledForBucket=True)
    answer = target.ask_signed("PUT", f"/{bucket}/k", b"x", {"x-amz-object-lock-legal-hold": "ON"})
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    digest = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    with_digest = {"x-amz-object-lock-legal-hold": "ON", "content-md5": digest}
    assert target.ask_signed("PUT", f"/{bucket}/k", b"x", with_digest).status == 200
    target.s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold={"Status": "OFF"})


@check
def a_bypass_needs_a_bucket_with_locks(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3ObjectLock::test_delete_object_with_no_locking; API DeleteObject"""
    bucket = target.bucket()
    put(target, bucket, "k")
    asked = {"Bucket": bucket, "BypassGovernanceRetention": True}
    assert refusal(target.s3.delete_object, **asked, Key="k") == ("InvalidArgument", 400)
    assert refusal(target.s3.delete_objects, **asked, Delete={"Objects": [{"Key": "k"}]}) == ("InvalidArgument", 400)


@check
def a_bypass_can_be_denied(target: Target) -> None:
    """Guide: Object Lock: s3:BypassGovernanceRetention"""
    where = retained(target)
    resource = f"arn:aws:s3:::{where['Bucket']}/*"
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:BypassGovernanceRetention", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    target.s3.put_bucket_policy(Bucket=where["Bucket"], Policy=policy)
    assert refusal(target.s3.delete_object, **where, BypassGovernanceRetention=True) == LOCKED
    target.s3.delete_bucket_policy(Bucket=where["Bucket"])
    free(target, where)
