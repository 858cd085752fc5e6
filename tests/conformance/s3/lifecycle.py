"""Lifecycle rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from s3.check import check
from s3.target import Target, refusal

RULES = [
    {"ID": "old", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "Expiration": {"Days": 3}},
    {
        "ID": "parts",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
    {
        "ID": "versions",
        "Filter": {"Prefix": "y/"},
        "Status": "Disabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 2},
    },
]


@check
def lifecycle_rules_are_kept_and_deleted(target: Target) -> None:
    """API PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration, DeleteBucketLifecycle"""
    bucket = target.bucket()
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": RULES})
    assert target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == RULES
    target.s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refusal(target.s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)


@check
def a_rule_with_a_date_is_kept(target: Target) -> None:
    """API LifecycleExpiration: Date"""
    bucket = target.bucket()
    day = datetime(2030, 1, 2, tzinfo=UTC)
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Date": day}}]
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    described = target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"]["Date"]
    assert described == day


@check
def a_configuration_without_rules_is_malformed(target: Target) -> None:
    """API PutBucketLifecycleConfiguration; MalformedXML"""
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": []}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("MalformedXML", 400)


@check
def a_status_that_is_none_is_malformed(target: Target) -> None:
    """API LifecycleRule: Status; MalformedXML; ceph/s3-tests"""
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "enabled", "Expiration": {"Days": 3}}]
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": rules}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("MalformedXML", 400)


@check
def a_transition_is_at_midnight(target: Target) -> None:
    """API Transition: Date is midnight UTC; ceph/s3-tests"""
    at = [{"Date": datetime(2030, 1, 2, 3, tzinfo=UTC), "StorageClass": "GLACIER"}]
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Transitions": at}]
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": rules}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("InvalidArgument", 400)


@check
def a_rule_of_zero_days_is_refused(target: Target) -> None:
    """API LifecycleExpiration: Days is a positive integer; InvalidArgument"""
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 0}}]
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": rules}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("InvalidArgument", 400)


@check
def two_rules_of_one_id_are_refused(target: Target) -> None:
    """API LifecycleRule: ID is unique; InvalidArgument"""
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": [RULES[0], RULES[0]]}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("InvalidArgument", 400)


def _expiring(target: Target) -> str:
    """A bucket in which all that is below x/ ends after 3 days, and unfinished uploads after one."""
    bucket = target.bucket()
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": RULES})
    return bucket


def _midnight_after(moment: datetime, days: int) -> datetime:
    return (moment + timedelta(days=days + 1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _told(answer: dict[str, Any]) -> tuple[datetime, str]:
    found = re.fullmatch(r'expiry-date="([^"]+ GMT)", rule-id="([^"]*)"', answer["Expiration"])
    assert found, answer["Expiration"]
    return parsedate_to_datetime(found[1]), found[2]


@check
def reads_tell_when_an_object_expires(target: Target) -> None:
    """API GetObject, HeadObject: x-amz-expiration"""
    bucket = _expiring(target)
    target.s3.put_object(Bucket=bucket, Key="x/a", Body=b"1")
    head = target.s3.head_object(Bucket=bucket, Key="x/a")
    expected = _midnight_after(head["LastModified"], 3), "old"
    assert _told(head) == expected
    assert _told(target.s3.get_object(Bucket=bucket, Key="x/a")) == expected
    assert _told(target.s3.get_object(Bucket=bucket, Key="x/a", Range="bytes=0-0")) == expected


@check
def writes_tell_when_an_object_expires(target: Target) -> None:
    """API PutObject, CopyObject, CompleteMultipartUpload: x-amz-expiration"""
    bucket = _expiring(target)
    put = target.s3.put_object(Bucket=bucket, Key="x/a", Body=b"1")
    copied = target.s3.copy_object(Bucket=bucket, Key="x/b", CopySource=f"{bucket}/x/a")
    upload = target.s3.create_multipart_upload(Bucket=bucket, Key="x/c")["UploadId"]
    named = {"Bucket": bucket, "Key": "x/c", "UploadId": upload}
    part = target.s3.upload_part(**named, PartNumber=1, Body=b"1")
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    completed = target.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    for answer, key in ((put, "x/a"), (copied, "x/b"), (completed, "x/c")):
        modified = target.s3.head_object(Bucket=bucket, Key=key)["LastModified"]
        assert _told(answer) == (_midnight_after(modified, 3), "old"), key


@check
def what_no_rule_expires_tells_nothing(target: Target) -> None:
    """API HeadObject: x-amz-expiration only where a rule applies"""
    bucket = _expiring(target)
    assert "Expiration" not in target.s3.put_object(Bucket=bucket, Key="y/a", Body=b"1")
    assert "Expiration" not in target.s3.head_object(Bucket=bucket, Key="y/a")
    target.s3.put_object(Bucket=bucket, Key="x/a", Body=b"1")
    target.s3.delete_bucket_lifecycle(Bucket=bucket)
    assert "Expiration" not in target.s3.head_object(Bucket=bucket, Key="x/a")


@check
def the_earliest_of_several_rules_is_told(target: Target) -> None:
    """API HeadObject: x-amz-expiration, its rule-id URL-encoded; LifecycleRuleFilter: Tag, ObjectSizeGreaterThan"""
    bucket = target.bucket()
    filters = [
        ("later", {"Prefix": ""}, 9),
        ("the earlier, by tag", {"Tag": {"Key": "k", "Value": "v"}}, 4),
        ("large", {"ObjectSizeGreaterThan": 10}, 2),
    ]
    rules = [
        {"ID": name, "Filter": chosen, "Status": "Enabled", "Expiration": {"Days": days}}
        for name, chosen, days in filters
    ]
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    target.s3.put_object(Bucket=bucket, Key="plain", Body=b"1")
    target.s3.put_object(Bucket=bucket, Key="tagged", Body=b"1", Tagging="k=v")
    target.s3.put_object(Bucket=bucket, Key="large", Body=b"1" * 11, Tagging="k=v")
    described = [_told(target.s3.head_object(Bucket=bucket, Key=key))[1] for key in ("plain", "tagged", "large")]
    assert described == ["later", "the%20earlier%2C%20by%20tag", "large"]


@check
def a_day_is_told_as_it_was_set(target: Target) -> None:
    """API LifecycleExpiration: Date; HeadObject: x-amz-expiration"""
    bucket = target.bucket()
    day = datetime(2031, 2, 3, tzinfo=UTC)
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Date": day}}]
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    target.s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert _told(target.s3.head_object(Bucket=bucket, Key="a")) == (day, "r")


@check
def an_upload_tells_when_it_is_aborted(target: Target) -> None:
    """API CreateMultipartUpload, ListParts: x-amz-abort-date, x-amz-abort-rule-id"""
    bucket = _expiring(target)
    begun = target.s3.create_multipart_upload(Bucket=bucket, Key="z")
    listed = target.s3.list_parts(Bucket=bucket, Key="z", UploadId=begun["UploadId"])
    initiated = target.s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"]
    for answer in (begun, listed):
        assert (answer["AbortDate"], answer["AbortRuleId"]) == (_midnight_after(initiated, 1), "parts")


@check
def a_rule_without_an_id_gets_one(target: Target) -> None:
    """API LifecycleRule: ID"""
    bucket = target.bucket()
    rules = [{"Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 1}}] * 2
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    named = {rule["ID"] for rule in target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert len(named) == 2
    assert "" not in named


@check
def a_rule_needs_a_filter(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::TestS3BucketLifecycle::test_put_bucket_lifecycle_conf_exc"""
    rule = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 7}}
    asked = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": [rule]}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **asked) == ("MalformedXML", 400)


@check
def the_least_size_of_transitions_is_told(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_s3_transition_default_minimum_object_size"""
    bucket = target.bucket()
    rule = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 7}, "Filter": {"Prefix": ""}}
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    described = target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert described["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
